/** Stops at what is no error of the code: numbers that are none, findings, shapes; and at errors. */
import assert from "node:assert/strict";
import type { DebugOptions, ExceptionFilter, Stopped } from "../../engine/debug/requests";
import { createJsBackend } from "../../engine/backends/js";
import { createNodeFiles } from "../../engine/host/node-files";
import { loadProgram } from "../../engine/host/program";
import { changedTraining } from "../../engine/host/tasks/train";
import { runTraining } from "../../engine/train/run";
import type { FindingEvent } from "../../engine/train/events";
import { launched } from "./support/launched";
import { line, program } from "./support/models";
import { type DebuggedSession, type SessionOptions, openSession, programFile } from "./support/session";

const NOT_FINITE: readonly ExceptionFilter[] = [{ filter: "not-finite" }];

async function open(
  text: string,
  filters: readonly ExceptionFilter[] = NOT_FINITE,
  options: SessionOptions = { maxSteps: 3 },
): Promise<{ session: DebuggedSession; stop: Stopped | undefined }> {
  const session = await openSession(programFile(text), options);
  const stop = await session.start((opened) => opened.ask({ kind: "setExceptionFilters", filters }));
  return { session, stop };
}

/** The line of {@link line} whose model returns something else. */
const returning = (expression: string, imports = ""): string =>
  line("", `Linear, Module, fromArrays, mse, sgd, training${imports}`).replace("return y;", `return ${expression};`);

interface Case {
  readonly what: string;
  readonly text: string;
  readonly where: string;
  readonly description: RegExp;
}

const CASES: readonly Case[] = [
  {
    what: "log(0) in a free program",
    text: program("const x = variable(0);\nconst z = x.mul(2);\nconst y = log(z);\nexport default y;"),
    where: "4 forward log → y",
    description: /-Infinity comes up in y/,
  },
  {
    what: "log(0) in a training's forward",
    text: returning("y.mul(0).log()"),
    where: "6 forward log",
    description: /-Infinity comes up in log/,
  },
  {
    what: "0/0 in a training's forward",
    text: returning("y.mul(0).div(y.mul(0))"),
    where: "6 forward divide",
    description: /NaN comes up in divide/,
  },
  {
    what: "a number too large for float32, which float64 holds",
    text: returning("y.mul(0).add(100).exp()"),
    where: "6 forward exp",
    description: /too large for float32/,
  },
  {
    what: "an infinite slope, √ at 0, behind a finite loss",
    text: returning("y.mul(0).sqrt().add(y)"),
    where: "6 backward sqrt",
    description: /(?:Infinity|NaN) comes up/,
  },
  {
    what: "a number that only float32 rounds to 0: a sum of 2 + 10⁻⁹, minus 2",
    text: returning("y.mul(0).add(1 + 1e-9).sum(0).sub(2).log().mul(0).add(y)"),
    where: "12 forward mse",
    description: /in float32/,
  },
  {
    what: "no mask of −∞ on the way",
    text: returning(
      "where(gt(tensor([[1], [0]]), 0), y, tensor(-Infinity)).exp().mul(0).add(y).mul(0).log()",
      ", gt, tensor, where",
    ),
    where: "6 forward log",
    description: /-Infinity comes up in log/,
  },
];

