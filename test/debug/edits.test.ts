/** What is changed at a stop: its consequences, now and later, against what is derived by hand. */
import assert from "node:assert/strict";
import { createEdits } from "../../engine/debug/edits";
import { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import { line } from "./support/models";
import { type DebuggedSession, type SessionOptions, openSession, programFile } from "./support/session";
import type { Checkpoint } from "../../engine/train/checkpoint";
import type { StoredValues } from "../../engine/train/store";

const TOLERANCE = 1e-6;

async function open(options: SessionOptions = {}, text = line()): Promise<DebuggedSession> {
  const session = await openSession(programFile(text), { stopOnEntry: true, maxSteps: 3, ...options });
  await session.start();
  return session;
}

function set(session: DebuggedSession, target: string, value: string): void {
  session.ask({ kind: "setExpression", target, value, frame: 0 });
}

function number(session: DebuggedSession, expression: string): number {
  const { value } = session.ask({
    kind: "evaluate",
    expression,
    frame: 0,
    context: "watch",
    format: { digits: 12 },
  });
  return Number(value);
}

function assertNumbers(session: DebuggedSession, expected: Readonly<Record<string, number>>): void {
  for (const [expression, value] of Object.entries(expected)) {
    const got = number(session, expression);
    assert.ok(Math.abs(got - value) <= TOLERANCE, `${expression} is ${got}, not ${value}`);
  }
}

function assertFinal(
  values: ReadonlyMap<string, StoredValues> | undefined,
  expected: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(expected)) {
    const got = values?.get(name)?.data[0] ?? NaN;
    assert.ok(Math.abs(got - value) <= TOLERANCE, `${name} is ${got}, not ${value}`);
  }
}

const W = "linear.weight.item()";
const B = "linear.bias.item()";
const START = { "linear.weight[0][0]": "1", "linear.bias[0]": "0" };

function begin(session: DebuggedSession): void {
  for (const [target, value] of Object.entries(START)) set(session, target, value);
}

/** Steps over lines until an iteration begins. */
async function toIteration(session: DebuggedSession, iteration: number): Promise<void> {
  while (session.scene.episode.iteration < iteration) await session.move("over");
  while (session.scene.episode.iteration > iteration) await session.move("back");
}

async function toLine(session: DebuggedSession, place: string): Promise<void> {
  for (let i = 0; i < 20 && !session.where().startsWith(place); i++) await session.move("over");
  assert.ok(session.where().startsWith(place), session.where());
}

describe("editing parameters", () => {
  it("recomputes loss and gradients, and the run goes on with them", async () => {
    const session = await open();
    begin(session);
    await toLine(session, "13 update");
    assertNumbers(session, { "loss.item()": 2.5, "linear.weight.grad.item()": -5, "linear.bias.grad.item()": -3 });
    await toIteration(session, 1);
    assertNumbers(session, { [W]: 1.5, [B]: 0.3 });
    await toLine(session, "13 update");
    assertNumbers(session, { "loss.item()": 0.265 });
    await toIteration(session, 2);
    assertNumbers(session, { [W]: 1.66, [B]: 0.39 });
    await session.finish();
  });

  it("recomputes what lies behind, when it is set in the middle of the backward pass", async () => {
    const session = await open();
    await toLine(session, "12 backward");
    begin(session);
    assertNumbers(session, { "loss.item()": 2.5 });
    await toIteration(session, 1);
    assertNumbers(session, { [W]: 1.5, [B]: 0.3 });
    await session.finish();
  });

  it("sets the value after the update: the next iteration begins with it", async () => {
    const session = await open({ maxSteps: 2 });
    begin(session);
    await toLine(session, "13 update");
    await session.move("into");
    await session.move("over");
    assertNumbers(session, { [W]: 1.5 });
    set(session, "linear.weight[0][0]", "2");
    assertNumbers(session, { [W]: 2, "loss.item()": 2.5 });
    await toIteration(session, 1);
    assertNumbers(session, { [W]: 2, [B]: 0.3 });
    // Errors 0.3 and 0.3: gradients 0.9 and 0.6.
    assertFinal(await session.finish(), { "linear.weight": 1.91, "linear.bias": 0.24 });
  });

  it("is applied again when it is gone back before it and forward again", async () => {
    const session = await open();
    begin(session);
    await toIteration(session, 1);
    set(session, "linear.weight[0][0]", "3");
    assertNumbers(session, { [W]: 3 });
    await toIteration(session, 0);
    assertNumbers(session, { [B]: 0 });
    await toIteration(session, 1);
    assertNumbers(session, { [W]: 3, [B]: 0.3 });
    await toLine(session, "13 update");
    // Errors 1.3 and 2.3.
    assertNumbers(session, { "loss.item()": (1.3 ** 2 + 2.3 ** 2) / 2 });
    await session.finish();
  });

  it("of a past iteration forgets what was changed in later ones", async () => {
    const session = await open();
    begin(session);
    await toIteration(session, 1);
    set(session, "linear.weight[0][0]", "3");
    set(session, "learningRate", "0.7");
    await toIteration(session, 0);
    set(session, "linear.bias[0]", "0");
    await toIteration(session, 1);
    assertNumbers(session, { [W]: 1.5, [B]: 0.3, learningRate: 0.1 });
    await session.finish();
  });

  it("is gone after a restart", async () => {
    const session = await open();
    const before = { [W]: number(session, W), [B]: number(session, B) };
    begin(session);
    set(session, "learningRate", "0.5");
    await toIteration(session, 2);
    await session.move("restart");
    assert.equal(session.scene.episode.iteration, 0);
    assertNumbers(session, { ...before, learningRate: 0.1 });
    await session.finish();
  });

  it("of the last iteration counts although it was made behind its end", async () => {
    const session = await open({ maxSteps: 2 });
    begin(session);
    await toIteration(session, 1);
    for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) break;
    assertNumbers(session, { [W]: 1.66, [B]: 0.39 });
    set(session, "linear.weight[0][0]", "7");
    assertFinal(await session.finish(), { "linear.weight": 7, "linear.bias": 0.39 });
  });
});

