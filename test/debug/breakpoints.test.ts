/** Where breakpoints bind and in which order they stop, derived from the texts of the programs. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseHitCondition } from "../../engine/debug/breakpoints";
import type { BoundBreakpoint, FunctionBreakpoint, SourceBreakpoint } from "../../engine/debug/requests";
import { onMoons, program } from "./support/models";
import { type DebuggedSession, type SessionOptions, openSession, programFile } from "./support/session";
import { stops } from "./support/trails";

const MODEL = program(`
class Model extends Module {
  hidden = new Linear(2, 3);
  output = new Linear(3, 2);
  forward(x: Tensor) {
    const a = relu(this.hidden(x));
    const h = a
      .mul(2)
      .add(1);
    // nothing here
    return this.output(h);
  }
}
${onMoons()}
`);

const NESTED = program(`
class Block extends Module {
  inner = new Linear(3, 3);
  forward(x: Tensor) {
    return relu(this.inner(x));
  }
}
class Model extends Module {
  first = new Linear(2, 3);
  blocks = [new Block(), new Block()];
  forward(x: Tensor) {
    let h = this.first(x);
    for (const block of this.blocks) h = block(h);
    return h.slice(null, [0, 2]);
  }
}
${onMoons()}
`);

interface Set {
  readonly source?: readonly SourceBreakpoint[];
  readonly listing?: readonly SourceBreakpoint[];
  readonly functions?: readonly FunctionBreakpoint[];
}

async function open(
  text: string,
  { source = [], listing = [], functions = [] }: Set,
  options: SessionOptions = {},
): Promise<{ session: DebuggedSession; bound: readonly BoundBreakpoint[] }> {
  const session = await openSession(programFile(text), { maxSteps: 1, ...options });
  const bound = [
    ...session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: source }),
    ...session.ask({ kind: "setBreakpoints", file: "backward pass", breakpoints: listing }),
    ...session.ask({ kind: "setFunctionBreakpoints", breakpoints: functions }),
  ];
  return { session, bound };
}

/** All stops to the end, as `iteration: line direction`. */
async function allStops(text: string, set: Set, options: SessionOptions = {}): Promise<string[]> {
  const { session } = await open(text, set, options);
  const first = await session.start();
  return first ? stops(session, "continue", first) : [];
}

interface Case {
  readonly what: string;
  readonly set: Set;
  readonly text?: string;
  readonly options?: SessionOptions;
  readonly expected: readonly string[];
}

