import type { Backend } from "../backends/backend";
import { assembleCpu } from "../backends/wasm/cpu";
import { type GatheredThreads, type Recruiting, gather } from "../backends/wasm/gather";
import type { ThreadMessage } from "../backends/wasm/threads";
import { type Selection, selectKernels } from "../backends/wasm/select";
import { HELLO } from "./web-hello";

/** The CPU engine in a worker of a page: nothing here is Node's. */

/** A worker that runs `web-thread`; the part of the platform's `Worker` used here. */
export interface WebWorker {
  postMessage(message: ThreadMessage | typeof HELLO): void;
  terminate(): void;
  onmessage: ((event: never) => void) | null;
  onmessageerror: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

export interface WebCpuOptions {
  readonly startWorker: () => WebWorker;
  /** How many threads there are to be; 0, the default, for as many as are of use. */
  readonly threads?: number;
  /** How many the machine has: `navigator.hardwareConcurrency`. */
  readonly cores: number;
  /** Told, in words for the user, of what goes wrong later without being the end of the work. */
  readonly warn: (message: string) => void;
}

/**
 * The kernels that are fastest in this browser, on several threads where the page may share memory; its name says which, and why. Called in
 * a worker: a page's own thread may not wait for others.
 */
export async function createWebCpuBackend({ startWorker, threads = 0, cores, warn }: WebCpuOptions): Promise<Backend> {
  const now = (): number => performance.now();
  const isIsolated = (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated === true;
  const gathering =
    threads === 1 ? undefined : isIsolated ? gather(threads, cores, workersOf(startWorker), after) : ALONE;
  const selection = await (chosen ??= chooseKernels(isIsolated, now));
  return assembleCpu(selection, await gathering, now, warn);
}

/** The choice, made the first time that it is asked for. */
let chosen: Promise<Selection> | undefined;

function chooseKernels(isIsolated: boolean, now: () => number): Promise<Selection> {
  const lacking = {
    "relaxed SIMD": "this platform has no relaxed SIMD",
    "256-bit SIMD": "256-bit kernels need the engine in a process of its own",
  };
  return selectKernels({ now, clockStep: isIsolated ? 0.02 : 0.1, wide: false, lacking });
}

const ALONE: GatheredThreads = {
  others: 0,
  reasons: ["threads need a page that is isolated from other origins"],
  start: () => {
    throw new Error("internal: no threads were gathered");
  },
  dismiss: () => undefined,
};

function after(milliseconds: number, then: () => void): () => void {
  const timer = setTimeout(then, milliseconds);
  return () => {
    clearTimeout(timer);
  };
}

function workersOf(startWorker: () => WebWorker): Recruiting {
  return ({ ready, gone }) => {
    const worker = startWorker();
    worker.onmessage = ready;
    worker.postMessage(HELLO);
    worker.onmessageerror = () => {
      gone("the page may not share memory");
    };
    worker.onerror = ({ message }: { readonly message?: string }) => {
      gone(message ?? "its program could not be loaded");
    };
    return {
      post: (message) => {
        worker.postMessage(message);
      },
      stop: () => {
        worker.terminate();
      },
      // A page's workers end with it.
      rest: () => undefined,
    };
  };
}
