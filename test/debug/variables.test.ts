/** What Variables show at a stop: names, order, texts and values, against derivatives worked out by hand. */
import assert from "node:assert/strict";
import type { Scene } from "../../engine/debug/episode";
import { variablesAt } from "../../engine/debug/variables/items";
import { assertClose } from "../support/numbers";
import { beforeContribution, ended, evaluated, look, moved, numbers, sceneOf, texts } from "./support/scenes";

const CHAIN = `
import { add, cos, mul, pow, sin, variable } from "backstep";
const x = variable(2);
const t = pow(x, 2);
const u1 = sin(t);
const u2 = mul(3, t);
const u = add(u1, u2);
const J = cos(u);
export default J;`;

const NETWORK = `
import { Module, Linear, sigmoid, sgd, fromArrays, training, type Tensor } from "backstep";
class Net extends Module {
  hidden = new Linear(2, 2);
  output = new Linear(2, 1);
  forward(x: Tensor) {
    const h = sigmoid(this.hidden(x));
    const y = sigmoid(this.output(h));
    return y;
  }
}
export default training({
  model: new Net(),
  data: fromArrays({ inputs: [[0.5, -1], [2, 0.25]], targets: [[1], [0]] }),
  loss: (y, target) => y.sub(target).square().mean(),
  optimizer: sgd({ learningRate: 0.5, momentum: 0.9 }),
  batchSize: 2,
  shuffle: false,
});`;

const CLASSES = `
import { Linear, crossEntropy, sgd, fromArrays, training } from "backstep";
export default training({
  model: new Linear(2, 3),
  data: fromArrays({ inputs: [[1, 2], [3, -4]], targets: [2, 0], classes: ["cat", "dog", "eel"] }),
  loss: crossEntropy,
  optimizer: sgd({ learningRate: 0.5 }),
  batchSize: 2,
  shuffle: false,
});`;

/** The value of a line of a scope, without what stands behind it. */
function number(scene: Scene, scope: string, name: string): number {
  return Number(look(scene).of(scope)[name].split(" · ")[0]);
}

describe("variables of J = cos(sin(x²) + 3x²) at x = 2", () => {
  const t = 4;
  const u = Math.sin(t) + 3 * t;
  const du = -Math.sin(u);
  let start: Scene;
  before(async () => {
    start = await sceneOf(CHAIN);
  });

  it("shows going forward what the text has made so far, and what the operation is about to give", () => {
    const at = moved(start, "forward", (node) => node.name === "u");
    const { scopes, of } = look(at);
    assert.deepEqual(
      scopes.map(({ name }) => name),
      ["Locals", "This operation", "Variables"],
    );
    assert.deepEqual(of("Locals"), { x: "2", t: "4", u1: "-0.756802", u2: "12" });
    assert.deepEqual(of("This operation"), {
      operation: "add, line 7",
      formula: "u = u1 + u2",
      u1: "-0.756802",
      u2: "12",
      "output u": "11.2432 · next",
    });
    assert.deepEqual(of("Variables"), { x: "2" });
  });

  it("shows nothing as made at the beginning", () => {
    assert.deepEqual(look(start).of("Locals"), {});
    assert.deepEqual(look(start).of("Variables"), { x: "not computed yet: line 3 makes it" });
  });

  const contributions = [
    { via: "u2", upstream: du, local: 3, before: 0, sum: 3 * du, count: "1 of 2", formula: "= 3" },
    {
      via: "u1",
      upstream: du,
      local: Math.cos(t),
      before: 3 * du,
      sum: 3 * du + du * Math.cos(t),
      count: "2 of 2",
      formula: "= cos(t)",
    },
  ];
  for (const { via, upstream, local, before: earlier, sum, count, formula } of contributions) {
    it(`shows upstream × local = contribution to ∂J/∂t via ${via}, and the running sum`, () => {
      const at = beforeContribution(start, "t", via);
      const shown = look(at).of("This operation");
      assert.deepEqual(Object.keys(shown).slice(2), [
        `upstream ∂J/∂${via}`,
        `× local ∂${via}/∂t`,
        "= contribution to ∂J/∂t",
        "∂J/∂t before",
        `∂J/∂t += contribution (${count})`,
      ]);
      const figures = [upstream, local, upstream * local, earlier, sum];
      Object.keys(shown)
        .slice(2)
        .forEach((name, i) => assertClose([number(at, "This operation", name)], [figures[i]], 1e-5, name));
      assert.ok(shown[`× local ∂${via}/∂t`].includes(formula), shown[`× local ∂${via}/∂t`]);
      assert.match(shown["= contribution to ∂J/∂t"], / · next$/);
      assertClose(numbers(at, "upstream"), [upstream], 1e-14, "upstream");
      assertClose(numbers(at, "local"), [local], 1e-14, "local");
      assertClose(numbers(at, "contribution"), [upstream * local], 1e-14, "contribution");
    });
  }

  it("says of a gradient that is not complete how much of it has arrived", () => {
    const { records } = look(beforeContribution(start, "t", "u1"));
    const found = records("Locals").find(({ name }) => name === "∂J/∂t");
    assert.match(found?.value ?? "", /^2\.90849 · 1 of 2 contributions so far$/);
    assert.equal(found?.type, "gradient");
    assert.equal(found?.evaluateName, "t.grad");
  });

  it("says when a gradient that has not arrived will", () => {
    const at = beforeContribution(start, "t", "u2");
    const grad = texts(look(at).inside("Locals", "x")).grad;
    assert.equal(grad, "not yet: arrives after line 4 (power)");
  });

  it("has all values and gradients at the end, in order of making, each gradient behind its tensor", () => {
    const shown = look(ended(start)).of("Locals");
    assert.deepEqual(
      Object.keys(shown),
      ["x", "t", "u1", "u2", "u", "J"].flatMap((name) => [name, `∂J/∂${name}`]),
    );
    assertClose(numbers(ended(start), "x.grad"), [(3 * du + du * Math.cos(t)) * 4], 1e-14, "dJ/dx");
  });
});

