/** Where values stand: never in each other's way, in little more memory than is alive at once; and new values of leaves. */
import assert from "node:assert/strict";
import { type Subject, largerSubjects, subjectsOf } from "../../bench/memory/models";
import { memoryOf, planStep } from "../../bench/memory/measure";
import { createJsBackend } from "../../engine/backends/js";
import { createWasmBackend } from "../../engine/backends/wasm";
import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import * as ops from "../../engine/ops";
import { type Stay, arrange, mostAlive } from "../../engine/plan/arrange";
import { evaluate } from "../../engine/plan/evaluate";
import { type Plan, planGraph, printPlan } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import { signatureOf } from "../../engine/plan/signature";
import { dice } from "../support/dice";
import { seeded } from "../support/fixtures";
import { leaf, leavesOf } from "../support/graph";

const bytesOf = (plan: Plan, slot: number): number => {
  const { type, size } = plan.slots[slot];
  return Math.max(64, Math.ceil((size * (type === "bool" ? 1 : 4)) / 64) * 64);
};

/** First and last instruction at which each slot without memory of its own is needed; outputs to the end. */
function lifetimes(plan: Plan): Map<number, { first: number; last: number }> {
  const found = new Map<number, { first: number; last: number }>();
  const results = new Set(plan.outputs.values());
  plan.instructions.forEach(({ inputs, outputs }, at) => {
    for (const slot of [...inputs, ...outputs]) {
      if (plan.places[slot] === undefined) continue;
      const first = found.get(slot)?.first ?? at;
      found.set(slot, { first, last: results.has(slot) ? plan.instructions.length : at });
    }
  });
  return found;
}

/** That no two values that are needed at the same time share memory, other than a result in the place of what it is made of. */
function assertApart(plan: Plan, name: string): void {
  const alive = [...lifetimes(plan)];
  for (const [a, span] of alive) {
    const from = plan.places[a] as number;
    assert.equal(from % 64, 0);
    assert.ok(from + bytesOf(plan, a) <= plan.scratchBytes);
    for (const [b, other] of alive) {
      if (a >= b || span.last < other.first || other.last < span.first) continue;
      const at = plan.places[b] as number;
      if (from + bytesOf(plan, a) <= at || at + bytesOf(plan, b) <= from) continue;
      const { kernel, inputs, outputs } = plan.instructions[other.first];
      const isInPlace =
        span.last === other.first && from === at && bytesOf(plan, a) === bytesOf(plan, b) && inputs.includes(a);
      assert.ok(
        isInPlace && ["map", "sweep", "rows"].includes(kernel.kind) && outputs.includes(b),
        `${name}: s${a} and s${b}`,
      );
    }
  }
}

async function exampleSubjects(): Promise<Subject[]> {
  const modules = {
    autoencoder: import("../../examples/autoencoder.nn"),
    "digits-best": import("../../examples/digits-best.nn"),
    digits: import("../../examples/digits.nn"),
    gru: import("../../examples/gru.nn"),
    iris: import("../../examples/iris.nn"),
    lenet5: import("../../examples/lenet5.nn"),
    "linear-regression": import("../../examples/linear-regression.nn"),
    "logistic-regression": import("../../examples/logistic-regression.nn"),
    lstm: import("../../examples/lstm.nn"),
    moons: import("../../examples/moons.nn"),
    spirals: import("../../examples/spirals.nn"),
    transformer: import("../../examples/transformer.nn"),
    xor: import("../../examples/xor.nn"),
  };
  const names = Object.keys(modules);
  const loaded = await Promise.all(Object.values(modules));
  return subjectsOf(Object.fromEntries(names.map((name, i) => [name, loaded[i].default])));
}

describe("an arrangement of memory", () => {
  it("keeps apart what is needed at the same time, and knows how much that is at least", () => {
    const roll = dice(21);
    for (let round = 0; round < 200; round++) {
      const stays: Stay[] = Array.from({ length: 1 + roll(40) }, () => {
        const first = roll(30);
        return { first, last: first + roll(12), bytes: 64 * (1 + roll(20)) };
      });
      const least = mostAlive(stays);
      const alive = Array.from({ length: 50 }, (_, at) =>
        stays.reduce((sum, { first, last, bytes }) => (first <= at && at <= last ? sum + bytes : sum), 0),
      );
      assert.equal(least, Math.max(...alive));
      const { offsets, bytes } = arrange(stays, least);
      assert.ok(bytes >= least);
      stays.forEach((a, i) => {
        assert.ok(offsets[i] >= 0 && offsets[i] + a.bytes <= bytes);
        stays.forEach((b, j) => {
          if (i >= j || a.last < b.first || b.last < a.first) return;
          assert.ok(offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i], `${i} and ${j}`);
        });
      });
    }
    assert.deepEqual(arrange([], 0), { offsets: [], bytes: 0 });
  });

  it("of a chain takes what two of its values take", () => {
    const stays = Array.from({ length: 20 }, (_, at) => ({ first: at, last: at + 1, bytes: 640 }));
    assert.equal(arrange(stays, mostAlive(stays)).bytes, 1280);
  });
});

