import { type Nested, fromNested } from "../graph/array";
import { formatShape, shapesEqual, sizeOf } from "../graph/shape";
import type { Initializer } from "./parameter";
import type { RandomSource } from "./random-source";

/** First values of parameters. Users see them as `initializers.normal(…)`, the well-known ones also by name alone. */

/** fanIn: inputs to one unit; fanOut: units one input reaches. Weights are stored (out, in, …kernel). */
export function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length < 2) return { fanIn: shape[0] ?? 1, fanOut: shape[0] ?? 1 };
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1] * field, fanOut: shape[0] * field };
}

export const zeros: Initializer = constant(0);
export const ones: Initializer = constant(1);

/** Every element the same number. */
export function constant(value: number): Initializer {
  return { name: `constant(${value})`, fill: (shape) => new Float64Array(sizeOf(shape)).fill(value) };
}

/** Uniform in [low, high). */
export function uniform(low = -1, high = 1): Initializer {
  return {
    name: `uniform(${low}, ${high})`,
    fill: (shape, random) => random.uniform(sizeOf(shape)).map((u) => low + (high - low) * u),
  };
}

export function normal(mean = 0, std = 1): Initializer {
  return {
    name: `normal(${mean}, ${std})`,
    fill: (shape, random) => random.normal(sizeOf(shape)).map((z) => mean + std * z),
  };
}

/** Uniform within ±gain·√(6 / (fanIn + fanOut)) (Glorot & Bengio 2010). */
export function xavierUniform(gain = 1): Initializer {
  return scaled("xavierUniform", ({ fanIn, fanOut }) => gain * Math.sqrt(6 / (fanIn + fanOut)), "uniform");
}

/** Normal with std gain·√(2 / (fanIn + fanOut)). */
export function xavierNormal(gain = 1): Initializer {
  return scaled("xavierNormal", ({ fanIn, fanOut }) => gain * Math.sqrt(2 / (fanIn + fanOut)), "normal");
}

/** Uniform within ±√(6 / fanIn) (He et al. 2015). */
export function heUniform(): Initializer {
  return scaled("heUniform", ({ fanIn }) => Math.sqrt(6 / fanIn), "uniform");
}

/** Normal with std √(2 / fanIn) (He et al. 2015). */
export function heNormal(): Initializer {
  return scaled("heNormal", ({ fanIn }) => Math.sqrt(2 / fanIn), "normal");
}

/** Uniform within ±1/√fanIn: PyTorch's default for weights and biases of Linear and convolutions. */
export function fanInUniform(fanIn: number): Initializer {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  return { ...uniform(-bound, bound), name: `fanInUniform(${fanIn})` };
}

/** Normal, drawn anew outside `low`…`high` standard deviations from the mean. */
export function truncatedNormal(mean = 0, std = 1, low = -2, high = 2): Initializer {
  if (!(low < high) || low > 4 || high < -4) {
    throw new Error(`truncatedNormal: needs low < high, in standard deviations near 0, got ${low} and ${high}`);
  }
  return {
    name: `truncatedNormal(${mean}, ${std}, ${low}, ${high})`,
    fill: (shape, random) => {
      const out = new Float64Array(sizeOf(shape));
      for (let filled = 0; filled < out.length;) {
        for (const z of random.normal(out.length)) {
          if (z >= low && z <= high && filled < out.length) out[filled++] = mean + std * z;
        }
      }
      return out;
    },
  };
}

/**
 * Rows (or, of a tall matrix, columns) that are orthonormal, times `gain` (Saxe et al. 2014): Q of the QR factors of a normal
 * matrix, with the signs that make R's diagonal positive, so that Q is uniform among all. Further axes count as columns.
 */
export function orthogonal(gain = 1): Initializer {
  return {
    name: `orthogonal(${gain})`,
    fill: (shape, random) => {
      if (shape.length < 2) {
        throw new Error(
          `orthogonal: needs a parameter of at least 2 axes, got ${formatShape(shape)}; give a bias zeros instead`,
        );
      }
      const rows = shape[0];
      const columns = sizeOf(shape.slice(1));
      const tall = rows > columns;
      const [count, length] = tall ? [columns, rows] : [rows, columns];
      const vectors = orthonormal(count, length, random);
      const out = new Float64Array(rows * columns);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) out[i * columns + j] = gain * (tall ? vectors[j][i] : vectors[i][j]);
      }
      return out;
    },
  };
}

/** `gain` on the diagonal of a matrix, 0 elsewhere: a linear layer that begins by passing its input on. */
export function identity(gain = 1): Initializer {
  return {
    name: `identity(${gain})`,
    fill: (shape) => {
      if (shape.length !== 2)
        throw new Error(`identity: needs a matrix, got a parameter of shape ${formatShape(shape)}`);
      return Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
        Math.floor(i / shape[1]) === i % shape[1] ? gain : 0,
      );
    },
  };
}

/** The numbers given, in nested lists of the parameter's shape: `values([[20, 20]])` for a weight [1, 2]. */
export function values(given: Nested): Initializer {
  const array = fromNested(given);
  return {
    name: "values",
    fill: (shape) => {
      if (!shapesEqual(array.shape, shape)) {
        throw new Error(
          `values: got numbers of shape ${formatShape(array.shape)} for a parameter of shape ${formatShape(shape)}`,
        );
      }
      return Float64Array.from(array.data);
    },
  };
}

/** Gram–Schmidt on normal vectors, each step done twice, which keeps them orthogonal to the last bits. */
function orthonormal(count: number, length: number, random: RandomSource): Float64Array[] {
  const drawn = random.normal(count * length);
  const found: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = drawn.slice(i * length, (i + 1) * length);
    for (let pass = 0; pass < 2; pass++) {
      for (const other of found) {
        let product = 0;
        for (let k = 0; k < length; k++) product += vector[k] * other[k];
        for (let k = 0; k < length; k++) vector[k] -= product * other[k];
      }
    }
    const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    found.push(vector.map((value) => value / norm));
  }
  return found;
}

function scaled(
  name: string,
  scale: (fan: { fanIn: number; fanOut: number }) => number,
  distribution: "uniform" | "normal",
): Initializer {
  return {
    name,
    fill: (shape, random) => {
      const size = scale(fans(shape));
      return distribution === "uniform"
        ? random.uniform(sizeOf(shape)).map((u) => size * (2 * u - 1))
        : random.normal(sizeOf(shape)).map((z) => size * z);
    },
  };
}
