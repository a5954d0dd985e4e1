/** Entry of the panel's page. */
import "./panel.css";
import { render } from "preact";
import { App } from "./app";
import { startStore } from "./store";

startStore();
render(<App />, document.getElementById("panel") ?? document.body);
