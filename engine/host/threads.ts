import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { StartThread } from "../backends/wasm/threads";

/** More threads than this gain nothing on models of the size that are trained here. */
const MOST = 8;

/** Threads beside the one that trains, as many as the machine has cores for. */
export function otherThreads(): number {
  return Math.min(MOST, availableParallelism()) - 1;
}

/** Starts the program beside this one; it keeps nothing alive. */
export const startThread: StartThread = (ready) => {
  const worker = new Worker(new URL("./thread.mjs", import.meta.url), { stdout: true, stderr: true });
  worker.unref();
  worker.once("message", ready);
  // Without it work is done on fewer threads.
  worker.on("error", () => undefined);
  return {
    post: (message) => {
      worker.postMessage(message);
    },
  };
};