describe("variables of x·x: two uses in one operation", () => {
  it("shows both contributions and the sum", async () => {
    const start = await sceneOf(`
      import { mul, variable } from "backstep";
      const x = variable(3);
      const J = mul(x, x);
      export default J;`);
    const shown = look(moved(start, "backward")).of("This operation");
    assert.deepEqual(Object.keys(shown).slice(2), [
      "upstream ∂J/∂J",
      "× local ∂J/∂x",
      "= contribution to ∂J/∂x",
      "∂J/∂x before",
      "∂J/∂x += contribution (1 of 2)",
      "× local ∂J/∂x (as input 2)",
      "= contribution to ∂J/∂x (as input 2)",
      "∂J/∂x before (as input 2)",
      "∂J/∂x += contribution (2 of 2) (as input 2)",
    ]);
    assert.match(shown["∂J/∂x before (as input 2)"], /^3 /);
    assert.match(shown["∂J/∂x += contribution (2 of 2) (as input 2)"], /^6 /);
  });
});

describe("variables of a loop", () => {
  it("shows the latest value of a name first, then the earlier ones", async () => {
    const start = await sceneOf(`
      import { mul, variable } from "backstep";
      const x = variable(2);
      let h = mul(x, 1);
      for (let i = 0; i < 2; i++) h = mul(h, x);
      export default h;`);
    const shown = look(ended(start)).of("Locals");
    assert.deepEqual(
      Object.entries(shown).filter(([name]) => !name.startsWith("∂")),
      [
        ["x", "2"],
        ["h", "8"],
        ["h (1)", "2"],
        ["h (2)", "4"],
      ],
    );
    assert.equal(
      look(ended(start))
        .records("Locals")
        .find(({ name }) => name === "h (1)")?.evaluateName,
      null,
    );
  });
});

