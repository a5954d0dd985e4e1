import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import { expm1, log, oneHot, sigmoid, softmax, tensor } from "../../engine/ops";
import { evaluate } from "../../engine/plan/evaluate";
import { assertDifferences } from "../support/differences";
import { fixtureInput, fixtureNumbers, loadFixtures } from "../support/fixtures";
import { leavesOf, numbersOf, traced, weighted } from "../support/graph";
import { assertClose } from "../support/numbers";
import { BACKENDS, runInFloat32 } from "../support/run";

type Call = (prediction: Tensor, target: Tensor, options: { readonly reduction: nn.Reduction }) => Tensor;

/** The calls of scripts/fixtures/nn_losses.py, each with every reduction. */
const LOSSES: Readonly<Record<string, Call>> = {
  sumSquaredError: nn.sumSquaredError,
  halfSquaredError: nn.halfSquaredError,
  "halfSquaredError of numbers": nn.halfSquaredError,
  mse: nn.mse,
  mae: nn.mae,
  rmse: nn.rmse,
  huber: (p, y, o) => nn.huber(p, y, { ...o, delta: 0.75 }),
  smoothL1: (p, y, o) => nn.smoothL1(p, y, { ...o, beta: 0.5 }),
  binaryCrossEntropy: nn.binaryCrossEntropy,
  "binaryCrossEntropy at the ends": (p, _, o) => nn.binaryCrossEntropy(p, tensor([0, 1, 1, 0]), o),
  binaryCrossEntropyWithLogits: nn.binaryCrossEntropyWithLogits,
  "binaryCrossEntropyWithLogits, large": nn.binaryCrossEntropyWithLogits,
  crossEntropy: nn.crossEntropy,
  "crossEntropy smoothed": (z, y, o) => nn.crossEntropy(z, y, { ...o, labelSmoothing: 0.1 }),
  "crossEntropy of probabilities": nn.crossEntropy,
  "crossEntropy of probabilities, smoothed": (z, y, o) => nn.crossEntropy(z, y, { ...o, labelSmoothing: 0.25 }),
  "crossEntropy of pixels": nn.crossEntropy,
  "crossEntropy of the last axis": (z, y, o) => nn.crossEntropy(z, y, { ...o, axis: -1 }),
  "crossEntropy, large": nn.crossEntropy,
  "crossEntropy of one example": (z, y, o) => nn.crossEntropy(z, y.reshape([]), o),
  nll: nn.nll,
  "nll of sequences": nn.nll,
  multiMarginLoss: nn.multiMarginLoss,
  "multiMarginLoss squared": (x, y, o) => nn.multiMarginLoss(x, y, { ...o, p: 2, margin: 0.5 }),
  hinge: nn.hinge,
  perceptronLoss: nn.perceptronLoss,
  klDivergence: nn.klDivergence,
  "klDivergence batchMean": (x, y) => nn.klDivergence(x, y, { reduction: "batchMean" }),
  "klDivergence of logarithms": (x, y, o) => nn.klDivergence(x, y, { ...o, logTarget: true }),
};

/** Values that central differences cannot step around: clamped ends, and numbers too large to see a step. */
const NO_DIFFERENCES = ["binaryCrossEntropy at the ends", "binaryCrossEntropyWithLogits, large", "crossEntropy, large"];

