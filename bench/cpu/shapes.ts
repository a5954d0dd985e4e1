/** Operations of random shapes, seeded: where speed might fall off. */
import { type ArraySpec, type Operation, type Workload, generator, input } from "./workloads";

/** Multiply-adds of a matmul or a convolution, and elements of anything else, at most. */
const MOST_WORK = 1.5e8;
const MOST_ELEMENTS = 2 ** 21;

export function randomShapes(count: number, seed: number): Workload[] {
  const dice = new Dice(seed);
  return Array.from({ length: count }, (_, i) => {
    const { task, arrays, title } = randomOperation(dice, i % 20);
    return { name: `shape-${i + 1}`, title, task, arrays };
  });
}

type Unnamed = Pick<Workload, "title" | "arrays"> & { readonly task: Operation };

/** Of twenty: seven products, five convolutions, four elementwise operations and four reductions. */
function randomOperation(dice: Dice, kind: number): Unnamed {
  if (kind < 7) return randomProduct(dice);
  if (kind < 12) return randomConvolution(dice, kind < 10 ? "conv2d" : "conv2dInputGradient");
  return kind < 16 ? randomElementwise(dice) : randomReduction(dice);
}

function randomProduct(dice: Dice): Unnamed {
  for (;;) {
    const [m, k, n] = [0, 0, 0].map(() => dice.size(1500));
    const batch = dice.uniform() < 0.7 ? [] : [dice.size(32)];
    if (m * k * n * (batch[0] ?? 1) > MOST_WORK) continue;
    const [transposeA, transposeB] = [dice.uniform() < 0.3, dice.uniform() < 0.3];
    const a = input("a", [...batch, ...(transposeA ? [k, m] : [m, k])]);
    const b = input("b", [...batch, ...(transposeB ? [n, k] : [k, n])]);
    const title = `matmul ${shapeText(a)}${transposeA ? "ᵀ" : ""} · ${shapeText(b)}${transposeB ? "ᵀ" : ""}`;
    return { title, arrays: [a, b], task: { kind: "operation", op: "matmul", transposeA, transposeB } };
  }
}

function randomConvolution(dice: Dice, op: "conv2d" | "conv2dInputGradient"): Unnamed {
  for (;;) {
    const [batch, inputs, outputs] = [dice.size(32), dice.size(64), dice.size(64)];
    const kernel = dice.pick([1, 2, 3, 3, 5, 7]);
    const stride = dice.pick([1, 1, 2]);
    const padding = dice.whole(0, Math.floor(kernel / 2));
    const sides = [dice.whole(5, 64), dice.whole(5, 64)];
    const results = sides.map((side) => Math.floor((side + 2 * padding - kernel) / stride) + 1);
    if (results.some((side) => side < 1)) continue;
    if (batch * inputs * outputs * kernel ** 2 * results[0] * results[1] > MOST_WORK) continue;
    const image = op === "conv2d" ? [batch, inputs, ...sides] : [batch, outputs, ...results];
    const arrays = [input("x", image), input("w", [outputs, inputs, kernel, kernel])];
    const title = `${op === "conv2d" ? "conv2d" : "its input gradient"} ${arrays.map(shapeText).join(" ∗ ")}, stride ${stride}, padding ${padding}`;
    return { title, arrays, task: { kind: "operation", op, stride, padding } };
  }
}

function randomElementwise(dice: Dice): Unnamed {
  const op = dice.pick(["add", "multiply", "exp", "tanh", "sigmoid", "relu", "sqrt", "log"] as const);
  const shape = dice.shape();
  const task: Operation = { kind: "operation", op };
  if (op === "add" || op === "multiply") {
    // Every axis of the second may be 1, and leading ones may be missing.
    const from = dice.whole(0, shape.length - 1);
    const broadcast = dice.uniform() < 0.5 ? shape : shape.slice(from).map((dim) => (dice.uniform() < 0.4 ? 1 : dim));
    const arrays = [input("a", shape), input("b", broadcast)];
    return { title: `${op} ${arrays.map(shapeText).join(" and ")}`, arrays, task };
  }
  const x: ArraySpec = op === "sqrt" || op === "log" ? { ...input("x", shape), centre: 2 } : input("x", shape);
  return { title: `${op} ${shapeText(x)}`, arrays: [x], task };
}

function randomReduction(dice: Dice): Unnamed {
  const op = dice.pick(["sum", "max", "mean"] as const);
  const x = input("x", dice.shape());
  const axes = x.shape.map((_, axis) => axis).filter(() => dice.uniform() < 0.5);
  if (axes.length === 0) axes.push(dice.whole(0, x.shape.length - 1));
  return {
    title: `${op} of ${shapeText(x)} over ${axes.join(", ")}`,
    arrays: [x],
    task: { kind: "operation", op, axes },
  };
}

function shapeText({ shape }: ArraySpec): string {
  return shape.join("×");
}

class Dice {
  readonly uniform: () => number;

  constructor(seed: number) {
    this.uniform = generator(seed);
  }

  /** From `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  /** From 1 to `most`, every order of magnitude alike. */
  size(most: number): number {
    return Math.floor(Math.exp(this.uniform() * Math.log(most + 1)));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)];
  }

  /** Up to four axes; the number of elements is of any order of magnitude. */
  shape(): number[] {
    const rank = this.whole(1, 4);
    let left = this.size(MOST_ELEMENTS);
    const shape = Array.from({ length: rank }, (_, axis) => {
      const dim = axis === rank - 1 ? left : Math.min(left, this.size(Math.ceil(left ** (2 / (rank - axis)))));
      left = Math.max(1, Math.floor(left / dim));
      return dim;
    });
    // The large axis may be anywhere.
    return shape
      .map((dim) => ({ dim, key: this.uniform() }))
      .sort((a, b) => a.key - b.key)
      .map(({ dim }) => dim);
  }
}
