/** Programs without a training under a debugger: stops, changes and going back, against values derived by hand. */
import assert from "node:assert/strict";
import { program } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";
import { stops } from "./support/trails";

/** y = x·z + x at x = 2, z = 3: 8, with ∂y/∂x = z + 1 = 4 and ∂y/∂z = x = 2. */
const TEXT = program(`
const x = variable(2);
const z = variable(3);
const a = mul(x, z);
const y = add(a, x);
export default y;
`);

async function open(): Promise<DebuggedSession> {
  const session = await openSession(programFile(TEXT), { stopOnEntry: true });
  await session.start();
  return session;
}

const number = (session: DebuggedSession, expression: string): number =>
  Number(session.ask({ kind: "evaluate", expression, frame: 0, context: "watch" }).value);

async function toEnd(session: DebuggedSession): Promise<void> {
  for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) return;
}

describe("a free program", () => {
  it("has its gradients at the end", async () => {
    const session = await open();
    await toEnd(session);
    assert.deepEqual(
      ["y.item()", "x.grad.item()", "z.grad.item()"].map((each) => number(session, each)),
      [8, 4, 2],
    );
    assert.equal(await session.move("over"), undefined);
  });

  it("has the consequences of a change: x = 5 gives 20, ∂y/∂z = 5; and after a restart those of the text", async () => {
    const session = await open();
    await session.move("over");
    session.ask({ kind: "setExpression", target: "x", value: "5", frame: 0 });
    await toEnd(session);
    assert.deepEqual(
      ["y.item()", "x.grad.item()", "z.grad.item()"].map((each) => number(session, each)),
      [20, 4, 5],
    );
    await session.move("restart");
    await toEnd(session);
    assert.deepEqual(
      ["y.item()", "z.grad.item()"].map((each) => number(session, each)),
      [8, 2],
    );
    await session.finish();
  });

  it("a changed intermediate value: a = 10 gives 12, and stands when it is gone back", async () => {
    const session = await open();
    for (let i = 0; i < 3; i++) await session.move("over");
    assert.equal(session.where(), "5 forward add → y");
    session.ask({ kind: "setExpression", target: "a", value: "10", frame: 0 });
    await toEnd(session);
    assert.equal(number(session, "y.item()"), 12);
    while (!session.where().startsWith("5 forward")) await session.move("back");
    assert.equal(number(session, "a.item()"), 10);
    await session.finish();
  });

  it("stops at lines in both passes, at data, and in the reverse order", async () => {
    const session = await open();
    session.ask({ kind: "setBreakpoints", file: session.file, breakpoints: [{ line: 4 }] });
    session.ask({ kind: "setFunctionBreakpoints", breakpoints: [{ name: "backward:add" }] });
    session.ask({ kind: "setDataBreakpoints", breakpoints: [{ dataId: "a" }, { dataId: "x.grad" }] });
    const forwards = [];
    for (let i = 0; i < 5; i++) {
      await session.move("continue");
      forwards.push(`0: ${session.where().split(" ").slice(0, 2).join(" ")}`);
    }
    // x's gradient is whole with the product's contribution, before that of z.
    assert.deepEqual(forwards, ["0: 4 forward", "0: 5 forward", "0: 5 backward", "0: 4 backward", forwards[4]]);
    assert.match(forwards[4], /backward$/);
    assert.equal(number(session, "x.grad.item()"), 4);
    const backwards = await stops(session, "reverse");
    assert.deepEqual([forwards[4], ...backwards].reverse(), forwards);
    await session.finish();
  });
});

/** w on the points (1, 2) and (2, 4) from w = 0 with rate 0.1: ∂loss/∂w = Σ x·(w·x − y) = 5w − 10, so w = 1, 1.5, 1.75 after three updates. */
const LOOP = `import { minimize, sgd, tensor, variable } from "backstep";
const w = variable(0);
const x = tensor([1, 2]);
const optimizer = sgd({ learningRate: 0.1 });
for (let i = 0; i < 3; i++) {
  const errors = x.mul(w).sub(tensor([2, 4]));
  const loss = errors.square().mean();
  await minimize(loss, optimizer);
}
`;

describe("a loop of the user's", () => {
  it("stops in each of its updates, on the way back too, and back in what is over", async () => {
    const session = await openSession(programFile(LOOP), {});
    await session.start((opened) =>
      opened.ask({ kind: "setBreakpoints", file: opened.file, breakpoints: [{ line: 6 }] }),
    );
    const forwards = [`${session.scene.episode.iteration}: 6 forward`];
    for (let i = 1; i < 6; i++) {
      await session.move("continue");
      forwards.push(`${session.scene.episode.iteration}: ${session.where().split(" ").slice(0, 2).join(" ")}`);
    }
    assert.deepEqual(
      forwards,
      [0, 1, 2].flatMap((i) => [`${i}: 6 forward`, `${i}: 6 backward`]),
    );
    const backwards = await stops(session, "reverse");
    assert.deepEqual([forwards[5], ...backwards].reverse(), forwards);
    assert.throws(
      () => session.ask({ kind: "setExpression", target: "w", value: "1", frame: 0 }),
      /can be looked at, not changed/,
    );
    await session.finish();
  });

  it("goes on with a changed parameter: from w = 2 the gradient is 0", async () => {
    const session = await openSession(programFile(LOOP), { stopOnEntry: true });
    await session.start();
    session.ask({ kind: "setExpression", target: "w", value: "2", frame: 0 });
    while (session.scene.episode.iteration < 2) await session.move("over");
    assert.equal(number(session, "w.item()"), 2);
    await session.finish();
  });

  it("has the values of each update", async () => {
    const session = await openSession(programFile(LOOP), { stopOnEntry: true });
    await session.start();
    for (const [iteration, w] of [0, 1, 1.5].entries()) {
      while (session.scene.episode.iteration < iteration) await session.move("over");
      assert.ok(Math.abs(number(session, "w.item()") - w) < 1e-6);
    }
    await session.finish();
  });
});
