/** Where each move leads: tables derived from the texts of the programs, forwards and the same way back. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { evaluate as plain } from "../../engine/plan/evaluate";
import { shelf } from "../support/cli";
import { onMoons, program } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";
import { follow, trail } from "./support/trails";

interface Case {
  readonly what: string;
  readonly text: string;
  /** By step over, line by line. */
  readonly over: readonly string[];
}

const NESTED = program(`
class Block extends Module {
  inner = new Linear(3, 3);
  forward(x: Tensor) {
    const h = this.inner(x);
    return relu(h);
  }
}
class Model extends Module {
  blocks = [new Block(), new Block()];
  last = new Linear(3, 2);
  first = new Linear(2, 3);
  forward(x: Tensor) {
    let h = this.first(x);
    for (const block of this.blocks) h = block(h);
    return this.last(h);
  }
}
${onMoons()}
`);

const CHAIN = program(`
class Model extends Module {
  a = new Linear(2, 3);
  b = new Linear(3, 3);
  c = new Linear(3, 2);
  forward(x: Tensor) {
    const h = relu(this.b(relu(this.a(x))));
    const y = h
      .mul(2)
      .add(1)
      .tanh();
    return this.c(y);
  }
}
${onMoons()}
`);

const SEQUENTIAL = program(`
const model = new Sequential(
  new Linear(2, 3),
  new ReLU(),
  new Linear(3, 2),
);
${onMoons().replace("new Model()", "model")}
`);

const HELD = program(`
class Model extends Module {
  layers = new Sequential(
    new Linear(2, 3),
    new ReLU(),
    new Sequential(new Linear(3, 3), new ReLU()),
  );
  last = new Linear(3, 2);
  forward(x: Tensor) {
    const h = this.layers(x);
    return this.last(h);
  }
}
${onMoons()}
`);

const SHARED = program(`
class Model extends Module {
  first = new Linear(2, 3);
  shared = new Linear(3, 3);
  last = new Linear(3, 2);
  forward(x: Tensor) {
    const a = relu(this.first(x));
    const b = relu(this.shared(a));
    const c = relu(this.shared(b));
    return this.last(c);
  }
}
${onMoons()}
`);

const DECAYED = program(`
class Model extends Module {
  last = new Linear(2, 2);
  forward(x: Tensor) {
    const z = this.last(x);
    return softmax(z);
  }
}
${onMoons("\n  l2: 0.1,\n  clip: { norm: 1 },\n")}
`);

const RECURRENT = program(`
class Model extends Module {
  lstm = new LSTM(1, 2);
  last = new Linear(2, 2);
  forward(x: Tensor) {
    const { output } = this.lstm(x.reshape([-1, 2, 1]));
    const h = output.slice(null, -1);
    return this.last(h);
  }
}
${onMoons()}
`);

const ATTENTION = program(`
class Model extends Module {
  embed = new Linear(2, 4);
  layer = new TransformerEncoderLayer(4, 2, { feedforward: 4, dropout: 0 });
  last = new Linear(4, 2);
  forward(x: Tensor) {
    const h = this.layer(this.embed(x).reshape([-1, 1, 4]));
    return this.last(h.reshape([-1, 4]));
  }
}
${onMoons()}
`);

const LOOP_OF_OPERATIONS = program(`
const t = variable(0.5);
let u = sin(t);
for (let i = 0; i < 3; i++) u = u.mul(u);
u = add(u, t);
const J = cos(u);
export default J;
`);

const TWO_LEAVES = program(`
const x = variable(2);
const z = variable(3);
const a = mul(x, z);
const y = sin(a);
export default y;
`);

