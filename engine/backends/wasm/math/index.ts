import type { BinaryFunction, UnaryFunction } from "../../../kernel/expression";
import type { FunctionWriter } from "../assembler/function";
import type { Target } from "../code";
import { narrow, widen } from "./arithmetic";
import { writeErf, writeExp, writeExpm1, writeTanh } from "./exponential";
import { writeLog, writeLog1p } from "./logarithm";
import { writePower } from "./power";
import { writeCos, writeSin, writeTan } from "./trigonometric";

/** What is computed here; what gives 0 or 1 belongs to those who know masks. */
export type UnaryMath = Exclude<UnaryFunction, "not">;
export type BinaryMath = Exclude<BinaryFunction, "less" | "lessEqual" | "equal" | "notEqual">;

/**
 * Replaces the four float32 on the stack by the function of each, within 2 units in the last place of the true value;
 * zeros, infinities, NaN and subnormal numbers as Math has them (but for the bits of a NaN).
 */
export function writeUnary(f: FunctionWriter, fn: UnaryMath, target: Target): void {
  switch (fn) {
    case "exp":
      return writeExp(f, target);
    case "expm1":
      return writeExpm1(f, target);
    case "log":
      return writeLog(f, target);
    case "log1p":
      return writeLog1p(f, target);
    case "sin":
      return writeSin(f, target);
    case "cos":
      return writeCos(f, target);
    case "tan":
      return writeTan(f, target);
    case "tanh":
      return writeTanh(f, target);
    case "erf":
      return writeErf(f, target);
    default:
      f.op(UNARY_INSTRUCTIONS[fn]);
  }
}

/** Replaces the two vectors of four float32 on the stack by the function of them, as {@link writeUnary}. */
export function writeBinary(f: FunctionWriter, fn: BinaryMath, target: Target): void {
  if (fn === "power") writePower(f, target);
  else if (fn === "remainder") writeRemainder(f);
  else f.op(BINARY_INSTRUCTIONS[fn]);
}

/** About how many nanoseconds a function takes for four elements on one thread, loads and stores not counted. */
export function costOf(fn: UnaryFunction | BinaryFunction): number {
  return COSTS[fn] ?? 0.1;
}

/** Measured on a Zen 4 with relaxed SIMD; a third more without. What is not here is one instruction or a few. */
const COSTS: Readonly<Partial<Record<UnaryFunction | BinaryFunction, number>>> = {
  exp: 1.6,
  expm1: 1.7,
  log: 3.6,
  log1p: 4.2,
  sqrt: 0.9,
  sin: 3.7,
  cos: 3.8,
  tan: 5.6,
  tanh: 3.2,
  erf: 4.5,
  divide: 0.5,
  power: 13.5,
  remainder: 1.8,
  maximum: 0.4,
  minimum: 0.4,
};

const UNARY_INSTRUCTIONS = {
  negate: "f32x4.neg",
  sqrt: "f32x4.sqrt",
  abs: "f32x4.abs",
  floor: "f32x4.floor",
  ceil: "f32x4.ceil",
  round: "f32x4.nearest",
  truncate: "f32x4.trunc",
} as const;

const BINARY_INSTRUCTIONS = {
  add: "f32x4.add",
  subtract: "f32x4.sub",
  multiply: "f32x4.mul",
  divide: "f32x4.div",
  maximum: "f32x4.max",
  minimum: "f32x4.min",
} as const;

/** a − ⌊a/b⌋·b in double precision, each step rounded by itself: what the JavaScript backend computes. */
function writeRemainder(f: FunctionWriter): void {
  const a = [f.local("v128"), f.local("v128")] as const;
  const b = [f.local("v128"), f.local("v128")] as const;
  widen(f, ...b);
  widen(f, ...a);
  for (const at of [0, 1])
    f.get(a[at]).get(a[at]).get(b[at]).op("f64x2.div", "f64x2.floor").get(b[at]).op("f64x2.mul", "f64x2.sub");
  narrow(f);
  f.release(...a, ...b);
}