describe("variables of a 2-2-1 network with sigmoids", () => {
  const x = [
    [0.5, -1],
    [2, 0.25],
  ];
  const target = [1, 0];
  const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
  let start: Scene;
  let truth: Record<"h" | "y" | "delta2" | "dW2" | "db2" | "dh" | "delta1" | "dW1" | "db1", number[]> & {
    loss: number;
  };
  before(async () => {
    start = await sceneOf(NETWORK);
    const [W1, b1, W2, b2] = ["hidden.weight", "hidden.bias", "output.weight", "output.bias"].map((name) =>
      numbers(start, name),
    );
    const h = x.map((row) => [0, 1].map((j) => sigmoid(row[0] * W1[2 * j] + row[1] * W1[2 * j + 1] + b1[j])));
    const y = h.map((row) => sigmoid(row[0] * W2[0] + row[1] * W2[1] + b2[0]));
    // The mean of (y − target)² over two examples: ∂loss/∂y = y − target.
    const delta2 = y.map((yi, i) => (yi - target[i]) * yi * (1 - yi));
    const dh = delta2.map((d) => [d * W2[0], d * W2[1]]);
    const delta1 = dh.map((row, i) => row.map((g, j) => g * h[i][j] * (1 - h[i][j])));
    const sum = (of: (i: number) => number): number => of(0) + of(1);
    truth = {
      h: h.flat(),
      y,
      loss: sum((i) => (y[i] - target[i]) ** 2) / 2,
      delta2,
      dW2: [0, 1].map((j) => sum((i) => delta2[i] * h[i][j])),
      db2: [sum((i) => delta2[i])],
      dh: dh.flat(),
      delta1: delta1.flat(),
      dW1: [0, 1].flatMap((j) => [0, 1].map((k) => sum((i) => delta1[i][j] * x[i][k]))),
      db1: [0, 1].map((j) => sum((i) => delta1[i][j])),
    };
  });

  it("has all scopes, in their order, and the user's names for arguments", () => {
    const { scopes, of } = look(start);
    assert.deepEqual(
      scopes.map(({ name }) => name),
      ["Locals", "This operation", "Parameters", "Optimiser state", "Batch", "Training"],
    );
    assert.deepEqual(of("Locals"), { x: "[2, 2] float32 [[0.5, -1], [2, 0.25]]" });
    const { input, target: targets, prediction, indices } = of("Batch");
    assert.equal(input, "[2, 2] float32 [[0.5, -1], [2, 0.25]]");
    assert.equal(targets, "[2, 1] float32 [[1], [0]]");
    assert.match(prediction, /^not computed yet: line \d+ makes it$/);
    assert.equal(indices, "[2] int32 [0, 1]");
    assert.deepEqual(Object.keys(of("Training")), ["iteration", "epoch", "loss", "learningRate", "batchSize", "step"]);
    assert.match(of("Training").loss, /^not computed yet: line \d+ makes it$/);
  });

  it("shows a layer that comes next whole: what it is given and what it will give", () => {
    const shown = look(start).of("This operation");
    assert.equal(shown.operation, "hidden: Linear, line 7");
    assert.equal(shown.formula, "x · hidden.weightᵀ + hidden.bias");
    assert.match(shown.output, / · next$/);
  });

  it("gives values and gradients of the hand calculation at the end", () => {
    const end = ended(start);
    const expected: readonly (readonly [string, readonly number[]])[] = [
      ["h", truth.h],
      ["y", truth.y],
      ["loss", [truth.loss]],
      ["∂loss/∂h", truth.dh],
      ["h.grad", truth.dh],
      ["hidden.weight.grad", truth.dW1],
      ["hidden.bias.grad", truth.db1],
      ["output.weight.grad", truth.dW2],
      ["output.bias.grad", truth.db2],
      ["∂loss/∂hidden.weight", truth.dW1],
    ];
    for (const [expression, value] of expected) assertClose(numbers(end, expression), value, 1e-12, expression);
  });

  for (const [layer, key] of [
    ["hidden", "delta1"],
    ["output", "delta2"],
  ] as const) {
    it(`shows δ of ${layer}: ∂loss/∂z, the slope of the activation included`, () => {
      const end = look(ended(start));
      const elements = end.inside("Parameters", layer, "δ = ∂loss/∂z").filter(({ name }) => name.startsWith("["));
      const flat = elements.flatMap(({ reference }) =>
        variablesAt(end.references, reference, { filter: "indexed" }).map(({ value }) => Number(value)),
      );
      assertClose(flat, truth[key], 1e-5, key);
    });
  }

  it("shows in the update what it does to a parameter, and the optimiser's state afterwards", () => {
    const end = look(ended(start));
    const weight = texts(end.inside("Parameters", "output", "weight"));
    const [before, gradient] = [numbers(moved(start, "backward"), "output.weight"), truth.dW2];
    // The first step of momentum is one of plain descent; scenes have the learning rate 0.5.
    const update = gradient.map((g) => -0.5 * g);
    const norm = (values: readonly number[]): number => Math.hypot(...values);
    assertClose([Number(weight["update/weight ratio"])], [norm(update) / norm(before)], 1e-5, "ratio");
    assertClose(
      numbers(ended(start), "output.weight"),
      before.map((w, i) => w + update[i]),
      1e-5,
      "after",
    );
    const was = /\[\[(.*)\]\]/.exec(weight["before the update"])?.[1].split(", ").map(Number) ?? [];
    assertClose(was, before, 1e-5, "before");
    const velocity = numbers(ended(start), "optimizer.velocity.output.weight");
    assertClose(velocity, gradient, 1e-5, "velocity");
  });

  it("does not show an update before it is made", () => {
    const weight = texts(look(moved(start, "backward")).inside("Parameters", "output", "weight"));
    assert.deepEqual(
      Object.keys(weight).filter((name) => /update/.test(name)),
      [],
    );
  });

  it("shows on the way back through a layer what comes back to it and what it gives back", () => {
    const at = moved(start, "backward", (node) => node.via?.scope?.name === "output");
    const shown = look({ ...at, position: { ...at.position, depth: 1 } }).of("This operation");
    assert.equal(shown.operation, "output: Linear, line 8");
    assert.deepEqual(Object.keys(shown).slice(2), [
      "upstream ∂loss/∂output.z",
      "∂loss/∂h",
      "∂loss/∂output.weight",
      "∂loss/∂output.bias",
    ]);
  });

  it("names the products of a matrix multiplication, which has no derivative for each element", () => {
    const at = beforeContribution(start, "h", "matmul");
    const deep = { ...at, position: { ...at.position, depth: 2 } };
    const shown = look(deep).of("This operation");
    assert.equal(shown.formula, "h · output.weightᵀ");
    assert.equal(shown["product for h"], "∂loss/∂h = g · output.weight, g = ∂loss/∂output.matmul");
    assert.throws(() => evaluated(deep, "local"), /no local derivative element by element: matmul mixes/);
  });
});

