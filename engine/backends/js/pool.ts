import type { PoolGeometry, PoolKernel } from "../../kernel/kernel";
import type { ArrayKernel, Elements } from "./array-kernel";

export function compilePool({ which, geometry }: PoolKernel): ArrayKernel {
  switch (which) {
    case "maximum":
      return maximum(geometry);
    case "maximumGradient":
      return maximumGradient(geometry);
    case "maximumPick":
      return maximumPick(geometry);
    case "average":
      return average(geometry);
    case "averageGradient":
      return averageGradient(geometry);
    default:
      return which satisfies never;
  }
}

/** A window that lies wholly in the padding gives −∞, the largest of no elements. */
function maximum(geometry: PoolGeometry): ArrayKernel {
  const maxima = maximaFinder(geometry);
  return ([x], out) => {
    const positions = maxima(x);
    for (let i = 0; i < positions.length; i++) out[i] = positions[i] < 0 ? -Infinity : x[positions[i]];
  };
}

function maximumGradient(geometry: PoolGeometry): ArrayKernel {
  const maxima = maximaFinder(geometry);
  const size = geometry.planes * geometry.input[0] * geometry.input[1];
  return ([x, g], out) => {
    const positions = maxima(x);
    out.fill(0, 0, size);
    for (let i = 0; i < positions.length; i++) if (positions[i] >= 0) out[positions[i]] += g[i];
  };
}

function maximumPick(geometry: PoolGeometry): ArrayKernel {
  const maxima = maximaFinder(geometry);
  return ([x, v], out) => {
    const positions = maxima(x);
    for (let i = 0; i < positions.length; i++) out[i] = positions[i] < 0 ? 0 : v[positions[i]];
  };
}

/** For each output, the position of the first largest element of its window (the first NaN, if any), or −1. */
function maximaFinder(geometry: PoolGeometry): (x: Elements) => Int32Array {
  const { planes, input, output, dilation } = geometry;
  const [rows, columns] = [0, 1].map((axis) => windowSpans(geometry, axis));
  const positions = new Int32Array(planes * output[0] * output[1]);
  return (x) => {
    let to = 0;
    for (let plane = 0; plane < planes; plane++) {
      const image = plane * input[0] * input[1];
      for (let oy = 0; oy < output[0]; oy++) {
        for (let ox = 0; ox < output[1]; ox++) {
          let best = -1;
          let champion = -Infinity;
          for (let y = rows.first[oy]; y < rows.end[oy] && !Number.isNaN(champion); y += dilation[0]) {
            const row = image + y * input[1];
            for (let at = row + columns.first[ox]; at < row + columns.end[ox]; at += dilation[1]) {
              const value = x[at];
              if (value <= champion && best >= 0) continue;
              best = at;
              champion = value;
              if (Number.isNaN(value)) break;
            }
          }
          positions[to++] = best;
        }
      }
    }
    return positions;
  };
}

function average(geometry: PoolGeometry): ArrayKernel {
  const { planes, input, output, dilation } = geometry;
  const [rows, columns] = [0, 1].map((axis) => windowSpans(geometry, axis));
  const weights = averageWeights(geometry, rows, columns);
  return ([x], out) => {
    let to = 0;
    for (let plane = 0; plane < planes; plane++) {
      const image = plane * input[0] * input[1];
      for (let oy = 0; oy < output[0]; oy++) {
        for (let ox = 0; ox < output[1]; ox++) {
          let sum = 0;
          for (let y = rows.first[oy]; y < rows.end[oy]; y += dilation[0]) {
            const row = image + y * input[1];
            for (let at = row + columns.first[ox]; at < row + columns.end[ox]; at += dilation[1]) sum += x[at];
          }
          out[to++] = sum * weights[oy * output[1] + ox];
        }
      }
    }
  };
}

function averageGradient(geometry: PoolGeometry): ArrayKernel {
  const { planes, input, output, dilation } = geometry;
  const [rows, columns] = [0, 1].map((axis) => windowSpans(geometry, axis));
  const weights = averageWeights(geometry, rows, columns);
  return ([g], out) => {
    out.fill(0, 0, planes * input[0] * input[1]);
    let from = 0;
    for (let plane = 0; plane < planes; plane++) {
      const image = plane * input[0] * input[1];
      for (let oy = 0; oy < output[0]; oy++) {
        for (let ox = 0; ox < output[1]; ox++) {
          const share = g[from++] * weights[oy * output[1] + ox];
          for (let y = rows.first[oy]; y < rows.end[oy]; y += dilation[0]) {
            const row = image + y * input[1];
            for (let at = row + columns.first[ox]; at < row + columns.end[ox]; at += dilation[1]) out[at] += share;
          }
        }
      }
    }
  };
}

/** Per output position, where its window starts and ends inside the image; empty where it misses it. */
interface Spans {
  readonly first: Int32Array;
  readonly end: Int32Array;
  readonly count: Int32Array;
}

function windowSpans({ input, window, output, stride, dilation, padding }: PoolGeometry, axis: number): Spans {
  const spans: Spans = {
    first: new Int32Array(output[axis]),
    end: new Int32Array(output[axis]),
    count: new Int32Array(output[axis]),
  };
  for (let o = 0; o < output[axis]; o++) {
    for (let w = 0; w < window[axis]; w++) {
      const position = o * stride[axis] + w * dilation[axis] - padding[axis];
      if (position < 0 || position >= input[axis]) continue;
      if (spans.count[o]++ === 0) spans.first[o] = position;
      spans.end[o] = position + 1;
    }
  }
  return spans;
}

/** One over what each output's sum is divided by; 0 for a window without elements. */
function averageWeights({ window, output, countPadding }: PoolGeometry, rows: Spans, columns: Spans): Float64Array {
  const weights = new Float64Array(output[0] * output[1]);
  for (let at = 0; at < weights.length; at++) {
    const inside = rows.count[Math.floor(at / output[1])] * columns.count[at % output[1]];
    const divisor = countPadding ? window[0] * window[1] : inside;
    weights[at] = inside === 0 ? 0 : 1 / divisor;
  }
  return weights;
}
