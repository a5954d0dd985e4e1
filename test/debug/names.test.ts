/** What expressions can name at a stop, and in which words they fail. */
import assert from "node:assert/strict";
import type { Scene } from "../../engine/debug/episode";
import { evaluateExpression, formatValue } from "../../engine/debug/expressions";
import { namesAt } from "../../engine/debug/names";
import { assertClose } from "../support/numbers";
import { beforeContribution, ended, evaluated, moved, numbers, sceneOf } from "./support/scenes";

const TEXT = `
import { Module, Linear, Sequential, ReLU, relu, sigmoid, stopGradient, floor, crossEntropy, adam, fromArrays, training, freeze, type Tensor } from "backstep";
class Block extends Module {
  scale = 2;
  inner = new Linear(3, 3);
  forward(v: Tensor) {
    const a = relu(this.inner(v));
    return a.mul(this.scale);
  }
}
class Net extends Module {
  hidden = new Linear(2, 3);
  block = new Block();
  layers = [new Linear(3, 3), new Linear(3, 2)];
  frozen = new Linear(3, 3);
  constructor() { super(); freeze(this.frozen); }
  forward(x: Tensor) {
    const h = sigmoid(this.hidden(x));
    const b = this.block(h);
    const held = stopGradient(b);
    const steps = floor(h);
    const f = this.frozen(b.add(held).add(steps));
    const m = sigmoid(this.layers[0](f));
    const logits = this.layers[1](m);
    return logits;
  }
}
export default training({
  model: new Net(),
  data: fromArrays({ inputs: [[1, 2], [3, -4]], targets: [1, 0], classes: 2 }),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.1 }),
  batchSize: 2,
  shuffle: false,
});`;

function text(scene: Scene, expression: string, depth = scene.position.depth): string {
  return formatValue(evaluateExpression(expression, namesAt(scene, { depth })));
}

describe("names at a stop", () => {
  let start: Scene;
  before(async () => {
    start = await sceneOf(TEXT);
  });

  const known: readonly (readonly [string, string])[] = [
    ["x", "[2, 2] float32 [[1, 2], [3, -4]]"],
    ["input", "[2, 2] float32 [[1, 2], [3, -4]]"],
    ["target", "[2] int32 [1, 0]"],
    ["batch.target", "[2] int32 [1, 0]"],
    ["batch.size", "2"],
    ["batch.indices", "[2] int32 [0, 1]"],
    ["iteration", "0"],
    ["epoch", "0"],
    ["learningRate", "0.5"],
    ["optimizer.name", '"adam"'],
    ["optimizer.step", "1"],
    ["this.block.scale", "2"],
    ["hidden.weight.shape", "[3, 2]"],
    ["this.hidden.weight.shape", "[3, 2]"],
    ["model.hidden.weight.shape", "[3, 2]"],
    ["layers[1].weight.shape", "[2, 3]"],
    ["layers.1.weight.shape", "[2, 3]"],
    ["this.layers[0].bias.shape", "[3]"],
    ["layers.length", "2"],
    ["hidden.weight == this.hidden.weight", "[3, 2] bool [[true, true], [true, true], [true, true]]"],
  ];
  for (const [expression, expected] of known)
    it(`knows ${expression}`, () => assert.equal(text(start, expression), expected));

  it("knows the optimiser's state by kind and path", () => {
    const [kind] = start.episode.graph.training?.optimizerState[0].name.split(".") ?? [];
    assert.deepEqual(numbers(start, `optimizer.${kind}.hidden.bias`), [0, 0, 0]);
    assert.deepEqual(numbers(start, `optimizer.${kind}.layers[0].bias`), [0, 0, 0]);
  });

  it("knows argument and locals of an inner module in its frame, and those of outer ones behind them", () => {
    const at = moved(start, "forward", (node) => node.op === "multiply" && node.scope?.name === "block");
    assert.equal(text(at, "v.shape"), "[2, 3]");
    assert.equal(text(at, "a.shape"), "[2, 3]");
    assert.deepEqual(numbers(at, "v"), numbers(at, "h"));
    assert.equal(text(at, "this.scale"), "2");
    assert.equal(text(at, "x.shape"), "[2, 2]");
    assert.match(text(at, "this", 1), /^Net · /);
    assert.match(text(at, "this"), /^block: Block · 12 parameters$/);
  });

  it("knows what a call of a module gave by the variable that holds it", () => {
    const at = ended(start);
    assert.deepEqual(
      numbers(at, "b"),
      numbers(at, "a").map((x) => 2 * x),
    );
  });

  it("calls modules with the parameters as they are", () => {
    const [w, b] = [numbers(start, "hidden.weight"), numbers(start, "hidden.bias")];
    const expected = [
      [1, 2],
      [3, -4],
    ].flatMap(([p, q]) => [0, 1, 2].map((j) => p * w[2 * j] + q * w[2 * j + 1] + b[j]));
    assertClose(numbers(start, "hidden(x)"), expected, 1e-12, "hidden(x)");
    // The model keeps its names.
    assert.equal(text(start, "hidden.weight.shape"), "[3, 2]");
  });

  const errors: readonly (readonly [string, "start" | "back" | "end", RegExp])[] = [
    ["h", "start", /^h is not computed yet: line 18 makes it/],
    ["loss", "start", /^loss is not computed yet: line \d+ makes it/],
    ["prediction", "start", /^logits is not computed yet|^prediction is not computed yet/],
    ["h.grad", "back", /^∂loss\/∂h: not yet: arrives after line \d+/],
    ["hiden", "start", /did you mean hidden\?/],
    ["hidden.wieght", "start", /did you mean weight\?/],
    ["upstream", "start", /^upstream has a meaning where the program stands at an operation of the backward pass/],
    ["x.grad", "end", /nothing is sent back to the batch/],
    ["target.grad", "end", /it is int32, and gradients flow through float32 only/],
    ["frozen.weight.grad", "end", /it is frozen/],
    ["gradcheck(x + 1)", "end", /this one an expression has computed/],
    ["∂h/∂x", "end", /^∂h\/∂input: h is not made of input in one operation; use ∂loss\/∂input$/],
  ];
  for (const [expression, where, message] of errors) {
    it(`says why ${expression} has no value (${where})`, () => {
      const scene = where === "start" ? start : where === "end" ? ended(start) : moved(start, "backward");
      assert.throws(() => evaluated(scene, expression), { message });
    });
  }

  it("says which operation blocks a gradient", async () => {
    const scene = await sceneOf(`
      import { floor, mul, variable } from "backstep";
      const x = variable(2.5);
      const y = variable(3);
      const k = floor(x);
      export default mul(k, y);`);
    assert.throws(() => evaluated(ended(scene), "x.grad"), {
      message: /no gradient reaches x: floor on line 5 blocks it: /,
    });
  });

  it("says that stopGradient holds a gradient back, and that differences do not know of it", async () => {
    const scene = await sceneOf(`
      import { mul, stopGradient, variable } from "backstep";
      const x = variable(2.5);
      const y = variable(3);
      const k = stopGradient(x);
      export default mul(k, y);`);
    assert.throws(() => evaluated(ended(scene), "x.grad"), {
      message: /no gradient reaches x: stopGradient holds it back/,
    });
    assert.match(text(ended(start), "gradcheck(hidden.weight)"), /DISAGREES .* stopGradient holds a part back/);
  });

  it("lists what it knows, locals first, each once, all of it known", () => {
    const at = moved(start, "backward");
    const names = namesAt(at);
    const list = names.list().map(({ name }) => name);
    assert.equal(new Set(list).size, list.length);
    for (const name of ["h", "logits", "hidden", "block", "learningRate", "loss", "upstream"])
      assert.ok(list.includes(name), `${name} among ${list.join(", ")}`);
    for (const name of list) assert.ok(names.lookup(name) !== undefined, name);
  });

  it("compares gradients with central differences, on values that the user set too", () => {
    const at = ended(start);
    for (const name of ["layers[0].weight", "layers[1].bias", "m", "logits"]) {
      assert.equal(text(at, `gradcheck(${name}).passed`), "true", text(at, `gradcheck(${name})`));
    }
  });
});

