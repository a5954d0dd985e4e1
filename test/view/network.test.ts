/** The two drawings of a network, by the rules of the conventions: what is a node, what it is called, what feeds it. */
import assert from "node:assert/strict";
import { symbol } from "../../engine/graph/dim";
import { fromArrays } from "../../engine/data";
import type { Tensor } from "../../engine/graph/tensor";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import { traceForward } from "../../engine/train/step";
import { answerLook } from "../../engine/view/answer";
import type { GraphNode, NetworkResult } from "../../engine/view/looks";
import { networkOf } from "../../engine/view/network";
import { given, lookInto, type Options, trainingOf } from "./support";

class Small extends nn.Module {
  hidden = new nn.Linear(2, 3, { initializer: given(1, 2, 3, 4, 5, 6) });
  output = new nn.Linear(3, 1, { initializer: given(7, 8, 9) });

  forward(x: Tensor) {
    return this.output(ops.tanh(this.hidden(x)));
  }
}

const points = fromArrays({ inputs: [[0, 0]], targets: [[1]] });

function drawn(options: Options): NetworkResult {
  const of = trainingOf(options);
  if (of.data.fields === null) throw new Error("the data do not say their fields");
  return networkOf(traceForward(of, of.data.fields, { batchSize: symbol("N"), training: true, examples: 10 }));
}

const small = drawn({ model: new Small(), data: points, loss: nn.mse, l2: 0 });

/** `matmul([N, 2] …)`: the function and what feeds it, by name or function. */
function sentence({ graph }: NetworkResult, node: GraphNode): string {
  const label = ({ name, operation }: GraphNode): string => name ?? operation;
  const inputs = graph.edges
    .filter(({ to }) => to === node.id)
    .map(({ from, shape }) => `${label(graph.nodes[from])} ${shape}`);
  return `${node.kind} ${node.operation}(${inputs.join(", ")}) ${node.shape}`;
}

describe("computation graph", () => {
  it("has a node for each intermediate, parameter, intercept, constant, input, label, and the loss", () => {
    assert.deepEqual(
      small.graph.nodes.map((node) => `${node.name ?? ""}: ${sentence(small, node)}`).sort(),
      [
        "hidden.weight: parameter parameter() [3, 2]",
        "hidden.bias: parameter parameter() [3]",
        "output.weight: parameter parameter() [1, 3]",
        "output.bias: parameter parameter() [1]",
        "input: input input() [N, 2]",
        "target: target input() [N, 1]",
        ": operation permute(hidden.weight [3, 2]) [2, 3]",
        ": operation matmul(input [N, 2], permute [2, 3]) [N, 3]",
        ": operation add(matmul [N, 3], hidden.bias [3]) [N, 3]",
        ": operation tanh(add [N, 3]) [N, 3]",
        ": operation permute(output.weight [1, 3]) [3, 1]",
        ": operation matmul(tanh [N, 3], permute [3, 1]) [N, 1]",
        ": operation add(matmul [N, 1], output.bias [1]) [N, 1]",
        ": operation subtract(add [N, 1], target [N, 1]) [N, 1]",
        ": operation multiply(subtract [N, 1], subtract [N, 1]) [N, 1]",
        ": operation sum(multiply [N, 1]) []",
        ": constant N() []",
        "loss: loss divide(sum [], N []) []",
      ].sort(),
    );
  });

  it("numbers nodes in an order of execution, and has an edge for each use", () => {
    const square = small.graph.nodes.findIndex(({ operation }) => operation === "multiply");
    assert.equal(small.graph.edges.filter(({ to }) => to === square).length, 2);
    assert.deepEqual(
      small.graph.nodes.map(({ id }) => id),
      small.graph.nodes.map((_, i) => i),
    );
    for (const { from, to } of small.graph.edges) assert.ok(from < to);
  });

  it("says which layer and group a node belongs to; parameters stand with the module that uses them", () => {
    const places = new Map(small.graph.nodes.map((node) => [sentence(small, node), [node.layer, node.group]]));
    const cases: readonly [node: string, layer: number | null, group: string][] = [
      ["parameter parameter() [3, 2]", 0, "hidden"],
      ["operation matmul(tanh [N, 3], permute [3, 1]) [N, 1]", 1, "output"],
      ["operation tanh(add [N, 3]) [N, 3]", null, ""],
      ["operation multiply(subtract [N, 1], subtract [N, 1]) [N, 1]", null, "mse"],
      ["constant N() []", null, "mse/mean"],
      ["target input() [N, 1]", null, ""],
    ];
    for (const [node, layer, group] of cases) assert.deepEqual(places.get(node), [layer, group], node);
    assert.deepEqual(
      small.graph.groups.map(({ id, parent, name, type, kind, layer }) => [id, parent, name, type, kind, layer]),
      [
        ["hidden", "", "hidden", "Linear", "module", 0],
        ["output", "", "output", "Linear", "module", 1],
        ["mse", "", "mse", "mse", "composite", null],
        ["mse/mean", "mse", "mean", "mean", "composite", null],
      ],
    );
  });

  it("gives calls of one module a group each", () => {
    class Twice extends nn.Module {
      same = new nn.Linear(2, 2);
      forward(x: Tensor) {
        return this.same(this.same(x));
      }
    }
    const data = fromArrays({ inputs: [[0, 0]], targets: [[0, 0]] });
    const { graph } = drawn({ model: new Twice(), data, loss: nn.mse });
    assert.deepEqual(
      graph.groups.slice(0, 2).map(({ id, name, layer }) => [id, name, layer]),
      [
        ["same", "same", 0],
        ["same 2", "same", 1],
      ],
    );
    // What both use stands outside of both.
    assert.deepEqual(
      graph.nodes.filter(({ kind }) => kind === "parameter").map(({ group, layer }) => [group, layer]),
      [
        ["", null],
        ["", null],
      ],
    );
  });

  it("draws a composite with a gradient of its own as the operations it is made of", () => {
    const data = fromArrays({ inputs: [[0, 0]], targets: [0], classes: 3 });
    const { graph } = drawn({ model: new nn.Linear(2, 3), data, loss: nn.crossEntropy });
    assert.ok(!graph.nodes.some(({ operation }) => operation === "withGradient" || operation === "crossEntropy"));
    const last = graph.nodes.at(-1);
    assert.deepEqual([last?.kind, last?.name, last?.operation], ["loss", "loss", "divide"]);
  });

  it("folds layers where there are more than 2,000 nodes, and says so", () => {
    const model = new nn.Sequential(...Array.from({ length: 600 }, () => new nn.Linear(2, 2)));
    const data = fromArrays({ inputs: [[0, 0]], targets: [[0, 0]] });
    const { graph, note } = drawn({ model, data, loss: nn.mse });
    // 600 layers of 5 nodes each, input, target, and 5 of the loss (as above).
    assert.match(note ?? "", /^The graph has 3007 nodes\. Each layer is drawn as one/);
    assert.equal(graph.nodes.filter(({ kind }) => kind === "layer").length, 601);
    assert.deepEqual(
      graph.nodes.find(({ name }) => name === "7"),
      {
        id: 9,
        kind: "layer",
        operation: "Linear",
        name: "7",
        shape: "[N, 2]",
        layer: 7,
        file: null,
        line: null,
        group: "",
        problem: null,
      },
    );
    assert.ok(graph.edges.some(({ from, to }) => graph.nodes[from].name === "6" && graph.nodes[to].name === "7"));
  });
});