const CASES: readonly Case[] = [
  {
    what: "a line with a layer: forward and backward",
    set: { source: [{ line: 11 }] },
    expected: ["0: 11 forward", "0: 11 backward"],
  },
  {
    what: "the mode of the breakpoint: one pass",
    set: {
      source: [
        { line: 11, mode: "backward" },
        { line: 6, mode: "forward" },
      ],
    },
    expected: ["0: 6 forward", "0: 11 backward"],
  },
  {
    what: "the session's passes, unless the breakpoint says otherwise",
    set: { source: [{ line: 11 }, { line: 6, mode: "all" }] },
    options: { passes: "backward" },
    expected: ["0: 6 forward", "0: 11 backward", "0: 6 backward"],
  },
  {
    what: "the line on which a layer is made: its call, its way back, its update once for weight and bias",
    set: { source: [{ line: 3 }] },
    expected: ["0: 6 forward", "0: 6 backward", "0: listing update"],
  },
  {
    what: "the loss and the optimiser",
    set: { source: [{ line: 16 }, { line: 17 }] },
    expected: ["0: 16 forward", "0: 16 backward", "0: 17 update"],
  },
  {
    what: "a line of a chain of calls: the call that is written there",
    set: { source: [{ line: 9 }] },
    expected: ["0: 7 forward", "0: 7 backward"],
  },
  {
    what: "a line without an operation: the next one",
    set: { source: [{ line: 10 }] },
    expected: ["0: 11 forward", "0: 11 backward"],
  },
  {
    what: "columns: relu, and the layer within it",
    set: {
      source: [
        { line: 6, column: 15, mode: "forward" },
        { line: 6, column: 21, mode: "forward" },
      ],
    },
    expected: ["0: 6 forward", "0: 6 forward"],
  },
  {
    what: "a loop over modules: each turn, and the line within the module each time",
    text: NESTED,
    set: {
      source: [
        { line: 13, mode: "forward" },
        { line: 5, mode: "forward" },
      ],
    },
    expected: ["0: 13 forward", "0: 5 forward", "0: 13 forward", "0: 5 forward"],
  },
  {
    what: "three iterations",
    set: { source: [{ line: 11 }] },
    options: { maxSteps: 3, epochs: 3 },
    expected: [0, 1, 2].flatMap((i) => [`${i}: 11 forward`, `${i}: 11 backward`]),
  },
  {
    what: "a condition over the iteration",
    set: { source: [{ line: 11, mode: "forward", condition: "iteration == 1" }] },
    options: { maxSteps: 3, epochs: 3 },
    expected: ["1: 11 forward"],
  },
  {
    what: "a condition over a tensor that the program has computed by then: relu(…)·2 + 1 ≥ 1",
    set: {
      source: [
        { line: 11, mode: "forward", condition: "h.min() >= 1" },
        { line: 16, mode: "forward", condition: "h.min() < 1" },
      ],
    },
    expected: ["0: 11 forward"],
  },
  {
    what: "hit counts: the second time, every second time, from the third on",
    set: {
      source: [
        { line: 11, hitCondition: "2" },
        { line: 6, hitCondition: "%2" },
        { line: 16, mode: "forward", hitCondition: ">= 3" },
      ],
    },
    options: { maxSteps: 3, epochs: 3 },
    expected: ["0: 11 backward", "0: 6 backward", "1: 6 backward", "2: 16 forward", "2: 6 backward"],
  },
  {
    what: "functions: a path, with the pass in front",
    set: { functions: [{ name: "backward:hidden" }] },
    expected: ["0: 6 backward"],
  },
  {
    what: "functions: a class",
    set: { functions: [{ name: "Linear" }] },
    expected: ["0: 6 forward", "0: 11 forward", "0: 11 backward", "0: 6 backward"],
  },
  {
    what: "functions: wildcards",
    text: NESTED,
    set: { functions: [{ name: "forward:blocks.*.inner" }] },
    expected: ["0: 5 forward", "0: 5 forward"],
  },
  ...[
    "blocks[1].inner",
    "this.blocks[1].inner",
    "blocks.1.inner: Linear",
    "model.blocks.1.inner",
    "BLOCKS[ 1 ].INNER",
  ].map((name): Case => ({
    what: `functions: a path with an index, as ${name}`,
    text: NESTED,
    set: { functions: [{ name }], source: [{ line: 12, mode: "forward" }] },
    // Of the two blocks the second: it comes second, and back first.
    expected: ["0: 12 forward", "0: 5 forward", "0: 5 backward"],
  })),
  ...["forward:blocks[*]", "forward:*[*]", "forward:blocks[*]: Block", "forward:Block.forward"].map((name): Case => ({
    what: `functions: any index, not what lies within, as ${name}`,
    text: NESTED,
    set: { functions: [{ name }] },
    expected: ["0: 13 forward", "0: 13 forward"],
  })),
  {
    what: "functions: any index, then a name",
    text: NESTED,
    set: { functions: [{ name: "forward:blocks[*].inner" }] },
    expected: ["0: 5 forward", "0: 5 forward"],
  },
  {
    what: "functions: layers by a wildcard, not the update of their parameters; a parameter by its name",
    set: { functions: [{ name: "hid*" }, { name: "output.bias" }] },
    expected: ["0: 6 forward", "0: 6 backward", "0: listing update"],
  },
  {
    what: "functions: an operation, and a composite",
    set: { functions: [{ name: "forward:relu" }, { name: "forward:crossEntropy" }] },
    expected: ["0: 6 forward", "0: 16 forward"],
  },
  {
    what: "no breakpoint: it runs to its end",
    set: {},
    expected: [],
  },
];