describe("gradients by name", () => {
  let start: Scene;
  before(async () => {
    start = await sceneOf(`
      import { add, cos, mul, pow, sin, variable } from "backstep";
      const x = variable(2);
      const t = pow(x, 2);
      const u1 = sin(t);
      const u2 = mul(3, t);
      const u = add(u1, u2);
      const J = cos(u);
      export default J;`);
  });
  const u = Math.sin(4) + 12;
  const dt = -Math.sin(u) * (Math.cos(4) + 3);
  const cases: readonly (readonly [string, number])[] = [
    ["∂J/∂x", dt * 4],
    ["∂loss/∂t", dt],
    ["t.grad", dt],
    ["∂J/∂u", -Math.sin(u)],
    ["∂u1/∂t", Math.cos(4)],
    ["∂t/∂x", 4],
  ];
  for (const [expression, expected] of cases)
    it(`knows ${expression}`, () => assertClose(numbers(ended(start), expression), [expected], 1e-14, expression));

  it("knows dJ/dt as one name", () => {
    const value = namesAt(ended(start)).lookup("dJ/dt");
    assert.equal(value?.kind, "tensor");
    assertClose(value?.kind === "tensor" ? value.array.data : [], [dt], 1e-14, "dJ/dt");
  });

  it("gives the sum so far where not all has arrived", () => {
    const at = beforeContribution(start, "t", "u1");
    assertClose(numbers(at, "t.grad"), [-Math.sin(u) * 3], 1e-14, "t.grad");
  });

  it("says where differences find a kink", async () => {
    const scene = await sceneOf(`
      import { relu, variable } from "backstep";
      const x = variable([1, 0]);
      const h = relu(x);
      export default h.sum();`);
    assert.match(
      formatValue(evaluated(ended(scene), "gradcheck(x)")),
      /DISAGREES .* at \[1\] .*; there is a kink: slope 0 on the left, 1 on the right$/,
    );
  });

  it("agrees with central differences, also after a value was set", () => {
    const end = ended(start);
    const { graph, values } = end.episode;
    const x = graph.parameters.get("x");
    assert.ok(x);
    values.put(x, { shape: [], dtype: "float32", data: Float64Array.of(0.7) });
    const t = 0.49;
    const du = -Math.sin(Math.sin(t) + 3 * t);
    assertClose(numbers(end, "gradcheck(x).analytic"), [du * (Math.cos(t) + 3) * 1.4], 1e-12, "analytic");
    assertClose(numbers(end, "gradcheck(x).numeric"), [du * (Math.cos(t) + 3) * 1.4], 1e-6, "numeric");
    const tNode = graph.nodes.find(({ name }) => name === "t");
    assert.ok(tNode);
    values.put(tNode, { shape: [], dtype: "float32", data: Float64Array.of(1) });
    assert.throws(() => evaluated(end, "gradcheck(x)"), /t was set by hand, so x no longer moves J through it/);
    assert.equal(formatValue(evaluated(end, "gradcheck(t).passed")), "true");
  });
});
