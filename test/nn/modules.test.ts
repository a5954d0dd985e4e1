import assert from "node:assert/strict";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import * as nn from "../../engine/nn";
import { relu } from "../../engine/ops";
import { leaf, traced } from "../support/graph";
import { assertClose } from "../support/numbers";

describe("modules of users", () => {
  class Block extends nn.Module {
    linear = new nn.Linear(4, 4);
    forward(x: Tensor): Tensor {
      return relu(this.linear(x)).add(x);
    }
  }
  class Head extends nn.Module {
    out = new nn.Linear(4, 2);
    forward(x: Tensor, scale = 1): { logits: Tensor; scale: number } {
      return { logits: this.out(x), scale };
    }
  }

  it("are called as typed functions: the call has the types of forward", () => {
    traced(() => {
      const x = leaf([3, 4]);
      const y: Tensor = new Block()(x);
      const z: { logits: Tensor; scale: number } = new Head()(y, 2);
      const layer: nn.Layer = new Block();
      const w: Tensor = layer(y);
      // @ts-expect-error a module's input is checked by the compiler
      const wrong = () => new Block()("text");
      // @ts-expect-error so is its result
      const alsoWrong = (): number => new Block()(x);
      assert.deepEqual([y.shape, z.logits.shape, z.scale, w.shape], [[3, 4], [3, 2], 2, [3, 4]]);
      assert.throws(wrong);
      assert.equal(typeof alsoWrong, "function");
    });
  });

  it("name parameters as PyTorch's state_dict does, through lists, records and containers", () => {
    class Model extends nn.Module {
      layers = new nn.ModuleList([new Block(), new Block()]);
      heads = { a: new Head(), b: new Head() };
      tail = new nn.Sequential(new nn.Linear(4, 3), relu, new nn.Linear(3, 1, { bias: false }));
      scale = new nn.Parameter([1], nn.initializers.ones);
      forward(x: Tensor): Tensor {
        for (const layer of this.layers) x = layer(x);
        return this.tail(x).mul(this.scale);
      }
    }
    assert.deepEqual(
      [...nn.namedParameters(new Model()).keys()],
      [
        ...["layers.0.linear.weight", "layers.0.linear.bias", "layers.1.linear.weight", "layers.1.linear.bias"],
        ...["heads.a.out.weight", "heads.a.out.bias", "heads.b.out.weight", "heads.b.out.bias"],
        ...["tail.0.weight", "tail.0.bias", "tail.2.weight", "scale"],
      ],
    );
  });

  it("share parameters under the first path", () => {
    class Tied extends nn.Module {
      embedding = new nn.Embedding(5, 3);
      again = this.embedding;
      forward(x: Tensor): Tensor {
        return this.again(x);
      }
    }
    assert.deepEqual([...nn.namedParameters(new Tied()).keys()], ["embedding.weight"]);
  });
});

describe("Sequential and ModuleList", () => {
  it("give their children by index, number and iteration", () => {
    const [first, second] = [new nn.Linear(2, 3), new nn.ReLU()];
    const net = new nn.Sequential(first, second, relu);
    assert.deepEqual([net.length, [...net]], [3, [first, second, relu]]);
    assert.equal(net[0], first);
    const list = new nn.ModuleList([first, second]);
    assert.deepEqual([list.length, [...list]], [2, [first, second]]);
    assert.deepEqual([list[1], list.at(-1), list.at(5)], [second, second, undefined]);
  });

  it("are containers, and a Sequential of none passes its input on", () => {
    assert.ok(nn.isContainer(new nn.Sequential()) && nn.isContainer(new nn.ModuleList()));
    assert.ok(!nn.isContainer(new nn.Linear(1, 1)));
    const x = leaf([2]);
    assert.equal(new nn.Sequential()(x), x);
  });

  it("have paths from the model", () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Sequential(new nn.Linear(2, 2)));
    withTrace(new Trace(), () => net(leaf([1, 2])));
    const inner = net[1] as nn.Sequential;
    assert.equal(nn.modulePath(inner[0] as unknown as nn.Module), "1.0");
  });

  it("keep their children: assigning one throws", () => {
    const net = new nn.Sequential(relu) as unknown as Record<number, unknown>;
    assert.throws(() => {
      net[0] = relu;
    }, TypeError);
  });
});