describe("editing what is computed", () => {
  it("an activation: loss, gradients and the iteration's outcome are those of the changed one", async () => {
    const session = await open({ maxSteps: 1 });
    begin(session);
    await session.move("over");
    set(session, "y", "[[2], [4]]");
    await toLine(session, "13 update");
    assertNumbers(session, { "loss.item()": 0, "linear.weight.grad.item()": 0 });
    assertFinal(await session.finish(), { "linear.weight": 1, "linear.bias": 0 });
  });

  it("an activation holds in its iteration only", async () => {
    const session = await open({ maxSteps: 2 });
    begin(session);
    await session.move("over");
    set(session, "y", "[[2], [4]]");
    await toIteration(session, 1);
    assertNumbers(session, { [W]: 1, [B]: 0 });
    await toLine(session, "13 update");
    assertNumbers(session, { "loss.item()": 2.5 });
    assertFinal(await session.finish(), { "linear.weight": 1.5, "linear.bias": 0.3 });
  });

  it("the batch: x = [0, 0] leaves the weight alone, and errors −2 and −4 move the bias by 0.6", async () => {
    const session = await open({ maxSteps: 1 });
    begin(session);
    set(session, "x", "0");
    assertFinal(await session.finish(), { "linear.weight": 1, "linear.bias": 0.6 });
  });

  it("the learning rate: from this iteration on, until it is changed again", async () => {
    const session = await open({ maxSteps: 4 });
    begin(session);
    set(session, "learningRate", "0");
    assert.equal(session.ask({ kind: "situation" }).learningRate, 0);
    await toIteration(session, 2);
    assertNumbers(session, { [W]: 1, [B]: 0, learningRate: 0 });
    set(session, "learningRate", "0.1");
    await toIteration(session, 3);
    assertNumbers(session, { [W]: 1.5, [B]: 0.3, learningRate: 0.1 });
    await toIteration(session, 1);
    assertNumbers(session, { learningRate: 0 });
    assertFinal(await session.finish(), { "linear.weight": 1.66, "linear.bias": 0.39 });
  });

  it("a schedule has its rate back where no change holds", async () => {
    const text = line(
      "schedule: stepDecay({ every: 1, factor: 0.5 }),",
      "Linear, Module, fromArrays, mse, sgd, stepDecay, training",
    );
    const session = await open({}, text);
    await toIteration(session, 1);
    assertNumbers(session, { learningRate: 0.05 });
    set(session, "learningRate", "3");
    await toIteration(session, 2);
    assertNumbers(session, { learningRate: 3 });
    await toIteration(session, 0);
    assertNumbers(session, { learningRate: 0.1 });
    await session.finish();
  });

  it("tells that values have changed", async () => {
    const session = await open();
    set(session, "linear.bias[0]", "1");
    assert.ok(session.events.some(({ kind }) => kind === "invalidated"));
    await session.finish();
  });
});

describe("the record of edits", () => {
  it("forgets those after a changed iteration, and keeps those before", () => {
    const [a, b] = withTrace(new Trace(), () =>
      [0, 1].map(() => new Tensor({ op: "input", inputs: [], shape: [], dtype: "float32" })),
    );
    const value = { shape: [], dtype: "float32", data: Float64Array.of(1) } as const;
    const edits = createEdits();
    edits.put(2, a, value);
    edits.setRate(3, 0.5);
    edits.put(5, a, value);
    assert.equal(edits.rateAt(2), undefined);
    assert.equal(edits.rateAt(9), 0.5);
    edits.put(3, b, value);
    assert.deepEqual(
      [2, 3, 5].map((iteration) => edits.at(iteration).size),
      [1, 1, 0],
    );
    edits.put(2, b, value);
    assert.deepEqual(
      [2, 3].map((iteration) => edits.at(iteration).size),
      [2, 0],
    );
    assert.equal(edits.rateAt(9), undefined);
    const { version } = edits;
    edits.clear();
    assert.equal(edits.at(2).size, 0);
    assert.ok(edits.version > version);
  });

  it("what is saved after the past was changed is of the future that came of it", async () => {
    const checkpoints: Checkpoint[] = [];
    const save = (checkpoint: Checkpoint): Promise<string> => Promise.resolve(`${checkpoints.push(checkpoint)}`);
    const session = await open({ maxSteps: 8, epochs: 4, save });
    for (;;) if ((await session.move("over"))?.description.startsWith("At the end")) break;
    await session.move("reverse");
    assert.equal(session.scene.episode.iteration, 0);
    begin(session);
    assert.equal(await session.move("continue"), undefined);
    const final = await session.finish();
    assert.deepEqual(checkpoints.at(-1)?.values, final);
  });
});
