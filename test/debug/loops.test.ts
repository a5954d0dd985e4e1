/** Loops of the user's with several updates: one line for a breakpoint whatever graph comes, names of models, and how far back it goes. */
import assert from "node:assert/strict";
import type { BoundBreakpoint, DebugRequest } from "../../engine/debug/requests";
import { type DebuggedSession, openSession, programFile } from "./support/session";

/** The first update knows of lines 6, 16, 17 and 18, the second of 8 and 20 to 22. */
const TWO = `import { Linear, Module, Sequential, ReLU, minimize, mse, sgd, tensor, type Tensor } from "backstep";
class Net extends Module {
  hidden = new Linear(1, 2);
  extra = new Linear(2, 1);
  forward(features: Tensor) {
    const wide = this.hidden(features);
    // what is wide is made small
    return this.extra(wide);
  }
}
const net = new Net();
const other = new Sequential(new Linear(1, 2),
  new ReLU());
const x = tensor([[1], [2]]);
for (let i = 0; i < 2; i++) {
  const small = x.mul(2);
  const first = other(small)
    .mean();
  await minimize(first, sgd({ learningRate: 0.1 }));
  const guess = net(x);
  const loss = mse(
    guess, tensor([[1], [0]]));
  await minimize(loss, sgd({ learningRate: 0.1 }));
}
`;

interface Case {
  readonly what: string;
  readonly line: number;
  /** What is said at first: the line, or null where nothing is known of it yet. */
  readonly first: number | null;
  /** What is said in the end. */
  readonly then: number;
  /** Lines at which it stops, with the update. */
  readonly stops: readonly string[];
}

const bothPasses = (line: number, updates: readonly number[]): string[] =>
  updates.flatMap((at) => [`${at}: ${line} forward`, `${at}: ${line} backward`]);

const CASES: readonly Case[] = [
  {
    what: "a line of the first update, which brings no gradient back",
    line: 16,
    first: 16,
    then: 16,
    stops: ["0: 16 forward", "2: 16 forward"],
  },
  { what: "a line of the second: not known at first", line: 20, first: null, then: 20, stops: bothPasses(20, [1, 3]) },
  {
    what: "a comment in a model that the second update calls: below the first update's first line",
    line: 7,
    first: 12,
    then: 8,
    // Until the second update's graph is known it is on line 12: the container's call, its first layer, their updates.
    stops: ["0: 17 forward", "0: 17 backward", "0: 12 backward", "0: listing update", ...bothPasses(8, [1, 3])],
  },
  {
    what: "a line without an operation between both: the second's, although the first has none near",
    line: 19,
    first: null,
    then: 20,
    stops: bothPasses(20, [1, 3]),
  },
  {
    what: "a line within a call that begins above it, and that the update stands at",
    line: 22,
    first: null,
    then: 22,
    stops: [1, 3].flatMap((at) => [`${at}: 21 forward`, `${at}: 21 backward`, `${at}: 21 update`]),
  },
  {
    what: "a layer within a container: where it is made",
    line: 13,
    first: 13,
    then: 13,
    stops: bothPasses(13, [0, 2]),
  },
  {
    what: "a layer of the second's model: its call, its way back, its update",
    line: 4,
    first: null,
    then: 4,
    stops: [1, 3].flatMap((at) => [`${at}: 8 forward`, `${at}: 8 backward`, `${at}: listing update`]),
  },
];

/** What was said of a breakpoint last. */
function told(session: DebuggedSession, [bound]: readonly BoundBreakpoint[]): BoundBreakpoint {
  const changes = session.events.flatMap((event) => (event.kind === "breakpoint" ? [event.breakpoint] : []));
  return changes.findLast(({ id }) => id === bound.id) ?? bound;
}

