/**
 * A debugged program small enough to be worked out by hand: h = x·w, y = relu(h), loss = y², and back. x is 1, 2, 3 in the three
 * iterations, w begins as 2 and learns with rate 0.01. Every value is a function of where the program stands and of what was set.
 */
import type { Direction } from "../../engine/debug/requests";

export const FILE = "/models/tiny.nn.ts";
export const LISTING = "tiny (backward)";
export const LISTING_TEXT = "∂loss/∂h  = ∂loss/∂y ⊙ 1[h > 0]\n∂loss/∂w += ∂loss/∂h · x\n";
/** Elements of the tensor `big`, each its index. */
export const BIG = 5_000;
const RATE = 0.01;

/** One node of an iteration. */
export interface NodeOfProgram {
  readonly operation: "mul" | "relu" | "square" | "sgd";
  readonly direction: Direction;
  /** In the file; null for the update, which nobody wrote. */
  readonly line: number | null;
  /** In the backward listing. */
  readonly listed: number | null;
}

export const NODES: readonly NodeOfProgram[] = [
  { operation: "mul", direction: "forward", line: 5, listed: null },
  { operation: "relu", direction: "forward", line: 6, listed: null },
  { operation: "square", direction: "forward", line: 10, listed: null },
  { operation: "relu", direction: "backward", line: 6, listed: 1 },
  { operation: "mul", direction: "backward", line: 5, listed: 2 },
  { operation: "sgd", direction: "update", line: null, listed: null },
];

export interface Values {
  readonly iteration: number;
  readonly x: number;
  readonly w: number;
  readonly h: number | null;
  readonly y: number | null;
  readonly loss: number | null;
  readonly dh: number | null;
  readonly dw: number | null;
}

/** @param sets values that w was set to, by position */
export function valuesAt(position: number, sets: ReadonlyMap<number, number>): Values {
  let w = 2;
  for (let iteration = 0; ; iteration += 1) {
    const begin = iteration * NODES.length;
    const done = position - begin;
    // A set parameter is used from the iteration's beginning: what lies between is computed again.
    for (const [where, value] of sets)
      if (where >= begin && where < begin + NODES.length && where <= position) w = value;
    const x = (iteration % 3) + 1;
    const h = x * w;
    const y = Math.max(h, 0);
    const dh = h > 0 ? 2 * y : 0;
    const dw = dh * x;
    if (done < NODES.length) {
      const made = (node: number, value: number): number | null => (done > node ? value : null);
      return { iteration, x, w, h: made(0, h), y: made(1, y), loss: made(2, y * y), dh: made(3, dh), dw: made(4, dw) };
    }
    w -= RATE * dw;
  }
}

/** Reads `w`, `h > 3`, `w + 1`, `big[7]`, `2.5`. */
export function compute(expression: string, values: Values): number {
  const text = expression.trim();
  const [, left, sign, right] = /^(.+?)\s*(==|>=|<=|>|<|\+|\*)\s*(.+)$/.exec(text) ?? [];
  if (sign !== undefined) {
    const [a, b] = [compute(left, values), compute(right, values)];
    const results = { "==": a === b, ">=": a >= b, "<=": a <= b, ">": a > b, "<": a < b, "+": a + b, "*": a * b };
    return Number(results[sign as keyof typeof results]);
  }
  const [, index] = /^big\[(\d+)\]$/.exec(text) ?? [];
  if (index !== undefined && Number(index) < BIG) return Number(index);
  if (text === "nan") return NaN;
  if (/^-?[\d.]+$/.test(text)) return Number(text);
  const value = Object.entries(values).find(([name]) => name === text)?.[1] as number | null | undefined;
  if (value === null) throw new Error(`${text} has no value yet`);
  if (value === undefined) throw new Error(`there is no ${text} here`);
  return value;
}