describe("losses agree with PyTorch", () => {
  const fixtures = loadFixtures("nn-losses");
  const split = (name: string): [string, nn.Reduction] => {
    const at = name.lastIndexOf(" ");
    return [name.slice(0, at), name.slice(at + 1) as nn.Reduction];
  };

  it("has a loss for every fixture and a fixture for every loss", () => {
    assert.deepEqual(
      [...new Set(Object.keys(fixtures).map((name) => split(name)[0]))].sort(),
      Object.keys(LOSSES).sort(),
    );
  });

  for (const [name, fixture] of Object.entries(fixtures)) {
    const [loss, reduction] = split(name);
    const build = () => {
      const { leaves, values } = leavesOf(fixture.inputs.map(fixtureInput));
      const { result, issues } = traced(() => {
        const output = LOSSES[loss](leaves[0], leaves[1], { reduction });
        const floats = leaves.filter((leaf) => leaf.dtype === "float32");
        const scalar = weighted(output);
        return { output, floats, scalar, gradients: gradientsOf(scalar, floats) };
      });
      assert.deepEqual(issues, []);
      const expected = (fixture.gradients ?? []).filter((each) => each !== null).map(fixtureNumbers);
      return { ...result, values, expected };
    };

    it(`${name}: value and gradients in float64`, () => {
      const { output, gradients, values, expected } = build();
      const [value, ...found] = evaluate([output, ...gradients], (leaf) => values.get(leaf));
      assert.deepEqual(value.shape, fixture.shape);
      assertClose(value.data, fixtureNumbers(fixture.value), 1e-10, "value");
      // At the ends torch divides by its ε of 1e-12, which is a float32 even among float64 numbers.
      const bound = loss === "binaryCrossEntropy at the ends" ? 1e-8 : 1e-10;
      expected.forEach((each, i) => assertClose(found[i].data, each, bound, `gradient ${i}`));
    });

    it(`${name}: value and gradients in float32, planned and run`, async () => {
      const { output, gradients, values, expected } = build();
      for (const way of BACKENDS) {
        const [value, ...found] = await runInFloat32([output, ...gradients], values, way);
        assertClose(value, fixtureNumbers(fixture.value), 1e-5, `${way.name}, value`);
        expected.forEach((each, i) => assertClose(found[i], each, 1e-5, `${way.name}, gradient ${i}`));
      }
    });

    if (!NO_DIFFERENCES.includes(loss)) {
      it(`${name}: gradients, of the target too, against central differences`, () => {
        const { scalar, floats, gradients, values } = build();
        assertDifferences(scalar, floats, gradients, values, name);
      });
    }
  }
});

describe("losses by their definitions", () => {
  it("takes natural logarithms: −log ŷ of the label's class", () => {
    const logits = log(tensor([[0.2, 0.3, 0.5]]));
    assertClose(numbersOf(nn.crossEntropy(logits, tensor([2], "int32"))), [-Math.log(0.5)], 1e-12, "cross-entropy");
  });

  it("gives indices and their one-hot rows one value and one gradient, (softmax − y)/n", () => {
    const values = [
      [1, 2, -1],
      [0.5, 0, 0.25],
    ];
    const labels = tensor([1, 0], "int32");
    const [byIndex, byRow] = [labels, oneHot(labels, 3)].map((target) => {
      const z = nn.variable(values, "z");
      const loss = nn.crossEntropy(z, target);
      const numbers = { shape: [2, 3], dtype: "float32" as const, data: Float64Array.from(values.flat()) };
      const [a, y] = [softmax(z), oneHot(labels, 3)];
      return evaluate([loss, ...gradientsOf(loss, [z]), a.sub(y).div(2)], (leaf) => (leaf === z ? numbers : undefined));
    });
    assertClose(byIndex[0].data, byRow[0].data, 1e-12, "value");
    assertClose(byIndex[1].data, byRow[1].data, 1e-12, "gradient");
    assertClose(byIndex[1].data, byIndex[2].data, 1e-12, "a − y");
  });

  it("has no NaN where a logit of another class is −∞", () => {
    assertClose(
      numbersOf(nn.crossEntropy(tensor([[0, -Infinity, 0]]), tensor([2], "int32"))),
      [Math.log(2)],
      1e-12,
      "loss",
    );
  });

  it("names a label that is no class", () => {
    for (const label of [3, -1]) {
      assert.throws(
        () => numbersOf(nn.crossEntropy(tensor([[1, 2, 3]]), tensor([label], "int32"))),
        /index (3|-1) is out of range for an axis of size 3/,
      );
    }
  });

  it("agrees with binary cross-entropy of the sigmoid", () => {
    const [z, y] = [tensor([-2, 0.5, 3]), tensor([0, 1, 1])];
    assertClose(
      numbersOf(nn.binaryCrossEntropyWithLogits(z, y)),
      numbersOf(nn.binaryCrossEntropy(sigmoid(z), y)),
      1e-12,
      "loss",
    );
  });

  it("keeps digits that 1 − σ(z) loses: log(1 + e^−40)", () => {
    const loss = nn.binaryCrossEntropyWithLogits(tensor([40]), tensor([1]));
    assertClose(numbersOf(loss), numbersOf(expm1(tensor([0])).add(Math.log1p(Math.exp(-40)))), 1e-12, "loss");
  });

  it("lets a scalar target stand for one of the prediction's shape", () => {
    assert.deepEqual(numbersOf(nn.mse(tensor([1, 2, 3]), 2)), [2 / 3]);
  });

  it("has gradient 0 for a root mean squared error of 0", () => {
    const x = nn.variable([1, 2], "x");
    const [g] = gradientsOf(nn.rmse(x, tensor([1, 2])), [x]);
    const numbers = { shape: [2], dtype: "float32" as const, data: Float64Array.of(1, 2) };
    assert.deepEqual([...evaluate([g], (leaf) => (leaf === x ? numbers : undefined))[0].data], [0, 0]);
  });

  it("counts every point as an error of a perceptron whose weights are 0, as the batch perceptron does", () => {
    const theta = nn.variable([0, 0], "theta");
    const [x, y] = [
      tensor([
        [1, 2],
        [3, -1],
      ]),
      tensor([1, -1]),
    ];
    const [g] = gradientsOf(nn.perceptronLoss(x.matmul(theta), y), [theta]);
    const zero = { shape: [2], dtype: "float32" as const, data: Float64Array.of(0, 0) };
    // −Δ/n with Δ = Σ y·x = [1 − 3, 2 + 1]
    assert.deepEqual([...evaluate([g], (leaf) => (leaf === theta ? zero : undefined))[0].data], [1, -1.5]);
  });
});

