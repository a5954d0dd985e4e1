/** The backward listing: exact texts of small programs, written by hand, and what holds for every program. */
import assert from "node:assert/strict";
import { backwardListing, lineOfStep, stepOfLine } from "../../engine/debug/listing";
import { FORMULAS } from "../../engine/debug/listing-formulas";
import { type Names, asNumber, evaluateExpression, numberValue, tensorValue } from "../../engine/debug/expressions";
import { createValues } from "../../engine/debug/values";
import type { Tensor } from "../../engine/graph/tensor";
import { allOperations } from "../../engine/ops";
import { shelf } from "../support/cli";
import { assertClose } from "../support/numbers";
import { debugProgram } from "./support/programs";

/** Each program, with its listing: without the title, and remarks one blank apart. */
const cases: readonly { readonly name: string; readonly program: string; readonly expected: string }[] = [
  {
    name: "J = cos(sin(x²) + 3x²): t gets two contributions",
    program: `
      import { add, cos, mul, pow, sin, variable } from "backstep";
      const x = variable(2);
      const t = pow(x, 2);
      const u1 = sin(t);
      const u2 = mul(3, t);
      const u = add(u1, u2);
      export default cos(u);`,
    expected: `
      dz1/dz1 = 1 // line 8

      // z1 = cos(u) line 8
      dz1/du = −dz1/dz1 · sin(u)

      // u = u1 + u2 line 7
      dz1/du1 = dz1/du
      dz1/du2 = dz1/du

      // u2 = 3 · t line 6
      dz1/dt = dz1/du2 · 3

      // u1 = sin(t) line 5
      dz1/dt += dz1/du1 · cos(t)

      // t = x² line 4
      dz1/dx = dz1/dt · 2 · x`,
  },
  {
    name: "two layers with softmax and cross-entropy: transposes, sums over the batch, the fused gradient",
    program: `
      import { add, crossEntropy, matmul, relu, tensor, transpose, variable } from "backstep";
      const x = tensor([[1, 2], [3, 4], [5, 6]]);
      const y = tensor([0, 1, 1], "int32");
      const W1 = variable([[1, 0], [0, 1], [1, 1]]);
      const b1 = variable([0, 0, 0]);
      const W2 = variable([[1, 0, 1], [0, 1, 1]]);
      const b2 = variable([0, 0]);
      const z = add(matmul(x, transpose(W1)), b1);
      const h = relu(z);
      const logits = add(matmul(h, transpose(W2)), b2);
      const loss = crossEntropy(logits, y);
      export default loss;`,
    expected: `
      dloss/dloss = 1 // line 12

      // loss = crossEntropy(logits, y) line 12
      dloss/dlogits = (softmax(logits) − onehot(y)) / 3 · dloss/dloss // [3, 2]

      // logits = z2 + b2 line 11
      dloss/dz2 = dloss/dlogits // [3, 2]
      dloss/db2 = Σ₀ dloss/dlogits // [2]

      // z2 = h · W2ᵀ line 11
      dloss/dh = dloss/dz2 · W2 // [3, 3]
      dloss/d(W2ᵀ) = hᵀ · dloss/dz2 // [3, 2]

      // W2ᵀ line 11
      dloss/dW2 = (dloss/d(W2ᵀ))ᵀ // [2, 3]

      // h = relu(z) line 10
      dloss/dz = dloss/dh ∘ [z > 0] // [3, 3]

      // z = z1 + b1 line 9
      dloss/dz1 = dloss/dz // [3, 3]
      dloss/db1 = Σ₀ dloss/dz // [3]

      // z1 = x · W1ᵀ line 9
      dloss/d(W1ᵀ) = xᵀ · dloss/dz1 // [2, 3]

      // W1ᵀ line 9
      dloss/dW1 = (dloss/d(W1ᵀ))ᵀ // [3, 2]`,
  },
  {
    name: "gradients of their own are written out: std, norm, the user's function, softmax",
    program: `
      import { add, customFunction, mul, norm, softmax, std, variable } from "backstep";
      const square = customFunction({
        name: "square",
        forward: (x) => mul(x, x),
        backward: (g, [x]) => mul(mul(g, 2), x),
      });
      const x = variable([1, 2, 3]);
      const a = softmax(x);
      const s = square(a);
      const c = add(norm(s), std(x));
      export default c;`,
    expected: `
      dc/dc = 1 // line 11

      // c = norm.z + std.z line 11
      dc/dnorm.z = dc/dc
      dc/dstd.z = dc/dc

      // std.z = std(x) line 11
      dc/dx = dc/dstd.z · where(std.z = 0, 0, (x − (Σ x) / 3) / (where(std.z = 0, 1, std.z) · (3 − 1))) // [3]

      // norm.z = norm(s) line 11
      dc/ds = dc/dnorm.z · (s / where(norm.z = 0, 1, norm.z)) // [3]

      // s = square(a) line 10
      dc/da = dc/ds · 2 ∘ a // [3]

      // a = softmax(x) line 9
      dc/dx += a ∘ (dc/da − Σ (dc/da ∘ a)) // [3]`,
  },
  {
    name: "a training: the L2 term, a layer's parameters by name, clipping by the joint norm, momentum",
    program: `
      import { Linear, fromArrays, momentum, mse, training } from "backstep";
      export default training({
        model: new Linear(2, 1),
        data: fromArrays({ inputs: [[0, 0], [0, 1], [1, 0], [1, 1]], targets: [[0], [1], [1], [2]] }),
        loss: mse,
        l2: 0.1,
        clip: { norm: 1 },
        optimizer: momentum({ learningRate: 0.1 }),
        batchSize: "all",
      });`,
    expected: `
      dcost/dcost = 1

      // cost = loss + l2.divide
      dcost/dloss = dcost/dcost
      dcost/dl2.divide = dcost/dcost

      // l2.divide = l2.multiply₂ / 4
      dcost/dl2.multiply₂ = dcost/dl2.divide / 4

      // l2.multiply₂ = l2.add · 0.05
      dcost/dl2.add = dcost/dl2.multiply₂ · 0.05

      // l2.add = 0 + l2.sum
      dcost/dl2.sum = dcost/dl2.add

      // l2.sum = Σ l2.multiply
      dcost/dl2.multiply = expand(dcost/dl2.sum) // [1, 2]

      // l2.multiply = weight ∘ weight
      dcost/dweight = dcost/dl2.multiply ∘ weight // [1, 2]
      dcost/dweight += dcost/dl2.multiply ∘ weight // [1, 2]

      // loss = mean.sum / 4 line 6
      dcost/dmean.sum = dcost/dloss / 4

      // mean.sum = Σ mse.multiply line 6
      dcost/dmse.multiply = expand(dcost/dmean.sum) // [4, 1]

      // mse.multiply = mse.subtract ∘ mse.subtract line 6
      dcost/dmse.subtract = dcost/dmse.multiply ∘ mse.subtract // [4, 1]
      dcost/dmse.subtract += dcost/dmse.multiply ∘ mse.subtract // [4, 1]

      // mse.subtract = z2 − target line 6
      dcost/dz2 = dcost/dmse.subtract // [4, 1]

      // z2 = z1 + bias line 4
      dcost/dz1 = dcost/dz2 // [4, 1]
      dcost/dbias = Σ₀ dcost/dz2 // [1]

      // z1 = input · weightᵀ line 4
      dcost/d(weightᵀ) = inputᵀ · dcost/dz1 // [2, 1]

      // weightᵀ line 4
      dcost/dweight += (dcost/d(weightᵀ))ᵀ // [1, 2]

      // update (momentum), η: learning rate, step: 1 at the first update
      clip.minimum = min(1 / (√(Σ (dcost/dweight ∘ dcost/dweight) + Σ (dcost/dbias ∘ dcost/dbias)) + 0.000001), 1)
      clipped(weight) = dcost/dweight · clip.minimum // [1, 2] · line 4
      clipped(bias) = dcost/dbias · clip.minimum // [1] · line 4
      velocity.weight ← velocity.weight · 0.9 + clipped(weight) // [1, 2] · line 4
      weight ← weight − velocity.weight · η // [1, 2] · line 4
      velocity.bias ← velocity.bias · 0.9 + clipped(bias) // [1] · line 4
      bias ← bias − velocity.bias · η // [1] · line 4`,
  },
];

