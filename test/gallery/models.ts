/** Model files in the editor for the gallery: what a check would tell of networks made of rows of layers. */
import type {
  GraphEdge,
  GraphGroup,
  GraphNode,
  ModelChange,
  ModelIssue,
  ModelView,
  NetworkResult,
  PredictedLayer,
  Prediction,
} from "../../webview/protocol";
import { wave } from "./networks";

const FILE = "/workspace/models/classifier.nn.ts";

interface Row {
  readonly name: string;
  readonly type: string;
  readonly from: number;
  readonly to: number;
  /** Function that is called on the layer's output. */
  readonly activation?: string;
  /** The layer's input does not fit. */
  readonly problem?: string;
}

interface Options {
  /** Factor of the gradient from one layer to the one before. */
  readonly decay?: number;
  readonly prediction?: boolean;
  readonly issues?: readonly ModelIssue[];
  readonly changes?: readonly ModelChange[];
}

const MLP: readonly Row[] = [
  { name: "hidden", type: "Linear", from: 784, to: 128, activation: "relu" },
  { name: "dropout", type: "Dropout", from: 128, to: 128 },
  { name: "middle", type: "Linear", from: 128, to: 64, activation: "relu" },
  { name: "output", type: "Linear", from: 64, to: 10 },
];

const MISMATCH =
  "middle: expects 128 features on axis 1 (features) but gets 100 of hidden: [N, 100] × [128, 64]. Change middle's inputs to 100, or hidden's outputs to 128.";

const WRONG: readonly Row[] = [
  { ...MLP[0], to: 100 },
  { ...MLP[1], from: 100, to: 100 },
  { ...MLP[2], problem: MISMATCH },
  MLP[3],
];

const ISSUES: readonly ModelIssue[] = [
  { code: "linear-input", severity: "error", message: MISMATCH, file: FILE, line: 14 },
  {
    code: "softmax-before-cross-entropy",
    severity: "warning",
    message:
      "crossEntropy takes logits, but gets the output of softmax: it would be applied twice. Remove the softmax.",
    file: FILE,
    line: 22,
  },
  {
    code: "unused-layer",
    severity: "information",
    message: "spare is never called: its 1,290 parameters get no gradient.",
    file: FILE,
    line: 9,
  },
];

const VANISHING: readonly Row[] = Array.from({ length: 12 }, (_, i) => ({
  ...{ name: i === 11 ? "output" : `layers.${i}`, type: "Linear", from: i === 0 ? 784 : 64, to: i === 11 ? 10 : 64 },
  ...(i === 11 ? {} : { activation: "sigmoid" }),
}));

/** Rows of a deep network; `width` and `extra` are what an edit may change. */
export function deepRows(count: number, width = 64, extra: readonly number[] = []): Row[] {
  return Array.from({ length: count }, (_, i) => i).flatMap((i): Row[] => [
    {
      name: `blocks.${Math.floor(i / 4)}.${["norm", "expand", "contract", "project"][i % 4]}`,
      type: i % 4 === 0 ? "LayerNorm" : "Linear",
      from: width,
      to: width,
      ...(i % 4 === 1 ? { activation: "gelu" } : {}),
    },
    ...(extra.includes(i)
      ? [{ name: `blocks.${Math.floor(i / 4)}.extra${i}`, type: "Dropout", from: width, to: width }]
      : []),
  ]);
}

const CHANGES: readonly ModelChange[] = [
  { layer: "hidden", kind: "changed", what: "[N, 64] → [N, 128], 50,240 → 100,480 parameters" },
  { layer: "dropout", kind: "added", what: "" },
  { layer: "norm", kind: "removed", what: "" },
];

const nothing = { issues: [], layers: [], totals: null, network: null, prediction: null, changes: [] };
const named = { file: "models/classifier.nn.ts", path: FILE, message: null, line: null };

export const MODELS: Readonly<Record<string, () => ModelView>> = {
  "model-ready": () => modelView(MLP, { changes: CHANGES }),
  "model-mismatch": () => modelView(WRONG, { issues: ISSUES, prediction: false }),
  "model-stale": () => ({
    ...modelView(MLP, {}),
    state: "stale",
    message: "classifier.nn.ts:13:22: ')' expected",
    line: 13,
    issues: [{ code: "syntax", severity: "error", message: "')' expected", file: FILE, line: 13 }],
  }),
  "model-failed": () => ({
    ...named,
    ...nothing,
    state: "failed",
    message: 'classifier.nn.ts:3:24: there is no "./blocks": create the file, or correct the path.',
    line: 3,
  }),
  "model-untrusted": () => ({ ...named, ...nothing, state: "untrusted" }),
  "model-checking": () => ({ ...named, ...nothing, state: "checking" }),
  "model-skipped": () => ({
    ...modelView(MLP, {}),
    prediction: {
      ...{ batch: 0, loss: null, layers: [], issues: [] },
      skipped: "The model has 2,100,000,000 parameters: too many to try it in a moment. Train it to see its gradient.",
    },
  }),
  "model-vanishing": () => modelView(VANISHING, { decay: 0.22 }),
  "model-deep": () => modelView(deepRows(200), { decay: 0.985 }),
};