describe("breakpoints stop", () => {
  for (const { what, set, text = MODEL, options, expected } of CASES) {
    it(what, async () => {
      assert.deepEqual(await allStops(text, set, options), expected);
    });
  }
});

describe("breakpoints going back", () => {
  const set = {
    source: [{ line: 3 }, { line: 6 }, { line: 11 }, { line: 16, hitCondition: "% 2" }],
    functions: [{ name: "matmul" }],
  };

  it("are reached in exactly the reverse order, over three iterations, and then in the same order again", async () => {
    const { session } = await open(MODEL, set, { maxSteps: 3, epochs: 3 });
    session.ask({ kind: "setDataBreakpoints", breakpoints: [{ dataId: "hidden.weight" }, { dataId: "h" }] });
    const forwards = await stops(session, "continue", await session.start());
    assert.equal(new Set(forwards.map((stop) => stop[0])).size, 3);
    // The run is over, so another one: from the end of which it is gone back.
    const again = await open(MODEL, set, { maxSteps: 3, epochs: 3 });
    again.session.ask({ kind: "setDataBreakpoints", breakpoints: [{ dataId: "hidden.weight" }, { dataId: "h" }] });
    await again.session.start();
    for (let i = 1; i < forwards.length; i++) await again.session.move("continue");
    const last = forwards.at(-1);
    const backwards = await stops(again.session, "reverse");
    assert.deepEqual([last, ...backwards].reverse(), forwards);
    // It stands where the first of them is.
    assert.deepEqual(await stops(again.session, "continue"), forwards.slice(1));
  });

  it("a message that cannot be read prints nothing and does not stop", async () => {
    const { session } = await open(MODEL, { source: [{ line: 11, logMessage: "{(}" }, { line: 17 }] });
    await session.start();
    assert.equal(session.where().split(" ").slice(0, 2).join(" "), "17 update");
    assert.deepEqual(
      session.events.filter(({ kind }) => kind === "output"),
      [],
    );
    await session.finish();
  });

  it("log messages are printed forwards only", async () => {
    const { session } = await open(MODEL, {
      source: [{ line: 11, mode: "forward", logMessage: "at {iteration}: {1 + 1}" }, { line: 17 }],
    });
    const printed = (): string[] => session.events.flatMap((event) => (event.kind === "output" ? [event.text] : []));
    await session.start();
    assert.deepEqual(printed(), ["at 0: 2\n"]);
    await session.move("reverse");
    assert.deepEqual(printed(), ["at 0: 2\n"]);
    await session.finish();
  });
});

