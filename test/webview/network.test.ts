/** What of a network is drawn where, without a page: folding, layout, the diagram's circles and labels. */
import assert from "node:assert/strict";
import type { ComputationGraph, DiagramColumn, GraphNode, NetworkDiagram, RunHistory } from "../../webview/protocol";
import { emptyHistory, FIGURES } from "../../webview/protocol";
import { layerColours, rampColour } from "../../webview/views/network-colours";
import { foldGraph, openAtFirst } from "../../webview/views/network-graph";
import { layoutGraph, type Box } from "../../webview/views/network-layout";
import { layoutDiagram, subscript } from "../../webview/views/network-units";

const measure = (text: string, small: boolean): number => text.length * (small ? 6 : 7);

function node(id: number, operation: string, group: string, rest: Partial<GraphNode> = {}): GraphNode {
  return {
    id,
    kind: "operation",
    operation,
    name: null,
    shape: `[${id}]`,
    layer: null,
    file: null,
    line: null,
    group,
    ...rest,
  };
}

/** x → hidden(matmul(x, w)) → h = tanh → crossEntropy(softmax(h), t). */
const graph: ComputationGraph = {
  nodes: [
    node(0, "parameter", "hidden", { kind: "parameter", name: "hidden.weight", layer: 0 }),
    node(1, "input", "", { kind: "input", name: "x" }),
    node(2, "input", "", { kind: "target", name: "t" }),
    node(3, "matmul", "hidden", { layer: 0 }),
    node(4, "tanh", "", { name: "h" }),
    node(5, "exp", "crossEntropy/softmax"),
    node(6, "multiply", "crossEntropy"),
    node(7, "sum", "crossEntropy", { kind: "loss", name: "loss" }),
  ],
  edges: [
    [0, 3],
    [1, 3],
    [3, 4],
    [4, 5],
    [4, 6],
    [5, 6],
    [2, 6],
    [6, 7],
  ].map(([from, to]) => ({ from, to, shape: `[${from}]` })),
  groups: [
    { id: "hidden", parent: "", name: "hidden", type: "Linear", kind: "module", layer: 0, file: "a.nn.ts", line: 3 },
    {
      id: "crossEntropy",
      parent: "",
      name: "crossEntropy",
      type: "crossEntropy",
      kind: "composite",
      layer: null,
      file: null,
      line: null,
    },
    {
      id: "crossEntropy/softmax",
      parent: "crossEntropy",
      name: "softmax",
      type: "softmax",
      kind: "composite",
      layer: null,
      file: null,
      line: null,
    },
  ],
};

describe("folding a computation graph", () => {
  const cases: Readonly<Record<string, readonly [open: string[], nodes: string[], edges: string[]]>> = {
    "all folded": [
      [],
      ["layer Linear hidden", "input input x", "input label t", "operation tanh h", "loss crossEntropy loss"],
      ["x>hidden", "hidden>h", "h>loss", "t>loss"],
    ],
    "one open": [
      ["hidden"],
      [
        "parameter parameter hidden.weight",
        "input input x",
        "input label t",
        "operation matmul ",
        "operation tanh h",
        "loss crossEntropy loss",
      ],
      ["hidden.weight>matmul", "x>matmul", "matmul>h", "h>loss", "t>loss"],
    ],
    "an inner group of a folded one stays folded in it": [
      ["crossEntropy/softmax"],
      ["layer Linear hidden", "input input x", "input label t", "operation tanh h", "loss crossEntropy loss"],
      ["x>hidden", "hidden>h", "h>loss", "t>loss"],
    ],
    "a folded group within an open one": [
      ["crossEntropy"],
      [
        "layer Linear hidden",
        "input input x",
        "input label t",
        "operation tanh h",
        "operation softmax ",
        "operation multiply ",
        "loss sum loss",
      ],
      ["x>hidden", "hidden>h", "h>softmax", "h>multiply", "softmax>multiply", "t>multiply", "multiply>loss"],
    ],
  };
  for (const [what, [open, nodes, edges]] of Object.entries(cases)) {
    it(what, () => {
      const drawn = foldGraph(graph, new Set(open));
      const label = new Map(drawn.nodes.map(({ key, outside, inside }) => [key, outside ?? inside]));
      assert.deepEqual(
        drawn.nodes.map(
          ({ kind, inside, outside }) => `${kind === "target" ? "input" : kind} ${inside} ${outside ?? ""}`,
        ),
        nodes,
      );
      assert.deepEqual(
        drawn.edges.map(({ from, to }) => `${label.get(from)}>${label.get(to)}`).sort(),
        [...edges].sort(),
      );
    });
  }

  it("joins edges with one end each, and says every shape once", () => {
    const both = foldGraph(graph, new Set());
    // h goes to the softmax and to the product in the loss; both are of shape [4].
    assert.deepEqual(both.edges.find(({ to, from }) => from === "node 4" && to === "group crossEntropy")?.shape, "[4]");
  });

  it("counts the nodes a group stands for, and takes its place and line", () => {
    const [hidden] = foldGraph(graph, new Set()).nodes;
    assert.deepEqual([hidden.count, hidden.layer, hidden.file, hidden.line], [2, 0, "a.nn.ts", 3]);
  });

  it("begins open up to 60 nodes, with layers beyond", () => {
    assert.equal(openAtFirst(graph).size, 3);
    const many = { ...graph, nodes: Array.from({ length: 61 }, (_, i) => node(i, "add", "hidden")) };
    assert.equal(openAtFirst(many).size, 0);
  });
});

