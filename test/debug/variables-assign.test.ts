/** Setting values at a stop, bytes of tensors, and what stands at the ends of lines. */
import assert from "node:assert/strict";
import type { NdArray } from "../../engine/graph/array";
import type { Scene } from "../../engine/debug/episode";
import { type Value, numberValue, tensorValue } from "../../engine/debug/expressions";
import { assignAt, assignVariable } from "../../engine/debug/variables/assign";
import { nodeOfMemory, readBytes, writeBytes } from "../../engine/debug/variables/bytes";
import { inlineValuesAt } from "../../engine/debug/variables/inline";
import { assertClose } from "../support/numbers";
import { beforeContribution, ended, evaluated, look, moved, numbers, sceneOf } from "./support/scenes";

const TEXT = `
import { Linear, Module, crossEntropy, fromArrays, relu, sgd, tensor, training, type Tensor } from "backstep";
class Net extends Module {
  hidden = new Linear(2, 3);
  output = new Linear(3, 2);
  forward(x: Tensor) {
    const half = tensor(0.5);
    const h = relu(this.hidden(x));
    const y = this.output(h.mul(half));
    return y;
  }
}
export default training({
  model: new Net(),
  data: fromArrays({ inputs: [[1, 2], [3, -4]], targets: [1, 0], classes: 2 }),
  loss: crossEntropy,
  optimizer: sgd({ learningRate: 0.1 }),
  batchSize: 2,
  shuffle: false,
});`;

function array(shape: readonly number[], ...data: number[]): Value {
  return tensorValue({ shape, dtype: "float32", data: Float64Array.from(data) });
}