const CASES: readonly Case[] = [
  {
    what: "a model of the user's modules, called in a loop: each turn is a stop",
    text: NESTED,
    over: [
      "14 forward first: Linear",
      "15 forward blocks.0: Block",
      "15 forward blocks.1: Block",
      "16 forward last: Linear",
      "21 forward crossEntropy",
      "21 backward crossEntropy (backward)",
      "16 backward last: Linear (backward)",
      "15 backward blocks.1: Block (backward)",
      "15 backward blocks.0: Block (backward)",
      "14 backward first: Linear (backward)",
      "22 update update by sgd",
    ],
  },
  {
    what: "several calls on a line and a chain over several lines: one line each",
    text: CHAIN,
    over: [
      "7 forward a: Linear",
      "8 forward multiply",
      "12 forward c: Linear",
      "17 forward crossEntropy",
      "17 backward crossEntropy (backward)",
      "12 backward c: Linear (backward)",
      "8 backward tanh → y (backward)",
      "7 backward relu → h (backward)",
      "18 update update by sgd",
    ],
  },
  {
    what: "a Sequential as the model: the lines of its layers",
    text: SEQUENTIAL,
    over: [
      "3 forward 0: Linear",
      "4 forward 1: ReLU",
      "5 forward 2: Linear",
      "9 forward crossEntropy",
      "9 backward crossEntropy (backward)",
      "5 backward 2: Linear (backward)",
      "4 backward 1: ReLU (backward)",
      "3 backward 0: Linear (backward)",
      "10 update update by sgd",
    ],
  },
  {
    what: "a Sequential in a model: its call is one line",
    text: HELD,
    over: [
      "10 forward layers: Sequential",
      "11 forward last: Linear",
      "16 forward crossEntropy",
      "16 backward crossEntropy (backward)",
      "11 backward last: Linear (backward)",
      "10 backward layers: Sequential (backward)",
      "17 update update by sgd",
    ],
  },
  {
    what: "a module that is called twice",
    text: SHARED,
    over: [
      "7 forward first: Linear",
      "8 forward shared: Linear",
      "9 forward shared: Linear",
      "10 forward last: Linear",
      "15 forward crossEntropy",
      "15 backward crossEntropy (backward)",
      "10 backward last: Linear (backward)",
      "9 backward relu → c (backward)",
      "8 backward relu → b (backward)",
      "7 backward relu → a (backward)",
      "16 update update by sgd",
    ],
  },
  {
    what: "a layer as the model",
    text: program(onMoons().replace("new Model()", "new Linear(2, 2)")),
    over: [
      "3 forward Linear.forward",
      "4 forward crossEntropy",
      "4 backward crossEntropy (backward)",
      "3 backward Linear.forward (backward)",
      "5 update update by sgd",
    ],
  },
  {
    what: "weight decay and clipping, each on the line of its option",
    text: DECAYED,
    over: [
      "5 forward last: Linear",
      "6 forward softmax",
      "11 forward crossEntropy",
      "14 forward l2",
      "14 backward add → cost (backward)",
      "14 backward l2 (backward)",
      "11 backward crossEntropy (backward)",
      "6 backward softmax (backward)",
      "5 backward last: Linear (backward)",
      "12 update update by sgd",
    ],
  },
  {
    what: "a recurrent layer behind another call of its line",
    text: RECURRENT,
    over: [
      "6 forward reshape",
      "7 forward slice",
      "8 forward last: Linear",
      "13 forward crossEntropy",
      "13 backward crossEntropy (backward)",
      "8 backward last: Linear (backward)",
      "7 backward reshape → h (backward)",
      "6 backward lstm: LSTM (backward)",
      "14 update update by sgd",
    ],
  },
  {
    what: "a transformer layer",
    text: ATTENTION,
    over: [
      "7 forward embed: Linear",
      "8 forward reshape",
      "13 forward crossEntropy",
      "13 backward crossEntropy (backward)",
      "8 backward last: Linear (backward)",
      "7 backward layer: TransformerEncoderLayer (backward)",
      "14 update update by sgd",
    ],
  },
  {
    what: "a free program that gives a variable new values, also in a loop",
    text: LOOP_OF_OPERATIONS,
    over: [
      "2 forward t",
      "3 forward sin → u",
      "4 forward multiply → u",
      "4 forward multiply → u",
      "4 forward multiply → u",
      "5 forward add → u",
      "6 forward cos → J",
      "6 backward cos → J (backward)",
      "5 backward add → u (backward)",
      "4 backward multiply → u (backward)",
      "4 backward multiply → u (backward)",
      "4 backward multiply → u (backward)",
      "3 backward sin → u (backward)",
      "2 backward t (backward)",
    ],
  },
  {
    what: "an operation that brings a gradient to two variables: first it is done, then both have arrived",
    text: TWO_LEAVES,
    over: [
      "2 forward x",
      "3 forward z",
      "4 forward multiply → a",
      "5 forward sin → y",
      "5 backward sin → y (backward)",
      "4 backward multiply → a (backward)",
      "2 backward x (backward)",
      "3 backward z (backward)",
    ],
  },
];

