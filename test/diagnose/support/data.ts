import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DataFiles, type Dataset, defineDataset } from "../../../engine/data/dataset";
import { digits } from "../../../engine/data";
import { inMemory } from "../../../engine/data/arrays";
import type { DataSpec, Spec, StepSpec } from "./spec";

/** Examples as plain numbers: inputs and targets of training and validation. */
export interface Points {
  x: number[][];
  y: number[][];
}

export interface Shaped {
  readonly train: Points;
  readonly validation: Points;
  readonly inputShape: readonly number[];
  /** Of labels. */
  readonly classes?: number;
  /** Inputs are indices below this. */
  readonly vocabulary?: number;
}

/** Uniform and normal numbers that depend on the seed and a name alone. */
export function stream(seed: number, name: string): { u: () => number; normal: () => number } {
  let state = (seed * 2654435761) >>> 0;
  for (const letter of name) state = (Math.imul(state, 31) + letter.charCodeAt(0)) >>> 0;
  const u = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 5; i++) u();
  return { u, normal: () => Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u()) };
}

const number = (data: DataSpec, key: string, fallback: number): number => (data[key] as number | undefined) ?? fallback;

export const files: DataFiles = {
  read: async (path) => new Uint8Array(readFileSync(path)),
  asset: async (name) => new Uint8Array(readFileSync(join("engine", "data", "assets", name))),
};

let images: Promise<number[][][]> | undefined;

/** All digits of each class, 28 × 28 numbers from 0 to 1. */
function digitImages(): Promise<number[][][]> {
  return (images ??= (async () => {
    const loaded = await digits({ shape: [784] }).load(files);
    const byClass: number[][][] = Array.from({ length: 10 }, () => []);
    for (let i = 0; i < loaded.length; i++) {
      const { inputs, targets } = loaded.get(i, { seed: 0, epoch: 0, training: false });
      byClass[targets[0][0]].push(Array.from(inputs[0]));
    }
    return byClass;
  })());
}

function pooled(image: readonly number[], size: number): number[] {
  const step = 28 / size;
  return Array.from({ length: size * size }, (_, at) => {
    const [row, column] = [Math.floor(at / size) * step, (at % size) * step];
    let sum = 0;
    for (let i = 0; i < step; i++) for (let j = 0; j < step; j++) sum += image[(row + i) * 28 + column + j];
    return sum / (step * step);
  });
}

