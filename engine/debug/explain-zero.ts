import { rowMajorStrides, shapesEqual } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { eachOperand } from "./elements";
import {
  type Evaluated,
  LEAVES,
  MOVING,
  type Operand,
  type Operands,
  type Seen,
  figure,
  lineText,
  look,
  nameAt,
  operand,
  operandsOf,
  operationText,
  placeText,
  valuesOfInputs,
} from "./explain-elements";

/** Why an element is 0: another is, or something of its own made it so. */
export interface ZeroReason {
  /** The element that is 0 and makes this one 0. */
  readonly next?: Operand;
  /** What more is to be known of that step. */
  readonly note?: string;
  /** Where it ends: the reason in words, and what can be done, if anything should. */
  readonly text?: string;
  readonly advice?: string;
}

export function whyZero(values: Evaluated, seen: Seen, operands: Operands, file: string | undefined): ZeroReason {
  const asked: Asked = { values, seen, operands, place: (node) => placeText(node, file), file };
  const rule = RULES[seen.node.op];
  const reason = rule?.(asked) ?? (LEAVES.has(seen.node.op) ? leafZero(asked) : anyZero(asked));
  if (reason.next) return reason;
  // In the gradient of a function, the function says more than the arithmetic of its derivative.
  return saturation(asked) ?? reason;
}

interface Asked {
  readonly values: Evaluated;
  readonly seen: Seen;
  readonly operands: Operands;
  readonly place: (node: Tensor) => string;
  readonly file: string | undefined;
}

type Rule = (asked: Asked) => ZeroReason | undefined;

const DEAD =
  "A smaller learning rate, heNormal initial weights or leakyRelu keep units alive; at the start, look at the bias.";

/** Sums of products: convolutions and matrix products. */
const productSum: Rule = (asked) => sumZero(asked, true);
const plainSum: Rule = (asked) => sumZero(asked, false);
const stepwise: Rule = ({ seen, operands, values, place }) => ({
  text: `${seen.node.op}(${figure(operands.few[0].value)}) is 0 at ${nameAt(values, seen)}${place(seen.node)}`,
});
/** What gives one of its operands: the one that is 0. */
const selection: Rule = ({ operands, values, seen }) => zeroOperand(values, seen, operands);

