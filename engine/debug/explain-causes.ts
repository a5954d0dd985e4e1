import { isFiniteFloat } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import {
  type Evaluated,
  LEAVES,
  type Operand,
  type Operands,
  type Seen,
  figure,
  lineText,
  nameAt,
  operationText,
  placeText,
  producerOf,
} from "./explain-elements";

/** What to do about a number that is none, by what made it. */
const ADVICE = {
  log: "Keep its input above 0, with clip(x, 1e-7, 1) or a small epsilon; for class scores take crossEntropy or logSoftmax of the logits, which never take the log of 0.",
  root: "Keep what is under the root at 0 or above, with clip or a small epsilon.",
  slope: "The root's slope at 0 is infinite: add a small epsilon under it.",
  divide: "Add a small epsilon to the divisor, or choose another there: where(equal(b, 0), 1, b).",
  exp: "Subtract the largest number first, as softmax, logSoftmax and logSumExp do, or limit the input with clip.",
  large: "Lower the learning rate, clip gradients, or scale the inputs down.",
  power: "Keep the base above 0, with clip or a small epsilon.",
  infinite:
    "Look where the infinity comes from; where(condition, value, 0) leaves one out, a multiplication by 0 does not.",
  parameter:
    "An earlier update made it so: go back to where it was finite, then lower the learning rate or clip gradients.",
  input: "Look at this example; fillMissing puts numbers in the place of missing ones.",
  rate: "Give the optimiser a learning rate above 0, such as 0.01, and look at what its schedule makes of it.",
  byHand: "Set another, or restart.",
  written: "The program says so.",
  domain: "Keep its input where it has a value.",
} as const;

/**
 * How an operation made a number that is none out of numbers that are, in a sentence with the numbers, and what to do.
 *
 * @param file lines of this file are told without its name
 */
export function notFiniteCause(
  values: Evaluated,
  seen: Seen,
  operands: Operands,
  file: string | undefined,
): { readonly text: string; readonly advice: string } {
  if (LEAVES.has(seen.node.op)) {
    const origin = originOf(values, seen.node, file);
    return { text: `${nameAt(values, seen)} is ${figure(seen.value)} ${origin.text}`, advice: ADVICE[origin.advice] };
  }
  const { formula, culprit, advice, isOneOfMany = false } = formulaOf(seen, operands);
  const where = seen.node.phase === "forward" ? "" : `, ${operationText(seen.node)}`;
  const text =
    `${formula} = ${figure(seen.value)}${beyond(seen.value)} at ${nameAt(values, seen)}${placeText(seen.node, file)}${where}` +
    because(values, culprit, isOneOfMany, file);
  return { text, advice: ADVICE[advice] };
}

interface Origin {
  readonly text: string;
  readonly advice: keyof typeof ADVICE;
}

function originOf(values: Evaluated, node: Tensor, file: string | undefined): Origin {
  if (node.op !== "input") return LEAF_ORIGINS[node.op] ?? LEAF_ORIGINS.constant;
  const { kind, byHand, site } = values.given(node);
  if (byHand) return { text: "because it was set so by hand", advice: "byHand" };
  switch (kind) {
    case "data":
      return LEAF_ORIGINS.input;
    case "rate":
      return { text: `as the optimiser or its schedule gives it${lineText(site, file)}`, advice: "rate" };
    case "count":
      return { text: "by the count of updates", advice: "written" };
    case "state":
      return LEAF_ORIGINS.parameter;
    default:
      return kind satisfies never;
  }
}

const LEAF_ORIGINS: Readonly<Record<string, Origin>> = {
  parameter: { text: "from the beginning of the iteration", advice: "parameter" },
  input: { text: "in the data", advice: "input" },
  constant: { text: "by its definition", advice: "written" },
};

interface Formula {
  /** With numbers: `0 / 0`. */
  readonly formula: string;
  /** The operand whose number is to blame. */
  readonly culprit: Operand | undefined;
  readonly advice: keyof typeof ADVICE;
  /** Whether where it stands has to be said. */
  readonly isOneOfMany?: boolean;
}

function formulaOf({ node, value }: Seen, operands: Operands): Formula {
  const { few, count, greatest, infinite } = operands;
  const [a, b] = few as readonly (Operand | undefined)[];
  const call: Formula = {
    formula: `${node.op}(${few.map((each) => figure(each.value)).join(", ")})`,
    culprit: a,
    advice: "domain",
  };
  const infix = (sign: string, culprit: Operand | undefined, advice: keyof typeof ADVICE): Formula => ({
    formula: `${figure(a?.value ?? NaN)} ${sign} ${bracketed(b?.value ?? NaN)}`,
    culprit,
    advice,
  });
  const isNan = Number.isNaN(value);
  switch (node.op) {
    case "log":
    case "log1p":
      return { ...call, advice: "log" };
    case "sqrt":
    case "rsqrt":
      return { ...call, advice: "root" };
    case "exp":
    case "expm1":
      return { ...call, advice: "exp" };
    case "divide": {
      const ofRoot = node.phase === "backward" && (node.via?.op === "sqrt" || node.via?.op === "rsqrt");
      return infix("/", infinite ?? b, b?.value !== 0 ? "large" : ofRoot ? "slope" : "divide");
    }
    case "remainder":
      return { ...call, culprit: b, advice: "divide" };
    case "power":
      return {
        formula: `${bracketed(a?.value ?? NaN)}^${bracketed(b?.value ?? NaN)}`,
        culprit: a,
        advice: isNan || a?.value === 0 ? "power" : "large",
      };
    case "multiply":
      return infix("·", infinite ?? greatest, isNan ? "infinite" : "large");
    case "add":
    case "subtract":
      return infix(node.op === "add" ? "+" : "−", infinite ?? greatest, isNan ? "infinite" : "large");
    default:
      break;
  }
  if (count <= few.length) return { ...call, culprit: infinite ?? greatest, advice: isNan ? "domain" : "large" };
  return {
    formula: `${node.op} of ${count} numbers`,
    culprit: infinite ?? greatest,
    advice: isNan ? "infinite" : "large",
    isOneOfMany: true,
  };
}

/** `, because relu gave 0 there (line 11)` */
function because(
  values: Evaluated,
  culprit: Operand | undefined,
  isOneOfMany: boolean,
  file: string | undefined,
): string {
  if (!culprit) return "";
  const from = producerOf(values, culprit);
  const number = figure(culprit.value);
  if (!LEAVES.has(from.node.op))
    return `, because ${operationText(from.node)} gave ${number} ${isOneOfMany ? `at ${nameAt(values, from)}` : "there"}${placeText(from.node, file)}`;
  return from.node.name === undefined ? "" : `, because ${nameAt(values, from)} is ${number}`;
}

/** A number that float64 can hold, but not float32, in which training calculates. */
function beyond(value: number): string {
  return Number.isFinite(value) && !isFiniteFloat(value)
    ? " (beyond 3.4e38, the largest number of float32: infinite in training)"
    : "";
}

function bracketed(value: number): string {
  return value < 0 ? `(${figure(value)})` : figure(value);
}