async function digitPoints(data: DataSpec): Promise<Shaped> {
  const byClass = await digitImages();
  const size = number(data, "size", 14);
  const labels = (data.classes as number[] | undefined) ?? [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const perTrain = data.per_class_train as number | number[];
  const perValidation = data.per_class_val as number | number[];
  const train: Points = { x: [], y: [] };
  const validation: Points = { x: [], y: [] };
  labels.forEach((label, position) => {
    const order = shuffled(byClass[label].length, stream(data.seed, `digits${label}`).u);
    const count = typeof perTrain === "number" ? perTrain : perTrain[position];
    const held = typeof perValidation === "number" ? perValidation : perValidation[position];
    order.slice(0, count + held).forEach((index, i) => {
      const part = i < count ? train : validation;
      part.x.push(pooled(byClass[label][index], size));
      part.y.push([position]);
    });
  });
  return {
    train: reordered(train, stream(data.seed, "shuffle_train").u),
    validation: reordered(validation, stream(data.seed, "shuffle_val").u),
    inputShape: data.layout === "image" ? [1, size, size] : [size * size],
    classes: labels.length,
  };
}

function shuffled(count: number, u: () => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(u() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function reordered({ x, y }: Points, u: () => number): Points {
  const order = shuffled(x.length, u);
  return { x: order.map((i) => x[i]), y: order.map((i) => y[i]) };
}

type Draw = () => { x: number[]; y: number[] };

/** Data sets by formula: how one example is drawn. */
const FORMULAS: Readonly<
  Record<string, (data: DataSpec) => { draw: Draw; classes?: number; vocabulary?: number; shape?: readonly number[] }>
> = {
  circles: (data) => {
    const { u, normal } = stream(data.seed, "circles");
    const [noise, factor] = [number(data, "noise", 0), number(data, "factor", 0.5)];
    return {
      classes: 2,
      draw: () => {
        const [t, label] = [2 * Math.PI * u(), Math.floor(2 * u())];
        const r = label === 0 ? 1 : factor;
        return { x: [r * Math.cos(t) + noise * normal(), r * Math.sin(t) + noise * normal()], y: [label] };
      },
    };
  },
  moons: (data) => {
    const { u, normal } = stream(data.seed, "moons");
    const noise = number(data, "noise", 0);
    return {
      classes: 2,
      draw: () => {
        const [t, label] = [Math.PI * u(), Math.floor(2 * u())];
        const [a, b] = label === 0 ? [Math.cos(t), Math.sin(t)] : [1 - Math.cos(t), 0.5 - Math.sin(t)];
        return { x: [a + noise * normal(), b + noise * normal()], y: [label] };
      },
    };
  },
  spirals: (data) => {
    const { u, normal } = stream(data.seed, "spirals");
    const [arms, turns, noise] = [number(data, "arms", 2), number(data, "turns", 1), number(data, "noise", 0)];
    return {
      classes: arms,
      draw: () => {
        const label = Math.floor(arms * u());
        const r = 0.95 * Math.sqrt(u()) + 0.05;
        const angle = 2 * Math.PI * turns * r + (2 * Math.PI * label) / arms;
        return { x: [r * Math.cos(angle) + noise * normal(), r * Math.sin(angle) + noise * normal()], y: [label] };
      },
    };
  },
  blobs: (data) => {
    const { u, normal } = stream(data.seed, "blobs");
    const [classes, dim, spread] = [number(data, "n_classes", 3), number(data, "dim", 2), number(data, "spread", 3)];
    const centers = Array.from({ length: classes }, () => Array.from({ length: dim }, () => spread * normal()));
    const shares = data.shares as number[] | undefined;
    return {
      classes,
      draw: () => {
        let label = Math.floor(classes * u());
        if (shares) {
          let rest = u();
          label = shares.findIndex((share) => (rest -= share) < 0);
          if (label < 0) label = classes - 1;
        }
        return { x: centers[label].map((center) => center + normal()), y: [label] };
      },
    };
  },
  polynomial: (data) => {
    const { u, normal } = stream(data.seed, "polynomial");
    const [low, high] = data.x_range as [number, number];
    const coeffs = data.coeffs as number[];
    return {
      draw: () => {
        const t = low + (high - low) * u();
        const value = coeffs.reduce((sum, c, i) => sum + c * t ** i, 0);
        return {
          x: Array.from({ length: number(data, "degree", 1) }, (_, i) => t ** (i + 1)),
          y: [value + number(data, "noise", 0) * normal()],
        };
      },
    };
  },
  sine: (data) => {
    const { u, normal } = stream(data.seed, "sine");
    const frequency = number(data, "frequency", 1);
    return {
      draw: () => {
        const t = 2 * u() - 1;
        return { x: [t], y: [Math.sin(Math.PI * frequency * t) + number(data, "noise", 0) * normal()] };
      },
    };
  },
  friedman: (data) => {
    const { u, normal } = stream(data.seed, "friedman");
    const [scale, offset] = [number(data, "target_scale", 1), number(data, "target_offset", 0)];
    return {
      draw: () => {
        const x = Array.from({ length: number(data, "dim", 10) }, u);
        const clean = 10 * Math.sin(Math.PI * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4];
        return { x, y: [(clean + number(data, "noise", 0) * normal()) * scale + offset] };
      },
    };
  },
  linear: (data) => {
    const { normal } = stream(data.seed, "linear");
    const [dim, informative] = [number(data, "dim", 1), number(data, "n_informative", number(data, "dim", 1))];
    const w = Array.from({ length: dim }, (_, i) => (i < informative ? normal() : 0));
    const [scale, offset] = [number(data, "target_scale", 1), number(data, "target_offset", 0)];
    const scales = data.feature_scales as number[] | undefined;
    const offsets = data.feature_offsets as number[] | undefined;
    return {
      draw: () => {
        const x = w.map(() => normal());
        const y = x.reduce((sum, v, i) => sum + v * w[i], 0) / Math.sqrt(informative);
        const noisy = y + number(data, "noise", 0) * normal();
        return { x: x.map((v, i) => v * (scales?.[i] ?? 1) + (offsets?.[i] ?? 0)), y: [noisy * scale + offset] };
      },
    };
  },
  multilabel: (data) => {
    const { normal } = stream(data.seed, "multilabel");
    const [dim, labels] = [number(data, "dim", 1), number(data, "n_labels", 2)];
    const w = Array.from({ length: labels }, () => Array.from({ length: dim }, normal));
    return {
      draw: () => {
        const x = Array.from({ length: dim }, normal);
        const score = (row: number[]): number => row.reduce((sum, v, i) => sum + v * x[i], 0) / Math.sqrt(dim);
        return {
          x,
          y: w.map((row) => Number(score(row) + number(data, "noise", 0) * normal() > number(data, "threshold", 0))),
        };
      },
    };
  },
  parity: (data) => {
    const { u } = stream(data.seed, "parity");
    return {
      classes: 2,
      draw: () => {
        const x = Array.from({ length: number(data, "dim", 4) }, () => (u() < 0.5 ? -1 : 1));
        return { x, y: [x.slice(0, number(data, "bits", 2)).filter((v) => v > 0).length % 2] };
      },
    };
  },
  text_ids: (data) => {
    const { u } = stream(data.seed, "text");
    const [vocabulary, classes] = [number(data, "vocab", 100), number(data, "n_classes", 2)];
    const words = number(data, "topic_words", 10);
    const cumulative: number[] = [];
    for (let i = 0; i < vocabulary; i++) cumulative.push((cumulative[i - 1] ?? 0) + 1 / (i + 1));
    const background = (): number => {
      const at = u() * cumulative[vocabulary - 1];
      return cumulative.findIndex((value) => value >= at);
    };
    return {
      classes,
      vocabulary,
      draw: () => {
        const label = Math.floor(classes * u());
        const x = Array.from({ length: number(data, "length", 10) }, () =>
          u() < number(data, "topic_prob", 0.1)
            ? vocabulary - 1 - (label * words + Math.floor(words * u()))
            : background(),
        );
        return { x, y: [label] };
      },
    };
  },
  series: (data) => {
    const { normal } = stream(data.seed, "series");
    const [period, window] = [number(data, "period", 10), number(data, "window", 10)];
    const length = number(data, "n_train", 1) + number(data, "n_val", 1) + window;
    const z = Array.from({ length }, (_, t) => {
      const clean = Math.sin((2 * Math.PI * t) / period) + 0.5 * Math.sin((2 * Math.PI * t) / (2.7 * period));
      return (clean + number(data, "noise", 0) * normal()) * number(data, "amplitude", 1) + number(data, "offset", 0);
    });
    let at = 0;
    return {
      shape: [window, 1],
      draw: () => {
        const x = z.slice(at, at + window);
        return { x, y: [z[window + at++]] };
      },
    };
  },
  /** The class of the first of many numbers, which must be remembered over a long sequence. */
  recall: (data) => {
    const { u, normal } = stream(data.seed, "recall");
    const length = number(data, "length", 20);
    return {
      classes: 2,
      shape: [length, 1],
      draw: () => {
        const label = Math.floor(2 * u());
        return { x: Array.from({ length }, (_, t) => (t === 0 ? 2 * label - 1 : 0.3 * normal())), y: [label] };
      },
    };
  },
};

async function drawn(data: DataSpec): Promise<Shaped> {
  if (data.kind === "digits") return digitPoints(data);
  const make = FORMULAS[data.kind];
  if (!make) throw new Error(`no data of kind ${data.kind}`);
  const { draw, classes, vocabulary, shape } = make(data);
  const part = (count: number): Points => {
    const examples = Array.from({ length: count }, draw);
    return { x: examples.map(({ x }) => x), y: examples.map(({ y }) => y) };
  };
  const train = part(number(data, "n_train", 100));
  const validation = part(number(data, "n_val", 100));
  return { train, validation, inputShape: shape ?? [train.x[0].length], classes, vocabulary };
}

function moments(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) || 1 };
}

function changed(rows: number[][], change: (value: number, column: number, row: number) => number): number[][] {
  return rows.map((values, row) => values.map((value, column) => change(value, column, row)));
}

const PREPARATIONS: Readonly<Record<string, (data: Shaped, step: StepSpec) => Shaped>> = {
  standardize: (data, { global }) => {
    const columns = data.train.x[0].map((_, i) => moments(data.train.x.map((row) => row[i])));
    const all = global ? moments(data.train.x.flat()) : undefined;
    return onInputs(data, (value, column) => {
      const { mean, std } = all ?? columns[column];
      return (value - mean) / std;
    });
  },
  y_standardize: (data) => {
    const { mean, std } = moments(data.train.y.flat());
    return onTargets(data, (value) => (value - mean) / std);
  },
  scale: (data, { factor, offset }) =>
    onInputs(data, (value) => value * (factor as number) + ((offset as number | undefined) ?? 0)),
  scale_columns: (data, { factors }) => onInputs(data, (value, column) => value * (factors as number[])[column]),
  labels_permute: (data, { split, map }) =>
    onPart(data, split as string, (part) => ({ ...part, y: changed(part.y, (label) => (map as number[])[label]) })),
  labels_shuffle: (data, { split, seed }) =>
    onPart(data, split as string, (part) => {
      const order = shuffled(part.y.length, stream((seed as number | undefined) ?? 7, "labels").u);
      return { ...part, y: order.map((i) => part.y[i]) };
    }),
  /** A part of the labels is drawn anew. */
  labels_noise: (data, { share, split }) =>
    onPart(data, split as string, (part) => {
      const { u } = stream(5, "noise");
      return {
        ...part,
        y: changed(part.y, (label) => (u() < (share as number) ? Math.floor(u() * (data.classes ?? 2)) : label)),
      };
    }),
  labels_shift: (data, { by, split }) =>
    onPart(data, split as string, (part) => ({
      ...part,
      y: part.y.map((_, i) => part.y[(i + (by as number)) % part.y.length]),
    })),
  sort_by_label: (data) =>
    onPart(data, "train", ({ x, y }) => {
      const order = y.map((_, i) => i).sort((a, b) => y[a][0] - y[b][0]);
      return { x: order.map((i) => x[i]), y: order.map((i) => y[i]) };
    }),
  outliers: (data, { share, size }) => {
    const { u } = stream(6, "outliers");
    return onPart(data, "train", (part) => ({
      ...part,
      y: changed(part.y, (value) =>
        u() < (share as number) ? value + (u() < 0.5 ? -1 : 1) * (size as number) : value,
      ),
    }));
  },
  y_scale: (data, { factor, offset }) =>
    onTargets(data, (value) => value * (factor as number) + ((offset as number | undefined) ?? 0)),
  input_noise: (data, { std }) => {
    const { normal } = stream(3, "input noise");
    return onInputs(data, (value) => value + (std as number) * normal());
  },
  sparsify: (data, { keep }) => {
    const { u } = stream(4, "sparsify");
    return onInputs(data, (value) => (u() < (keep as number) ? value : 0));
  },
};

function onInputs(data: Shaped, change: (value: number, column: number) => number): Shaped {
  const part = (points: Points): Points => ({ ...points, x: changed(points.x, change) });
  return { ...data, train: part(data.train), validation: part(data.validation) };
}

function onTargets(data: Shaped, change: (value: number) => number): Shaped {
  const part = (points: Points): Points => ({ ...points, y: changed(points.y, change) });
  return { ...data, train: part(data.train), validation: part(data.validation) };
}

function onPart(data: Shaped, split: string, change: (points: Points) => Points): Shaped {
  return {
    ...data,
    train: split === "val" ? data.train : change(data.train),
    validation: split === "train" ? data.validation : change(data.validation),
  };
}

/** Losses that compare numbers, so that labels are given as 0 and 1. */
const NUMERIC = new Set(["bce_logits", "bce", "mse", "mae", "huber", "hinge"]);

/** Training and validation data of a spec. */
export async function datasets(spec: Spec): Promise<{ train: Dataset; validation: Dataset }> {
  let data = await drawn(spec.data);
  const clean = data;
  for (const step of spec.preprocessing ?? []) {
    const prepare = PREPARATIONS[step.op];
    if (!prepare) throw new Error(`no preprocessing ${step.op}`);
    data = prepare(data, step);
  }
  const part = (name: "train" | "validation"): Dataset => {
    const points = data[name];
    const labelled = data.classes !== undefined && !NUMERIC.has(spec.loss.type) && spec.loss.target === undefined;
    let targets = spec.loss.target === "input" ? clean[name].x : points.y;
    const width = spec.model.layers.reduce((size, layer) => layer.out ?? size, 0);
    if (
      NUMERIC.has(spec.loss.type) &&
      data.classes !== undefined &&
      spec.loss.target !== "input" &&
      width > 1 &&
      data.classes > 1
    ) {
      targets = points.y.map(([label]) => Array.from({ length: width }, (_, i) => Number(i === label)));
    }
    const words = data.vocabulary !== undefined;
    const flat = points.x.flat();
    return inMemory({
      name,
      fields: {
        inputs: [
          words
            ? { shape: data.inputShape, dtype: "int32", classes: data.vocabulary }
            : { shape: data.inputShape, dtype: "float32" },
        ],
        targets: [
          labelled
            ? { shape: [], dtype: "int32", classes: data.classes }
            : { shape: [targets[0].length], dtype: "float32" },
        ],
      },
      inputs: [words ? Int32Array.from(flat) : Float32Array.from(flat)],
      targets: [labelled ? Int32Array.from(targets, ([label]) => label) : Float32Array.from(targets.flat())],
    });
  };
  const train = part("train");
  return { train: spec.sampler ? balanced(train) : train, validation: part("validation") };
}

/** Draws as often from each class. */
function balanced(source: Dataset): Dataset {
  return defineDataset({
    name: source.name,
    fields: source.fields,
    length: source.length,
    async read(given) {
      const loaded = await source.load(given);
      const byClass: number[][] = Array.from({ length: loaded.fields.targets[0].classes as number }, () => []);
      for (let i = 0; i < loaded.length; i++) {
        byClass[loaded.get(i, { seed: 0, epoch: 0, training: false }).targets[0][0]].push(i);
      }
      return {
        ...loaded,
        get: (index, context) => {
          const members = byClass[index % byClass.length];
          const { u } = stream(index * 131 + context.epoch * 7919 + context.seed, "balanced");
          return loaded.get(members[Math.floor(u() * members.length)], context);
        },
      };
    },
  });
}