const RULES: Readonly<Partial<Record<string, Rule>>> = {
  multiply: ({ operands: { few }, values, seen, place }) => {
    const zero = few.find(({ value }) => value === 0);
    if (zero) return { next: zero };
    return {
      text: `${figure(few[0].value)} · ${figure(few[1].value)} is too small for a number at ${nameAt(values, seen)}${place(seen.node)}`,
      advice:
        "The gradient vanishes: fewer saturating layers, another initialisation or a normalisation keep it large.",
    };
  },
  divide: ({ operands: { few }, values, seen, place }) => {
    if (few[0].value === 0) return { next: few[0] };
    return {
      text: `${figure(few[0].value)} / ${figure(few[1].value)} is 0 at ${nameAt(values, seen)}${place(seen.node)}`,
    };
  },
  add: plainSum,
  subtract: plainSum,
  sum: plainSum,
  cumsum: plainSum,
  averagePool2d: plainSum,
  averagePool2dGradient: plainSum,
  putAdd: (asked) =>
    asked.operands.count > 0
      ? plainSum(asked)
      : {
          text: `no index names this row, so no example of the batch uses it${asked.place(asked.seen.node)}`,
          advice: "Rows that are rarely looked up learn rarely; that is no fault.",
        },
  matmul: productSum,
  conv2d: productSum,
  conv2dInputGradient: productSum,
  conv2dWeightGradient: productSum,
  relu: (asked) => {
    const { operands, values, seen, place } = asked;
    const [input] = operands.few;
    const dead = deadUnit(values, seen);
    if (input.value === 0 && !dead) return { next: input };
    return {
      text: `relu is inactive there, its input ${nameAt(values, input)} is ${figure(input.value)}${place(seen.node)}${dead}`,
      advice: dead === "" ? "" : DEAD,
    };
  },
  cast: (asked) => (asked.seen.node.inputs[0].dtype === "bool" ? conditionZero(asked) : undefined),
  where: (asked) => {
    const { operands, seen, values, place } = asked;
    const [chosen] = operands.few;
    if (!isConstant(chosen.node)) return { next: chosen };
    const condition = conditionText(asked, seen.node.inputs[0]);
    const scope = seen.node.phase === "backward" ? seen.node.via?.scope : seen.node.scope;
    const upstream = seen.node.phase === "backward" ? "so no gradient passes" : "so 0 was chosen";
    if (scope?.name === "dropout")
      return { text: `dropout has masked it in this iteration: ${condition}${place(seen.node)}` };
    return { text: `${condition}, ${upstream} at ${nameAt(values, seen)}${place(seen.node)}` };
  },
  exp: ({ operands: { few }, values, seen, place }) => ({
    text: `exp(${figure(few[0].value)}) is too small for a number at ${nameAt(values, seen)}${place(seen.node)}`,
  }),
  sigmoid: ({ operands: { few }, seen, place }) => ({
    text: `sigmoid is saturated, σ(${figure(few[0].value)}) = 0${place(seen.node)}`,
    advice: "Scale its inputs down, or take the loss of the logits (binaryCrossEntropyWithLogits).",
  }),
  step: stepwise,
  hardThreshold: stepwise,
  floor: stepwise,
  ceil: stepwise,
  round: stepwise,
  argmax: ({ seen, place }) => ({ text: `the largest number stands first${place(seen.node)}` }),
  argmin: ({ seen, place }) => ({ text: `the smallest number stands first${place(seen.node)}` }),
  power: ({ operands: { few } }) => (few[0].value === 0 ? { next: few[0] } : undefined),
  maximum: selection,
  minimum: selection,
  maximumOf: selection,
  minimumOf: selection,
  maxPool2d: selection,
  product: selection,
  maxPool2dGradient: (asked) =>
    asked.operands.count > 0
      ? plainSum(asked)
      : {
          text: `it is the largest number of none of its windows, so no gradient comes to it${asked.place(asked.seen.node)}`,
        },
  place: ({ operands, seen, values, place }) => {
    if (operands.count > 0) return undefined;
    const { via, phase } = seen.node;
    if (phase === "backward" && via)
      return {
        text: `${via.op} does not take ${nameAt(values, seen)}, so no gradient comes from it${place(seen.node)}`,
      };
    return { text: `it is padding${place(seen.node)}` };
  },
  random: ({ place, seen }) => ({ text: `it was drawn so${place(seen.node)}` }),
  iota: () => ({ text: "positions count from 0" }),
};

function leafZero({ values, seen, place, file }: Asked): ZeroReason {
  const { node } = seen;
  if (node.op === "parameter")
    return {
      text: `the parameter ${nameAt(values, seen)} is 0`,
      advice: "Weights that all begin with 0 get the same gradient and stay alike: initialise them at random.",
    };
  if (node.op === "input") return givenZero(values, seen, file);
  if (node.phase === "backward") {
    const via = node.via;
    if (via?.op === "withGradient")
      return { text: `the backward of ${via.attributes.name as string} gives no gradient here${place(via)}` };
    return {
      text: "no gradient reaches it",
      advice: "Look for stopGradient, step functions or indices between it and the loss.",
    };
  }
  return { text: `the constant ${node.name === undefined ? "" : `${node.name} `}is 0`.replace("  ", " ") };
}