describe("NaN and infinity", () => {
  for (const { what, text, where, description } of CASES) {
    it(`stops at ${what}`, async () => {
      const { session, stop } = await open(text);
      assert.ok(stop);
      assert.equal(stop.reason, "exception");
      assert.match(stop.description, description);
      const at = session.where();
      assert.ok(at.startsWith(where), at);
      assert.equal(session.ask({ kind: "exception" })?.id, stop.description);
      // It does not stop there again; what follows from it may be worth a stop of its own.
      const next = await session.move("continue");
      if (next) assert.notEqual(session.where(), at);
      await session.finish();
    });

    it(`off, ${what} ends as without a debugger`, async () => {
      const { session, stop } = await open(text, []);
      assert.equal(stop, undefined);
      const program = await loadProgram(session.file);
      if (!program.training) return;
      const { values } = await runTraining(
        changedTraining(program.training, { maxSteps: 3, workers: 0 }),
        { backend: createJsBackend(), files: createNodeFiles(session.file, "dist/assets"), now: () => 0 },
        {},
      );
      assert.deepEqual(await session.finish(), values);
    });
  }

  it("stops when it is stepped over, each time it is come to", async () => {
    const text = program("const x = variable(0);\nconst z = x.mul(2);\nconst y = log(z);\nexport default y;");
    const { session } = await open(text, NOT_FINITE, { stopOnEntry: true });
    await session.move("over");
    await session.move("over");
    for (let i = 0; i < 2; i++) {
      assert.equal((await session.move("over"))?.reason, "exception");
      assert.equal(session.where(), "4 forward log → y");
      assert.equal((await session.move("over"))?.reason, "step");
      assert.equal(session.where(), "4 backward log → y (backward)");
      await session.move("back");
      await session.move("back");
      assert.equal(session.where(), "3 forward multiply → z");
      await session.move("over");
    }
    await session.finish();
  });

  it("a condition says when it stops", async () => {
    const text = returning("y.mul(0).log()");
    const { stop } = await open(text, [{ filter: "not-finite", condition: "iteration > 0" }]);
    assert.equal(stop, undefined);
    const { stop: other } = await open(text, [{ filter: "not-finite", condition: "iteration == 0" }]);
    assert.equal(other?.reason, "exception");
  });

  for (const how of ["goes on", "is let go"] as const) {
    it(`what is mended at the stop: the iteration is done anew when it ${how}`, async () => {
      // ŷ = log(w·x + b): with b = 1 and w = 0 it is 0 everywhere, errors −2 and −4, loss 10.
      const { session } = await open(returning("y.log()"), NOT_FINITE, { stopOnEntry: true, maxSteps: 1 });
      const set = (target: string, value: string): void => {
        session.ask({ kind: "setExpression", target, value, frame: 0 });
      };
      set("linear.weight", "0");
      set("linear.bias", "0");
      const stop = await session.move("continue");
      assert.equal(stop?.reason, "exception");
      assert.equal(session.where().slice(0, 13), "6 forward log");
      set("linear.bias", "1");
      if (how === "goes on") assert.equal(await session.move("continue"), undefined);
      // ∂loss/∂ŷ = −2, −4; over y = 1: ∂b = −6, ∂w = −2·1 − 4·2 = −10.
      const values = await session.finish();
      const got = ["linear.weight", "linear.bias"].map((name) => values?.get(name)?.data[0] ?? NaN);
      [1, 1.6].forEach((value, i) => assert.ok(Math.abs(got[i] - value) < 1e-6, String(got[i])));
    });
  }

  it("is gone back from, and comes up again", async () => {
    // w = −1, b = 1.2: log(0.2), and log(−0.8) is none.
    const { session } = await open(returning("y.log()"), NOT_FINITE, { stopOnEntry: true, maxSteps: 2 });
    session.ask({ kind: "setExpression", target: "linear.weight", value: "-1", frame: 0 });
    session.ask({ kind: "setExpression", target: "linear.bias", value: "1.2", frame: 0 });
    for (let i = 0; i < 2; i++) {
      assert.match((await session.move("continue"))?.description ?? "", /NaN comes up in log/);
      assert.match((await session.move("reverse"))?.description ?? "", /^At the beginning/);
      assert.equal(session.scene.position.index, 0);
    }
    await session.finish();
  });
});