describe("setting values", () => {
  let start: Scene;
  let back: Scene;
  before(async () => {
    start = await sceneOf(TEXT);
    back = moved(start, "backward");
  });

  const settings: readonly (readonly [target: string, value: Value, expected: (before: number[]) => number[]])[] = [
    ["hidden.weight[0][1]", numberValue(7), (w) => w.map((x, i) => (i === 1 ? 7 : x))],
    ["hidden.weight[2]", array([2], 8, 9), (w) => [...w.slice(0, 4), 8, 9]],
    ["this.hidden.weight[:, 0]", numberValue(0), (w) => w.map((x, i) => (i % 2 === 0 ? 0 : x))],
    ["hidden.weight", numberValue(1), () => [1, 1, 1, 1, 1, 1]],
    ["hidden.weight", array([1, 2], 3, 4), () => [3, 4, 3, 4, 3, 4]],
    ["h", numberValue(2), () => [2, 2, 2, 2, 2, 2]],
    ["h[-1][0]", numberValue(5), (h) => h.map((x, i) => (i === 3 ? 5 : x))],
    ["learningRate", numberValue(0.25), () => [0.25]],
    ["target[0]", numberValue(0), () => [0, 0]],
    ["x[0]", array([2], 0, 1), () => [0, 1, 3, -4]],
  ];
  for (const [target, value, expected] of settings) {
    it(`gives what ${target} becomes`, () => {
      const { node, value: after } = assignAt(back, target, value);
      const before = start.episode.values.of(node);
      assert.deepEqual([...after.data], expected([...before.data]));
      assert.deepEqual(after.shape, before.shape);
      assert.equal(after.dtype, before.dtype);
    });
  }

  it("changes nothing by itself, and everything behind it once it is put", () => {
    const { node, value } = assignAt(back, "h", numberValue(0));
    const before = numbers(back, "loss");
    assert.notDeepEqual(numbers(back, "h"), [0, 0, 0, 0, 0, 0]);
    start.episode.values.put(node, value);
    const [p, q] = numbers(back, "output.bias");
    const expected =
      -(Math.log(Math.exp(q) / (Math.exp(p) + Math.exp(q))) + Math.log(Math.exp(p) / (Math.exp(p) + Math.exp(q)))) / 2;
    assertClose(numbers(back, "loss"), [expected], 1e-12, "loss");
    assert.notDeepEqual(numbers(back, "loss"), before);
    const made = look(back)
      .inside("Batch", "prediction")
      .find(({ name }) => name === "made by");
    assert.match(made?.value ?? "", /^add, line 9$/);
  });

  const errors: readonly (readonly [target: string, value: Value, where: "start" | "back" | "end", message: RegExp])[] =
    [
      ["half", numberValue(1), "back", /^half is a constant of the program; change it in the text, and restart$/],
      ["target[0]", numberValue(2), "back", /^the label 2 is out of range: there are 2 classes, 0 to 1$/],
      ["target[1]", numberValue(-1), "back", /^the label -1 is out of range/],
      ["target[1]", numberValue(0.5), "back", /int32, which holds whole numbers/],
      ["hidden.weight", array([5], 1, 2, 3, 4, 5), "back", /\[5\] does not fit into hidden\.weight \[3, 2\]/],
      ["hidden.weight[3]", numberValue(1), "back", /index 3 is out of range for axis 0 \(3\)/],
      ["h", numberValue(1), "start", /^h is not computed yet: line 8 makes it/],
      [
        "hidden",
        numberValue(1),
        "back",
        /^hidden is no tensor but .*set one of its parts: hidden\.weight, hidden\.bias/,
      ],
      [
        "loss.grad",
        numberValue(1),
        "end",
        /^loss\.grad is a gradient, which follows from the values; set loss instead$/,
      ],
      ["iteration", numberValue(3), "back", /^iteration follows from other values and cannot be set/],
      ["learningRate", numberValue(-1), "back", /^learningRate is a number from 0 on; got -1$/],
      ["nothing", numberValue(1), "back", /^there is no nothing here/],
    ];
  for (const [target, value, where, message] of errors) {
    it(`says why ${target} cannot become that (${where})`, () => {
      const scene = where === "start" ? start : where === "end" ? ended(start) : back;
      assert.throws(() => assignAt(scene, target, value), { message });
    });
  }

  it("sets a line of Variables: a parameter, its elements, the learning rate", () => {
    const seen = look(back);
    const hidden = seen.records("Parameters").find(({ name }) => name === "hidden");
    const weight = seen.inside("Parameters", "hidden").find(({ name }) => name === "weight");
    assert.ok(hidden && weight);
    const whole = assignVariable(back, seen.references, hidden.reference, "weight", numberValue(2));
    assert.deepEqual([...whole.value.data], [2, 2, 2, 2, 2, 2]);
    const rows = seen.inside("Parameters", "hidden", "weight");
    const row = rows.find(({ name }) => name === "[1]");
    assert.ok(row?.settable);
    const element = assignVariable(back, seen.references, row.reference, "[0]", numberValue(9));
    const before = numbers(back, "hidden.weight");
    assert.deepEqual(
      [...element.value.data],
      before.map((x, i) => (i === 2 ? 9 : x)),
    );
    const training = seen.scopes.find(({ name }) => name === "Training");
    assert.ok(training);
    const rate = assignVariable(back, seen.references, training.reference, "learningRate", numberValue(0.125));
    assert.equal(rate.node, start.episode.graph.training?.learningRate);
    assert.throws(
      () => assignVariable(back, seen.references, training.reference, "iteration", numberValue(1)),
      /^Error: iteration follows from other values/,
    );
    assert.throws(
      () => assignVariable(back, seen.references, weight.reference, "mean", numberValue(1)),
      /mean follows from other values/,
    );
  });
});