function givenZero(values: Evaluated, seen: Seen, file: string | undefined): ZeroReason {
  const { kind, byHand, start, site } = values.given(seen.node);
  const name = nameAt(values, seen);
  if (byHand) return { text: `${name} was set to 0 by hand`, advice: "Set another value, or restart." };
  switch (kind) {
    case "data":
      return { text: `${name} is 0 in the data` };
    case "rate":
      return {
        text: `the optimiser or its schedule gives a learning rate of 0${lineText(site, file)}, and an update that is multiplied by it changes nothing`,
        advice: "Give the optimiser a learning rate above 0, such as 0.01, or end its schedule above 0.",
      };
    case "count":
      return { text: "no update is counted yet" };
    case "state":
      return {
        text: start
          ? `${name} is a state of the optimiser, which begins with 0`
          : `${name} is a state of the optimiser, and every gradient that went into it was 0, or too small for a number`,
        advice: start ? "The first update gives it its first value." : "Ask about the gradient of that parameter.",
      };
    default:
      return kind satisfies never;
  }
}

/** f(0) = 0, a movement of a 0, or a function that has this 0 elsewhere. */
function anyZero({ values, seen, operands, place }: Asked): ZeroReason {
  const { few, count } = operands;
  if (count === 1 && few[0].value === 0) return { next: few[0] };
  if (MOVING.has(seen.node.op) && count > 0) return { next: few[0] };
  const numbers = few.map(({ value }) => figure(value)).join(", ");
  const given = count > few.length ? `${numbers}, … ${count - few.length} more` : numbers;
  return { text: `${operationText(seen.node)} of ${given} is 0 at ${nameAt(values, seen)}${place(seen.node)}` };
}

function zeroOperand(values: Evaluated, seen: Seen, operands: Operands): ZeroReason | undefined {
  const inputs = valuesOfInputs(values, seen.node);
  let found: Operand | undefined;
  if (operands.count > 0)
    eachOperand(seen.node, seen.shape, seen.flat, inputs, (input, at) => {
      if (inputs[input].data[at] !== 0) return false;
      found = operand(seen.node, inputs, input, at);
      return true;
    });
  return found && { next: found };
}

/** A sum is 0 because all its terms are, or because they cancel. */
function sumZero({ values, seen, place }: Asked, ofProducts: boolean): ZeroReason {
  const inputs = valuesOfInputs(values, seen.node);
  const zeros = [0, 0];
  let [terms, zeroTerms, factor] = [0, 0, NaN];
  const firsts: (Operand | undefined)[] = [undefined, undefined];
  const note = (side: number, input: number, at: number): void => {
    zeros[side]++;
    firsts[side] ??= operand(seen.node, inputs, input, at);
  };
  eachOperand(seen.node, seen.shape, seen.flat, inputs, (input, at) => {
    const value = inputs[input].data[at];
    if (ofProducts && input === 0) {
      factor = value;
      if (value === 0) note(0, input, at);
      return;
    }
    terms++;
    if (value === 0) note(1, input, at);
    if (value === 0 || (ofProducts && factor === 0)) zeroTerms++;
  });
  if (terms === 0) return { text: `nothing is added up at ${nameAt(values, seen)}${place(seen.node)}` };
  if (zeroTerms < terms)
    return {
      text: `its ${terms} ${ofProducts ? "products" : "numbers"} add up to 0 at ${nameAt(values, seen)}${place(seen.node)}`,
    };
  // The side that is 0 throughout, else the one that is so more often.
  const side = zeros[1] === terms || (zeros[0] < terms && zeros[1] >= zeros[0]) ? 1 : 0;
  const next = firsts[side];
  if (terms === 1 || !next) return next ? { next } : {};
  const own = nameAt(values, seen);
  if (zeros[side] < terms) return { next, note: `${own} is a sum of ${terms} products, each with a factor 0` };
  return { next, note: `${own} is a sum of ${terms} zeros, the first from ${nameAt(values, next)}` };
}

