import { dimsEqual } from "../graph/dim";
import type { Tensor } from "../graph/tensor";
import { elementwiseOperations } from "../ops";
import {
  type Term,
  atom,
  bracket,
  call,
  constantOf,
  minus,
  negated,
  number,
  plus,
  product,
  raised,
  ranges,
  rankOf,
  subscript,
  summed,
  swapsLast,
  tighter,
  timesOf,
  transposed,
  BINDING,
} from "./notation";

/** What a formula is made of: the gradient that comes in, the operation and its inputs by name. */
export interface FormulaParts {
  readonly node: Tensor;
  /** ∂cost/∂node. */
  readonly g: Term;
  readonly x: readonly Term[];
  readonly y: Term;
}

/** upstream gradient × local derivative for one input, before what was broadcast is summed. */
type Formula = (parts: FormulaParts) => Term;

/**
 * For each operation with a gradient what flows back to each of its inputs, as its `grad` has it; null where nothing does. A
 * function of the input's number where there may be any number of them.
 */
type Formulas = readonly (Formula | null)[] | ((inputIndex: number) => Formula);

/** The formula of a contribution. undefined for a gradient that is a formula of its own: what its nodes compute is written out. */
export function formulaOf(parts: FormulaParts, inputIndex: number): Term | undefined {
  const formulas = (FORMULAS as Readonly<Partial<Record<string, Formulas | "written out">>>)[parts.node.op];
  if (formulas === undefined || formulas === "written out") return undefined;
  const formula = typeof formulas === "function" ? formulas(inputIndex) : formulas[inputIndex];
  return formula ? unbroadcast(formula(parts), parts.node, parts.node.inputs[inputIndex]) : undefined;
}

/** Sums over the axes along which the input was repeated. */
function unbroadcast(term: Term, node: Tensor, input: Tensor): Term {
  const broadcasts = elementwiseOperations().has(node.op) || node.op === "matmul" || node.op === "expand";
  if (!broadcasts || !node.knownShape || !input.knownShape) return term;
  const to = input.knownShape;
  const from = node.knownShape;
  const lead = from.length - to.length;
  const matrix = node.op === "matmul" ? from.length - 2 : from.length;
  const axes = from.flatMap((dim, axis) =>
    axis < matrix && (axis < lead || (to[axis - lead] === 1 && !dimsEqual(dim, 1))) ? [axis] : [],
  );
  return axes.length === 0 ? term : summed(term, axes, from.length);
}

/** Sign of the product with ∂cost/∂node. */
const by = (parts: FormulaParts, factor: Term): Term => product(parts.g, rankOf(parts.node) === 0 ? "·" : "∘", factor);
const one = number(1);
/** f′ of an operation on one input, from x, y and its attributes. */
const slope =
  (derivative: (x: Term, y: Term, attributes: Readonly<Record<string, unknown>>, node: Tensor) => Term): Formula =>
  (parts) =>
    by(parts, derivative(parts.x[0], parts.y, parts.node.attributes, parts.node));
const times = (a: Term, b: Term, { node }: FormulaParts): Term => product(a, rankOf(node) === 0 ? "·" : "∘", b);
const same: Formula = ({ g }) => g;
const minusG: Formula = ({ g }) => negated(g);
const holds = (a: Term, sign: string, b: Term | string): Term =>
  bracket(`${tighter(a, BINDING.sum)} ${sign} ${typeof b === "string" ? b : b.text}`);
/** [above] + factor · [below]. */
const pieces = (above: Term, factor: Term, below: Term): Term => plus(above, product(factor, "·", below));
const extreme =
  (mine: 0 | 1, sign: ">" | "<"): Formula =>
  (parts) =>
    by(parts, pieces(holds(parts.x[mine], sign, parts.x[1 - mine]), atom("½"), holds(parts.x[0], "=", parts.x[1])));
/** Equal largest elements share what comes in. */
const chosen: Formula = ({ g, x, y, node }) => {
  const winners = holds(x[0], "=", y);
  const axes = node.attributes.axes as readonly number[];
  return product(product(g, "∘", winners), "/", summed(winners, axes, rankOf(node.inputs[0])));
};
const power: Formula = (parts) => {
  const { g, x, node } = parts;
  const exponent = constantOf(node.inputs[1]);
  if (exponent?.text === "0") return number(0);
  if (exponent?.text === "1") return g;
  if (!exponent) return times(by(parts, x[1]), raised(x[0], minus(x[1], one)), parts);
  const data = node.inputs[1].attributes.data as Float64Array;
  const rest = exponent.text === "2" ? x[0] : raised(x[0], number(data[0] - 1));
  return times(product(g, "·", exponent), rest, parts);
};