describe("l2", () => {
  class Net extends nn.Module {
    hidden = new nn.Linear(2, 1);
    norm = new nn.BatchNorm1d(1);
    b1 = new nn.Parameter([1], nn.initializers.ones);
    forward(x: Tensor): Tensor {
      return this.norm(this.hidden(x)).add(this.b1);
    }
  }
  const numbers: Record<string, number[]> = {
    "hidden.weight": [3, -4],
    "hidden.bias": [100],
    "norm.weight": [2],
    "norm.bias": [100],
    b1: [100],
  };
  const bind = (model: nn.Module) => {
    const byNode = new Map<Tensor, Float64Array>();
    for (const [name, parameter] of nn.namedParameters(model))
      if (numbers[name]) byNode.set(parameter, Float64Array.from(numbers[name]));
    return (leaf: Tensor) => {
      const data = byNode.get(leaf);
      return data && { shape: leaf.shape, dtype: leaf.dtype, data };
    };
  };

  it("is λ/(2n)·ΣΘ² without biases and states, with gradient (λ/n)·Θ", () => {
    const model = new Net();
    const penalty = nn.l2(model, 0.5, 4);
    const [value, g] = evaluate([penalty, ...gradientsOf(penalty, [model.hidden.weight])], bind(model));
    assert.deepEqual([...value.data], [(0.5 / 8) * (9 + 16 + 4)]);
    assert.deepEqual([...g.data], [(0.5 / 4) * 3, (0.5 / 4) * -4]);
  });

  it("takes a list of parameters", () => {
    const model = new Net();
    assert.deepEqual([...evaluate([nn.l2([model.hidden.weight], 2)], bind(model))[0].data], [25]);
  });

  it("knows biases by their names", () => {
    const biases = [
      "bias",
      "a.bias",
      "b",
      "b1",
      "b_2",
      "in_proj_bias",
      "bias_ih_l0_reverse",
      "outputBias",
      "model.intercept",
    ];
    const weights = ["weight", "a.weight", "w1", "theta", "beta", "weight_hh_l0", "biased", "embedding"];
    for (const name of biases) assert.equal(nn.isBias(name), true, name);
    for (const name of weights) assert.equal(nn.isBias(name), false, name);
  });

  it("says what is wrong with its arguments", () => {
    assert.throws(() => nn.l2(new Net(), -1), /l2: lambda must be a number ≥ 0, got -1/);
    assert.throws(() => nn.l2(new nn.ReLU(), 1), /l2: there is no weight to penalise/);
  });
});
