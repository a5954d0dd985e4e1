import assert from "node:assert/strict";
import fc from "fast-check";
import {
  augment,
  type Batch,
  batchCount,
  batches,
  type BatchOptions,
  batchRequests,
  custom,
  exampleOrder,
  fromArrays,
  type LoadedDataset,
  noise,
} from "../../engine/data/index";
import { load } from "./support";

const rows = (n: number): number[][] => Array.from({ length: n }, (_, i) => [i, -i]);

const numbered = (n: number): Promise<LoadedDataset> =>
  load(fromArrays({ inputs: rows(n), targets: rows(n).map(([i]) => i % 2), classes: 2 }));

/** Copies, since arrays may be reused. */
const contents = (batch: Batch) => ({
  iteration: batch.iteration,
  indices: Array.from(batch.indices),
  fields: [...batch.inputs, ...batch.targets].map(({ shape, data }) => ({ shape, data: Array.from(data) })),
});

describe("batches", () => {
  it("have the examples' fields under a batch axis, and keep a short last one", async () => {
    const all = [...batches(await numbered(5), { batchSize: 2, shuffle: false })];
    assert.deepEqual(all.map(contents), [
      {
        iteration: 0,
        indices: [0, 1],
        fields: [
          { shape: [2, 2], data: [0, -0, 1, -1] },
          { shape: [2], data: [0, 1] },
        ],
      },
      {
        iteration: 1,
        indices: [2, 3],
        fields: [
          { shape: [2, 2], data: [2, -2, 3, -3] },
          { shape: [2], data: [0, 1] },
        ],
      },
      {
        iteration: 2,
        indices: [4],
        fields: [
          { shape: [1, 2], data: [4, -4] },
          { shape: [1], data: [0] },
        ],
      },
    ]);
    assert.deepEqual(
      all[0].targets.map(({ dtype, data }) => [dtype, data.constructor]),
      [["int32", Int32Array]],
    );
  });

  const sizes: [BatchOptions, number[]][] = [
    [{ batchSize: 1 }, [1, 1, 1, 1, 1]],
    [{ batchSize: "all" }, [5]],
    [{ batchSize: 5 }, [5]],
    [{ batchSize: 64 }, [5]],
    [{ batchSize: 3 }, [3, 2]],
    [{ batchSize: 3, dropLast: true }, [3]],
    [{ batchSize: 2, startAt: 1 }, [2, 1]],
    [{ batchSize: 2, startAt: 3 }, []],
  ];
  for (const [options, expected] of sizes) {
    it(`5 examples, ${JSON.stringify(options)}: sizes ${expected.join(", ")}`, async () => {
      const loaded = await numbered(5);
      assert.deepEqual(
        [...batches(loaded, options)].map(({ size }) => size),
        expected,
      );
      assert.equal(batchCount(5, options), expected.length + (options.startAt ?? 0));
    });
  }

  it("bring every index once in each epoch, the same for the same seed and epoch", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 45 }),
        fc.nat(1000),
        fc.nat(20),
        async (n, batchSize, seed, epoch) => {
          const loaded = await numbered(n);
          const options = { batchSize, seed, epoch };
          const indices = [...batches(loaded, options)].flatMap((batch) => Array.from(batch.indices));
          assert.deepEqual(
            [...indices].sort((a, b) => a - b),
            rows(n).map(([i]) => i),
          );
          assert.deepEqual(
            [...batches(loaded, { ...options, reuse: true })].flatMap((batch) => Array.from(batch.indices)),
            indices,
          );
        },
      ),
    ));

  it("come in another order in another epoch or with another seed, and in file order outside of training", () => {
    const order = (seed: number, epoch: number): number[] =>
      Array.from(exampleOrder(100, { shuffle: true, seed, epoch }));
    assert.notDeepEqual(order(0, 0), order(0, 1));
    assert.notDeepEqual(order(0, 0), order(1, 0));
    const [request] = batchRequests(4, { batchSize: "all", training: false, seed: 3 });
    assert.deepEqual(request, {
      iteration: 0,
      indices: Int32Array.of(0, 1, 2, 3),
      context: { seed: 3, epoch: 0, training: false },
    });
  });

  it("resumed in the middle of an epoch go on exactly, augmentation included", async () => {
    const loaded = await load(augment(fromArrays({ inputs: rows(20), targets: rows(20) }), [noise(1)]));
    const options = { batchSize: 3, seed: 5, epoch: 2 };
    const whole = [...batches(loaded, options)].map(contents);
    for (let startAt = 0; startAt <= 7; startAt++) {
      assert.deepEqual([...batches(loaded, { ...options, startAt })].map(contents), whole.slice(startAt));
    }
  });

  it("in reused arrays hold the same values", async () => {
    const loaded = await numbered(11);
    const options = { batchSize: 4, seed: 9 };
    const reused: ReturnType<typeof contents>[] = [];
    const buffers = new Set<unknown>();
    for (const batch of batches(loaded, { ...options, reuse: true })) {
      reused.push(contents(batch));
      buffers.add(batch.inputs[0].data.buffer);
    }
    assert.deepEqual(reused, [...batches(loaded, options)].map(contents));
    assert.equal(buffers.size, 1);
    const separate = [...batches(loaded, options)].map((batch) => batch.inputs[0].data.buffer);
    assert.equal(new Set(separate).size, 3);
  });

  it("hold scalar fields as [n]", async () => {
    const scalar = { shape: [], dtype: "float32" } as const;
    const loaded = await load(
      custom({
        length: 2,
        inputs: [scalar, scalar],
        targets: scalar,
        get: (i) => ({ inputs: [i, i + 10], targets: -i }),
      }),
    );
    const [batch] = batches(loaded, { batchSize: 2, shuffle: false });
    assert.deepEqual(contents(batch).fields, [
      { shape: [2], data: [0, 1] },
      { shape: [2], data: [10, 11] },
      { shape: [2], data: [-0, -1] },
    ]);
  });

  const cases: [string, BatchOptions, RegExp][] = [
    [
      "a batch size of 0",
      { batchSize: 0 },
      /^DataError: batches: batchSize is 0\. Give a whole number of at least 1, or "all"/,
    ],
    ["half an example", { batchSize: 2.5 }, /batchSize is 2\.5/],
    ["NaN", { batchSize: NaN }, /batchSize is NaN/],
    [
      "nothing left",
      { batchSize: 6, dropLast: true },
      /5 examples are less than one batch of 6\. Choose a smaller batchSize/,
    ],
    ["a start behind the end", { batchSize: 2, startAt: 4 }, /startAt is 4, but an epoch has 3 batches/],
    ["a negative epoch", { batchSize: 2, epoch: -1 }, /epoch is -1/],
  ];
  for (const [name, options, message] of cases) {
    it(`refuse ${name}`, async () => {
      const loaded = await numbered(5);
      assert.throws(() => [...batches(loaded, options)], message);
    });
  }
});