describe("variables of softmax with cross-entropy", () => {
  it("shows the fused gradient (a − y)/n, and what each example is taken for", async () => {
    const start = await sceneOf(CLASSES);
    const at = moved(start, "backward");
    const logits = numbers(at, "prediction");
    const rows = [logits.slice(0, 3), logits.slice(3)];
    const softmax = (row: readonly number[]): number[] => {
      const powers = row.map(Math.exp);
      return powers.map((power) => power / powers.reduce((a, b) => a + b));
    };
    const labels = [2, 0];
    const expected = rows.flatMap((row, i) => softmax(row).map((a, j) => (a - Number(j === labels[i])) / 2));
    assertClose(numbers(at, "contribution"), expected, 1e-12, "contribution");
    const shown = look(at).of("This operation");
    const product = Object.keys(shown).find((name) => name.startsWith("product for")) ?? "";
    assert.match(shown[product], /\(softmax\(.+\) − onehot\(target\)\) \/ 2 · g/);
    const examples = look(at).inside("Batch", "examples");
    rows.forEach((row, i) => {
      const best = row.indexOf(Math.max(...row));
      const wrong = best === labels[i] ? "" : ", wrong";
      assert.equal(examples[i].value, `index ${i} · target ${labels[i]} · predicted ${best}${wrong}`);
    });
    const classNames = ["cat", "dog", "eel"];
    const fields = { inputs: [], targets: [{ shape: [], dtype: "int32", classes: 3, classNames }] } as const;
    const [named] = look(at, undefined, fields).inside("Batch", "examples");
    assert.match(named.value, /^index 0 · target 2 \(eel\) · predicted \d \((cat|dog|eel)\)/);
  });
});

