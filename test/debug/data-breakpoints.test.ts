/** Data breakpoints: stops behind the step that gives a watched value, on a training whose numbers are derived by hand. */
import assert from "node:assert/strict";
import type { DataBreakpoint } from "../../engine/debug/requests";
import { line } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";

const ITERATIONS = 4;

async function open(breakpoints: readonly DataBreakpoint[], text = line()): Promise<DebuggedSession> {
  const session = await openSession(programFile(text), { stopOnEntry: true, maxSteps: ITERATIONS });
  await session.start();
  session.ask({ kind: "setExpression", target: "linear.weight", value: "1", frame: 0 });
  session.ask({ kind: "setExpression", target: "linear.bias", value: "0", frame: 0 });
  session.ask({ kind: "setDataBreakpoints", breakpoints });
  return session;
}

/** `iteration: direction, the value of an expression` at each stop. */
async function all(session: DebuggedSession, expression: string, how: "continue" | "reverse"): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const stop = await session.move(how);
    if (!stop || stop.reason === "step") return found;
    assert.equal(stop.reason, "data breakpoint");
    const { value } = session.ask({
      kind: "evaluate",
      expression,
      frame: 0,
      context: "watch",
      format: { digits: 4 },
    });
    found.push(`${session.scene.episode.iteration}: ${stop.direction}, ${value}`);
  }
}

interface Case {
  readonly what: string;
  readonly breakpoint: DataBreakpoint;
  readonly expression: string;
  readonly expected: readonly string[];
}

// w: 1 → 1.5 → 1.66 → …; see `line`. Third and fourth: errors 0.05, −0.29, so ∂w −0.53, ∂b −0.24; then 0.127, −0.16.
const CASES: readonly Case[] = [
  {
    what: "a parameter, when its update has changed it",
    breakpoint: { dataId: "linear.weight" },
    expression: "linear.weight.item()",
    expected: ["0: update, 1.5", "1: update, 1.66", "2: update, 1.713", "3: update, 1.732"],
  },
  {
    what: "a parameter's gradient, when all of it has arrived",
    breakpoint: { dataId: "linear.bias.grad" },
    expression: "linear.bias.grad.item()",
    expected: ["0: backward, -3", "1: backward, -0.9", "2: backward, -0.24", "3: backward, -0.033"],
  },
  {
    what: "a tensor of the forward pass",
    breakpoint: { dataId: "y" },
    expression: "y[1].item()",
    expected: ["0: forward, 2", "1: forward, 3.3", "2: forward, 3.71", "3: forward, 3.84"],
  },
  {
    what: "a bound on the norm of a gradient",
    breakpoint: { dataId: "linear.weight.grad", condition: "value.norm() < 1" },
    expression: "linear.weight.grad.item()",
    expected: ["2: update, -0.53", "3: update, -0.193"],
  },
  {
    what: "the value before the update",
    breakpoint: { dataId: "linear.weight", condition: "value.item() - before.item() > 0.1" },
    expression: "linear.weight.item()",
    expected: ["0: update, 1.5", "1: update, 1.66"],
  },
  {
    what: "the iteration in a condition, and a hit count",
    breakpoint: { dataId: "linear.weight", condition: "iteration > 0", hitCondition: "% 2" },
    expression: "linear.weight.item()",
    expected: ["2: update, 1.713"],
  },
  {
    what: "what never holds",
    breakpoint: { dataId: "linear.weight", condition: "value.hasNaN()" },
    expression: "1",
    expected: [],
  },
  {
    what: "the loss under a bound",
    breakpoint: { dataId: "loss", condition: "value.item() < 0.1" },
    expression: "loss.item()",
    expected: ["2: backward, 0.0433", "3: backward, 0.02086"],
  },
];