describe("bytes of tensors", () => {
  const of = (dtype: NdArray["dtype"], ...data: number[]): NdArray => ({
    shape: [data.length],
    dtype,
    data: Float64Array.from(data),
  });

  it("are float32 and int32 little-endian, and one for each bool", () => {
    assert.deepEqual([...readBytes(of("float32", 1, -2), 0, 100)], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    assert.deepEqual([...readBytes(of("int32", 258, -1), 0, 100)], [2, 1, 0, 0, 255, 255, 255, 255]);
    assert.deepEqual([...readBytes(of("bool", 1, 0, 1), 0, 100)], [1, 0, 1]);
  });

  it("are given as far as there are any", () => {
    const array = of("int32", 1, 2);
    assert.deepEqual([...readBytes(array, 3, 2)], [0, 2]);
    assert.deepEqual([...readBytes(array, 6, 10)], [0, 0]);
    assert.deepEqual([...readBytes(array, 8, 4)], []);
    assert.deepEqual([...readBytes(array, 100, 4)], []);
    assert.deepEqual([...readBytes(array, -2, 3)], [1]);
  });

  it("change the elements they belong to, and no others", () => {
    // 0.1 is no float32: it must stay what it is where no byte of it is written.
    const array = of("float32", 0.1, 5, 0.1);
    const { value, written } = writeBytes(array, 4, Uint8Array.of(0, 0, 0x80, 0x3f));
    assert.equal(written, 4);
    assert.deepEqual([...value.data], [0.1, 1, 0.1]);
    assert.deepEqual([...array.data], [0.1, 5, 0.1]);
    const cut = writeBytes(of("int32", 0, 0), 6, Uint8Array.of(1, 2, 3, 4));
    assert.equal(cut.written, 2);
    assert.deepEqual([...cut.value.data], [0, 0x02010000]);
    assert.deepEqual([...writeBytes(of("bool", 0, 0), 1, Uint8Array.of(7)).value.data], [0, 1]);
    assert.throws(() => writeBytes(array, 13, Uint8Array.of(1)), /12 bytes; there is none at 13/);
  });

  it("are found by the reference that a variable has", async () => {
    const start = await sceneOf(TEXT);
    const weight = look(start)
      .inside("Parameters", "hidden")
      .find(({ name }) => name === "weight");
    assert.ok(weight?.memory);
    assert.equal(nodeOfMemory(start, weight.memory).name, "hidden.weight");
    assert.throws(() => nodeOfMemory(start, "node-0"), /no tensor with the memory reference/);
  });
});

describe("values at the ends of lines", () => {
  let start: Scene;
  let file: string;
  before(async () => {
    start = await sceneOf(TEXT);
    file = start.episode.graph.place?.file ?? "";
  });
  const lines = (scene: Scene, from = 1, to = 100): string[] =>
    inlineValuesAt(scene, file, from, to).map(({ line, text }) => `${line} ${text}`);

  it("are going forward those of the lines that were passed", () => {
    assert.deepEqual(lines(start), ["7 half: 0.5"]);
    const at = moved(start, "forward", (node) => node.name === "y");
    const found = lines(at);
    const mean = numbers(at, "h.mean()")[0];
    assert.ok(
      found.some((text) => text.startsWith("8 h: [2, 3] mean ") && Math.abs(Number(text.slice(18)) - mean) < 1e-2),
      found.join("; "),
    );
    assert.ok(!found.some((text) => text.includes(" y: ")), found.join("; "));
    assert.deepEqual(
      lines(at, 9, 100).filter((text) => text.startsWith("8")),
      [],
    );
    assert.deepEqual(inlineValuesAt(at, "another.nn.ts", 1, 100), []);
  });

  it("are gradients on the way back, as they arrive", () => {
    const at = beforeContribution(start, "h", "multiply");
    const found = lines(at);
    assert.ok(
      found.some((text) => text.startsWith("9 ∂y: norm ")),
      found.join("; "),
    );
    assert.ok(!found.some((text) => text.includes("∂h:")), found.join("; "));
    assert.ok(lines(moved(start, "update")).length === 0);
    for (const text of found) assert.ok(text.length <= 64, text);
  });

  it("are changes of parameters in the update", () => {
    const found = lines(ended(start));
    const change = Math.hypot(...numbers(ended(start), "output.bias.grad")) * 0.5;
    const text = found.find((each) => each.includes("output.bias: changed by ")) ?? "";
    assert.match(text, /^5 /);
    assertClose([Number(text.split(" by ")[1])], [change], 1e-2, text);
  });
});

describe("evaluating", () => {
  it("has a value for an empty place only where there is one", async () => {
    const start = await sceneOf(TEXT);
    assert.throws(() => evaluated(ended(start), "value"), /has a meaning before the end of the program/);
  });
});