describe("findings", () => {
  const FINDING: FindingEvent = {
    type: "finding",
    code: "vanishing-gradient",
    severity: "warning",
    message: "The gradient vanishes in linear.",
    remedy: "Use relu.",
    layer: "linear",
    file: null,
    line: null,
    iteration: 1,
  };

  interface Found {
    readonly what: string;
    readonly finding?: Partial<FindingEvent>;
    readonly filters?: readonly ExceptionFilter[];
    readonly options?: DebugOptions;
    /** `undefined`: it does not stop. */
    readonly where: string | undefined;
  }
  const FOUND: readonly Found[] = [
    { what: "its own filter", filters: [{ filter: "vanishing" }], where: "5 backward linear: Linear (backward)" },
    { what: "any finding", filters: [{ filter: "finding" }], where: "5 backward linear: Linear (backward)" },
    { what: "another filter", filters: [{ filter: "exploding" }], where: undefined },
    { what: "no filter", where: undefined },
    {
      what: "dead units, forward",
      finding: { code: "dying-relu" },
      filters: [{ filter: "dead" }],
      where: "5 forward linear: Linear",
    },
    {
      what: "no layer of its own",
      finding: { code: "overfitting", layer: null },
      filters: [{ filter: "finding" }],
      where: "5 forward linear: Linear",
    },
    {
      what: "a condition that holds",
      filters: [{ filter: "vanishing", condition: "iteration == 1" }],
      where: "5 backward linear: Linear (backward)",
    },
    {
      what: "a condition that does not hold",
      filters: [{ filter: "vanishing", condition: "iteration == 0" }],
      where: undefined,
    },
    {
      what: "the option of the start",
      options: { stopAtFinding: true },
      where: "5 backward linear: Linear (backward)",
    },
    { what: "what was withdrawn", finding: { withdrawn: true }, filters: [{ filter: "finding" }], where: undefined },
  ];
  for (const { what, finding, filters = [], options = {}, where } of FOUND) {
    it(`${what}: ${where ?? "goes on"}`, async () => {
      const { session } = await open(line(), filters, { stopOnEntry: true, maxSteps: 3, ...options });
      session.debugger.training.observe({ ...FINDING, ...finding });
      await session.move("over");
      // Whoever steps is not carried off: it waits until the program runs.
      while (session.scene.episode.iteration < 1) assert.equal((await session.move("over"))?.reason, "step");
      await session.finish();
      const { session: running } = await open(line(), filters, { ...options, stopAtIteration: 0, maxSteps: 3 });
      running.debugger.training.observe({ ...FINDING, ...finding });
      const stop = await running.move("continue");
      assert.equal(stop?.reason, where === undefined ? undefined : "exception");
      if (where === undefined) return;
      assert.equal(running.where(), where);
      assert.equal(running.scene.episode.iteration, 1);
      assert.equal(running.ask({ kind: "exception" })?.id, finding?.code ?? FINDING.code);
      assert.equal(await running.move("continue"), undefined, "once");
    });
  }

  it("the option of the start stops at the first finding alone", async () => {
    const { session } = await open(line(), [], { stopAtFinding: true, stopAtIteration: 0, maxSteps: 3 });
    session.debugger.training.observe(FINDING);
    assert.equal((await session.move("continue"))?.reason, "exception");
    session.debugger.training.observe({ ...FINDING, code: "exploding-gradient" });
    assert.equal(await session.move("continue"), undefined);
  });

  it("one that no filter is for does not hide the next", async () => {
    const { session } = await open(line(), [{ filter: "vanishing" }], { stopAtIteration: 0, maxSteps: 3 });
    session.debugger.training.observe({ ...FINDING, code: "overfitting", layer: null });
    session.debugger.training.observe(FINDING);
    assert.equal((await session.move("continue"))?.reason, "exception");
    await session.finish();
  });

  it("one that comes with the last iteration is stopped at as well", async () => {
    const { session } = await open(line(), [{ filter: "finding" }], { stopAtIteration: 2, maxSteps: 3 });
    session.debugger.training.observe({ ...FINDING, iteration: 3 });
    assert.equal((await session.move("continue"))?.reason, "exception");
    assert.equal(session.scene.episode.iteration, 2);
    assert.equal(await session.move("continue"), undefined);
  });
});

