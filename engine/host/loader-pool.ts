import { Worker } from "node:worker_threads";
import type { Batch, BatchRequest } from "../data/loader";
import type { WorkerPool } from "../data/prefetch";
import { Failure } from "./failure";
import type { HostMessage, HostRequest, LoaderReply, LoaderRequest, TrainTask } from "./messages";

export interface ClosablePool extends WorkerPool {
  close(): Promise<void>;
}

/**
 * Worker threads that each load the model file once, keep its data, and collect batches on request. They stay for the
 * whole run, so that only the first epoch pays for starting them.
 */
export function createLoaderPool(size: number, task: TrainTask): ClosablePool {
  const members = Array.from({ length: size }, () => createMember(task));
  return {
    size,
    run: (request) => {
      const member = members.reduce((a, b) => (b.pending.size < a.pending.size ? b : a));
      return member.run(request);
    },
    close: async () => {
      await Promise.all(members.map(({ worker }) => worker.terminate()));
    },
  };
}

interface Member {
  readonly worker: Worker;
  readonly pending: Map<number, { resolve: (batch: Batch) => void; reject: (error: Error) => void }>;
  run(request: BatchRequest): Promise<Batch>;
}

function createMember(task: TrainTask): Member {
  const worker = new Worker(new URL(import.meta.url), { stdout: true });
  worker.postMessage({ kind: "task", task, loader: true } satisfies HostRequest);
  // What the model file prints at its top level was printed by the training thread already.
  worker.stdout.resume();
  worker.unref();
  const pending: Member["pending"] = new Map();
  let tickets = 0;
  /** Why it answers no more. */
  let ended: Error | undefined;
  const failAll = (error: Error): void => {
    ended ??= error;
    for (const { reject } of pending.values()) reject(ended);
    pending.clear();
  };
  worker.on("message", (reply: LoaderReply | HostMessage) => {
    // It could not begin, or user code threw beside the requests.
    if (!("ticket" in reply)) return reply.kind === "failure" ? failAll(new Failure(reply.message)) : undefined;
    if (reply.kind !== "batch" && reply.kind !== "failure") return;
    const waiting = pending.get(reply.ticket);
    pending.delete(reply.ticket);
    if (pending.size === 0) worker.unref();
    if (reply.kind === "batch") waiting?.resolve(reply.batch);
    else waiting?.reject(new Failure(reply.message));
  });
  worker.on("error", (error) => failAll(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", (code) => failAll(new Error(`a data worker ended with code ${code}`)));
  return {
    worker,
    pending,
    run: (request) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        const ticket = tickets++;
        pending.set(ticket, { resolve, reject });
        worker.ref();
        worker.postMessage({ ticket, request } satisfies LoaderRequest);
      }),
  };
}