/** One formula each: `∂/∂x of f` with g = dy/d(f's result), by the derivative as calculus has it. */
const formulas: readonly (readonly [expression: string, line: string])[] = [
  ["sigmoid(x).sum()", "dy/dx = dy/dz1 ∘ z1 ∘ (1 − z1)"],
  ["tanh(x).sum()", "dy/dx = dy/dz1 ∘ (1 − z1²)"],
  ["sqrt(x).sum()", "dy/dx = dy/dz1 / (2 · z1)"],
  ["rsqrt(x).sum()", "dy/dx = −dy/dz1 ∘ z1 / (2 · x)"],
  ["leakyRelu(x, 0.1).sum()", "dy/dx = dy/dz1 ∘ ([x > 0] + 0.1 · [x ≤ 0])"],
  ["clip(x, -1, 2).sum()", "dy/dx = dy/dz1 ∘ [−1 ≤ x ≤ 2]"],
  ["pow(x, 3).sum()", "dy/dx = dy/dz1 · 3 ∘ x²"],
  ["x.max(1).sum()", "dy/dx = dy/dz1 ∘ [x = z1] / (Σ₁ [x = z1])"],
  ["slice(x, [0, 1], [1, 3]).sum()", "dy/dx = place(dy/dz1, [0:1, 1:3])"],
  ["x.cumsum(1).sum()", "dy/dx = reverseCumsum(dy/dz1, 1)"],
  ["mul(x, tensor([[2], [3]])).sum()", "dy/dx = dy/dz2 ∘ z1"],
  ["sub(tensor([[1], [2]]), x.sum(1, { keepDims: true })).sum()", "dy/dz3 = −dy/dz4"],
];

