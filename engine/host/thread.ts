import { parentPort } from "node:worker_threads";
import { wasmPlatform } from "../backends/wasm/memory";
import { type ThreadMessage, serveThread } from "../backends/wasm/threads";

/** A thread that takes its part in the kernels of the host that started it. */

const platform = wasmPlatform();
if (platform) {
  const serve = serveThread(platform);
  parentPort?.on("message", (message: ThreadMessage) => {
    serve(message);
  });
  parentPort?.postMessage("ready");
}