describe("what the diagnosis of a host finds", () => {
  it("a vanishing gradient of ten sigmoids stops in the backward pass of the layer in which it vanishes", async () => {
    const text = program(`
class Deep extends Module {
  layers = Array.from({ length: 10 }, () => new Linear(8, 8));
  first = new Linear(2, 8);
  last = new Linear(8, 2);
  forward(x: Tensor) {
    let h = sigmoid(this.first(x));
    for (const layer of this.layers) h = sigmoid(layer(h));
    return this.last(h);
  }
}
export default training({
  model: new Deep(), data: moons({ count: 64 }), loss: crossEntropy, optimizer: sgd({ learningRate: 0.01 }),
  batchSize: 16, epochs: 20,
});
`);
    const { next, ask, end } = await launched(text, [{ filter: "vanishing" }]);
    const stop = await next();
    assert.ok(stop.kind === "stopped", JSON.stringify(stop));
    assert.equal(stop.reason, "exception");
    assert.equal(stop.direction, "backward");
    assert.match(stop.description, /vanishing-gradient/);
    const [top] = (await ask({ kind: "frames" })) as readonly { name: string; line: number }[];
    assert.match(top.name, /^(?:first|layers\.\d): Linear \(backward\)$|^sigmoid/);
    assert.ok(top.line === 7 || top.line === 8);
    await ask({ kind: "detach" });
    await end();
  });
});

describe("how closely the diagnosis looks", () => {
  const text = program(`
class Deep extends Module {
  layers = Array.from({ length: 10 }, () => new Linear(8, 8));
  first = new Linear(2, 8);
  last = new Linear(8, 2);
  forward(x: Tensor) {
    let h = sigmoid(this.first(x));
    for (const layer of this.layers) h = sigmoid(layer(h));
    return this.last(h);
  }
}
export default training({
  model: new Deep(), data: moons({ count: 64 }), loss: crossEntropy, optimizer: sgd({ learningRate: 0.01 }),
  batchSize: 16, epochs: 20,
});
`);

  // 80 updates: judged from 40 % of them on, and looked at every tenth while nobody waits for it.
  it("with a filter set after each iteration: stops as soon as a finding holds", async () => {
    const { stop, ask, end } = await launched(text, [{ filter: "vanishing" }]);
    assert.match((await stop()).description, /vanishing-gradient/);
    assert.equal(((await ask({ kind: "situation" })) as { iteration: number }).iteration, 32);
    await ask({ kind: "move", how: "continue" });
    // Its figures change with every iteration; it is the same finding.
    await end();
  });

  it("without one now and then", async () => {
    const { events, end } = await launched(text, [{ filter: "not-finite" }]);
    await end();
    const found = events.find((event) => event.type === "finding" && event.code === "vanishing-gradient");
    assert.ok(found?.type === "finding");
    assert.equal(found.iteration, 40);
  });
});

describe("programs that cannot run, in a host", () => {
  interface Problem {
    readonly what: string;
    readonly text: string;
    readonly line: number;
    readonly description: RegExp;
    readonly message: RegExp;
  }
  const PROBLEMS: readonly Problem[] = [
    {
      what: "shapes that do not fit",
      text: line().replace("this.linear(x)", "this.linear(x.reshape([-1, 2]))"),
      line: 5,
      description: /Shapes do not fit/,
      message: /linear/i,
    },
    {
      what: "a model that throws while it is loaded",
      text: line().replace("class Line", 'throw new Error("no luck");\nclass Line'),
      line: 2,
      description: /failed/,
      message: /no luck/,
    },
    {
      what: "a forward that throws",
      text: line().replace("return y;", 'throw new Error("no forward");'),
      line: 6,
      description: /failed/,
      message: /no forward/,
    },
  ];

  for (const { what, text, line: at, description, message } of PROBLEMS) {
    it(`${what}: stops there, and ends when it goes on`, async () => {
      const { next, ask, end } = await launched(text, [{ filter: "shape" }]);
      const stop = await next();
      assert.ok(stop.kind === "stopped");
      assert.equal(stop.reason, "exception");
      assert.match(stop.description, description);
      assert.match(stop.text ?? "", message);
      const [top] = (await ask({ kind: "frames" })) as readonly { line: number }[];
      assert.equal(top.line, at);
      await ask({ kind: "move", how: "continue" });
      await end();
    });
  }

  it("shapes that do not fit end at once where the filter is off", async () => {
    const { end } = await launched(PROBLEMS[0].text, []);
    await end();
  });
});
