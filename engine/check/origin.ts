import { type Dim, dimsAgree, dimsEqual } from "../graph/dim";
import { formatShape } from "../graph/shape";
import type { Range, Site } from "../graph/site";
import type { Tensor } from "../graph/tensor";
import type { ScopedCall } from "../graph/trace";
import {
  type Module,
  isBuiltIn,
  isContainer,
  modulePath,
  moduleSite,
  moduleType,
  namedParameters,
  sizeArguments,
} from "../nn/module";
import { Parameter } from "../nn/parameter";
import { tensorsIn } from "../train/statistics";
import { type Training, optionSite } from "../train/training";
import { axisOf, declaredSize } from "./faults";
import { plainRange } from "./calls";
import { type Sources, isMadeAt } from "./source-text";

/** Where a size comes from. */
export interface Origin {
  readonly range: Range;
  /** `hidden (Linear) makes this size: outputs = 128`. */
  readonly message: string;
  /** The layer whose constructor names the size, and which argument it is. */
  readonly layer?: { readonly module: Module; readonly argument: number; readonly name: string };
}

export type Origins = (tensor: Tensor, axis: number) => Origin | undefined;

/** Finds what determined the size of an axis: follows the axis back through the graph, past all that leaves it as it is. */
export function createOrigins(calls: readonly ScopedCall[], training: Training | undefined, sources: Sources): Origins {
  const madeBy = new Map<Tensor, ScopedCall>();
  const tables = new Map<Tensor, Module>();
  for (const call of calls) {
    const module = call.module as Module;
    if (!isBuiltIn(module) || isContainer(module)) continue;
    // The innermost call comes first; what is around it may return the same tensor, and is what the user knows.
    for (const output of tensorsIn(call.output)) madeBy.set(output, call);
    if (sizeArguments(module).some(({ role }) => role === "entries")) {
      for (const parameter of namedParameters(module).values()) tables.set(parameter, module);
    }
  }

  return function originOf(tensor, axis) {
    const seen = new Set<Tensor>();
    let [node, at] = [tensor, axis];
    for (;;) {
      if (seen.has(node) || node.knownShape === null || at < 0 || at >= node.knownShape.length) return undefined;
      seen.add(node);
      const call = madeBy.get(node);
      const next = call ? throughLayer(call, node, at, sources) : throughNode(node, at);
      if (!("tensor" in next)) {
        const table = tables.get(node);
        return next.origin ?? (table && entriesOf(table, node, at, sources)) ?? plainOrigin(node, at, training);
      }
      [node, at] = [next.tensor, next.axis];
    }
  };
}

type Step = { readonly tensor: Tensor; readonly axis: number } | { readonly origin: Origin | undefined };

function throughLayer({ module: called, inputs }: ScopedCall, output: Tensor, axis: number, sources: Sources): Step {
  const module = called as Module;
  const shape = output.knownShape ?? [];
  for (const size of sizeArguments(module)) {
    if (size.role !== "output" || axisOf(size, shape.length) !== axis) continue;
    if (declaredSize(module, size) === undefined || !dimsAgree(shape[axis], declaredSize(module, size) as Dim))
      continue;
    return { origin: layerOrigin(module, size.argument, size.field, String(shape[axis]), sources) };
  }
  const input = tensorsIn(inputs).find(
    ({ knownShape }) => knownShape?.length === shape.length && dimsEqual(knownShape[axis], shape[axis]),
  );
  return input ? { tensor: input, axis } : { origin: undefined };
}

function entriesOf(module: Module, table: Tensor, axis: number, sources: Sources): Origin | undefined {
  const size = sizeArguments(module).find((each) => each.role === "entries" && each.axis === axis);
  return size && layerOrigin(module, size.argument, size.field, String(table.knownShape?.[axis]), sources);
}

function layerOrigin(
  module: Module,
  argument: number,
  field: string,
  size: string,
  sources: Sources,
): Origin | undefined {
  const site = moduleSite(module);
  if (!site) return undefined;
  const path = modulePath(module);
  const type = moduleType(module);
  const message = `${path === "" ? type : `${path} (${type})`} makes this size: ${field} = ${size}`;
  const range = isMadeAt(module, site, sources) ? site.arguments?.[argument] : undefined;
  if (!range) return { range: plainRange(site), message };
  return { range, message, layer: { module, argument, name: path === "" ? type : path } };
}

const PASSING: ReadonlySet<string> = new Set(["identity", "withGradient", "cast", "cumsum", "stopGradient", "flip"]);

function throughNode(node: Tensor, axis: number): Step {
  const [x] = node.inputs;
  const shape = node.knownShape ?? [];
  if (!x) return { origin: undefined };
  if (PASSING.has(node.op)) return { tensor: x, axis };
  if (node.op === "permute") return { tensor: x, axis: (node.attributes.order as readonly number[])[axis] };
  if (node.op === "matmul") {
    const [a, b] = node.inputs;
    if (axis === shape.length - 1)
      return b.knownShape ? { tensor: b, axis: b.knownShape.length - 1 } : { origin: undefined };
    if (axis === shape.length - 2)
      return a.knownShape ? { tensor: a, axis: a.knownShape.length - 2 } : { origin: undefined };
  }
  if (node.op === "reshape") return throughReshape(node, axis);
  // Elementwise operations and those that keep the axis: the operand that has the size on the same axis, counted from the end.
  for (const input of node.inputs) {
    const from = input.knownShape;
    const at = from ? axis - shape.length + from.length : -1;
    if (from && at >= 0 && from.length <= shape.length && dimsEqual(from[at], shape[axis]) && !dimsEqual(from[at], 1)) {
      return { tensor: input, axis: at };
    }
  }
  return { origin: undefined };
}

/** An axis that a reshape leaves alone is one with the same size and the same number of elements before it. */
function throughReshape(node: Tensor, axis: number): Step {
  const [x] = node.inputs;
  const [from, to] = [x.knownShape, node.knownShape];
  if (!from || !to) return { origin: undefined };
  const same = (i: number): boolean => from[i] !== undefined && dimsEqual(from[i], to[i]);
  if (to.slice(0, axis + 1).every((_, i) => same(i))) return { tensor: x, axis };
  const fromEnd = axis - to.length + from.length;
  const tail = to.slice(axis).every((dim, i) => from[fromEnd + i] !== undefined && dimsEqual(from[fromEnd + i], dim));
  return tail && fromEnd >= 0 ? { tensor: x, axis: fromEnd } : { origin: undefined };
}

function plainOrigin(node: Tensor, axis: number, training: Training | undefined): Origin | undefined {
  const size = String(node.knownShape?.[axis]);
  if (node.op === "input" && training) {
    const range = optionSite(training, "data");
    return (
      range && {
        range: plainRange(range),
        message: `the data gives ${node.name ?? "inputs"} of ${formatShape(node.knownShape)}`,
      }
    );
  }
  const site: Site | undefined = node.site;
  if (!site) return undefined;
  const what = node instanceof Parameter ? "the parameter" : (node.name ?? node.op);
  return {
    range: plainRange(site),
    message: `${what} is made here with the size ${size} on axis ${axis}: ${formatShape(node.knownShape)}`,
  };
}