const OPERATIONS = ["clip", "leakyRelu", "mul", "pow", "rsqrt", "sigmoid", "slice", "sqrt", "sub", "tanh", "tensor"];

/** Scalar functions of x and a, and points at which each text is calculated and compared with the gradient itself. */
const truths: readonly (readonly [expression: string, ...points: (readonly [x: number, a: number])[]])[] = [
  ["neg(x)", [0.7, 2]],
  ["sub(a, x)", [0.7, 2]],
  ["div(a, x)", [0.7, 2], [-3, 0.5]],
  ["pow(x, 0)", [0.7, 2]],
  ["pow(x, 1)", [0.7, 2]],
  ["pow(x, 2)", [-0.7, 2]],
  ["pow(x, -1.5)", [0.7, 2]],
  ["pow(x, a)", [0.7, 2], [3, -0.5]],
  ["remainder(x, a)", [7.3, 2], [-7.3, 2]],
  ["maximum(x, a)", [1, 2], [2, 1], [2, 2]],
  ["minimum(x, a)", [1, 2], [2, 1], [2, 2]],
  ["clip(x, -1, 1)", [0.5, 1], [3, 1], [-1, 1]],
  ["exp(x)", [0.7, 2]],
  ["expm1(x)", [0.7, 2]],
  ["log(x)", [0.7, 2]],
  ["log1p(x)", [0.7, 2]],
  ["sqrt(x)", [0.7, 2]],
  ["rsqrt(x)", [0.7, 2]],
  ["sin(x)", [0.7, 2]],
  ["cos(x)", [0.7, 2]],
  ["tan(x)", [0.7, 2]],
  ["tanh(x)", [0.7, 2]],
  ["erf(x)", [0.7, 2], [-0.3, 2]],
  ["sigmoid(x)", [0.7, 2], [-3, 2]],
  ["relu(x)", [0.7, 2], [-3, 2], [0, 2]],
  ["leakyRelu(x, 0.1)", [0.7, 2], [-3, 2]],
  ["elu(x, 0.5)", [0.7, 2], [-3, 2]],
  ["gelu(x)", [0.7, 2], [-3, 2]],
  ["silu(x)", [0.7, 2], [-3, 2]],
  ["softplus(x)", [0.7, 2], [-3, 2]],
  ["abs(x)", [0.7, 2], [-3, 2], [0, 2]],
];