/** A flag that is not set: the comparison with its numbers, and in a gradient what it means for the function. */
function conditionZero(asked: Asked): ZeroReason {
  const { seen, values, place } = asked;
  const { via } = seen.node;
  const text = conditionText(asked, seen.node.inputs[0]);
  if (seen.node.phase !== "backward" || !via || !sameShape(values, via, seen))
    return { text: `${text}${place(seen.node)}` };
  if (via.op === "relu") {
    const output = look(values, via, seen.flat);
    const input = look(values, via.inputs[0], seen.flat);
    const dead = deadUnit(values, output);
    return {
      text: `relu is inactive there, its input ${nameAt(values, input)} is ${figure(input.value)}${place(via)}${dead}`,
      advice: dead === "" ? "" : DEAD,
    };
  }
  if (via.op === "clip") {
    const input = look(values, via.inputs[0], seen.flat);
    const { low, high } = via.attributes as { readonly low: number; readonly high: number };
    return {
      text: `${nameAt(values, input)} is ${figure(input.value)}, outside of clip's bounds ${figure(low)} and ${figure(high)}${place(via)}`,
    };
  }
  return { text: `${text}, so no gradient passes ${via.op}${place(via)}` };
}

const SIGNS: Readonly<Partial<Record<string, string>>> = {
  less: "<",
  lessEqual: "≤",
  greater: ">",
  greaterEqual: "≥",
  equal: "=",
  notEqual: "≠",
};

/** `0.93 < 0.8 is false` */
function conditionText({ values, seen }: Asked, condition: Tensor): string {
  const { shape } = values.of(condition);
  const flat = shape.length === 0 ? 0 : seen.flat;
  if (shape.length > 0 && !sameShape(values, condition, seen)) return "its condition chose so";
  const flag = look(values, condition, flat);
  const { few } = operandsOf(values, flag);
  const sign = SIGNS[condition.op];
  const truth = flag.value === 0 ? "false" : "true";
  if (sign === undefined) return `${nameAt(values, flag)} is ${truth}`;
  return `${figure(few[0].value)} ${sign} ${figure(few[1].value)} is ${truth}`;
}

/** A function whose derivative is 0 in float64 far from 0. */
function saturation({ values, seen, place }: Asked): ZeroReason | undefined {
  const { node } = seen;
  const { via } = node;
  // A product that is too small for a number says nothing of the derivative alone.
  if (node.phase !== "backward" || !via || !SATURATING.has(via.op) || node.op === "multiply") return undefined;
  if (!sameShape(values, via, seen)) return undefined;
  const input = look(values, via.inputs[0], seen.flat);
  const output = look(values, via, seen.flat);
  return {
    text: `${via.op} is saturated there: its input ${nameAt(values, input)} is ${figure(input.value)}, its result ${figure(output.value)}, its derivative 0${place(via)}`,
    advice: "Scale its inputs down (initialisation, normalisation), or take relu between layers.",
  };
}

const SATURATING: ReadonlySet<string> = new Set(["sigmoid", "tanh", "erf", "gelu", "silu", "elu", "softplus"]);

/** Whether a unit gives 0 for every example: `; unit 5 gives 0 for all 64 examples, it is dead`. */
function deadUnit(values: Evaluated, { node, shape, flat }: Seen): string {
  if (shape.length < 2) return "";
  // Channels come second in images, units last elsewhere.
  const axis = shape.length === 4 ? 1 : shape.length - 1;
  const stride = rowMajorStrides(shape)[axis];
  const unit = Math.floor(flat / stride) % shape[axis];
  const { data } = values.of(node);
  const examples = data.length / shape[axis];
  if (examples < 2) return "";
  for (let block = unit * stride; block < data.length; block += stride * shape[axis])
    for (let at = block; at < block + stride; at++) if (data[at] !== 0) return "";
  const what = shape.length === 2 ? `examples` : `places of the batch`;
  return `; unit ${unit} gives 0 for all ${examples} ${what}, it is dead`;
}

function isConstant(node: Tensor): boolean {
  let at = node;
  while (at.op === "expand" || at.op === "reshape") [at] = at.inputs;
  return at.op === "constant";
}

function sameShape(values: Evaluated, node: Tensor, { shape }: Seen): boolean {
  return shapesEqual(values.of(node).shape, shape);
}
