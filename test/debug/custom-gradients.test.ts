/** Functions with a backward of the user's own: its lines are carried out in the backward pass, in the order of the text. */
import assert from "node:assert/strict";
import { program } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";
import { stops, trail } from "./support/trails";

/** r(x, w) = w·log(1 + eˣ) at x = 0, w = 3, times 2: ∂/∂x = 2·3·σ(0) = 3, ∂/∂w = 2·log 2. */
const PRODUCT = program(`
import { customFunction } from "backstep";
const product = customFunction({
  name: "product",
  forward(x, w) {
    const e = exp(x);
    return mul(log(add(1, e)), w);
  },
  backward(grad, [a, b], y) {
    const slope = sigmoid(a);
    const first = mul(mul(grad, slope), b);
    return [first, mul(grad, y.div(b))];
  },
});
const u = variable(0);
const v = variable(3);
const r = product(u, v);
export default mul(r, 2);
`);

const EXAMPLE = "examples/custom-gradient.nn.ts";

const number = (session: DebuggedSession, expression: string): number =>
  Number(session.ask({ kind: "evaluate", expression, frame: 0, context: "watch" }).value);

const frames = (session: DebuggedSession): string[] =>
  session
    .ask({ kind: "frames" })
    .map(({ name, line, kind, generated }) => `${generated ? "listing" : line} ${kind} ${name}`);

async function at(line: number): Promise<DebuggedSession> {
  const session = await openSession(programFile(PRODUCT), {});
  await session.start((opened) =>
    opened.ask({ kind: "setBreakpoints", file: opened.file, breakpoints: [{ line, mode: "backward" }] }),
  );
  return session;
}

describe("breakpoints in a function with a backward of its own", () => {
  const cases: readonly {
    readonly what: string;
    readonly file?: string;
    readonly line: number;
    readonly bound: string;
    readonly expected: readonly string[];
  }[] = [
    {
      what: "the example's backward: once, although two operations run",
      file: EXAMPLE,
      line: 9,
      bound: "9 Stops backward",
      expected: ["0: 9 backward"],
    },
    {
      what: "the example's forward: once, although three operations run",
      file: EXAMPLE,
      line: 8,
      bound: "8 Stops forward",
      expected: ["0: 8 forward"],
    },
    {
      what: "the example's call: once in each pass",
      file: EXAMPLE,
      line: 13,
      bound: "13 Stops forward and backward",
      expected: ["0: 13 forward", "0: 13 backward"],
    },
    { what: "the first line of a backward", line: 10, bound: "10 Stops backward", expected: ["0: 10 backward"] },
    { what: "its last", line: 12, bound: "12 Stops backward", expected: ["0: 12 backward"] },
    {
      what: "its head: the first line below",
      line: 9,
      bound: "10 Stops backward",
      expected: ["0: 10 backward"],
    },
    { what: "the last line of a forward", line: 7, bound: "7 Stops forward", expected: ["0: 7 forward"] },
    {
      what: "the call",
      line: 17,
      bound: "17 Stops forward and backward",
      expected: ["0: 17 forward", "0: 17 backward"],
    },
  ];
  for (const { what, file, line, bound, expected } of cases) {
    it(what, async () => {
      const session = await openSession(file ?? programFile(PRODUCT), {});
      const [answer] = session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [{ line }] });
      assert.equal(`${answer.line} ${answer.message}`, bound);
      assert.deepEqual(await stops(session, "continue", await session.start()), expected);
      await session.finish();
    });
  }

  it("by the function's name in both passes", async () => {
    const session = await openSession(programFile(PRODUCT), {});
    session.ask({ kind: "setFunctionBreakpoints", breakpoints: [{ name: "product" }] });
    assert.deepEqual(await stops(session, "continue", await session.start()), ["0: 17 forward", "0: 17 backward"]);
    await session.finish();
  });
});

describe("a stop in a backward of the user's own", () => {
  it("stands at the user's line, in the function's frame, in the pass", async () => {
    const session = await at(11);
    assert.deepEqual(frames(session), [
      "11 operation multiply",
      "11 operation product → r (backward)",
      "18 loss result: backward",
    ]);
    await session.finish();
  });

  it("knows what the text calls its parameters and what it has made", async () => {
    const session = await at(12);
    const [locals, operation] = session.ask({ kind: "scopes", frame: 0 });
    const texts = (reference: number): string[] =>
      session.ask({ kind: "variables", reference }).map(({ name, value }) => `${name} = ${value.split(" ")[0]}`);
    assert.deepEqual(texts(locals.reference), [
      "grad = 2",
      "a = 0",
      // All of it: `first` is its only contribution.
      "∂result/∂a = 3",
      "b = 3",
      "y = 2.07944",
      "∂result/∂y = 2",
      "slope = 0.5",
      "first = 3",
    ]);
    const [{ value }] = session.ask({ kind: "variables", reference: operation.reference });
    assert.equal(value, "divide, line 12");
    // 3·log 2 / 3, then times 2.
    assert.ok(Math.abs(number(session, "(y / b).item()") - Math.log(2)) < 1e-5);
    assert.deepEqual(
      [number(session, "grad.item()"), number(session, "g.item()"), number(session, "first.item()")],
      [2, 2, 3],
    );
    await session.finish();
  });

  it("steps over its lines, and back", async () => {
    const session = await at(10);
    const lines = ["10 sigmoid", "11 multiply", "12 divide"];
    const there = [session.where()];
    for (let i = 0; i < 3; i++) {
      await session.move("over");
      there.push(session.where());
    }
    const moments = there.map((text) => text.replace(" backward ", " "));
    assert.deepEqual(moments.slice(0, 3), lines);
    assert.doesNotMatch(moments[3], /^(?:listing|9|1[0-3]) /);
    const back: string[] = [];
    for (let i = 0; i < 3; i++) {
      await session.move("back", { granularity: "node" });
      back.push(session.where().split(" ")[0]);
    }
    assert.ok(back.includes("12"));
    await session.finish();
  });

  it("node by node: all of its operations stand in the text", async () => {
    const session = await at(10);
    const all = (await trail(session, "over", "node")).map((text) => text.split(" ")[0]);
    // σ; g·σ, ·b; y/b, g·, and the contribution to w.
    assert.deepEqual(all.slice(0, 6), ["10", "11", "11", "12", "12", "12"]);
    await session.finish();
  });

  it("has the right gradients at the end", async () => {
    const session = await at(12);
    for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) break;
    assert.equal(number(session, "u.grad.item()"), 3);
    assert.ok(Math.abs(number(session, "v.grad.item()") - 2 * Math.log(2)) < 1e-5);
    await session.finish();
  });
});
