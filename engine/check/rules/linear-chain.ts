import { type Range, rangeKey } from "../../graph/site";
import type { Tensor } from "../../graph/tensor";
import { Conv1d, Conv2d, FoldedLinear, Linear } from "../../nn";
import { describe } from "../../nn/checks";
import { type Module, isBuiltIn, isContainer } from "../../nn/module";
import { Parameter, isTrained } from "../../nn/parameter";
import { tensorsIn } from "../../train/statistics";
import { isWithin, relatedAt, unmoved } from "./provenance";
import type { Rule, RuleContext } from "./rule";

/** A trained linear map: a layer, or a product with a matrix of parameters. */
interface Stage {
  readonly label: string;
  readonly weight: Parameter;
  readonly input: Tensor;
  readonly output: Tensor;
  /** Numbers per position that go in and come out. */
  readonly sizes: readonly [input: number, output: number];
  readonly convolution: Convolution | undefined;
  readonly module: Module | undefined;
}

interface Convolution {
  readonly kernel: readonly number[];
  readonly grouped: boolean;
}

/**
 * Two trained linear layers with nothing nonlinear between them are one linear layer. Only where both are plainly a layer and the
 * next: what is common practice (a bottleneck, a grouped or 1×1 convolution, a result that is also used elsewhere) is left in peace.
 */
export const linearChain: Rule = (context) => {
  const stages = stagesOf(context);
  const byInput = new Map(stages.map((stage) => [stage.input, stage]));
  const found = new Map<string, { first: Stage; second: Stage; range: Range | undefined; more: number }>();
  for (const first of stages) {
    const second = nextOf(first, byInput, context);
    if (!second || first.weight === second.weight || isDeliberate(first, second)) continue;
    if (joinsAnotherPath(second.output, context)) continue;
    const range = second.output.site;
    const place = range ? rangeKey(range) : "";
    const before = found.get(place);
    if (before) before.more++;
    else found.set(place, { first, second, range, more: 0 });
  }
  for (const { first, second, range, more } of found.values()) {
    const pair = `${first.label} goes straight into ${second.label}${more > 0 ? ` (and so ${more} more)` : ""}`;
    const made = `[${first.sizes.join(" → ")}] and [${second.sizes.join(" → ")}]`;
    context.trace.report({
      code: "linear-chain",
      severity: "warning",
      message: `${pair}: two linear layers, ${made}, with nothing nonlinear between them can do no more than one; put an activation between, such as relu`,
      range,
      related: relatedAt(`${first.label} is called here`, first.output.site),
      subject: { tensors: [second.input], site: second.output.site, layer: second.module },
    });
  }
};

function stagesOf(context: RuleContext): Stage[] {
  const { forward, nodes } = context;
  const reached = new Set(nodes);
  const layers = forward.calls.flatMap(({ module, inputs, output }): Stage[] => {
    const [input] = tensorsIn(inputs);
    const [result] = tensorsIn(output);
    if (input === undefined || result === undefined || !reached.has(result)) return [];
    const described = layerParts(module as Module);
    return described ? [{ ...described, input, output: result, module: module as Module }] : [];
  });
  const inLayers = new Set(
    forward.calls
      .filter(({ module }) => isBuiltIn(module as Module) && !isContainer(module as Module))
      .map(({ scope }) => scope),
  );
  const products = nodes
    .filter(({ op }) => op === "matmul")
    .flatMap((node): Stage[] => {
      for (let scope = node.scope; scope; scope = scope.parent) if (inLayers.has(scope)) return [];
      const [left, right] = node.inputs;
      const weight = unmoved(right);
      if (!(weight instanceof Parameter) || !isTrained(weight) || right.knownShape?.length !== 2) return [];
      const [inputs, outputs] = right.knownShape;
      if (typeof inputs !== "number" || typeof outputs !== "number") return [];
      const label = `the product with ${weight.name ?? "a matrix of parameters"}`;
      return [
        {
          label,
          weight,
          input: left,
          output: node,
          sizes: [inputs, outputs],
          convolution: undefined,
          module: undefined,
        },
      ];
    });
  return [...layers, ...products];
}