const open = async (text: string): Promise<DebuggedSession> => {
  const session = await openSession(programFile(text), { stopOnEntry: true, maxSteps: 1 });
  await session.start();
  return session;
};

describe("stepping over lines", () => {
  for (const { what, text, over } of CASES) {
    it(`${what}; and the same lines back`, async () => {
      const session = await open(text);
      assert.deepEqual(await trail(session, "over"), over);
      await session.move("back");
      assert.deepEqual(await trail(session, "back"), [...over].reverse());
      assert.deepEqual(await trail(session, "over"), over, "and forwards again");
      await session.finish();
    });
  }
});

interface Walk {
  readonly what: string;
  readonly text: string;
  /** Moves, and where each of them leads. */
  readonly moves: readonly (readonly [move: string, to: string])[];
}

const WALKS: readonly Walk[] = [
  {
    what: "into a module and over its end: the caller's line goes on with the next turn of its loop",
    text: NESTED,
    moves: [
      ["over", "15 forward blocks.0: Block"],
      ["into", "5 forward blocks.0.inner: Linear"],
      ["over", "6 forward relu"],
      ["over", "15 forward blocks.1: Block"],
      ["into", "5 forward blocks.1.inner: Linear"],
      ["into", "5 forward permute"],
      ["over", "5 forward matmul"],
      ["back", "5 forward permute"],
      ["back", "5 forward blocks.1.inner: Linear"],
      ["back", "15 forward blocks.1: Block"],
      ["back", "15 forward blocks.0: Block"],
    ],
  },
  {
    what: "out of an operation's layer, of a module, of the model, of the pass",
    text: NESTED,
    moves: [
      ["over", "15 forward blocks.0: Block"],
      ["into", "5 forward blocks.0.inner: Linear"],
      ["into", "5 forward permute"],
      ["out", "6 forward relu"],
      ["out", "15 forward blocks.1: Block"],
      ["out", "21 forward crossEntropy"],
      ["out", "21 backward crossEntropy (backward)"],
      ["out", "16 backward last: Linear (backward)"],
      ["out", "22 update update by sgd"],
    ],
  },
  {
    what: "in the backward pass into module, operation and its gradient nodes, a line of the listing at a time",
    text: CHAIN,
    moves: [
      ["out", "17 forward crossEntropy"],
      ["over", "17 backward crossEntropy (backward)"],
      ["over", "12 backward c: Linear (backward)"],
      ["into", "12 backward add (backward)"],
      ["over", "12 backward matmul (backward)"],
      ["into", "listing backward permute"],
      ["back", "12 backward matmul (backward)"],
      ["over", "12 backward permute (backward)"],
      ["over", "8 backward tanh → y (backward)"],
    ],
  },
  {
    what: "into each call of a line in turn",
    text: CHAIN,
    moves: [
      ["into", "7 forward permute"],
      ["out", "7 forward relu"],
      ["into", "7 forward b: Linear"],
      ["into", "7 forward permute"],
      ["out", "7 forward relu → h"],
      ["into", "8 forward multiply"],
      ["into", "8 forward add"],
      ["into", "8 forward tanh → y"],
      ["into", "12 forward c: Linear"],
      ["back", "8 forward multiply"],
    ],
  },
  {
    what: "into a layer although another call stands before it on its line",
    text: RECURRENT,
    moves: [
      ["into", "6 forward lstm: LSTM"],
      ["into", "6 forward expand"],
      ["out", "7 forward slice"],
    ],
  },
  {
    what: "statement by statement: the calls of a line, and back",
    text: ATTENTION,
    moves: [
      ["over/statement", "7 forward reshape"],
      ["over/statement", "7 forward layer: TransformerEncoderLayer"],
      ["over/statement", "8 forward reshape"],
      ["over/statement", "8 forward last: Linear"],
      ["over/statement", "13 forward crossEntropy"],
      ["back/statement", "8 forward last: Linear"],
      ["back/statement", "8 forward reshape"],
      ["back/statement", "7 forward layer: TransformerEncoderLayer"],
      ["back/statement", "7 forward reshape"],
      ["back/statement", "7 forward embed: Linear"],
    ],
  },
  {
    what: "into a Sequential: the lines on which its layers are made",
    text: HELD,
    moves: [
      ["into", "4 forward layers.0: Linear"],
      ["over", "5 forward layers.1: ReLU"],
      ["over", "6 forward layers.2: Sequential"],
      ["into", "6 forward layers.2.0: Linear"],
      ["into", "6 forward permute"],
      ["out", "6 forward layers.2.1: ReLU"],
      ["over", "11 forward last: Linear"],
      ["back", "10 forward layers: Sequential"],
    ],
  },
  {
    what: "into composites: the loss, softmax, weight decay",
    text: DECAYED,
    moves: [
      ["over", "6 forward softmax"],
      ["into", "6 forward maximumOf"],
      ["out", "11 forward crossEntropy"],
      ["into", "11 forward logSoftmax"],
      ["out", "14 forward l2"],
      ["out", "14 backward add → cost (backward)"],
    ],
  },
  {
    what: "by nodes",
    text: TWO_LEAVES,
    moves: [
      ["over/node", "3 forward z"],
      ["over/node", "4 forward multiply → a"],
      ["into/node", "5 forward sin → y"],
      ["back/node", "4 forward multiply → a"],
    ],
  },
  {
    what: "to the beginning of frames",
    text: NESTED,
    moves: [
      ["over", "15 forward blocks.0: Block"],
      ["into", "5 forward blocks.0.inner: Linear"],
      ["over", "6 forward relu"],
      ["restartFrame", "6 forward relu"],
    ],
  },
];