describe("mlp", () => {
  it("alternates linear layers, activation and dropout, and ends without", () => {
    const net = nn.mlp([4, 8, 8, 2], { activation: new nn.Tanh(), dropout: 0.5, outputActivation: new nn.Sigmoid() });
    const types = [...net].map((layer) => (layer instanceof nn.Module ? nn.moduleType(layer) : layer.name));
    assert.deepEqual(types, ["Linear", "Tanh", "Dropout", "Linear", "Tanh", "Dropout", "Linear", "Sigmoid"]);
    assert.equal(nn.parameterCount(net), 4 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2);
  });
});

describe("built-in classes", () => {
  it("all say their name, which minifying cannot change", () => {
    const base = Object.getPrototypeOf(nn.Linear) as unknown;
    const classes = Object.entries(nn).filter(
      ([name, value]) => typeof value === "function" && value.prototype instanceof nn.Module && name !== "Module",
    );
    assert.equal(base, nn.Module);
    assert.equal(classes.length, 41);
    for (const [name, value] of classes) {
      assert.ok(Object.hasOwn(value, "layerType"), name);
      assert.equal((value as unknown as typeof nn.Module).layerType, name);
    }
  });
});

describe("initial values", () => {
  const random = nn.randomSource(5, "weight");
  const fill = (initializer: nn.Initializer, shape: readonly number[]): Float64Array => initializer.fill(shape, random);
  const mean = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const std = (values: Float64Array): number => {
    const m = mean(values);
    return Math.sqrt(values.reduce((sum, x) => sum + (x - m) ** 2, 0) / values.length);
  };

  // [out, in]: fanIn 300, fanOut 200; a convolution's fans count its 3 × 3 field.
  const dense = [200, 300];
  const filters = [32, 16, 3, 3];
  const NORMAL: readonly (readonly [string, nn.Initializer, readonly number[], number])[] = [
    ["heNormal", nn.heNormal(), dense, Math.sqrt(2 / 300)],
    ["heNormal of filters", nn.heNormal(), filters, Math.sqrt(2 / (16 * 9))],
    ["xavierNormal", nn.xavierNormal(), dense, Math.sqrt(2 / 500)],
    ["xavierNormal of filters with gain", nn.xavierNormal(2), filters, 2 * Math.sqrt(2 / (48 * 9))],
    ["normal", nn.initializers.normal(0, 0.5), dense, 0.5],
    // The variance of a normal cut at ±2: 1 − 2·2φ(2)/(Φ(2) − Φ(−2)) = 0.7737.
    ["truncatedNormal", nn.initializers.truncatedNormal(), dense, Math.sqrt(0.7737413)],
  ];
  for (const [name, initializer, shape, expected] of NORMAL) {
    it(`${name} has standard deviation ${expected.toFixed(4)} and mean 0`, () => {
      const values = fill(initializer, shape);
      // The standard error of a standard deviation is σ/√(2n), of a mean σ/√n; five of each.
      assert.ok(Math.abs(std(values) - expected) < (5 * expected) / Math.sqrt(2 * values.length), String(std(values)));
      assert.ok(Math.abs(mean(values)) < (5 * expected) / Math.sqrt(values.length), String(mean(values)));
    });
  }

  const UNIFORM: readonly (readonly [string, nn.Initializer, readonly number[], number])[] = [
    ["heUniform", nn.heUniform(), dense, Math.sqrt(6 / 300)],
    ["xavierUniform", nn.xavierUniform(), dense, Math.sqrt(6 / 500)],
    ["Linear's weight", new nn.Linear(300, 200).weight.initializer, dense, 1 / Math.sqrt(300)],
    ["Linear's bias", (new nn.Linear(300, 4000).bias as nn.Parameter).initializer, [4000], 1 / Math.sqrt(300)],
    ["Conv2d's weight", new nn.Conv2d(16, 32, 3).weight.initializer, filters, 1 / 12],
    ["grouped Conv2d's weight", new nn.Conv2d(16, 32, 3, { groups: 4 }).weight.initializer, [32, 4, 3, 3], 1 / 6],
    // As PyTorch counts: the second axis of [in, out/groups, kh, kw].
    ["ConvTranspose2d's weight", new nn.ConvTranspose2d(32, 16, 3).weight.initializer, filters, 1 / 12],
    ["LSTM's weight", (new nn.LSTM(300, 64).weight_ih_l0 as nn.Parameter).initializer, [256, 300], 1 / 8],
    ["GRUCell's bias", (new nn.GRUCell(3, 900).bias_hh as nn.Parameter).initializer, [2700], 1 / 30],
    [
      "MultiHeadAttention's projection",
      new nn.MultiHeadAttention(64, 4).in_proj_weight.initializer,
      [192, 64],
      Math.sqrt(6 / 256),
    ],
  ];
  for (const [name, initializer, shape, bound] of UNIFORM) {
    it(`${name} is uniform within ±${bound.toFixed(4)}`, () => {
      const values = fill(initializer, shape);
      const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      assert.ok(largest <= bound && largest > bound * 0.99, String(largest));
      const expected = bound / Math.sqrt(3);
      assert.ok(Math.abs(std(values) - expected) < (5 * expected) / Math.sqrt(2 * values.length), String(std(values)));
    });
  }

  it("embeds with standard normal rows", () => {
    assert.ok(Math.abs(std(fill(new nn.Embedding(200, 50).weight.initializer, [200, 50])) - 1) < 0.05);
  });

  for (const shape of [
    [4, 4],
    [3, 7],
    [7, 3],
    [5, 2, 3],
    [1, 1],
    [40, 30],
  ]) {
    it(`orthogonal ${JSON.stringify(shape)}: the shorter side is orthonormal, times the gain`, () => {
      const gain = 1.5;
      const values = fill(nn.orthogonal(gain), shape);
      const [rows, columns] = [shape[0], values.length / shape[0]];
      const at = (i: number, j: number): number => values[i * columns + j];
      const [count, length] = rows <= columns ? [rows, columns] : [columns, rows];
      const element = (vector: number, k: number): number => (rows <= columns ? at(vector, k) : at(k, vector));
      for (let a = 0; a < count; a++) {
        for (let b = 0; b < count; b++) {
          let dot = 0;
          for (let k = 0; k < length; k++) dot += element(a, k) * element(b, k);
          assert.ok(Math.abs(dot - (a === b ? gain * gain : 0)) < 1e-10, `${a}·${b} = ${dot}`);
        }
      }
    });
  }

  it("orthogonal has no preferred sign", () => {
    const traces = Array.from({ length: 200 }, (_, i) => {
      const values = nn.orthogonal().fill([1, 1], nn.randomSource(i, "w"));
      return values[0];
    });
    const positive = traces.filter((value) => value > 0).length;
    assert.ok(positive > 60 && positive < 140, String(positive));
  });

  it("identity, values and constants are what they say", () => {
    assert.deepEqual([...fill(nn.initializers.identity(2), [2, 3])], [2, 0, 0, 0, 2, 0]);
    assert.deepEqual([...fill(nn.initializers.values([[20, 20]]), [1, 2])], [20, 20]);
    assert.deepEqual([...fill(nn.initializers.constant(0.5), [2])], [0.5, 0.5]);
    assert.throws(
      () => fill(nn.initializers.values([1, 2]), [3]),
      /values: got numbers of shape \[2\] for a parameter of shape \[3\]/,
    );
    assert.throws(() => fill(nn.orthogonal(), [3]), /orthogonal: needs a parameter of at least 2 axes, got \[3\]/);
    assert.throws(() => fill(nn.initializers.identity(), [2, 2, 2]), /identity: needs a matrix/);
    assert.throws(() => nn.initializers.truncatedNormal(0, 1, 2, 1), /truncatedNormal: needs low < high/);
  });

  it("truncated normals stay within their bounds", () => {
    const values = fill(nn.initializers.truncatedNormal(1, 0.5, -1, 1), [500]);
    assert.ok(values.every((value) => value >= 0.5 && value <= 1.5));
  });

  it("are the same for the same seed and name, and others for another name", () => {
    const draw = (seed: number, name: string): Float64Array => nn.heNormal().fill([3, 3], nn.randomSource(seed, name));
    assert.deepEqual(draw(1, "a"), draw(1, "a"));
    assert.notDeepEqual(draw(1, "a"), draw(1, "b"));
    assert.notDeepEqual(draw(1, "a"), draw(2, "a"));
    assertClose(draw(1, "a"), draw(1, "a"), 0, "the same");
  });
});
