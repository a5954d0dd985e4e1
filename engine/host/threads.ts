import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type GatheredThreads, type Recruiting, gather } from "../backends/wasm/gather";

/**
 * Starts threads beside the one that trains; they keep nothing alive.
 * @param wanted how many threads there are to be with this one; 0 for as many as are of use
 */
export function gatherThreads(wanted: number, script = SCRIPT): Promise<GatheredThreads> {
  return gather(wanted, availableParallelism(), workersOf(script), (milliseconds, then) => {
    const timer = setTimeout(then, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  });
}

/** Beside this program. */
const SCRIPT = new URL("./thread.mjs", import.meta.url);

function workersOf(script: URL): Recruiting {
  return ({ ready, gone }) => {
    const worker = new Worker(script, { stdout: true, stderr: true });
    worker.once("message", ready);
    worker.on("error", (error: unknown) => {
      gone(error instanceof Error ? error.message : String(error));
    });
    worker.on("exit", (code) => {
      gone(`ended with code ${code}`);
    });
    return {
      post: (message) => {
        worker.postMessage(message);
      },
      stop: () => void worker.terminate(),
      rest: () => {
        worker.unref();
      },
    };
  };
}
