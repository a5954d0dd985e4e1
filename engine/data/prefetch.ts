/** Batches made ahead of their use by a pool of workers, delivered in order. */
import type { LoadedDataset } from "./dataset";
import { DataError, requireWhole } from "./error";
import { type Batch, type BatchOptions, type BatchRequest, batchRequests, collate } from "./loader";

/** Makes batches somewhere else; the host gives one, or {@link inThreadPool}. */
export interface WorkerPool {
  /** How many requests it works on at once; it is never given more. */
  readonly size: number;
  /** @param signal aborts when nobody waits for the batch any more. */
  run(request: BatchRequest, signal: AbortSignal): Promise<Batch>;
}

export interface PrefetchOptions extends Omit<BatchOptions, "reuse"> {
  /** How many batches may be requested or wait beyond the one in use; default twice the pool's size. */
  readonly prefetch?: number;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * The batches of one epoch in the order of {@link batchRequests}, whatever the order in which the pool finishes them.
 *
 * At most `pool.size` requests run at once, and at most `prefetch` are requested and not yet delivered. An error takes
 * its batch's place: the batches before it still arrive. Leaving the loop, or `signal`, aborts what is under way.
 */
export async function* prefetchBatches(
  length: number,
  pool: WorkerPool,
  options: PrefetchOptions,
): AsyncGenerator<Batch, void, undefined> {
  const size = requireWhole("prefetch", "the size of the pool", pool.size, 1);
  const ahead = requireWhole("prefetch", "prefetch", options.prefetch ?? 2 * size, 1);
  const { signal } = options;
  const requests = batchRequests(length, options);
  const stop = new AbortController();
  const pending: Promise<Batch>[] = [];
  let running = 0;
  let finished = false;

  const request = async (next: BatchRequest): Promise<Batch> => {
    running++;
    try {
      const batch = await pool.run(next, stop.signal);
      if (batch.iteration === next.iteration && batch.size === next.indices.length) return batch;
      const given = `batch ${batch.iteration} of ${batch.size}`;
      throw new Error(`internal: asked for batch ${next.iteration} of ${next.indices.length}, a worker gave ${given}`);
    } catch (error) {
      finished = true;
      throw error;
    } finally {
      running--;
      fill();
    }
  };
  const fill = (): void => {
    while (!finished && running < size && pending.length < ahead) {
      const next = requests.next();
      if (next.done === true) {
        finished = true;
        return;
      }
      const batch = request(next.value);
      // It is thrown when its turn comes; until then it is nobody's unhandled rejection.
      batch.catch(() => undefined);
      pending.push(batch);
    }
  };

  try {
    signal?.throwIfAborted();
    fill();
    while (pending.length > 0) {
      const batch = await unlessAborted(pending[0], signal);
      void pending.shift();
      fill();
      yield batch;
      signal?.throwIfAborted();
    }
  } finally {
    finished = true;
    stop.abort(signal?.reason);
  }
}

/** A pool of one that works where it is asked: no worker, the same order and the same bits. */
export function inThreadPool(loaded: LoadedDataset): WorkerPool {
  return {
    size: 1,
    async run(request, signal) {
      signal.throwIfAborted();
      return collate(loaded, request);
    },
  };
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      const reason: unknown = signal.reason;
      reject(reason instanceof Error ? reason : new DataError("prefetch", undefined, "cancelled", String(reason)));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
