/** Entry of the tensor view's page. */
import "../panel.css";
import "./tensor.css";
import { render } from "preact";
import { App } from "./app";

render(<App />, document.getElementById("root") ?? document.body);
