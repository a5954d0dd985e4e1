/** Gives Node the `Worker` of browsers, as far as jax-js needs it for its threads: made from a blob's address. */
import { Worker as NodeWorker } from "node:worker_threads";

const PRELUDE = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => globalThis.onmessage({ data }));
`;

/** To be called before the library is loaded, which looks for all this then. */
export function offerWorkers(threads) {
  const blobs = new Map();
  const createObjectURL = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (blob) => {
    const url = createObjectURL(blob);
    blobs.set(url, blob);
    return url;
  };
  globalThis.Worker = class {
    #started;

    constructor(url) {
      this.#started = blobs
        .get(url)
        .text()
        .then((source) => {
          const worker = new NodeWorker(PRELUDE + source, { eval: true });
          worker.unref();
          worker.on("message", (data) => this.onmessage?.({ data }));
          worker.on("error", (error) => this.onerror?.(error));
          return worker;
        });
    }

    postMessage(message) {
      void this.#started.then((worker) => worker.postMessage(message));
    }
  };
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: threads }, configurable: true });
}