export function modelView(rows: readonly Row[], options: Options): ModelView {
  const parameters = rows.reduce((sum, row) => sum + parametersOf(row), 0);
  return {
    ...named,
    state: "ready",
    issues: options.issues ?? [],
    layers: rows.map((row, i) => ({
      ...{ name: row.name, type: row.type, input: `[N, ${i > 0 ? rows[i - 1].to : row.from}]` },
      ...{ output: row.problem ? "unknown" : `[N, ${row.to}]`, parameters: parametersOf(row) },
      ...{ file: named.path, line: 6 + i },
    })),
    totals: {
      parameters,
      frozen: 0,
      multiplyAdds: rows.reduce((sum, { type, from, to }) => sum + (type === "Linear" ? from * to : 0), 0),
      bytes: rows.reduce((sum, { to }) => sum + 4 * to, 0),
    },
    network: networkOf(rows),
    prediction: options.prediction === false ? skipped : predictionOf(rows, options.decay ?? 0.8),
    changes: options.changes ?? [],
  };
}

const skipped: Prediction = {
  ...{ batch: 0, loss: null, layers: [], issues: [] },
  skipped: "There is no prediction while the model has errors.",
};

function parametersOf({ type, from, to }: Row): number {
  return type === "Linear" ? from * to + to : type === "LayerNorm" ? 2 * to : 0;
}

function predictionOf(rows: readonly Row[], decay: number): Prediction {
  const layers = rows.map(({ name, type, activation }, i): PredictedLayer => {
    const gradient = 0.5 * decay ** (rows.length - 1 - i) * Math.exp(0.3 * wave(i, 2));
    return {
      ...{ name, type, file: FILE, line: 6 + i, finite: true, outputGradient: gradient },
      gradient: type === "Dropout" ? null : gradient * (1.4 + Math.sin(i)),
      activation: 0.7 + 0.25 * Math.sin(i),
      dead: activation === "relu" ? 0.1 : null,
      saturated: activation === "sigmoid" ? 0.02 : null,
    };
  });
  const range = { file: FILE, line: 6, column: 5, endLine: 6, endColumn: 20 };
  return {
    ...{ batch: 4, loss: 2.314, layers, skipped: null },
    issues:
      decay > 0.5
        ? []
        : [
            {
              code: "predicted-vanishing",
              severity: "warning",
              message: `The gradient fades on its way to ${rows[0].name}: 7 decades between output and input. Use relu in place of sigmoid.`,
              range,
            },
          ],
  };
}

function networkOf(rows: readonly Row[]): NetworkResult {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  const groups = new Map<string, GraphGroup>();
  const add = (node: Partial<GraphNode> & Pick<GraphNode, "operation" | "shape">, from: readonly number[]): number => {
    const id = nodes.length;
    nodes.push({
      ...{ id, kind: "operation", name: null, layer: null, file: FILE, line: 6, group: "", problem: null },
      ...node,
    });
    for (const source of from) edges.push({ from: source, to: id, shape: nodes[source].shape });
    return id;
  };
  let at = add({ kind: "input", operation: "input", name: "x", shape: `[N, ${rows[0].from}]` }, []);
  rows.forEach((row, layer) => {
    const group = groupOf(groups, row, layer);
    const place = { layer, line: 6 + layer, group };
    const shape = row.problem ? "unknown" : `[N, ${row.to}]`;
    const problem = row.problem ?? null;
    if (row.type === "Linear") {
      const parameter = (name: string, size: string): number =>
        add({ ...place, kind: "parameter", operation: "parameter", name: `${row.name}.${name}`, shape: size }, []);
      const product = add({ ...place, operation: "matmul", shape, problem }, [
        at,
        parameter("weight", `[${row.to}, ${row.from}]`),
      ]);
      at = add({ ...place, operation: "add", shape }, [product, parameter("bias", `[${row.to}]`)]);
    } else {
      at = add({ ...place, operation: row.type === "Dropout" ? "multiply" : "normalize", shape }, [at]);
    }
    if (row.activation) {
      const outer = groups.get(group)?.parent ?? "";
      at = add({ operation: row.activation, line: 6 + layer, shape: `[N, ${row.to}]`, name: "h", group: outer }, [at]);
    }
  });
  const label = add({ kind: "target", operation: "input", name: "t", shape: "[N]" }, []);
  add({ kind: "loss", operation: "crossEntropy", name: "loss", shape: "[]" }, [at, label]);
  return {
    kind: "network",
    graph: { nodes, edges, groups: [...groups.values()] },
    note: null,
    diagram: diagramOf(rows),
  };
}

/** `blocks.1.expand` lies in the group of `blocks.1`. */
function groupOf(groups: Map<string, GraphGroup>, { name, type }: Row, layer: number): string {
  const [list, number, own] = name.split(".");
  const outer = own === undefined ? "" : `${list}.${number}`;
  const common = { file: FILE, line: 6 + layer, kind: "module" } as const;
  if (outer !== "" && !groups.has(outer)) {
    groups.set(outer, { ...common, id: outer, parent: "", name: outer, type: "Block", layer: null });
  }
  const id = outer === "" ? name : `${outer}/${own}`;
  groups.set(id, { ...common, id, parent: outer, name: own ?? name, type, layer });
  return id;
}

function diagramOf(rows: readonly Row[]): NetworkResult["diagram"] {
  const weighted = rows.map((row, layer) => ({ row, layer })).filter(({ row }) => row.type === "Linear");
  const input = { name: "input", variable: "x", type: null, units: rows[0].from, shape: `[N, ${rows[0].from}]` };
  return {
    columns: [
      { ...input, layer: null, activation: null, line: null, file: null, problem: null },
      ...weighted.map(({ row, layer }) => ({
        ...{ name: row.name, variable: "h", type: row.type, units: row.to, layer, line: 6 + layer, file: FILE },
        ...{ shape: row.problem ? "unknown" : `[N, ${row.to}]`, activation: row.activation ?? null },
        problem: row.problem ?? null,
      })),
    ],
    links: weighted.map(({ row }, i) => ({ from: i, to: i + 1, weight: `${row.name}.weight`, values: null })),
  };
}