describe("the examples", () => {
  const finite = shelf.filter((file) => !/await minimize\(/.test(readFileSync(file, "utf8")));
  for (const file of finite) {
    it(`${file}: the way back is the way forward, by lines and by statements; into comes to every step`, async () => {
      const session = await openSession(file, { stopOnEntry: true, maxSteps: 1 });
      await session.start();
      for (const granularity of ["line", "statement"] as const) {
        const forwards = await trail(session, "over", granularity);
        await session.move("back", { granularity });
        assert.deepEqual(await trail(session, "back", granularity), [...forwards].reverse(), granularity);
      }
      const { steps } = session.scene.episode.graph;
      let at = 0;
      while (at < steps.length) {
        await session.move("into");
        const { index } = session.scene.position;
        assert.ok(index === at || index === at + 1, `${at} is followed by ${index}`);
        at = index;
      }
      await session.finish();
    }).timeout(60_000);
  }
});

describe("step into, out and back", () => {
  for (const { what, text, moves } of WALKS) {
    it(what, async () => {
      const session = await open(text);
      const to = await follow(session, moves.map(([move]) => move).join(" "));
      assert.deepEqual(
        to.map((place, i) => [moves[i][0], place]),
        moves,
      );
      await session.finish();
    });
  }

  it("goes through the listing line by line, as its text has them", async () => {
    const session = await open(SHARED);
    await follow(session, "out over over");
    const { text } = session.ask({ kind: "sourceText", name: "backward pass" });
    const rows = text.split("\n");
    const seen: number[] = [];
    for (;;) {
      const [top] = session.ask({ kind: "frames" });
      if (top.direction !== "backward") break;
      if (top.generated) {
        seen.push(top.line);
        await session.move("over");
      } else await session.move("into");
    }
    const update = rows.findIndex((row) => row.startsWith("// update"));
    const statements = rows.flatMap((row, i) => (row !== "" && !row.startsWith("//") && i < update ? [i + 1] : []));
    // The seed and crossEntropy were stepped over.
    const from = statements.indexOf(seen[0]);
    assert.ok(from > 0);
    assert.deepEqual(seen, statements.slice(from));
    await session.finish();
  });

  it("restarts a frame of the middle: all that it did is done again", async () => {
    const session = await open(NESTED);
    await follow(session, "over into into over over");
    const names = session.ask({ kind: "frames" }).map(({ name }) => name);
    assert.deepEqual(names.slice(0, 3), ["add → h", "blocks.0.inner: Linear", "blocks.0: Block"]);
    await session.move("restartFrame", { frame: 2 });
    assert.equal(session.where(), "5 forward blocks.0.inner: Linear");
    assert.equal(session.ask({ kind: "frames" })[1].name, "blocks.0: Block");
    await session.finish();
  });

  it("enters the call that was chosen among the targets of a line", async () => {
    const session = await open(CHAIN);
    const targets = session.ask({ kind: "stepTargets", frame: 0 });
    assert.deepEqual(
      targets.map(({ label }) => label),
      ["a: Linear", "b: Linear"],
    );
    await session.move("into", { target: targets[1].id });
    assert.equal(session.where(), "7 forward permute");
    assert.equal(session.ask({ kind: "frames" })[1].name, "b: Linear");
    await session.finish();
  });

  it("goes to a line's forward and backward, and back", async () => {
    const session = await open(CHAIN);
    const targets = (): readonly { id: number; label: string }[] =>
      session.ask({ kind: "gotoTargets", file: session.file, line: 12 });
    assert.deepEqual(
      targets().map(({ label }) => label),
      ["forward", "backward"],
    );
    assert.equal((await session.move("target", { target: targets()[1].id }))?.reason, "goto");
    assert.equal(session.where(), "12 backward c: Linear (backward)");
    await session.move("target", { target: targets()[0].id });
    assert.equal(session.where(), "12 forward c: Linear");
    await session.finish();
  });
});

describe("values at a stop", () => {
  it("are those of the plain evaluator, and what lies ahead has none yet", async () => {
    const session = await open(SHARED);
    await follow(session, "over over");
    const { graph, values } = session.scene.episode;
    const named = (name: string): Float64Array | undefined => {
      const node = graph.nodes.find((each) => each.phase === "forward" && each.name === name);
      assert.ok(node);
      const nodes = [node];
      return plain(nodes, (leaf) =>
        leaf.inputs.length === 0 && leaf.op !== "constant" ? values.of(leaf) : undefined,
      )[0].data;
    };
    const shown = (expression: string): string =>
      session.ask({ kind: "evaluate", expression, frame: 0, context: "clipboard" }).value;
    const b = Array.from(named("b") ?? []);
    assert.ok(b.some((x) => x > 0));
    const numbers = shown("b")
      .match(/-?\d[\d.e+-]*/g)
      ?.map(Number);
    assert.equal(numbers?.length, b.length);
    numbers?.forEach((x, i) => assert.ok(Math.abs(x - b[i]) <= 1e-5 * Math.abs(b[i]), `b[${i}]`));
    assert.throws(() => shown("c"), /c/);
    await session.finish();
  });
});
