import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { StartThread, ThreadMessage } from "../backends/wasm/threads";

/** Threads that were started and wait for a backend; each can be given to one. */
export interface GatheredThreads {
  /** How many. */
  readonly others: number;
  readonly start: StartThread;
  /** Why there are fewer than were wanted, for people. */
  readonly reasons: readonly string[];
}

/** More threads than this gain nothing on models of the size that are trained here. */
const MOST = 8;
/** After this, work begins without the threads that are not there yet. */
const PATIENCE_MS = 3000;

/**
 * Starts threads beside the one that trains; they keep nothing alive.
 * @param wanted how many threads there are to be with this one; 0 for as many as the machine has cores, up to {@link MOST}
 */
export async function gatherThreads(wanted: number, script = SCRIPT): Promise<GatheredThreads> {
  const cores = availableParallelism();
  const threads = wanted === 0 ? Math.min(MOST, cores) : Math.min(wanted, cores);
  const reasons =
    wanted > cores ? [`${wanted} threads were asked for on ${cores === 1 ? "1 core" : `${cores} cores`}`] : [];
  const started = await Promise.all(Array.from({ length: threads - 1 }, () => startThread(script)));
  const ready = started.filter((each) => typeof each !== "string");
  const problem = started.find((each) => typeof each === "string");
  if (problem !== undefined) reasons.push(`${started.length - ready.length} more did not start: ${problem}`);
  return {
    others: ready.length,
    start(told) {
      const worker = ready.pop();
      if (!worker) throw new Error("internal: no more threads were gathered");
      told();
      return {
        post: (message: ThreadMessage) => {
          worker.postMessage(message);
        },
      };
    },
    reasons,
  };
}

/** Beside this program. */
const SCRIPT = new URL("./thread.mjs", import.meta.url);

/** @returns the thread once it is ready, or why there is none */
function startThread(script: URL): Promise<Worker | string> {
  return new Promise((resolve) => {
    const worker = new Worker(script, { stdout: true, stderr: true });
    const give = (result: Worker | string): void => {
      clearTimeout(timer);
      // A thread that is ready must not keep a program alive that waits for nothing else.
      if (result === worker) worker.unref();
      else void worker.terminate();
      resolve(result);
    };
    const timer = setTimeout(() => give(`not ready after ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    worker.once("message", () => give(worker));
    worker.on("error", (error: unknown) => give(error instanceof Error ? error.message : String(error)));
    worker.on("exit", (code) => give(`ended with code ${code}`));
  });
}
