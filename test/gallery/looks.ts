/** Answers to what the panel asks of a simulated run. */
import type { Image, Look, LookResult, NetworkResult, StartEvent } from "../../webview/protocol";
import { wave } from "./networks";

export function answer(look: Look, start: StartEvent): LookResult {
  switch (look.kind) {
    case "histogram":
      return histogram(look.layer, look.of);
    case "weights":
      return images(`${start.layers[look.layer]?.name ?? "layer"}.weight [128, 784]`, 32, 128);
    case "features":
      return {
        ...images(`features of ${start.layers[look.layer]?.name ?? "layer"}`, 16, 16),
        input: image(99, 28),
        label: "7",
        examples: 2000,
      };
    case "confusion":
      return confusion();
    case "boundary":
      return boundary(look.resolution);
    case "network":
      return network(start);
    default:
      return look satisfies never;
  }
}

function histogram(layer: number, of: "weights" | "gradients" | "activations"): LookResult {
  const counts = Array.from({ length: 48 }, (_, i) =>
    Math.round(900 * Math.exp(-((i - 24) ** 2) / (60 + 10 * layer)) + 20 * Math.abs(wave(layer, i))),
  );
  return {
    kind: "histogram",
    of,
    counts,
    least: -0.3,
    most: 0.3,
    mean: 0.002,
    deviation: 0.07,
    zeros: 0,
    notFinite: 0,
  };
}

function images(title: string, shown: number, total: number): Extract<LookResult, { kind: "images" }> {
  const list = Array.from({ length: shown }, (_, i) => image(i, 28));
  return { kind: "images", title, images: list, total, input: null, label: null, examples: null };
}

function image(seed: number, size: number): Image {
  const values = Float32Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [(i % size) / size - 0.5, Math.floor(i / size) / size - 0.5];
    const angle = seed * 0.9;
    const along = x * Math.cos(angle) + y * Math.sin(angle);
    return Math.sin(along * (6 + (seed % 5) * 3)) * Math.exp(-6 * (x * x + y * y));
  });
  return { width: size, height: size, channels: 1, values, caption: `unit ${seed}` };
}

function confusion(): LookResult {
  const matrix = Array.from({ length: 10 }, (_, label) =>
    Array.from({ length: 10 }, (_, prediction) =>
      label === prediction
        ? 180 + ((label * 7) % 23)
        : Math.max(0, Math.round(4 * wave(label * 10 + prediction, 3) + 2)),
    ),
  );
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const perClass = matrix.map((row, label) => {
    const [recall, precision] = [row[label] / sum(row), row[label] / sum(matrix.map((each) => each[label]))];
    return { support: sum(row), precision, recall, f1: (2 * precision * recall) / (precision + recall) };
  });
  return {
    kind: "confusion",
    data: "validation",
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
    matrix,
    perClass,
    accuracy: sum(matrix.map((row, i) => row[i])) / sum(matrix.map(sum)),
    macroF1: sum(perClass.map(({ f1 }) => f1)) / 10,
    mistakes: [
      { index: 17, label: 4, prediction: 9, image: image(17, 28) },
      { index: 233, label: 7, prediction: 2, image: image(233, 28) },
    ],
    total: sum(matrix.map(sum)),
    mistaken: sum(matrix.map(sum)) - sum(matrix.map((row, i) => row[i])),
  };
}

function boundary(resolution: number): LookResult {
  const at = (i: number): number => (i / (resolution - 1)) * 4 - 2;
  const values = Float32Array.from({ length: resolution * resolution }, (_, i) => {
    const [x, y] = [at(i % resolution), at(Math.floor(i / resolution))];
    const side = y - Math.sin(2 * x);
    return (side > 0 ? 1 : 0) + Math.min(0.999, 0.5 + Math.abs(side) / 2);
  });
  const points = Array.from({ length: 120 }, (_, i) => {
    const [x, y] = [1.9 * wave(i, 7), 1.9 * wave(i * 3 + 1, 2)];
    return { x, y, target: y > Math.sin(2 * x) ? 1 : 0 };
  });
  return {
    kind: "boundary",
    x: [-2, 2],
    y: [-2, 2],
    resolution,
    classes: 2,
    values,
    points,
    classNames: ["below", "above"],
  };
}

/** A chain of the layers with their parameters. */
function network({ layers }: StartEvent): NetworkResult {
  const shape = (i: number): string => `[N, ${i === layers.length - 1 ? 10 : 128}]`;
  const nodes: NetworkResult["graph"]["nodes"][number][] = [
    {
      id: 0,
      kind: "input",
      operation: "input",
      name: "x",
      shape: "[N, 784]",
      layer: null,
      file: null,
      line: null,
      group: "",
      problem: null,
    },
    ...layers.map((layer, i) => ({
      id: i + 1,
      kind: "layer" as const,
      operation: layer.type,
      name: layer.name,
      shape: shape(i),
      layer: i,
      file: layer.file,
      line: layer.line,
      group: layer.name,
      problem: null,
    })),
    {
      id: layers.length + 1,
      kind: "loss",
      operation: "crossEntropy",
      name: "loss",
      shape: "[]",
      layer: null,
      file: null,
      line: null,
      group: "",
      problem: null,
    },
  ];
  return {
    kind: "network",
    graph: {
      nodes,
      edges: nodes.slice(1).map((node, i) => ({ from: i, to: node.id, shape: nodes[i].shape })),
      groups: [],
    },
    note: null,
    diagram: {
      columns: [
        {
          name: "input",
          variable: "x",
          type: null,
          units: 784,
          shape: "[N, 784]",
          layer: null,
          activation: null,
          line: null,
          file: null,
          problem: null,
        },
        ...layers.map((layer, i) => ({
          name: layer.name,
          variable: "h",
          type: layer.type,
          units: i === layers.length - 1 ? 10 : 128,
          shape: shape(i),
          layer: i,
          activation: null,
          line: layer.line,
          file: layer.file,
          problem: null,
        })),
      ],
      links: layers.map((layer, i) => ({ from: i, to: i + 1, weight: `${layer.name}.weight`, values: null })),
    },
  };
}
