import type {
  ArgumentKernel,
  ConcatKernel,
  CumulativeSumKernel,
  GatherKernel,
  PlaceKernel,
  ScatterAddKernel,
} from "../../kernel/kernel";
import type { ArrayKernel, Elements } from "./array-kernel";

/** The first NaN counts as both the largest and the smallest element. */
export function compileArgument({ which, outer, length, inner }: ArgumentKernel): ArrayKernel {
  const sign = which === "maximum" ? 1 : -1;
  return ([x], out) => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const start = o * length * inner + i;
        let best = 0;
        let champion = sign * x[start];
        for (let j = 1; j < length && !Number.isNaN(champion); j++) {
          const value = sign * x[start + j * inner];
          if (value > champion || Number.isNaN(value)) {
            best = j;
            champion = value;
          }
        }
        out[o * inner + i] = best;
      }
    }
  };
}

export function compileCumulativeSum({ outer, length, inner, reverse }: CumulativeSumKernel): ArrayKernel {
  return ([x], out) => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let at = (o * length + (reverse ? length - 1 : 0)) * inner + i;
        let sum = 0;
        for (let j = 0; j < length; j++) {
          sum += x[at];
          out[at] = sum;
          at += reverse ? -inner : inner;
        }
      }
    }
  };
}

export function compileConcat({ outer, lengths, inner }: ConcatKernel): ArrayKernel {
  const total = lengths.reduce((sum, length) => sum + length, 0) * inner;
  return (inputs, out) => {
    let before = 0;
    lengths.forEach((length, i) => {
      const width = length * inner;
      for (let o = 0; o < outer; o++) copyRun(inputs[i], o * width, out, o * total + before, width);
      before += width;
    });
  };
}

/** Elements of the input that would land outside the output are dropped. */
export function compilePlace({ inputShape, start, step, shape, value }: PlaceKernel): ArrayKernel {
  const size = shape.reduce((product, length) => product * length, 1);
  const rank = shape.length;
  // Per axis, the input positions that land inside: from `first`, `count` of them.
  const ranges = shape.map((length, axis) => landing(inputShape[axis], start[axis], step[axis], length));

  function place(x: Elements, out: Elements, axis: number, from: number, to: number): void {
    if (axis === rank) {
      out[to] = x[from];
      return;
    }
    const { first, count } = ranges[axis];
    const begin = from * inputShape[axis] + first;
    const end = to * shape[axis] + start[axis] + first * step[axis];
    if (axis === rank - 1) {
      for (let i = 0; i < count; i++) out[end + i * step[axis]] = x[begin + i];
      return;
    }
    for (let i = 0; i < count; i++) place(x, out, axis + 1, begin + i, end + i * step[axis]);
  }

  return ([x], out) => {
    out.fill(value, 0, size);
    place(x, out, 0, 0, 0);
  };
}

/** Throws where an index is outside its axis. */
export function compileGather({ outer, length, inner, count }: GatherKernel): ArrayKernel {
  return ([data, indices], out) => {
    checkIndices(indices, count, length);
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < count; j++) {
        copyRun(data, (o * length + indices[j]) * inner, out, (o * count + j) * inner, inner);
      }
    }
  };
}

/** Throws where an index is outside its axis. */
export function compileScatterAdd({ outer, length, inner, count }: ScatterAddKernel): ArrayKernel {
  return ([indices, source], out) => {
    checkIndices(indices, count, length);
    out.fill(0, 0, outer * length * inner);
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < count; j++) {
        const to = (o * length + indices[j]) * inner;
        const from = (o * count + j) * inner;
        for (let i = 0; i < inner; i++) out[to + i] += source[from + i];
      }
    }
  };
}

function checkIndices(indices: Elements, count: number, length: number): void {
  for (let j = 0; j < count; j++) {
    if (indices[j] >= 0 && indices[j] < length) continue;
    const range = length === 0 ? "the axis is empty" : `indices run from 0 to ${length - 1}`;
    throw new Error(`index ${indices[j]} is out of range for an axis of size ${length}; ${range}`);
  }
}

/** Short runs are faster by hand than through `set`, which must make a view first. */
function copyRun(from: Elements, start: number, to: Elements, target: number, size: number): void {
  if (size > 64) to.set(from.subarray(start, start + size), target);
  else for (let i = 0; i < size; i++) to[target + i] = from[start + i];
}

function landing(length: number, start: number, step: number, target: number): { first: number; count: number } {
  let first = 0;
  let end = length;
  while (first < end && !inside(start + step * first, target)) first++;
  while (end > first && !inside(start + step * (end - 1), target)) end--;
  return { first, count: end - first };
}

function inside(position: number, length: number): boolean {
  return position >= 0 && position < length;
}