describe("the memory of a training step", () => {
  it("is at most a tenth more than what is alive at once, and a fifth more than what the step needs", async () => {
    const subjects = [...(await exampleSubjects()), ...largerSubjects()];
    assert.ok(subjects.length >= 18, String(subjects.length));
    for (const subject of subjects) {
      const planned = planStep(subject);
      assert.ok(planned, `${subject.name}: data of unknown shape`);
      const { plan, step } = planned;
      assertApart(plan, subject.name);
      assert.ok(
        plan.scratchBytes <= 1.1 * plan.peakBytes,
        `${subject.name}: ${plan.scratchBytes} of ${plan.peakBytes}`,
      );
      // At the fullest moment no more is alive than what is counted as needed: no new value waits for its turn.
      const next = new Set([...step.assignments.values()].map((value) => plan.outputs.get(value)));
      const spans = [...lifetimes(plan)].filter(([slot]) => !next.has(slot));
      const alive = plan.instructions.map((_, at) =>
        spans.reduce(
          (sum, [slot, { first, last }]) => (first <= at && at <= last ? sum + bytesOf(plan, slot) : sum),
          0,
        ),
      );
      assert.ok(plan.peakBytes <= Math.max(...alive));
      const memory = memoryOf(subject);
      assert.ok(memory);
      const needed = memory.parameters + memory.optimizerState + memory.given + memory.peak;
      assert.ok(memory.used <= 1.2 * needed, `${subject.name}: ${memory.used} of ${needed}`);
    }
  });

  it("holds neither parameters nor optimiser state twice", () => {
    for (const subject of largerSubjects().filter(({ name }) => name.startsWith("MLP"))) {
      const memory = memoryOf(subject);
      assert.ok(memory);
      const { name, parameters, optimizerState, given, used } = memory;
      // Of what is computed, only the gradients are as large as the parameters.
      assert.ok(used <= 1.2 * (2 * parameters + optimizerState + given), `${name}: ${used}`);
    }
  });

  it("prints the same text, and has the same signature, for the same step", () => {
    const [a, b, other] = [0, 0, 1].map((i) => planStep(largerSubjects()[i])?.plan as Plan);
    assert.equal(printPlan(a), printPlan(b));
    assert.equal(signatureOf(a), signatureOf(b));
    assert.match(signatureOf(a), /^[0-9a-f]{8}$/);
    assert.notEqual(signatureOf(a), signatureOf(other));
  });
});

/** Adam's update as `engine/optim` writes it. */
function adamLike([p, g, m, v]: readonly Tensor[]): Map<Tensor, Tensor> {
  const m2 = m.mul(0.9).add(g.mul(0.1));
  const v2 = v.mul(0.999).add(g.mul(g).mul(0.001));
  return new Map([
    [p, p.sub(m2.div(ops.sqrt(v2).add(1e-3)).mul(0.05))],
    [m, m2],
    [v, v2],
  ]);
}

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly assign: (leaves: readonly Tensor[]) => Map<Tensor, Tensor>;
  /** Copies among the commits. */
  readonly copies: number;
}

const cases: readonly Case[] = [
  {
    name: "three that read each other",
    shapes: [
      [37, 30],
      [37, 30],
      [37, 30],
      [37, 30],
    ],
    assign: adamLike,
    copies: 0,
  },
  { name: "three small ones", shapes: [[7], [7], [7], [7]], assign: adamLike, copies: 0 },
  {
    name: "two that change places",
    shapes: [[1030], [1030]],
    assign: ([a, b]) =>
      new Map([
        [a, b.mul(2)],
        [b, a.add(1)],
      ]),
    copies: 2,
  },
  {
    name: "one in another order of its elements",
    shapes: [[40, 40]],
    assign: ([a]) => new Map([[a, a.permute([1, 0]).mul(2)]]),
    copies: 1,
  },
  {
    name: "one that another, of another shape, reads",
    shapes: [[30, 20], [600]],
    assign: ([a, b]) =>
      new Map([
        [a, a.add(b.reshape([30, 20]))],
        [b, b.sub(1)],
      ]),
    copies: 2,
  },
  {
    name: "sums, products and a value that stays",
    shapes: [[20, 30], [30], [30, 30], [5]],
    assign: ([x, mean, w, same]) =>
      new Map([
        [mean, mean.mul(0.9).add(ops.mean(x, 0).mul(0.1))],
        [w, w.matmul(w).mul(0.1)],
        [same, same],
      ]),
    copies: 0,
  },
  {
    name: "one value for two",
    shapes: [[700], [700], [700]],
    assign: ([a, b, c]) => {
      const next = a.add(b).mul(c);
      return new Map([
        [a, next],
        [b, next],
      ]);
    },
    copies: 0,
  },
];

