import { isBias } from "../../engine/graph/names";
import assert from "node:assert/strict";
import {
  type Optimizer,
  adagrad,
  adam,
  adamW,
  excludeFromDecay,
  momentum,
  rmsprop,
  sgd,
  unusedGroups,
} from "../../engine/optim";
import { matchesName } from "../../engine/optim/groups";
import { leaf, numbersOf } from "../support/graph";
import { assertClose } from "../support/numbers";

/** θ after one update from θ = 2 with g = 1 under the schedule's rate. */
function updateOf(optimizer: Optimizer, name: string, rate = optimizer.learningRate): number {
  const scalar = (value: number) => ({ shape: [], dtype: "float32" as const, data: Float64Array.of(value) });
  const [parameter, gradient, learningRate, step] = [leaf([]), leaf([]), leaf([]), leaf([])];
  const state = optimizer.state.map(() => leaf([]));
  const updated = optimizer.update({ name, parameter, gradient, state, learningRate, step });
  const values = new Map([
    [parameter, scalar(2)],
    [gradient, scalar(1)],
    [learningRate, scalar(rate)],
    [step, scalar(1)],
    ...state.map((at, i) => [at, scalar(optimizer.state[i].fill)] as const),
  ]);
  return numbersOf(updated.parameter, values)[0];
}

describe("parameter groups", () => {
  const matches: readonly (readonly [match: string | RegExp, name: string, expected: boolean])[] = [
    ["hidden.weight", "hidden.weight", true],
    ["hidden.weight", "hidden.weight2", false],
    ["hidden.weight", "hiddenxweight", false],
    ["*.bias", "hidden.bias", true],
    ["*.bias", "layers.0.linear.bias", true],
    ["*.bias", "bias", true],
    ["*.bias", "hidden.debias", false],
    ["hidden.*", "hidden.weight", true],
    ["hidden.*", "hidden2.weight", false],
    ["layers.*.weight", "layers.0.1.weight", true],
    ["*norm*", "encoder.norm1.weight", true],
    ["*", "anything", true],
    ["*.weight[0]", "a.weight[0]", true],
    [/^output\./, "output.weight", true],
    [/^output\./g, "hidden.output.weight", false],
  ];
  for (const [match, name, expected] of matches) {
    it(`${match} ${expected ? "means" : "does not mean"} ${name}`, () => {
      // Twice: a global expression must not remember where it was.
      for (let i = 0; i < 2; i++) assert.equal(matchesName(match, name), expected);
    });
  }

  it("a learning rate of its own follows the schedule in proportion", () => {
    const optimizer = sgd({ learningRate: 0.1, groups: [{ match: "output.*", learningRate: 0.05 }] });
    assertClose([updateOf(optimizer, "hidden.weight")], [1.9], 1e-15, "base");
    assertClose([updateOf(optimizer, "output.weight")], [1.95], 1e-15, "group");
    assertClose([updateOf(optimizer, "output.weight", 0.02)], [1.99], 1e-15, "group under a schedule");
  });

  it("all matching groups apply, a later one wins", () => {
    const groups = [
      { match: "*", weightDecay: 0.5 },
      { match: (name: string) => name.startsWith("a"), learningRate: 0.2 },
      { match: /b/, weightDecay: 0 },
    ];
    const optimizer = sgd({ learningRate: 0.1, groups });
    assertClose([updateOf(optimizer, "c")], [2 - 0.1 * (1 + 1)], 1e-15, "c");
    assertClose([updateOf(optimizer, "a")], [2 - 0.2 * (1 + 1)], 1e-15, "a");
    assertClose([updateOf(optimizer, "ab")], [2 - 0.2], 1e-15, "ab");
  });

  it("biases keep out of the decay when asked to", () => {
    for (const optimizer of [
      sgd({ learningRate: 0.1, weightDecay: 0.5, decayBiases: false }),
      sgd({ learningRate: 0.1, weightDecay: 0.5, groups: [excludeFromDecay()] }),
      sgd({ learningRate: 0.1, weightDecay: 0.5, groups: [excludeFromDecay("*.bias")] }),
      sgd({ learningRate: 0.1, weightDecay: 0.5, groups: [excludeFromDecay(/norm/, "*.bias")] }),
    ]) {
      assertClose([updateOf(optimizer, "hidden.bias")], [1.9], 1e-15, "bias");
      assertClose([updateOf(optimizer, "hidden.weight")], [1.8], 1e-15, "weight");
    }
    assertClose([updateOf(sgd({ learningRate: 0.1, weightDecay: 0.5 }), "hidden.bias")], [1.8], 1e-15, "as in PyTorch");
    // adamW: 2 − 0.1·0.5·2, then Adam's first update of η.
    const decoupled = adamW({ learningRate: 0.1, weightDecay: 0.5, decayBiases: false, epsilon: 0 });
    assertClose([updateOf(decoupled, "hidden.weight")], [1.8], 1e-15, "adamW weight");
    assertClose([updateOf(decoupled, "hidden.bias")], [1.9], 1e-15, "adamW bias");
  });

  it("knows biases by the last part of their name", () => {
    for (const name of ["bias", "hidden.bias", "lstm.bias_ih_l0", "attention.in_proj_bias", "gru.biasHidden"]) {
      assert.equal(isBias(name), true, name);
    }
    for (const name of ["weight", "biased.weight", "hidden.weight"]) assert.equal(isBias(name), false, name);
  });

  it("a group may switch momentum on or off", () => {
    const on = sgd({ learningRate: 0.1, groups: [{ match: "a", momentum: 0.9, dampening: 0.5 }] });
    assert.equal(on.state.length, 1);
    assertClose([updateOf(on, "a"), updateOf(on, "b")], [1.9, 1.9], 1e-15, "first update");
  });

  it("groups that mean nothing are told, with the nearest name", () => {
    const optimizer = adam({ groups: [{ match: "hiden.bias" }, { match: "*.weight" }, { match: /^conv/ }] });
    assert.deepEqual(unusedGroups(optimizer, ["hidden.weight", "hidden.bias"]), [
      'adam: the group "hiden.bias" matches no parameter; did you mean "hidden.bias"?',
      "adam: the group /^conv/ matches no parameter; the parameters are hidden.weight, hidden.bias",
    ]);
  });
});