describe("a tensor's children", () => {
  const TEXT = `
    import { mul, variable } from "backstep";
    const x = variable([[[1, 2], [3, 4]], [[0, -6], [7, 8]], [[9, 10], [11, 12]]]);
    const h = mul(x, 1);
    const J = h.sum();
    export default J;`;
  let end: Scene;
  before(async () => {
    end = ended(await sceneOf(TEXT));
  });

  it("are shape, dtype, figures, gradient and origin, then rows that are tensors again", () => {
    const { inside } = look(end);
    const children = texts(inside("Locals", "h"));
    assert.deepEqual(Object.keys(children), [
      ..."shape dtype min max mean std norm zeros".split(" "),
      "NaN or infinite",
      "grad",
      "made by",
      "[0]",
      "[1]",
      "[2]",
    ]);
    const data = [1, 2, 3, 4, 0, -6, 7, 8, 9, 10, 11, 12];
    const mean = data.reduce((a, b) => a + b) / 12;
    assert.equal(children.shape, "[3, 2, 2]");
    assert.equal(children.min, "-6");
    assert.equal(children.max, "12");
    assertClose([Number(children.mean)], [mean], 1e-5, "mean");
    assertClose(
      [Number(children.std)],
      [Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 12)],
      1e-5,
      "std",
    );
    assertClose([Number(children.norm)], [Math.hypot(...data)], 1e-5, "norm");
    assert.equal(children.zeros, "1 of 12");
    assert.equal(children["made by"], "multiply, line 4");
    assert.equal(children["[1]"], "[2, 2] float32 [[0, -6], [7, 8]]");
    assert.equal(texts(inside("Locals", "h", "[1]", "[0]"))["[1]"], "-6");
  });

  it("have expressions that give the same", () => {
    const { records, inside } = look(end);
    const check = (list: ReturnType<typeof records>): void => {
      for (const { evaluateName, value, name } of list) {
        if (evaluateName === null || name === "shape" || name === "dtype") continue;
        const found = evaluated(end, evaluateName);
        const all = found.kind === "tensor" ? [...found.array.data] : found.kind === "number" ? [found.value] : [];
        const shown = /^(?:\[[\d, ]*\] float32 )?(.*)$/.exec(value)?.[1] ?? "";
        if (shown.includes("mean ")) continue;
        assertClose(JSON.parse(`[${shown}]`).flat(5) as number[], all, 1e-5, evaluateName);
      }
    };
    check(records("Locals"));
    check(inside("Locals", "h"));
    check(inside("Locals", "h", "[2]"));
    check(inside("Locals", "h", "[2]", "[1]"));
    assert.equal(inside("Locals", "h", "[2]", "[1]").find(({ name }) => name === "[0]")?.evaluateName, "h[2][1][0]");
  });

  it("come in pages, named or elements alone", () => {
    const { references, records } = look(end);
    const h = records("Locals").find(({ name }) => name === "h");
    assert.equal(h?.indexed, 3);
    const names = (page: Parameters<typeof variablesAt>[2]): string[] =>
      variablesAt(references, h?.reference ?? 0, page).map(({ name }) => name);
    assert.deepEqual(names({ filter: "indexed" }), ["[0]", "[1]", "[2]"]);
    assert.deepEqual(names({ filter: "indexed", first: 1, count: 1 }), ["[1]"]);
    assert.deepEqual(names({ filter: "indexed", first: 2, count: 5 }), ["[2]"]);
    assert.deepEqual(names({ filter: "named", first: 0, count: 2 }), ["shape", "dtype"]);
    assert.throws(() => variablesAt(references, 999), /no variable with the reference 999/);
  });

  it("evaluate nothing that nobody looks at", async () => {
    const start = await sceneOf(TEXT);
    const { values, graph } = start.episode;
    const scene = ended(start);
    look(scene);
    const computed = graph.nodes.filter((node) => node.inputs.length > 0 && values.known(node));
    assert.deepEqual(computed, []);
  });

  it("leave what is no number out of the figures, and count it", async () => {
    const scene = ended(
      await sceneOf(`
        import { log, variable } from "backstep";
        const x = variable([1, 0, -1, 2, 3, 4, 5, 6, 7]);
        const h = log(x);
        export default h.sum();`),
    );
    const children = look(scene).inside("Locals", "h");
    assert.equal(texts(children)["NaN or infinite"], "2 of 9");
    assert.equal(texts(children).max, "1.94591");
    assert.equal(children.find(({ name }) => name === "max")?.evaluateName, null);
  });
});