describe("new values of leaves", () => {
  for (const { name, shapes, assign, copies } of cases)
    it(`are written after the run alone, all from what was there before: ${name}`, async () => {
      const { leaves, values } = leavesOf(shapes.map((shape, i) => seeded(shape, i + 1, 0.1, 2)));
      const assignments = assign(leaves);
      const watched = [...assignments.values()].map((next) => ops.sum(next.mul(next)));
      const [outputs, news] = [watched, [...assignments.values()]].map((nodes) =>
        evaluate(nodes, (at) => values.get(at)),
      );
      const plan = planGraph(watched, assignments);
      assertApart(plan, name);
      const commits = plan.instructions.slice(plan.commitFrom);
      const copied = commits.filter(
        ({ kernel, inputs, outputs: [leafSlot] }) =>
          kernel.kind === "map" && kernel.body.kind === "input" && inputs[0] !== leafSlot,
      );
      assert.equal(copied.length, copies, printPlan(plan));
      for (const backend of [createJsBackend(), createJsBackend({ mode: "interpret" }), createWasmBackend()]) {
        assert.ok(backend);
        const held = new Map(
          leaves.map((each) => [each, backend.allocate("float32", values.get(each)?.data.length ?? 0)]),
        );
        const program = compileProgram(plan, backend, held);
        for (const [each, { data }] of values) program.write(each, data);
        program.run();
        const look = async (each: Tensor): Promise<NdArray["data"]> =>
          Float64Array.from(await backend.read(held.get(each) as never));
        for (const [each, { data }] of values) assertNear(await look(each), data, `${backend.name} before`);
        for (const [i, each] of watched.entries())
          assertNear(await program.read(each), outputs[i].data, `${backend.name}, watched ${i}`);
        program.commit();
        const expected = new Map([...assignments.keys()].map((each, i) => [each, news[i].data]));
        for (const each of leaves)
          assertNear(await look(each), expected.get(each) ?? (values.get(each) as NdArray).data, backend.name);
        for (const [i, each] of watched.entries())
          assertNear(await program.read(each), outputs[i].data, `${backend.name}, watched ${i} afterwards`);
      }
    });

  it("are printed behind what is done in any case", () => {
    const [w, m, x, rate] = [leaf([600], "float32", "w"), leaf([600], "float32", "m"), leaf([600]), leaf([])];
    const moment = m.mul(0.5).add(x);
    const assignments = new Map([
      [w, w.sub(moment.mul(rate))],
      [m, moment],
    ]);
    assert.equal(
      printPlan(planGraph([ops.sum(w.mul(x))], assignments)),
      `s0: float32 w
s1: float32 m
s2: float32 input
s3: float32 input
s4 = reduce shape=[600] axes=[0] views=[{"offset":0,"strides":[1]},{"offset":0,"strides":[1]}] multiply(i0, i1) combine="sum" (s0, s2)  # sum
commit
s0, s1 = sweep shape=[600] views=[{"offset":0,"strides":[1]},{"offset":0,"strides":[1]},{"offset":0,"strides":[1]},{"offset":0,"strides":[0]}] map: subtract(i0, multiply(add(multiply(i1, 0.5), i2), i3)), map: add(multiply(i1, 0.5), i2) (s0, s1, s2, s3)  # subtract
return s4`,
    );
  });

  it("that are wanted, too, can be read after the run", async () => {
    const x = leaf([600]);
    const next = x.mul(3);
    const backend = createWasmBackend();
    assert.ok(backend);
    const program = compileProgram(planGraph([next], new Map([[x, next]])), backend);
    program.write(x, new Float64Array(600).fill(2));
    for (const expected of [6, 18]) {
      program.run();
      program.commit();
      assert.deepEqual([...new Set(await program.read(next))], [expected]);
    }
  });

  it("come to the same whether a run is done at once, in steps, or begun again", async () => {
    const { leaves, values } = leavesOf([1, 2, 3, 4].map((seed) => seeded([37, 30], seed, 0.1, 2)));
    const assignments = adamLike(leaves);
    const loss = ops.sum([...assignments.values()][0]);
    const backend = createWasmBackend();
    assert.ok(backend);
    const results: number[][] = [];
    for (const way of ["once", "steps", "again"] as const) {
      const program = compileProgram(planGraph([loss], assignments), backend);
      for (const [each, { data }] of values) program.write(each, data);
      for (let round = 0; round < 3; round++) {
        if (way === "again") program.start().step();
        const running = program.start();
        if (way === "steps") while (running.step());
        else if (way === "again") running.step();
        running.finish();
        assert.equal(running.step(), false);
        program.commit();
      }
      program.run();
      results.push([...(await program.read(loss))]);
      program.dispose();
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
  });
});

function assertNear(got: ArrayLike<number>, expected: ArrayLike<number>, message: string): void {
  assert.equal(got.length, expected.length);
  const scale = Array.from(expected).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      Math.abs(got[i] - expected[i]) <= 2e-6 * scale,
      `${message}: ${got[i]} in place of ${expected[i]} at ${i}`,
    );
}