describe("layout of a computation graph", () => {
  const inside = (inner: Box, outer: Box): boolean =>
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height;
  const apart = (a: Box, b: Box): boolean =>
    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;

  for (const [what, open] of Object.entries({ folded: [], open: graph.groups.map(({ id }) => id) })) {
    for (const shapes of [true, false]) {
      it(`${what}, ${shapes ? "with" : "without"} shapes: nodes lie apart, below what they read, in their groups`, () => {
        const drawn = foldGraph(graph, new Set(open));
        const { nodes, edges, clusters, width, height } = layoutGraph(drawn, measure, { shapes });
        assert.equal(nodes.length, drawn.nodes.length);
        const places = new Map(nodes.map((placed) => [placed.node.key, placed]));
        // The variable beside the rectangle needs its room too.
        const whole = nodes.map((placed) => ({
          ...placed,
          width: placed.width + (placed.node.outside === null ? 0 : 6 + measure(placed.node.outside, true)),
        }));
        whole.forEach((a, i) => {
          assert.ok(inside(a, { x: 0, y: 0, width, height }), a.node.key);
          whole.slice(i + 1).forEach((b) => assert.ok(apart(a, b), `${a.node.key} and ${b.node.key} overlap`));
        });
        for (const { edge, path } of edges) {
          const [from, to] = [places.get(edge.from), places.get(edge.to)];
          assert.ok(from && to && from.y + from.height < to.y, `${edge.from} above ${edge.to}`);
          // From the middle of the lower side to the middle of the upper one.
          assert.ok(path.startsWith(`M${round(from.x + from.width / 2)},${round(from.y + from.height)} `), path);
          assert.ok(
            path.endsWith(` ${round(to.x + to.width / 2)},${round(to.y)}`) ||
              path.endsWith(`L${round(to.x + to.width / 2)},${round(to.y)}`),
            path,
          );
        }
        assert.deepEqual(clusters.map(({ id }) => id).sort(), [...open].sort());
        const frames = new Map(clusters.map((cluster) => [cluster.id, cluster]));
        for (const placed of whole) {
          const frame = frames.get(placed.node.parent);
          if (placed.node.parent !== "")
            assert.ok(frame && inside(placed, frame), `${placed.node.key} in ${placed.node.parent}`);
        }
        for (const { id, parent } of drawn.open) {
          const [inner, outer] = [frames.get(id), frames.get(parent)];
          if (parent !== "") assert.ok(inner && outer && inside(inner, outer), `${id} in ${parent}`);
        }
      });
    }
  }

  const round = (value: number): number => Math.round(value * 10) / 10;
});