describe("data breakpoints stop at", () => {
  for (const { what, breakpoint, expression, expected } of CASES) {
    it(`${what}; and going back at the same moments`, async () => {
      const session = await open([breakpoint]);
      // From the last stop, not from the end: then the training would be over.
      const last = expected.at(-1);
      const end: string[] = [];
      for (let i = 0; i < expected.length; i++) {
        const stop = await session.move("continue");
        const { value } = session.ask({
          kind: "evaluate",
          expression,
          frame: 0,
          context: "watch",
          format: { digits: 4 },
        });
        end.push(`${session.scene.episode.iteration}: ${stop?.direction}, ${value}`);
      }
      assert.deepEqual(end, expected);
      if (last === undefined) {
        assert.deepEqual(await all(session, expression, "continue"), []);
        return;
      }
      assert.deepEqual([last, ...(await all(session, expression, "reverse"))].reverse(), expected);
      assert.deepEqual(await all(session, expression, "continue"), expected);
    });
  }

  for (const [what, optimizer, dataId, expected] of [
    ["the last value that an update gives", "sgd({ learningRate: 0.1 })", "linear.bias", "update by sgd → linear.bias"],
    ["one in its middle", "sgd({ learningRate: 0.1 })", "linear.weight", "update by sgd"],
    ["the last, of adam", "adam({ learningRate: 0.1 })", "linear.bias", "update by adam → linear.bias"],
  ] as const) {
    it(`${what}: the frame is the update's, at the optimiser's line`, async () => {
      const text = line("", "Linear, Module, adam, fromArrays, mse, sgd, training");
      const session = await open([{ dataId }], text.replace("sgd({ learningRate: 0.1 })", optimizer));
      await session.move("continue");
      const frames = session.ask({ kind: "frames" });
      assert.deepEqual(
        frames.map(({ name, kind, direction, line: at }) => [name, kind, direction, at]),
        [
          [expected, "update", "update", 13],
          ["iteration 0, epoch 1: update", "root", "update", 13],
        ],
      );
      if (expected.includes("→")) {
        // Back to the update's beginning, and on to the end once more.
        await session.move("restartFrame", { frame: 0 });
        assert.match(session.where(), /^13 update update by \w+$/);
        await session.move("continue");
        assert.equal(session.ask({ kind: "frames" })[0].name, expected);
        await session.move("over");
        assert.equal(session.scene.episode.iteration, 1);
      }
      await session.finish();
    });
  }

  it("stops where no update changes the value only if it is told to", async () => {
    const session = await open([{ dataId: "linear.weight" }], line());
    session.ask({ kind: "setExpression", target: "learningRate", value: "0", frame: 0 });
    assert.equal(await session.move("continue"), undefined);
    const told = await open([{ dataId: "linear.weight", condition: "changed == false" }]);
    told.ask({ kind: "setExpression", target: "learningRate", value: "0", frame: 0 });
    const stop = await told.move("continue");
    assert.equal(stop?.reason, "data breakpoint");
    await told.finish();
  });

  it("a NaN that comes up in a gradient although the loss is finite", async () => {
    // √0 has an infinite slope, and 0·∞ is none.
    const text = line()
      .replace("return y;", "return y.mul(0).square().sqrt().mul(0).add(y);")
      .replace("loss: mse", "loss: mse");
    const session = await open([{ dataId: "y.grad", condition: "value.hasNaN()" }], text);
    session.ask({ kind: "setExceptionFilters", filters: [] });
    const stop = await session.move("continue");
    assert.equal(stop?.reason, "data breakpoint");
    assert.equal(session.scene.episode.iteration, 0);
    await session.finish();
  });
});

describe("what can be watched", () => {
  const frozen = line("", "Linear, Module, freeze, fromArrays, mse, sgd, training")
    .replace(
      "  linear = new Linear(1, 1);",
      "  linear = new Linear(1, 1);\n  scale = new Linear(1, 1);\n  constructor() {\n    super();\n    freeze(this.scale);\n  }",
    )
    .replace("const y = this.linear(x);", "const y = this.linear(this.scale(x));");

  for (const [name, text, dataId] of [
    ["linear.weight", line(), "linear.weight"],
    ["this.linear.weight", line(), "this.linear.weight"],
    ["linear.weight.grad", line(), "linear.weight.grad"],
    ["y", line(), "y"],
    ["y.grad", line(), "y.grad"],
    ["loss", line(), "loss"],
    ["nothing", line(), null],
    ["linear.weight[0]", line(), null],
    ["scale.weight", frozen, null],
  ] as const) {
    it(`${name}: ${dataId ?? "cannot"}`, async () => {
      const session = await openSession(programFile(text), { stopOnEntry: true, maxSteps: 1 });
      await session.start();
      const place = session.ask({ kind: "dataPlace", reference: null, name, frame: 0 });
      assert.equal(place.dataId, dataId, place.description);
      const [bound] = session.ask({ kind: "setDataBreakpoints", breakpoints: [{ dataId: name }] });
      assert.equal(bound.verified, dataId !== null, bound.message);
      if (name === "scale.weight") assert.match(place.description, /frozen/);
      await session.finish();
    });
  }
});