/** A formula in the debugger's expression language. */
function calculable(formula: string): string {
  return formula
    .replace(/dy\/d(\w+)/g, "gradient_$1")
    .replaceAll("−", "-")
    .replace(/\[(\S+) ≤ (\S+) ≤ (\S+)\]/g, "($1 <= $2 && $2 <= $3 ? 1 : 0)")
    .replace(/\[([^\]]*) = ([^\]]*)\]/g, "($1 == $2 ? 1 : 0)")
    .replace(/\[([^\]]*)\]/g, "($1 ? 1 : 0)")
    .replaceAll("≤", "<=")
    .replace(/[·∘]/g, "*")
    .replaceAll("²", " ** 2")
    .replaceAll("^", " ** ")
    .replaceAll("½", "0.5")
    .replaceAll("2/√π", "(2 / sqrt(pi))")
    .replace(/σ\(/g, "sigmoid(")
    .replace(/Φ\((\w+)\)/g, "((1 + erf($1 / sqrt(2))) / 2)")
    .replace(/φ\((\w+)\)/g, "(exp(-($1 ** 2) / 2) / sqrt(2 * pi))");
}

describe("backward listing", () => {
  for (const { name, program, expected } of cases) {
    it(name, async () => {
      const { graph } = await debugProgram("test/debug/small.nn.ts", program);
      const { text } = backwardListing(graph);
      const [title, ...rest] = text.trimEnd().split("\n");
      assert.match(title, /^\/\/ Backward pass · cost: \w+ · from small\.nn\.ts$/);
      const body = rest.filter((line, i) => i > 0 || !line.startsWith("//")).map((line) => line.replace(/ {2,}/g, " "));
      assert.deepEqual(body.join("\n").trim().split("\n"), expected.trim().split(/\n {6}|\n(?=\n)/));
    });
  }

  for (const [expression, line] of formulas) {
    it(`${expression}: ${line}`, async () => {
      const used = OPERATIONS.filter((each) => expression.includes(`${each}(`));
      const { graph } = await debugProgram(
        "test/debug/small.nn.ts",
        `import { ${[...used, "variable"].join(", ")} } from "backstep";\n` +
          `const x = variable([[1, 2, 3], [4, 5, 6]]);\nconst y = ${expression};\nexport default y;\n`,
      );
      const lines = backwardListing(graph)
        .text.split("\n")
        .map((each) => each.replace(/ {2}\/\/.*/, "").trimEnd());
      assert.ok(lines.includes(line), lines.join("\n"));
    });
  }

  for (const [expression, ...points] of truths) {
    it(`${expression}: the text calculates to the gradient`, async () => {
      for (const [x, a] of points) {
        const { graph } = await debugProgram(
          "test/debug/small.nn.ts",
          `import * as ops from "backstep";\nconst { variable } = ops;\n` +
            `const x = variable(${x});\nconst a = variable(${a});\n` +
            `const f = ${expression.replace(/\b(\w+)\(/g, "ops.$1(")};\nconst y = ops.add(ops.mul(f, 3), ops.mul(a, x));\n` +
            `export default y;\n`,
        );
        const { text, lines } = backwardListing(graph);
        const rows = text.split("\n");
        const values = createValues((leaf) => {
          const value = leaf.name === "x" ? x : leaf.name === "a" ? a : undefined;
          return value === undefined ? undefined : { shape: [], dtype: "float32", data: Float64Array.of(value) };
        });
        // What stands left of each line says which names are which nodes.
        const known = new Map<string, Tensor>();
        for (const { line, of } of lines) {
          const name = /^dy\/d(\w+) /.exec(rows[line - 1])?.[1];
          assert.ok(name, rows[line - 1]);
          known.set(name, of);
          known.set(`gradient_${name}`, graph.adjoints.get(of)?.gradient as Tensor);
        }
        const names: Names = {
          lookup: (name) => {
            const node = known.get(name);
            return node && tensorValue(values.of(node));
          },
          list: () => [],
          gradientOf: () => numberValue(NaN),
          gradcheck: () => numberValue(NaN),
        };
        for (const { line, node, via } of lines) {
          if (!via) continue;
          const formula = rows[line - 1].replace(/^.*? \+?= /, "").replace(/ {2}\/\/.*/, "");
          const written = asNumber(evaluateExpression(calculable(formula), names)) ?? NaN;
          assertClose([written], [values.of(node).data[0]], 1e-9, `${formula} at x = ${x}, a = ${a}`);
        }
      }
    });
  }

  it("has a formula for each operation with a gradient, and for no other", () => {
    const differentiable = [...allOperations().values()].filter(({ grad }) => typeof grad === "function");
    assert.deepEqual(Object.keys(FORMULAS).sort(), differentiable.map(({ name }) => name).sort());
  });

  for (const file of shelf) {
    it(`${file}: each contribution has one line, and each step of both passes belongs to one`, async () => {
      const { graph } = await debugProgram(file);
      const listing = backwardListing(graph, { title: "the model" });
      assert.equal(backwardListing(graph, { title: "the model" }).text, listing.text, "the same text again");
      const rows = listing.text.split("\n");
      const values = [...graph.adjoints.values()].flatMap(({ contributions }) =>
        contributions.map(({ value }) => value),
      );
      for (const value of values) {
        assert.equal(listing.lines.filter(({ node }) => node === value).length, 1, `${value.op} ${value.id}`);
      }
      // The first contribution to a gradient begins it, all others add to it.
      const begun = new Set<string>();
      for (const { line, node } of listing.lines) {
        const row = rows[line - 1];
        assert.doesNotMatch(row, /undefined|backward of|update of|…/);
        if (!values.includes(node)) continue;
        const [, target, sign] = /^(d\S+\/d(?:\([^)]*\)|\S+)) (\+?=) /.exec(row) ?? [];
        assert.ok(target, row);
        assert.equal(sign, begun.has(target) ? "+=" : "=", row);
        begun.add(target);
      }
      for (let i = 1; i < listing.lines.length; i++) {
        assert.equal(listing.lines[i].first, listing.lines[i - 1].last + 1, `line ${listing.lines[i].line} follows`);
        assert.ok(listing.lines[i].step >= listing.lines[i].first && listing.lines[i].step <= listing.lines[i].last);
      }
    }).timeout(60_000);
  }

  it("finds the line of a step and the step of a line", async () => {
    const { graph } = await debugProgram("examples/cosine.nn.ts");
    const listing = backwardListing(graph);
    const rows = listing.text.split("\n");
    const last = listing.lines[listing.lines.length - 1];
    for (const { line, first, step, last } of listing.lines) {
      for (const at of [first, step, last]) assert.equal(lineOfStep(listing, at), line);
      assert.deepEqual(stepOfLine(listing, line), { step: first, line });
    }
    // A breakpoint on a heading binds to the line below it.
    const heading = rows.findIndex((row) => row.startsWith("// u = u1 + u2")) + 1;
    assert.equal(rows[(stepOfLine(listing, heading)?.line ?? 0) - 1], "dJ/du1 = dJ/du");
    assert.equal(stepOfLine(listing, last.line + 1), undefined);
    assert.equal(lineOfStep(listing, listing.lines[0].first - 1), undefined, "the forward pass has no line here");
  });
});
