import { wasmPlatform } from "../backends/wasm/memory";
import { type ThreadMessage, serveThread } from "../backends/wasm/threads";
import { HELLO } from "./web-hello";

/** A thread of a page that takes its part in the kernels of the worker that started it: `thread.ts` without Node. */

const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: ThreadMessage | typeof HELLO }) => void;
  postMessage(message: unknown): void;
};
const platform = wasmPlatform();
if (platform) {
  const serve = serveThread(platform);
  scope.onmessage = ({ data }) => {
    if (data === HELLO) scope.postMessage("ready");
    else serve(data);
  };
}