describe("layout of a network diagram", () => {
  const column = (name: string, units: number, rest: Partial<DiagramColumn> = {}): DiagramColumn => ({
    name,
    variable: name,
    type: "Linear",
    units,
    shape: `[N, ${units}]`,
    layer: null,
    activation: null,
    line: null,
    file: null,
    ...rest,
  });
  const link = (from: number, to: number, values: number[][] | null = null) => ({ from, to, weight: "w", values });
  const labels = (diagram: NetworkDiagram) =>
    layoutDiagram(diagram).columns.map(({ units }) => units.map(({ label }) => label));

  it("has a circle for each of a few units, labelled with its variable", () => {
    assert.deepEqual(labels({ columns: [column("x", 2), column("h", 3), column("y", 1)], links: [] }), [
      ["x₁", "x₂"],
      ["h₁", "h₂", "h₃"],
      ["y"],
    ]);
  });

  it("leaves out the middle of many, and shortens long names", () => {
    assert.deepEqual(labels({ columns: [column("embedding", 784)], links: [] }), [
      ["e₁", "e₂", "e₃", "e₄", "e₅", "⋮", "e₇₈₃", "e₇₈₄"],
    ]);
  });

  it("has fewer circles, and so fewer edges, in a network of many columns", () => {
    const columns = Array.from({ length: 200 }, () => column("h", 16));
    const links = Array.from({ length: 199 }, (_, i) => link(i, i + 1));
    const layout = layoutDiagram({ columns, links });
    assert.deepEqual(
      layout.columns[7].units.map(({ label }) => label),
      ["h₁", "h₂", "⋮", "h₁₆"],
    );
    assert.equal(
      layout.links.reduce((sum, { weights }) => sum + weights.length, 0),
      199 * 9,
    );
  });

  it("joins circles by their weights: row by unit, column by input", () => {
    const values = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const { links, columns } = layoutDiagram({
      columns: [column("x", 2), column("h", 3)],
      links: [link(0, 1, values)],
    });
    assert.deepEqual(
      links[0].weights.map(({ name, value }) => `${name} = ${value}`),
      ["w[0, 0] = 1", "w[0, 1] = 2", "w[1, 0] = 3", "w[1, 1] = 4", "w[2, 0] = 5", "w[2, 1] = 6"],
    );
    const last = links[0].weights[5];
    const [from, to] = [columns[0].units[1], columns[1].units[2]];
    // On the line between both middles.
    for (const point of [last.from, last.to, last.label]) {
      assert.ok(point);
      const cross = (point.x - from.x) * (to.y - from.y) - (point.y - from.y) * (to.x - from.x);
      assert.ok(Math.abs(cross) < 1e-6);
    }
  });

  it("labels edges where there is room: at most three units on one side, and 40 edges", () => {
    const labelled = (from: number, to: number): boolean =>
      layoutDiagram({ columns: [column("x", from), column("h", to)], links: [link(0, 1)] }).links[0].weights.every(
        ({ label }) => label !== null,
      );
    const cases: readonly [number, number, boolean][] = [
      [2, 8, true],
      [8, 1, true],
      [3, 8, true],
      [4, 4, false],
      [784, 1, true],
      [784, 128, false],
    ];
    for (const [from, to, expected] of cases) assert.equal(labelled(from, to), expected, `${from} to ${to}`);
  });

  it("keeps labels of one link from covering each other", () => {
    for (const [from, to] of [
      [2, 8],
      [3, 8],
      [8, 3],
      [8, 1],
    ]) {
      const [{ weights }] = layoutDiagram({ columns: [column("x", from), column("h", to)], links: [link(0, 1)] }).links;
      weights.forEach(({ label: a }, i) =>
        weights.slice(i + 1).forEach(({ label: b }) => {
          assert.ok(a && b);
          assert.ok(
            Math.abs(a.x - b.x) >= 30 || Math.abs(a.y - b.y) >= 12,
            `${from} to ${to}: ${JSON.stringify([a, b])}`,
          );
        }),
      );
    }
  });

  it("passes over a column by an arc below", () => {
    const { links, height } = layoutDiagram({
      columns: [column("x", 2), column("h", 2), column("y", 2)],
      links: [link(0, 1), link(1, 2), link(0, 2)],
    });
    assert.deepEqual(
      links.map(({ arc, weights }) => [arc !== null, weights.length]),
      [
        [false, 4],
        [false, 4],
        [true, 0],
      ],
    );
    assert.ok(links[2].title.y < height);
  });

  it("writes numbers below the line", () => assert.equal(subscript(1024), "₁₀₂₄"));
});

describe("colours of layers", () => {
  /** A history whose last column has these output gradients. */
  const history = (norms: readonly (number | null)[]): RunHistory => ({
    ...emptyHistory,
    start: {
      layers: norms.map((_, i) => ({ name: String(i), type: "Linear", file: null, line: null })),
    } as unknown as RunHistory["start"],
    flow: [
      {
        iteration: 7,
        span: 1,
        values: norms.flatMap((norm) => FIGURES.map((figure) => (figure === "outputGradient" ? norm : null))),
        bands: {},
      },
    ],
  });

  it("run from the least to the greatest norm by their logarithm", () => {
    const found = layerColours(history([1e-4, 1e-2, 1, null, 0]));
    const expected = [0, 0.5, 1, null, 0];
    found?.positions.forEach((position, i) =>
      assert.ok(
        position === expected[i] || Math.abs((position ?? NaN) - (expected[i] ?? NaN)) < 1e-12,
        `${i}: ${position}`,
      ),
    );
    assert.deepEqual([found?.least, found?.most, found?.iteration], [1e-4, 1, 7]);
  });

  it("do not tell apart what is nearly the same", () => {
    assert.deepEqual(layerColours(history([1, 1.5, 1.9]))?.positions, [0.5, 0.5, 0.5]);
  });

  it("are none before the first iteration", () => {
    assert.equal(layerColours(emptyHistory), undefined);
    assert.equal(layerColours(history([null])), undefined);
    assert.equal(rampColour(["a", "b", "c"], null), undefined);
    assert.deepEqual(
      [0, 0.5, 1].map((at) => rampColour(["a", "b", "c"], at)),
      ["a", "b", "c"],
    );
  });
});