describe("breakpoints in a loop with several updates", () => {
  for (const { what, line, first, then, stops } of CASES) {
    it(`${what}: line ${line}`, async () => {
      const session = await openSession(programFile(TWO), {});
      const bound = session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [{ line }] });
      assert.equal(bound[0].verified ? bound[0].line : null, first, bound[0].message);
      const found: string[] = [];
      for (let stop = await session.start(); stop; stop = await session.move("continue")) {
        // Behind the loop its last loss is gone through once more.
        if (!session.scene.episode.graph.training) break;
        const [top] = session.ask({ kind: "frames" });
        found.push(`${session.scene.episode.iteration}: ${top.generated ? "listing" : top.line} ${top.direction}`);
        assert.equal(told(session, bound).verified, true);
      }
      assert.deepEqual(found, stops);
      assert.equal(told(session, bound).line, then);
    });
  }

  it("by names that only a later update knows", async () => {
    const session = await openSession(programFile(TWO), {});
    const bound = session.ask({ kind: "setFunctionBreakpoints", breakpoints: [{ name: "extra" }] });
    assert.equal(bound[0].verified, false);
    const stop = await session.start();
    assert.equal(stop?.reason, "function breakpoint");
    assert.equal(told(session, bound).verified, true);
    await session.finish();
  });
});

describe("names in a loop of the user's", () => {
  const value = (session: DebuggedSession, expression: string): string =>
    session.ask({ kind: "evaluate", expression, frame: 0, context: "watch" } satisfies DebugRequest).value;

  it("has the model, its fields, what forward calls its argument, and completes them", async () => {
    const session = await openSession(programFile(TWO), {});
    await session.start((opened) =>
      opened.ask({ kind: "setBreakpoints", file: opened.file, breakpoints: [{ line: 8, mode: "forward" }] }),
    );
    if (!session.where().startsWith("8 ")) await session.move("continue");
    for (const [expression, shows] of [
      ["features", /^\[2, 1\] float32 \[\[1\], \[2\]\]/],
      ["wide", /^\[2, 2\] float32/],
      ["net", /^Net · 7 parameters/],
      ["this", /^Net · 7 parameters/],
      ["this.hidden.weight.shape", /\[2, 1\]/],
      ["net.extra", /^extra: Linear · 3 parameters/],
      ["max(abs(net.hidden(features) - wide))", /^(?:scalar )?.*0$/],
    ] as const)
      assert.match(value(session, expression), shows, expression);
    const names = session.ask({ kind: "completions", text: "ne", offset: 2, frame: 0 }).map(({ label }) => label);
    assert.ok(names.includes("net"));
    await session.finish();
  });
});

describe("modules of a loop of the user's", () => {
  it("are those of the models that variables hold", async () => {
    const session = await openSession(programFile(TWO), {});
    await session.start((opened) =>
      opened.ask({ kind: "setFunctionBreakpoints", breakpoints: [{ name: "forward:extra" }] }),
    );
    const modules = session.ask({ kind: "modules" }).map(({ id, type, line }) => `${id}: ${type}, line ${line}`);
    assert.deepEqual(modules, ["(model): Net, line 11", "hidden: Linear, line 3", "extra: Linear, line 4"]);
    assert.equal(session.ask({ kind: "frames" })[0].module, "extra");
    await session.finish();
  });
});

describe("going back in a long loop", () => {
  const LONG = `import { minimize, sgd, tensor, variable } from "backstep";
const w = variable(0);
for (let i = 0; i < 206; i++) {
  const loss = w.sub(1).square();
  await minimize(loss, sgd({ learningRate: 0.001 }));
}
`;

  for (const [stop, beginning, says] of [
    [150, 0, /^At the beginning: there is nothing before it$/],
    [203, 4, /^At the beginning of what is kept: of the updates before update 4 nothing is known/],
  ] as const) {
    it(`from update ${stop} to update ${beginning}, and says why not further`, async () => {
      const session = await openSession(programFile(LONG), {});
      await session.start((opened) =>
        opened.ask({
          kind: "setBreakpoints",
          file: opened.file,
          breakpoints: [{ line: 4, mode: "forward", condition: `iteration == ${stop}` }],
        }),
      );
      assert.equal(session.scene.episode.iteration, stop);
      session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [] });
      const end = await session.move("reverse");
      assert.match(end?.description ?? "", says);
      if (beginning > 0) assert.match(end?.text ?? "", /last 200 updates.*restart.*iteration == 3/);
      assert.equal(session.scene.episode.iteration, beginning);
      assert.match((await session.move("back"))?.description ?? "", says);
      await session.finish();
    });
  }
});
