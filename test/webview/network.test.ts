/** What of a network is drawn where, without a page: folding, layout, the diagram's circles and labels. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ComputationGraph, DiagramColumn, GraphNode, NetworkDiagram, RunHistory } from "../../webview/protocol";
import { emptyHistory, FIGURES } from "../../webview/protocol";
import { layerColours, rampColour } from "../../webview/views/network-colours";
import { foldGraph, foldingAtFirst, foldingToLayers, MOST_DRAWN, openGroups } from "../../webview/views/network-graph";
import { layoutGraph, type Box } from "../../webview/views/network-layout";
import type { LevelCache } from "../../webview/views/network-level";
import { anchorOf, isWithin } from "../../webview/views/network-place";
import { ranksOf } from "../../webview/views/network-rank";
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
    problem: null,
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
    assert.deepEqual(
      both.edges.find(({ to, from }) => from === "node /h=tanh" && to === "group crossEntropy")?.shape,
      "[4]",
    );
  });

  it("counts the nodes a group stands for, and takes its place and line", () => {
    const [hidden] = foldGraph(graph, new Set()).nodes;
    assert.deepEqual([hidden.count, hidden.layer, hidden.file, hidden.line], [2, 0, "a.nn.ts", 3]);
  });

  it("begins open up to 60 nodes, with layers beyond", () => {
    assert.equal(openGroups(graph, foldingAtFirst(graph)).size, 3);
    const many = { ...graph, nodes: Array.from({ length: 61 }, (_, i) => node(i, "add", "hidden")) };
    assert.equal(openGroups(many, foldingAtFirst(many)).size, 0);
  });

  describe("across edits of the model", () => {
    /** `count` blocks of a layer and an activation each. */
    const blocks = (count: number): ComputationGraph => {
      const numbers = Array.from({ length: count }, (_, i) => i);
      const group = { kind: "module", file: null, line: null } as const;
      return {
        nodes: numbers.flatMap((i) => [
          node(2 * i, "matmul", `${i}/linear`, { layer: i }),
          node(2 * i + 1, "relu", `${i}`),
        ]),
        edges: numbers.slice(1).map((i) => ({ from: 2 * i - 1, to: 2 * i, shape: "[N, 4]" })),
        groups: numbers.flatMap((i) => [
          { ...group, id: `${i}`, parent: "", name: `${i}`, type: "Block", layer: null },
          { ...group, id: `${i}/linear`, parent: `${i}`, name: "linear", type: "Linear", layer: i },
        ]),
      };
    };

    it("shows layers where they are few, else what they make up", () => {
      // 30 blocks are 60 nodes.
      assert.deepEqual([...openGroups(blocks(2), foldingToLayers(blocks(2)))], ["0", "1"]);
      assert.equal(openGroups(blocks(30), foldingToLayers(blocks(30))).size, 30);
      assert.equal(openGroups(blocks(31), foldingToLayers(blocks(31))).size, 0);
    });

    it("keeps what was decided at first when the graph grows, for new groups too", () => {
      const folding = foldingToLayers(blocks(30));
      assert.equal(openGroups(blocks(31), folding).size, 31);
      assert.equal(openGroups(blocks(MOST_DRAWN + 1), folding).size, 0);
    });

    it("keeps what the viewer opened and closed, by id", () => {
      const folding = {
        open: "layers",
        own: new Map([
          ["1", false],
          ["0/linear", true],
        ]),
      } as const;
      assert.deepEqual([...openGroups(blocks(3), folding)], ["0", "0/linear", "2"]);
      assert.deepEqual([...openGroups(blocks(1), folding)], ["0", "0/linear"]);
    });

    it("leaves the keys of nodes alone that it does not touch, though their numbers change", () => {
      const chain = (names: readonly string[]): ComputationGraph => ({
        nodes: names.map((name, i) => node(i, "relu", "", { name })),
        edges: [],
        groups: [],
      });
      const keys = (names: readonly string[]): string[] =>
        foldGraph(chain(names), new Set()).nodes.map(({ key }) => key);
      const [before, after] = [keys(["a", "b", "h", "h"]), keys(["new", "a", "b", "h", "h"])];
      assert.deepEqual(after.slice(1), before);
      assert.equal(new Set(after).size, 5);
    });
  });

  it("tells what does not fit: the node, what it is folded into, and the edges that lead there", () => {
    const wrong = {
      ...graph,
      nodes: graph.nodes.map((each) => (each.id === 3 ? { ...each, problem: "3 features instead of 4" } : each)),
    };
    const cases: readonly (readonly [open: string[], nodes: string[], edges: string[]])[] = [
      [["hidden"], ["node hidden/=matmul"], ["node hidden/hidden.weight=parameter", "node /x=input"]],
      [[], ["group hidden"], ["node /x=input"]],
    ];
    for (const [open, nodes, edges] of cases) {
      const drawn = foldGraph(wrong, new Set(open));
      const bad = <T extends { problem: string | null }>(list: readonly T[]): T[] =>
        list.filter(({ problem }) => problem === "3 features instead of 4");
      assert.deepEqual(
        bad(drawn.nodes).map(({ key }) => key),
        nodes,
      );
      assert.deepEqual(
        bad(drawn.edges).map(({ from }) => from),
        edges,
      );
    }
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

  /** Calls within calls, each node in one of them, edges from earlier nodes to later ones. */
  const graphs = fc
    .record({
      parents: fc.array(fc.nat(9), { maxLength: 8 }),
      nodes: fc.array(fc.record({ group: fc.nat(9), name: fc.nat(2), loose: fc.boolean() }), { maxLength: 24 }),
      edges: fc.array(fc.tuple(fc.nat(99), fc.nat(99)), { maxLength: 40 }),
      open: fc.array(fc.nat(9), { maxLength: 8 }),
    })
    .map(({ parents, nodes, edges, open }) => {
      const ids: string[] = [];
      // A group lies in one of those before it, or at the top.
      for (const parent of parents) {
        const around = ids[parent] === undefined ? "" : `${ids[parent]}/`;
        ids.push(`${around}g${ids.length}`);
      }
      const place = { kind: "module", layer: null, file: null, line: null } as const;
      const made: ComputationGraph = {
        groups: ids.map((id) => ({
          ...{ id, parent: id.slice(0, Math.max(0, id.lastIndexOf("/"))), name: id, type: "Block" },
          ...place,
        })),
        nodes: nodes.map(({ group, name, loose }, i) =>
          node(i, "add", ids[group] ?? "", {
            name: ["x", "h", null][name],
            kind: loose ? "parameter" : "operation",
          }),
        ),
        edges: edges.flatMap(([a, b]) => {
          const [from, to] = [a % Math.max(1, nodes.length), b % Math.max(1, nodes.length)];
          return from < to ? [{ from, to, shape: `[N, ${from}]` }] : [];
        }),
      };
      return { made, open: new Set(open.flatMap((i) => ids[i] ?? [])) };
    });

  it("keeps nodes apart and in their frames, and frames in theirs, whatever the graph", () => {
    fc.assert(
      fc.property(graphs, fc.boolean(), ({ made, open }, shapes) => {
        const drawn = foldGraph(made, open);
        const { nodes, edges, clusters, width, height } = layoutGraph(drawn, measure, { shapes });
        const near = { x: -0.01, y: -0.01, width: width + 0.02, height: height + 0.02 };
        const frames = new Map(clusters.map((cluster) => [cluster.id, cluster]));
        nodes.forEach((a, i) => {
          assert.ok(inside(a, near), a.node.key);
          const frame = frames.get(a.node.parent);
          if (a.node.parent !== "") assert.ok(frame && inside(a, frame), `${a.node.key} in ${a.node.parent}`);
          nodes.slice(i + 1).forEach((b) => assert.ok(apart(a, b), `${a.node.key} and ${b.node.key} overlap`));
        });
        clusters.forEach((a, i) => {
          const around = frames.get(drawn.open.find(({ id }) => id === a.id)?.parent ?? "");
          if (around) assert.ok(inside(a, around), `${a.id} in ${around.id}`);
          clusters.slice(i + 1).forEach((b) => {
            if (!`${b.id}/`.startsWith(`${a.id}/`)) assert.ok(apart(a, b), `${a.id} and ${b.id} overlap`);
          });
        });
        for (const { path, label } of edges) {
          assert.ok(!/NaN|undefined|Infinity/.test(path), path);
          assert.ok(label === null || Number.isFinite(label.x + label.y));
        }
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  it("leaves out what is not drawn of a group, and labels a value once on its way to several", () => {
    const drawn = foldGraph(graph, new Set(["crossEntropy"]));
    const { edges } = layoutGraph(drawn, measure, { shapes: true });
    // h goes to the softmax and to the product in the loss, over the frame at one place.
    const labels = edges.filter(({ edge }) => edge.from === "node /h=tanh").map(({ label }) => label !== null);
    assert.deepEqual(labels, [true, false]);
  });

  it("lays out alike what was laid out before, and moves nothing for a number of the same length", () => {
    const other = {
      ...graph,
      edges: graph.edges.map((edge) => ({ ...edge, shape: edge.shape.replace("4", "9") })),
      nodes: graph.nodes.map((each) => ({ ...each, line: 99, problem: each.id === 3 ? "wrong" : null })),
    };
    const cache: LevelCache = new Map();
    const layouts = [graph, other].map((each) =>
      layoutGraph(foldGraph(each, new Set(["hidden"])), measure, { shapes: true, cache }),
    );
    const places = layouts.map(({ nodes }) => nodes.map(({ node: { key }, x, y }) => [key, x, y]));
    assert.deepEqual(places[1], places[0]);
    // The whole drawing and one group: found again, not calculated again.
    assert.equal(cache.size, 2);
    assert.equal(layouts[1].nodes.find(({ node: each }) => each.key === "node hidden/=matmul")?.node.problem, "wrong");
  });
});

describe("rows of a drawing", () => {
  const flow = { place: "flow" } as const;
  const loose = { place: "loose" } as const;
  const edge = (from: number, to: number) => ({ from, to, least: 2 });
  const cases: Readonly<Record<string, readonly [Parameters<typeof ranksOf>, number[]]>> = {
    "below all that is read": [
      [
        [flow, flow, flow],
        [edge(0, 1), edge(1, 2), edge(0, 2)],
      ],
      [0, 2, 4],
    ],
    // The second one's weight is read in the third row: it stands in the second.
    "parameters just above their reader": [
      [
        [flow, loose, flow, loose, flow],
        [edge(0, 2), edge(1, 2), edge(2, 4), edge(3, 4)],
      ],
      [0, 0, 2, 2, 4],
    ],
    "what is made of parameters alone as well": [
      [
        [flow, flow, flow, loose, flow],
        [edge(0, 1), edge(1, 2), edge(3, 4), edge(4, 2)],
      ],
      [0, 2, 4, 0, 2],
    ],
    "what comes in at the top and what goes out at the bottom": [
      [
        [{ place: "top" }, flow, flow, flow, { place: "bottom" }],
        [edge(0, 3), edge(1, 2), edge(2, 3), edge(1, 4)],
      ],
      [0, 0, 2, 4, 4],
    ],
  };
  for (const [what, [given, expected]] of Object.entries(cases)) {
    it(what, () => assert.deepEqual(ranksOf(...given), expected));
  }
});

describe("the place of a drawing that changes", () => {
  const item = (key: string, y: number) => ({ key, x: 0, y, width: 10, height: 10 });
  const before = [item("a", 0), item("b", 100), item("c", 200)];
  const sight = { x: 0, y: 60, width: 100, height: 100 };
  const cases: Readonly<
    Record<string, readonly [after: ReturnType<typeof item>[], chosen: string | null, to: number | null]>
  > = {
    // In the middle of what is in sight, at 110, lies b.
    "what is in the middle stays": [[item("a", 0), item("new", 50), item("b", 150), item("c", 250)], null, 150],
    "what is chosen stays, if it is in sight": [[item("a", 30), item("b", 130)], "b", 130],
    "what is chosen and out of sight does not count": [[item("a", 30), item("b", 130)], "a", 130],
    "where the middle is gone, what is nearest to it": [[item("a", 7), item("c", 250)], null, 250],
    "nothing where nothing is left": [[item("d", 0)], null, null],
  };
  for (const [what, [after, chosen, to]] of Object.entries(cases)) {
    it(what, () => assert.equal(anchorOf(before, after, sight, chosen)?.after.y ?? null, to));
  }

  it("is seen whole, or not", () => {
    const whole = { x: -5, y: -5, width: 20, height: 20 };
    assert.equal(isWithin({ width: 15, height: 15 }, whole), true);
    assert.equal(isWithin({ width: 16, height: 15 }, whole), false);
    assert.equal(isWithin({ width: 5, height: 5 }, { ...whole, x: 1 }), false);
  });
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
    problem: null,
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