describe("optimisers: options", () => {
  it("are shown with their defaults", () => {
    assert.deepEqual(adam({ learningRate: 0.01, beta2: undefined }).options, {
      learningRate: 0.01,
      weightDecay: 0,
      decayBiases: true,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    });
    assert.equal(adamW().options.weightDecay, 0.01);
    assert.equal(adam().learningRate, 0.001);
    assert.deepEqual(momentum({ learningRate: 1 }).options, {
      learningRate: 1,
      weightDecay: 0,
      decayBiases: true,
      beta: 0.9,
    });
    assert.deepEqual(sgd({ learningRate: 1, groups: [{ match: "*.bias", weightDecay: 0 }] }).groups, [
      { match: "*.bias", weightDecay: 0 },
    ]);
  });

  // What JavaScript lets through: the types forbid most of these.
  const call = (make: unknown, ...values: unknown[]): Optimizer =>
    (make as (...values: unknown[]) => Optimizer)(...values);
  const wrong: readonly (readonly [make: unknown, given: unknown, message: string])[] = [
    [sgd, {}, "sgd: learningRate is missing: give a number above 0"],
    [sgd, undefined, "sgd: options are given as an object such as { learningRate: … }, got undefined"],
    [adam, 0.001, "adam: options are given as an object such as { learningRate: … }, got 0.001"],
    [adam, null, "adam: options are given as an object such as { learningRate: … }, got null"],
    [adam, { learningRate: 0 }, "adam: learningRate must be a number above 0, got 0"],
    [adam, { learningRate: -1 }, "adam: learningRate must be a number above 0, got -1"],
    [adam, { learningRate: NaN }, "adam: learningRate must be a number above 0, got NaN"],
    [adam, { learningRate: Infinity }, "adam: learningRate must be a number above 0, got Infinity"],
    [adam, { learningRate: "0.1" }, 'adam: learningRate must be a number above 0, got "0.1"'],
    [adam, { beta1: 1 }, "adam: beta1 must be a number from 0 to below 1, got 1"],
    [adam, { beta2: -0.1 }, "adam: beta2 must be a number from 0 to below 1, got -0.1"],
    [adam, { weightDecay: -1 }, "adam: weightDecay must be a number from 0 upwards, got -1"],
    [adam, { decayBiases: 1 }, "adam: decayBiases must be true or false, got 1"],
    [adam, { learningrate: 1 }, 'adam: there is no option "learningrate"; did you mean learningRate?'],
    [adam, { learninRate: 1 }, 'adam: there is no option "learninRate"; did you mean learningRate?'],
    [adam, { lr: 1 }, 'adam: there is no option "lr"; did you mean learningRate?'],
    [adam, { weight_decay: 1 }, 'adam: there is no option "weight_decay"; did you mean weightDecay?'],
    [adam, { betas: [0.9, 0.99] }, 'adam: there is no option "betas"; did you mean beta1?'],
    [rmsprop, { alpha: 0.9 }, 'rmsprop: there is no option "alpha"; did you mean beta?'],
    [rmsprop, { eps: 0.9 }, 'rmsprop: there is no option "eps"; did you mean epsilon?'],
    [momentum, { learningRate: 1, momentum: 0.9 }, 'momentum: there is no option "momentum"; did you mean beta?'],
    [
      adam,
      { constructor: 1 },
      'adam: there is no option "constructor"; the options are learningRate, weightDecay, decayBiases, beta1, beta2, epsilon',
    ],
    [
      sgd,
      { learningRate: 1, nesterov: true },
      "sgd: nesterov needs a momentum above 0 and no dampening, got momentum 0 and dampening 0",
    ],
    [sgd, { learningRate: 1, groups: {} }, "sgd: groups must be a list of { match, … }, got an object"],
    [
      sgd,
      { learningRate: 1, groups: ["*.bias"] },
      'sgd: each group is an object such as { match: "*.bias", weightDecay: 0 }, got "*.bias"',
    ],
    [
      sgd,
      { learningRate: 1, groups: [{ match: "" }] },
      'sgd: match must be a parameter\'s name such as "*.bias", a regular expression or a function, got ""',
    ],
    [
      sgd,
      { learningRate: 1, groups: [{ match: "*.bias", learningRate: 0 }] },
      'sgd: group "*.bias": learningRate must be a number above 0, got 0',
    ],
    [
      sgd,
      { learningRate: 1, groups: [{ match: /b/, weightdecay: 0 }] },
      'sgd: group /b/: there is no option "weightdecay"; did you mean weightDecay?',
    ],
    [
      adagrad,
      { groups: [{ match: "a", initialAccumulator: 1 }] },
      "adagrad: initialAccumulator cannot differ between groups",
    ],
    [rmsprop, { groups: [{ match: "a", centered: true }] }, "rmsprop: centered cannot differ between groups"],
  ];
  for (const [make, given, message] of wrong) {
    it(message, () => assert.throws(() => (given === undefined ? call(make) : call(make, given)), { message }));
  }
});