describe("where breakpoints bind", () => {
  interface Place {
    readonly what: string;
    readonly text?: string;
    readonly set: Set;
    readonly verified: boolean;
    readonly line?: number;
    readonly message?: RegExp;
  }
  const PLACES: readonly Place[] = [
    {
      what: "a layer's line",
      set: { source: [{ line: 11 }] },
      verified: true,
      line: 11,
      message: /forward and backward/,
    },
    { what: "the optimiser's line", set: { source: [{ line: 17 }] }, verified: true, line: 17, message: /update/ },
    { what: "a comment above an operation", set: { source: [{ line: 10 }] }, verified: true, line: 11 },
    { what: "the head of the class", set: { source: [{ line: 2 }] }, verified: true, line: 3 },
    {
      what: "far below everything",
      set: { source: [{ line: 90 }] },
      verified: false,
      message: /No layer or operation/,
    },
    {
      what: "a pass that does not come by",
      set: { source: [{ line: 17, mode: "backward" }] },
      verified: false,
      message: /update only.*backward/,
    },
    {
      what: "a hit count that is none",
      set: { source: [{ line: 11, hitCondition: "often" }] },
      verified: false,
      message: /hit count/,
    },
    { what: "a line of the listing", set: { listing: [{ line: 4 }] }, verified: true, line: 4 },
    { what: "a line below the listing", set: { listing: [{ line: 900 }] }, verified: false },
    {
      what: "a function of no name here",
      set: { functions: [{ name: "attention" }] },
      verified: false,
      message: /attention/,
    },
    {
      what: "a function with an index that is not there",
      text: NESTED,
      set: { functions: [{ name: "blocks[2]" }] },
      verified: false,
      message: /blocks\[2\].*layers\[0\]/,
    },
    {
      what: "a function of another class",
      text: NESTED,
      set: { functions: [{ name: "first: Conv2d" }] },
      verified: false,
    },
    {
      what: "a message whose brace is not closed",
      set: { source: [{ line: 11, logMessage: "h is {h.norm()" }] },
      verified: false,
      message: /brace at character 6 is not closed: \{h\.norm\(\)/,
    },
    {
      what: "a message whose expression cannot be read",
      set: { source: [{ line: 11, logMessage: "{iteration}: {(}" }] },
      verified: false,
      message: /\{\(\} cannot be read, at character 16: /,
    },
    {
      what: "a message with an empty expression",
      set: { source: [{ line: 11, logMessage: "{}" }] },
      verified: false,
      message: /cannot be read/,
    },
    {
      what: "a message with braces that are meant, of options and printed ones",
      set: { source: [{ line: 11, logMessage: "{{h}} is {h.sum(0, { keepDims: true })} }" }] },
      verified: true,
      line: 11,
    },
    { what: "a function with a wildcard", set: { functions: [{ name: "hid*" }] }, verified: true },
  ];
  for (const { what, text = MODEL, set, verified, line, message } of PLACES) {
    it(what, async () => {
      const { session, bound } = await open(text, set);
      assert.equal(bound.length, 1);
      assert.equal(bound[0].verified, verified, bound[0].message);
      if (line !== undefined) assert.equal(bound[0].line, line);
      if (message) assert.match(bound[0].message ?? "", message);
      await session.finish();
    });
  }

  it("says of another file that it takes no part", async () => {
    const { session } = await open(MODEL, {});
    const [bound] = session.ask({ kind: "setBreakpoints", file: "/elsewhere.ts", breakpoints: [{ line: 1 }] });
    assert.equal(bound.verified, false);
    assert.match(bound.message ?? "", /Nothing of this file/);
    await session.finish();
  });
});

describe("breakpoints elsewhere and while it runs", () => {
  it("binds in a file that the model imports", async () => {
    const file = programFile(
      program(`
import { Head } from "./head";
class Model extends Module {
  head = new Head();
  forward(x: Tensor) {
    return this.head(x);
  }
}
${onMoons()}
`),
    );
    const other = join(dirname(file), "head.ts");
    writeFileSync(
      other,
      `import { Linear, Module, relu, type Tensor } from "backstep";
export class Head extends Module {
  linear = new Linear(2, 2);
  forward(x: Tensor) {
    return relu(this.linear(x));
  }
}
`,
    );
    const session = await openSession(file, { maxSteps: 1 });
    const [bound] = session.ask({ kind: "setBreakpoints", file: other, breakpoints: [{ line: 5 }] });
    assert.equal(bound.verified, true);
    await session.start();
    const [top] = session.ask({ kind: "frames" });
    assert.equal(top.file, other);
    assert.equal(session.where(), "5 forward head.linear: Linear");
    assert.deepEqual(await stops(session, "continue"), ["0: 5 backward"]);
  });

  it("stops in the listing before the line's first node", async () => {
    const { session } = await open(MODEL, {});
    const rows = session.ask({ kind: "sourceText", name: "backward pass" }).text.split("\n");
    const line = rows.findIndex((row) => row.includes("hidden.bias") && !row.startsWith("//")) + 1;
    session.ask({ kind: "setBreakpoints", file: "backward pass", breakpoints: [{ line }] });
    await session.start();
    const [top] = session.ask({ kind: "frames" });
    assert.deepEqual([top.generated, top.line, top.direction], [true, line, "backward"]);
    await session.finish();
  });

  it("stepping over a call stops at a breakpoint within it, also on its very first line", async () => {
    const { session } = await open(NESTED, { source: [{ line: 5 }] }, { stopOnEntry: true });
    await session.start();
    await session.move("over");
    assert.equal(session.where(), "13 forward blocks.0: Block");
    const stop = await session.move("over");
    assert.equal(stop?.reason, "breakpoint");
    assert.equal(session.where(), "5 forward blocks.0.inner: Linear");
    await session.move("over");
    assert.equal(session.where(), "13 forward blocks.1: Block");
    await session.finish();
  });

  it("takes breakpoints that are set and cleared while it stands", async () => {
    const { session } = await open(MODEL, { source: [{ line: 6 }] });
    await session.start();
    session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [{ line: 16 }] });
    assert.deepEqual(await stops(session, "continue"), ["0: 16 forward", "0: 16 backward"]);
  });

  it("takes one that is set while it runs, and runs on when all are cleared", async () => {
    const { session } = await open(MODEL, {}, { stopOnEntry: true, maxSteps: 2000, epochs: 2000 });
    await session.start();
    const turns = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await new Promise((next) => setImmediate(next));
    };
    const stopping = session.move("continue");
    await turns(20);
    session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [{ line: 11, mode: "backward" }] });
    assert.equal((await stopping)?.reason, "breakpoint");
    const { iteration } = session.scene.episode;
    assert.ok(iteration > 1);
    const pausing = session.move("continue");
    session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [] });
    await turns(20);
    session.ask({ kind: "pause" });
    assert.equal((await pausing)?.reason, "pause");
    assert.ok(session.scene.episode.iteration > iteration + 1);
    await session.finish();
  });

  it("keeps a hit count when the same breakpoint is set again, and forgets it on restart", async () => {
    const breakpoint = { line: 6, mode: "forward", hitCondition: "2" } as const;
    const { session } = await open(
      MODEL,
      { source: [breakpoint, { line: 11, mode: "forward" }] },
      { maxSteps: 3, epochs: 3 },
    );
    await session.start();
    assert.equal(session.where(), "11 forward output: Linear");
    session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [breakpoint] });
    assert.deepEqual(await stops(session, "continue"), ["1: 6 forward"]);
  });

  it("counts a place that is passed to and fro once", async () => {
    const { session } = await open(
      MODEL,
      {
        source: [
          { line: 6, mode: "forward", hitCondition: "2" },
          { line: 11, mode: "forward" },
        ],
      },
      { maxSteps: 3, epochs: 3 },
    );
    await session.start();
    for (let i = 0; i < 3; i++) {
      await session.move("back");
      await session.move("back");
      assert.equal(session.where().slice(0, 9), "6 forward");
      assert.match((await session.move("continue"))?.description ?? "", /line 11/);
    }
    await session.move("continue");
    assert.equal(session.scene.episode.iteration, 1);
    assert.equal(session.where(), "6 forward hidden: Linear");
    await session.finish();
  });

  it("a condition that cannot be told stops and says why", async () => {
    const { session } = await open(MODEL, { source: [{ line: 11, condition: "nothing.norm() > 1" }] });
    const stop = await session.start();
    assert.equal(stop?.reason, "breakpoint");
    const said = session.events.flatMap((event) => (event.kind === "output" ? [event.text] : []));
    assert.match(said[0], /nothing\.norm\(\) > 1 cannot be told: .*nothing/);
    await session.finish();
  });

  it("names the breakpoints that stopped it", async () => {
    const { session, bound } = await open(MODEL, { source: [{ line: 6 }], functions: [{ name: "hidden" }] });
    const stop = await session.start();
    assert.deepEqual(
      stop?.breakpoints,
      bound.map(({ id }) => id),
    );
    await session.finish();
  });
});

describe("hit conditions", () => {
  for (const [text, hits] of [
    ["3", [3]],
    ["== 3", [3]],
    [">= 4", [4, 5, 6]],
    ["> 4", [5, 6]],
    ["< 3", [1, 2]],
    ["<=2", [1, 2]],
    ["% 3", [3, 6]],
    ["% 0", undefined],
    ["x", undefined],
    ["-1", undefined],
  ] as const) {
    it(`${text}: ${hits?.join(", ") ?? "is none"}`, () => {
      const { holds, problem } = parseHitCondition(text);
      assert.equal(problem === undefined, hits !== undefined);
      if (hits)
        assert.deepEqual(
          [1, 2, 3, 4, 5, 6].filter((n) => holds(n)),
          hits,
        );
    });
  }
});