export const FORMULAS = {
  // ---- leaves -----------------------------------------------------------------------------------
  parameter: [],
  input: [],
  randomKey: [],
  constant: [],
  size: [],
  recovered: () => () => number(0),

  // ---- arithmetic -------------------------------------------------------------------------------
  negate: [minusG],
  add: [same, same],
  subtract: [same, minusG],
  multiply: [
    ({ g, x, node }) => product(g, timesOf(node, node.inputs[1]), x[1]),
    ({ g, x, node }) => product(g, timesOf(node, node.inputs[0]), x[0]),
  ],
  divide: [({ g, x }) => product(g, "/", x[1]), (parts) => product(negated(by(parts, parts.y)), "/", parts.x[1])],
  power: [power, (parts) => times(by(parts, parts.y), call("log", parts.x[0]), parts)],
  remainder: [same, (parts) => negated(by(parts, call("floor", product(parts.x[0], "/", parts.x[1]))))],
  maximum: [extreme(0, ">"), extreme(1, ">")],
  minimum: [extreme(0, "<"), extreme(1, "<")],
  clip: [
    slope((x, _, { low, high }) =>
      bracket(`${number(low as number).text} ≤ ${tighter(x, BINDING.sum)} ≤ ${number(high as number).text}`),
    ),
  ],

  // ---- exponentials, roots, trigonometry ---------------------------------------------------------
  exp: [slope((_, y) => y)],
  expm1: [slope((_, y) => plus(y, one))],
  log: [({ g, x }) => product(g, "/", x[0])],
  log1p: [({ g, x }) => product(g, "/", plus(x[0], one))],
  sqrt: [({ g, y }) => product(g, "/", product(number(2), "·", y))],
  rsqrt: [(parts) => product(negated(by(parts, parts.y)), "/", product(number(2), "·", parts.x[0]))],
  sin: [slope((x) => call("cos", x))],
  cos: [(parts) => negated(by(parts, call("sin", parts.x[0])))],
  tan: [slope((_, y) => plus(one, raised(y, number(2))))],
  tanh: [slope((_, y) => minus(one, raised(y, number(2))))],
  erf: [slope((x) => product(atom("2/√π"), "·", call("exp", negated(raised(x, number(2))))))],

  // ---- activations ------------------------------------------------------------------------------
  sigmoid: [(parts) => times(by(parts, parts.y), minus(one, parts.y), parts)],
  relu: [slope((x) => holds(x, ">", "0"))],
  leakyRelu: [slope((x, _, { slope: s }) => pieces(holds(x, ">", "0"), number(s as number), holds(x, "≤", "0")))],
  elu: [slope((x, y, { alpha }) => pieces(holds(x, ">", "0"), plus(y, number(alpha as number)), holds(x, "≤", "0")))],
  gelu: [(parts) => by(parts, plus(call("Φ", parts.x[0]), times(parts.x[0], call("φ", parts.x[0]), parts)))],
  silu: [
    (parts) => {
      const s = call("σ", parts.x[0]);
      return times(by(parts, s), plus(one, times(parts.x[0], minus(one, s), parts)), parts);
    },
  ],
  softplus: [slope((x) => call("σ", x))],
  abs: [slope((x) => minus(holds(x, ">", "0"), holds(x, "<", "0")))],

  // ---- choice, conversion -----------------------------------------------------------------------
  where: [null, ({ g, x }) => call("where", x[0], g, "0"), ({ g, x }) => call("where", x[0], "0", g)],
  cast: [same],
  identity: [same],

  // ---- movement ---------------------------------------------------------------------------------
  reshape: [({ g }) => call("reshape", g)],
  permute: [
    ({ g, node }) => {
      const order = node.attributes.order as readonly number[];
      const back = order.map((_, axis) => order.indexOf(axis));
      return swapsLast(node) ? transposed(g) : call("permute", g, `[${back.join(", ")}]`);
    },
  ],
  // What was repeated is summed, as for all that broadcasts.
  expand: [same],
  slice: [({ g, node }) => call("place", g, ranges(node))],
  place: [
    ({ g, node }) => ({
      text: `${tighter(g, BINDING.atom)}${ranges(node, node.inputs[0], node)}`,
      binding: BINDING.atom,
    }),
  ],
  concat:
    (inputIndex) =>
    ({ g, node }) => {
      const axis = node.attributes.axis as number;
      const sizes = node.inputs.map(({ knownShape }) => knownShape?.[axis]);
      const before = sizes.slice(0, inputIndex);
      const known = sizes.slice(0, inputIndex + 1).every((size) => typeof size === "number");
      const first = known ? (before as number[]).reduce((sum, size) => sum + size, 0) : undefined;
      const range = first === undefined ? `part ${inputIndex}` : `${first}:${first + (sizes[inputIndex] as number)}`;
      const parts = (node.knownShape ?? []).map((_, at) => (at === axis ? range : ":"));
      return { text: `${tighter(g, BINDING.atom)}[${parts.join(", ")}]`, binding: BINDING.atom };
    },
  take: [({ g, x }) => call("putAdd", g, x[1]), null],
  putAdd: [null, ({ g, x }) => call("take", g, x[0])],

  // ---- reductions -------------------------------------------------------------------------------
  sum: [({ g }) => call("expand", g)],
  maximumOf: [chosen],
  minimumOf: [chosen],
  product: [({ g, x, node }) => product(g, timesOf(node, node.inputs[0]), call("productOfOthers", x[0]))],
  cumsum: [
    ({ g, node: { attributes } }) => call(attributes.reverse ? "cumsum" : "reverseCumsum", g, String(attributes.axis)),
  ],

  // ---- matrices, windows ------------------------------------------------------------------------
  matmul: [({ g, x }) => product(g, "·", transposed(x[1])), ({ g, x }) => product(transposed(x[0]), "·", g)],
  conv2d: [({ g, x }) => call("convTranspose2d", g, x[1]), ({ g, x }) => call("correlate", x[0], g)],
  conv2dInputGradient: [({ g, x }) => call("conv2d", g, x[1]), ({ g, x }) => call("correlate", g, x[0])],
  conv2dWeightGradient: [({ g, x }) => call("convTranspose2d", x[1], g), ({ g, x }) => call("conv2d", x[0], g)],
  maxPool2d: [({ g, x }) => call("unpool", g, atom(`argmax of ${x[0].text}`))],
  maxPool2dGradient: [null, ({ g, x }) => call("pick", g, atom(`argmax of ${x[0].text}`))],
  maxPool2dPick: [null, ({ g, x }) => call("unpool", g, atom(`argmax of ${x[0].text}`))],
  averagePool2d: [({ g, node }) => call("spread", g, windowOf(node))],
  averagePool2dGradient: [({ g, node }) => call("averagePool2d", g, windowOf(node))],

  // ---- gradients of their own: softmax, crossEntropy, norm, the user's functions ------------------
  withGradient: "written out",
} as const satisfies Readonly<Record<string, Formulas | "written out">>;

function windowOf({ attributes }: Tensor): string {
  return (attributes.window as readonly number[]).join("×");
}

/** What signs mean that not everybody writes, of those that stand in a text. */
export function legendOf(text: string): string[] {
  const meanings: readonly [sign: string | RegExp, meaning: string][] = [
    ["∘", "∘ multiplies element by element"],
    [/Σ[₀-₉]/, `Σ${subscript(0)} sums over axis 0`],
    [/\[[^\]]* [<>=≤≥] [^\]]*\]/, "[a > b] is 1 where that holds, else 0"],
    ["expand(", "expand repeats"],
    ["place(", "place puts into zeros"],
    ["putAdd(", "putAdd adds up by index"],
    ["convTranspose2d(", "convTranspose2d puts the kernel, times each number, into zeros"],
    ["correlate(", "correlate slides the second over the first, channel by channel"],
    ["unpool(", "unpool puts each number where its window's largest stood"],
    ["spread(", "spread shares each number out over its window"],
  ];
  return meanings.flatMap(([sign, meaning]) =>
    (typeof sign === "string" ? text.includes(sign) : sign.test(text)) ? [meaning] : [],
  );
}