describe("network diagram", () => {
  const columns = ({ diagram }: NetworkResult) =>
    diagram.columns.map(({ variable, units, layer, activation }) => [variable, units, layer, activation]);

  it("has units for inputs and layers, none for intercepts and the loss", () => {
    assert.deepEqual(columns(small), [
      ["x", 2, null, null],
      ["hidden", 3, 0, "tanh"],
      ["output", 1, 1, null],
    ]);
    assert.deepEqual(small.diagram.links, [
      { from: 0, to: 1, weight: "hidden.weight", values: null },
      { from: 1, to: 2, weight: "output.weight", values: null },
    ]);
  });

  it("calls units without a name by the number of their layer", () => {
    const found = drawn({ model: nn.mlp([2, 3, 1]), data: points, loss: nn.mse });
    assert.deepEqual(columns(found), [
      ["x", 2, null, null],
      ["a¹", 3, 0, "relu"],
      ["a²", 1, 1, null],
    ]);
  });

  it("labels edges with the weights that a run has", async () => {
    const access = await lookInto({ model: new Small(), data: points, loss: nn.mse });
    const { diagram } = (await answerLook(access, { kind: "network" })) as NetworkResult;
    assert.deepEqual(
      diagram.links.map(({ values }) => values),
      [
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        [[7, 8, 9]],
      ],
    );
  });

  it("leaves a folded bias out of the weights", async () => {
    const model = new nn.FoldedLinear(2, 1, { initializer: given(1, 2, 3) });
    const access = await lookInto({ model, data: points, loss: nn.mse });
    const { diagram } = (await answerLook(access, { kind: "network" })) as NetworkResult;
    assert.deepEqual(
      diagram.links.map(({ values }) => values),
      [[[2, 3]]],
    );
  });

  it("passes over layers without weights, and joins branches", () => {
    class Residual extends nn.Module {
      first = new nn.Linear(2, 4);
      norm = new nn.LayerNorm(4);
      drop = new nn.Dropout(0.5);
      inner = new nn.Linear(4, 4);
      last = new nn.Linear(4, 1);
      forward(x: Tensor) {
        const h = ops.relu(this.drop(this.norm(this.first(x))));
        return this.last(ops.add(h, this.inner(h)));
      }
    }
    const found = drawn({ model: new Residual(), data: points, loss: nn.mse });
    assert.deepEqual(columns(found), [
      ["x", 2, null, null],
      ["first", 4, 0, "relu"],
      ["inner", 4, 3, null],
      ["last", 1, 4, null],
    ]);
    assert.deepEqual(
      found.diagram.links.map(({ from, to }) => [from, to]),
      [
        [0, 1],
        [1, 2],
        [1, 3],
        [2, 3],
      ],
    );
  });

  it("counts channels as the units of a convolution, and does not take the loss's softmax for an activation", () => {
    class Convolution extends nn.Module {
      conv = new nn.Conv2d(1, 4, 3);
      output = new nn.Linear(16, 3);
      forward(x: Tensor) {
        return this.output(this.conv(x.reshape([-1, 1, 4, 4])).flatten());
      }
    }
    const data = fromArrays({ inputs: [new Array<number>(16).fill(0)], targets: [0], classes: 3 });
    const found = drawn({ model: new Convolution(), data, loss: nn.crossEntropy });
    // In the layer that uses them, not in the operation within it.
    assert.deepEqual(
      found.graph.nodes.filter(({ kind }) => kind === "parameter").map(({ group }) => group),
      ["conv", "conv", "output", "output"],
    );
    assert.deepEqual(columns(found), [
      ["x", 16, null, null],
      ["conv", 4, 0, null],
      ["output", 3, 1, null],
    ]);
  });
});