function layerParts(module: Module): Omit<Stage, "input" | "output" | "module"> | undefined {
  const label = describe(module);
  if (module instanceof Linear && isTrained(module.weight))
    return { label, weight: module.weight, sizes: [module.inputs, module.outputs], convolution: undefined };
  if (module instanceof FoldedLinear && isTrained(module.theta))
    return { label, weight: module.theta, sizes: [module.inputs, module.outputs], convolution: undefined };
  if ((module instanceof Conv1d || module instanceof Conv2d) && isTrained(module.weight)) {
    const kernel = module.weight.shape.slice(2);
    const convolution = { kernel, grouped: module.groups > 1 };
    return { label, weight: module.weight, sizes: [module.inChannels, module.outChannels], convolution };
  }
  return undefined;
}

/** The stage that a stage's result goes into, and nowhere else, through nothing but linear steps. */
function nextOf(first: Stage, byInput: ReadonlyMap<Tensor, Stage>, { consumersOf }: RuleContext): Stage | undefined {
  let node = first.output;
  for (;;) {
    const consumers = consumersOf(node);
    if (consumers.length !== 1) return undefined;
    const second = byInput.get(node);
    if (second) return second;
    const [next] = consumers;
    if (!passesOn(first, node, next)) return undefined;
    node = next;
  }
}

/** Steps from a result to where it is added. */
const FEW_STEPS = 4;

/** Whether a result is added to one that is calculated beside it: a correction of low rank, an adapter, a residual branch. */
function joinsAnotherPath(output: Tensor, { consumersOf }: RuleContext): boolean {
  let node = output;
  for (let step = 0; step < FEW_STEPS; step++) {
    const consumers = consumersOf(node);
    if (consumers.length !== 1) return false;
    const [next] = consumers;
    const other = next.inputs.find((input) => input !== node);
    if (next.op === "add" && other && !(unmoved(other) instanceof Parameter) && other.op !== "constant") return true;
    if (!["add", "multiply", "divide", "identity", "where"].includes(next.op)) return false;
    node = next;
  }
  return false;
}

/** Whether a step keeps what a linear layer made linear, and its features on the axis where the next layer reads them. */
function passesOn(first: Stage, from: Tensor, node: Tensor): boolean {
  switch (node.op) {
    case "identity":
      return true;
    case "add": {
      // A bias; a matrix of positions is no part of a linear layer.
      const other = node.inputs.find((input) => input !== from);
      const source = other && unmoved(other);
      return source instanceof Parameter && source.knownShape?.length === 1;
    }
    case "multiply":
    case "where":
      return isWithin(node, "dropout");
    case "reshape": {
      if (from.knownShape === null || node.knownShape === null) return false;
      const [before, after] = [from.knownShape, node.knownShape];
      if (first.convolution) return after.length === 2 && before[0] === after[0];
      return before.at(-1) === after.at(-1);
    }
    default:
      return false;
  }
}

function isDeliberate(first: Stage, second: Stage): boolean {
  const [a, b] = [first.convolution, second.convolution];
  if (a?.grouped || b?.grouped) return true;
  if (a && b) {
    const [pointA, pointB] = [isPoint(a), isPoint(b)];
    if (pointA !== pointB) return true;
    // A kernel in two parts, 1×k and k×1.
    if (a.kernel.length === 2 && a.kernel.includes(1) && b.kernel.includes(1) && !pointA) return true;
  }
  if (!a && b) return true;
  // A matrix of low rank, the code of an autoencoder, a projection: fewer numbers between than on either side.
  const between = first.sizes[1];
  return between < first.sizes[0] && between < second.sizes[1];
}

function isPoint({ kernel }: Convolution): boolean {
  return kernel.every((size) => size === 1);
}
