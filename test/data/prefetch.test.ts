import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Batch,
  batches,
  type BatchRequest,
  collate,
  fromArrays,
  inThreadPool,
  type LoadedDataset,
  prefetchBatches,
  type WorkerPool,
} from "../../engine/data/index";
import { load } from "./support";

const numbered = (n: number): Promise<LoadedDataset> =>
  load(fromArrays({ inputs: Array.from({ length: n }, (_, i) => [i]), targets: new Array<number>(n).fill(0) }));

/** A pool whose requests finish when the test says so. */
class ManualPool implements WorkerPool {
  readonly open: { request: BatchRequest; signal: AbortSignal; finish(error?: Error): void }[] = [];
  started = 0;
  mostAtOnce = 0;

  constructor(
    private readonly loaded: LoadedDataset,
    readonly size: number,
  ) {}

  run(request: BatchRequest, signal: AbortSignal): Promise<Batch> {
    this.started++;
    return new Promise((resolve, reject) => {
      const entry = {
        request,
        signal,
        finish: (error?: Error): void => {
          this.open.splice(this.open.indexOf(entry), 1);
          if (error) reject(error);
          else resolve(collate(this.loaded, request));
        },
      };
      this.open.push(entry);
      this.mostAtOnce = Math.max(this.mostAtOnce, this.open.length);
    });
  }
}

/** Lets everything that is ready happen. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const iterations = (found: readonly Batch[]): number[] => found.map(({ iteration }) => iteration);

describe("prefetch", () => {
  it("delivers in order whatever order the workers finish in, within its bounds", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.nat(1000)),
        async (n, size, prefetch, choices) => {
          const loaded = await numbered(n);
          const pool = new ManualPool(loaded, size);
          const options = { batchSize: 2, seed: 1, epoch: 2, prefetch };
          const found: Batch[] = [];
          const reading = (async () => {
            for await (const batch of prefetchBatches(n, pool, options)) found.push(batch);
          })();
          for (await settle(); pool.open.length > 0; await settle()) {
            assert.ok(pool.started - found.length <= prefetch);
            pool.open[choices.next().value % pool.open.length].finish();
          }
          await reading;
          assert.deepEqual(found, [...batches(loaded, { batchSize: 2, seed: 1, epoch: 2 })]);
          assert.ok(pool.mostAtOnce <= Math.min(size, prefetch));
        },
      ),
      { numRuns: 50 },
    ));

  it("waits for a slow first batch while later ones are ready, and asks for no more than prefetch", async () => {
    const pool = new ManualPool(await numbered(20), 2);
    const reader = prefetchBatches(20, pool, { batchSize: 1, prefetch: 3 });
    const first = reader.next();
    await settle();
    assert.equal(pool.started, 2);
    pool.open[1].finish();
    await settle();
    pool.open[1].finish();
    await settle();
    // Batches 1 and 2 are ready, 0 is under way: three are requested, none is delivered.
    assert.equal(pool.started, 3);
    assert.deepEqual(
      pool.open.map(({ request }) => request.iteration),
      [0],
    );
    pool.open[0].finish();
    const { value } = await first;
    assert.equal(value?.iteration, 0);
    // While the consumer works, one more is asked for in its place, and no further one.
    await settle();
    assert.equal(pool.started, 4);
    while (pool.open.length > 0) {
      pool.open[0].finish();
      await settle();
    }
    assert.equal(pool.started, 4);
    await reader.return();
  });

  it("an error keeps its place: the batches before it arrive, none after it", async () => {
    const pool = new ManualPool(await numbered(10), 3);
    const found: Batch[] = [];
    const reading = (async () => {
      for await (const batch of prefetchBatches(10, pool, { batchSize: 2, prefetch: 3 })) found.push(batch);
    })();
    const outcome = assert.rejects(reading, /^Error: batch 2 is broken$/);
    await settle();
    pool.open[2].finish(new Error("batch 2 is broken"));
    await settle();
    assert.deepEqual(found, []);
    pool.open[1].finish();
    await settle();
    pool.open[0].finish();
    await outcome;
    assert.deepEqual(iterations(found), [0, 1]);
    // Nothing was asked for behind the error.
    assert.equal(pool.started, 3);
  });

  it("a worker that throws at once is an error in its place as well", async () => {
    const loaded = await numbered(4);
    const inner = inThreadPool(loaded);
    const pool: WorkerPool = {
      size: 2,
      run(request, signal) {
        if (request.iteration === 1) throw new Error("no worker");
        return inner.run(request, signal);
      },
    };
    const found: Batch[] = [];
    await assert.rejects(async () => {
      for await (const batch of prefetchBatches(4, pool, { batchSize: 1 })) found.push(batch);
    }, /no worker/);
    assert.deepEqual(iterations(found), [0]);
  });

  it("leaving the loop aborts what is under way and asks for nothing more", async () => {
    const pool = new ManualPool(await numbered(10), 2);
    const reader = prefetchBatches(10, pool, { batchSize: 1, prefetch: 2 });
    const first = reader.next();
    await settle();
    pool.open[0].finish();
    await first;
    await settle();
    const before = pool.started;
    await reader.return();
    assert.ok(pool.open.length > 0 && pool.open.every(({ signal }) => signal.aborted));
    for (const entry of [...pool.open]) entry.finish(new Error("aborted"));
    await settle();
    assert.equal(pool.started, before);
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
  });

  it("a signal ends the wait with its reason", async () => {
    const pool = new ManualPool(await numbered(10), 2);
    const cancel = new AbortController();
    const reader = prefetchBatches(10, pool, { batchSize: 1, signal: cancel.signal });
    const first = reader.next();
    await settle();
    cancel.abort(new Error("stopped by the user"));
    await assert.rejects(first, /^Error: stopped by the user$/);
    assert.ok(pool.open.every(({ signal }) => signal.aborted));
    const late = prefetchBatches(10, pool, { batchSize: 1, signal: cancel.signal });
    await assert.rejects(late.next(), /stopped by the user/);
    assert.equal(pool.started, 2);
  });

  it("in the thread itself gives what batches gives", async () => {
    const loaded = await numbered(7);
    const options = { batchSize: 3, seed: 4, startAt: 1 };
    const found: Batch[] = [];
    for await (const batch of prefetchBatches(7, inThreadPool(loaded), options)) found.push(batch);
    assert.deepEqual(found, [...batches(loaded, options)]);
  });

  it("refuses a worker's wrong batch and impossible options", async () => {
    const loaded = await numbered(4);
    const wrong: WorkerPool = { size: 1, run: async (request) => ({ ...collate(loaded, request), iteration: 9 }) };
    const first = async (pool: WorkerPool, prefetch?: number) =>
      prefetchBatches(4, pool, { batchSize: 1, prefetch }).next();
    await assert.rejects(first(wrong), /internal: asked for batch 0 of 1, a worker gave batch 9 of 1/);
    await assert.rejects(first(inThreadPool(loaded), 0), /prefetch is 0\. Give a whole number of at least 1/);
    await assert.rejects(first({ ...wrong, size: 0 }), /the size of the pool is 0/);
  });
});
