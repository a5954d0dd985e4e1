/** NaN and infinity that the user puts somewhere: stopped at where they first come up, and an end as the training's own. */
import assert from "node:assert/strict";
import type { ExceptionFilter } from "../../engine/debug/requests";
import type { TrainingEvent } from "../../engine/train/events";
import { line } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";

const NOT_FINITE: readonly ExceptionFilter[] = [{ filter: "not-finite" }];

interface Opened {
  readonly session: DebuggedSession;
  readonly told: TrainingEvent[];
}

async function open(filters: readonly ExceptionFilter[], text = line()): Promise<Opened> {
  const told: TrainingEvent[] = [];
  const session = await openSession(programFile(text), { stopAtIteration: 1, onEvent: (event) => told.push(event) });
  await session.start((opened) => opened.ask({ kind: "setExceptionFilters", filters }));
  return { session, told };
}

function set(session: DebuggedSession, target: string, value: string): void {
  session.ask({ kind: "setExpression", target, value, frame: 0 });
}

/** Reads two numbers in turn, beginning with a hidden state. */
const RECURRENT = `import { RNN, Linear, Module, fromArrays, mse, sgd, training, zeros, type Tensor } from "backstep";
class Reader extends Module {
  rnn = new RNN(1, 2);
  head = new Linear(2, 1);
  forward(x: Tensor) {
    const before = zeros([1, 2, 2]);
    const { output } = this.rnn(x, before);
    return this.head(output.slice(null, -1));
  }
}
export default training({
  model: new Reader(),
  data: fromArrays({ inputs: [[[1], [2]], [[2], [3]]], targets: [[2], [4]] }),
  loss: mse, optimizer: sgd({ learningRate: 0.1 }), batchSize: 2, shuffle: false, epochs: 4,
});
`;

interface Case {
  readonly what: string;
  readonly text?: string;
  readonly target: string;
  readonly value: string;
  /** Lines that are stepped over before. */
  readonly steps?: number;
  readonly where: string;
  readonly description: RegExp;
}

const CASES: readonly Case[] = [
  { what: "an input", target: "x", value: "NaN", where: "5 forward", description: /NaN comes up/ },
  { what: "a target", target: "target", value: "NaN", where: "12 forward", description: /NaN comes up/ },
  {
    what: "an element of a weight",
    target: "linear.weight[0][0]",
    value: "NaN",
    where: "5 forward",
    description: /NaN/,
  },
  {
    what: "an infinite bias",
    target: "linear.bias[0]",
    value: "Infinity",
    where: "5 forward",
    description: /Infinity/,
  },
  { what: "an activation", target: "y", value: "NaN", steps: 1, where: "12 forward", description: /NaN comes up/ },
  {
    what: "a recurrent weight",
    text: RECURRENT,
    target: "rnn.weight_hh_l0[0][0]",
    value: "NaN",
    where: "7 forward",
    description: /NaN/,
  },
  {
    what: "a hidden state",
    text: RECURRENT,
    target: "before",
    value: "NaN",
    steps: 1,
    where: "7 forward",
    description: /NaN/,
  },
];

describe("NaN and infinity that the user puts somewhere", () => {
  for (const { what, text, target, value, steps = 0, where, description } of CASES) {
    it(`${what}: stops where it comes up first, once`, async () => {
      const { session, told } = await open(NOT_FINITE, text);
      for (let i = 0; i < steps; i++) await session.move("over");
      const { iteration } = session.scene.episode;
      set(session, target, value);
      const stop = await session.move("continue");
      assert.equal(stop?.reason, "exception");
      assert.match(stop.description, description);
      assert.ok(session.where().startsWith(where), session.where());
      assert.equal(session.scene.episode.iteration, iteration);
      assert.match(stop.text ?? "", /a value that you changed/);
      assert.equal(await session.move("continue"), undefined);
      assert.deepEqual(
        told.slice(-2).map(({ type }) => type),
        ["finding", "end"],
      );
    });

    it(`${what}: without the filter the run ends as with any other, with the last good values`, async () => {
      const { session, told } = await open([], text);
      for (let i = 0; i < steps; i++) await session.move("over");
      const { iteration, values, graph } = session.scene.episode;
      const bias = [...graph.parameters].find(([name]) => name !== target.replace(/\[.*/, "")) ?? assert.fail();
      const before = Float32Array.from(values.of(bias[1]).data);
      set(session, target, value);
      assert.equal(await session.move("continue"), undefined);
      const end = told.at(-1);
      assert.ok(end?.type === "end");
      assert.deepEqual([end.reason, end.iterations], ["not-finite", iteration]);
      const found = told.findLast((event) => event.type === "finding");
      assert.equal(found?.code, "not-finite");
      assert.equal(found.iteration, iteration + 1);
      const final = await session.finish();
      assert.deepEqual(final?.get(bias[0])?.data, before);
    });
  }

  it("what is put right again goes on", async () => {
    const { session, told } = await open(NOT_FINITE);
    set(session, "x", "NaN");
    assert.equal((await session.move("continue"))?.reason, "exception");
    set(session, "x", "[[1], [2]]");
    assert.equal(await session.move("continue"), undefined);
    const end = told.at(-1);
    assert.ok(end?.type === "end");
    assert.equal(end.reason, "epochs");
  });
});
