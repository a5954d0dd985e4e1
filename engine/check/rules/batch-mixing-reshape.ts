import { dimsEqual, divideDims, isSymbolic, isUnknownDim, multiplyDims, productOfDims } from "../../graph/dim";
import { type Shape, formatShape } from "../../graph/shape";
import type { Tensor } from "../../graph/tensor";
import { relatedAt } from "./provenance";
import type { Rule, RuleContext } from "./rule";

/**
 * Where the examples of a batch lie in a tensor: on which axis, and how many numbers of that axis lie before and after an example's
 * index in row-major order. Of [N·T, F] axis 0 with 1 and T, of [T·N, F] axis 0 with T and 1.
 */
interface Place {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

/** A reshape after which an axis holds parts of different examples: neither the batch whole nor features of one example. */
export const batchMixingReshape: Rule = ({ nodes, forward, trace }) => {
  const places = new Map<Tensor, Place>();
  for (const leaf of [...forward.batch.inputs, ...forward.batch.targets])
    places.set(leaf, { axis: 0, before: 1, after: 1 });
  for (const node of nodes) {
    const shape = node.knownShape;
    if (shape === null || places.has(node)) continue;
    const [source] = node.inputs;
    const place = source && places.get(source);
    let next: Place | undefined;
    if (node.op !== "reshape") next = placeIn(node, shape, places);
    else if (place) {
      const layout = layoutOf(source.knownShape as Shape, place);
      next = layout && batchPlace(shape, layout);
      // Of a reshape that is impossible that is what is said.
      const impossible = trace.issues.some(({ range }) => range !== undefined && range === node.site);
      if (!impossible && layout && !next && !keepsExamplesWhole(shape, layout) && !shape.some(isUnknownDim))
        report(node, source, trace);
    }
    if (next) places.set(node, next);
  }
};

/** The numbers before and after an example's index in all of the tensor: what a reshape keeps. */
interface Layout {
  readonly before: number;
  readonly after: number;
}

function layoutOf(shape: Shape, { axis, before, after }: Place): Layout | undefined {
  const outer = multiplyDims(productOfDims(shape.slice(0, axis)), before);
  const inner = multiplyDims(productOfDims(shape.slice(axis + 1)), after);
  if (typeof outer !== "number" || typeof inner !== "number" || outer === 0 || inner === 0) return undefined;
  return { before: outer, after: inner };
}

function report(node: Tensor, source: Tensor, trace: RuleContext["trace"]): void {
  const [from, to] = [source.knownShape as Shape, node.knownShape as Shape];
  const swapped = from.length === to.length && from.length > 1 && isReordered(from, to);
  const remedy = swapped
    ? `a reshape does not swap axes, it only cuts the same row of numbers anew; use permute([${orderOf(from, to).join(", ")}]) (or transpose) to reorder them`
    : "keep the batch as an axis of its own, in front, as in reshape([x.shape[0], …]) or flatten()";
  trace.report({
    code: "batch-mixing-reshape",
    severity: "warning",
    message: `reshape: ${formatShape(from)} to ${formatShape(to)} puts numbers of different examples into one row, so each result depends on what else is in the batch; ${remedy}`,
    range: node.site,
    related: relatedAt(`${formatShape(from)} is made here`, source.site),
    subject: { tensors: [source], site: node.site },
  });
}

/** The axis that holds all examples, alone or with a part of what lies before and after them. */
function batchPlace(shape: Shape, { before, after }: Layout): Place | undefined {
  for (let axis = 0; axis < shape.length; axis++) {
    if (!isSymbolic(shape[axis])) continue;
    const outside = divideDims(before, productOfDims(shape.slice(0, axis)));
    const inside = divideDims(after, productOfDims(shape.slice(axis + 1)));
    if (typeof outside === "number" && typeof inside === "number") return { axis, before: outside, after: inside };
  }
  return undefined;
}

/** Whether the examples were only put into groups: the borders around all that belongs to one are borders of axes still. */
function keepsExamplesWhole(shape: Shape, { before, after }: Layout): boolean {
  const borders = shape.map((_, axis) => axis).concat(shape.length);
  return borders.some(
    (left) =>
      dimsEqual(productOfDims(shape.slice(0, left)), before) &&
      borders.some((right) => right >= left && dimsEqual(productOfDims(shape.slice(right)), after)),
  );
}

/** Where the examples are in what an operation makes; undefined where it is not certain, which keeps the rule silent. */
function placeIn(node: Tensor, shape: Shape, places: ReadonlyMap<Tensor, Place>): Place | undefined {
  let found: Place | undefined;
  for (const input of node.inputs) {
    const place = places.get(input);
    const from = input.knownShape;
    if (!place || !from) {
      // Another size of the batch, from who knows where.
      if (from?.some(isSymbolic)) return undefined;
      continue;
    }
    const { axis } = place;
    const at =
      node.op === "permute"
        ? (node.attributes.order as readonly number[]).indexOf(axis)
        : axis + shiftOf(node, axis, shape.length - from.length);
    if (at < 0 || at >= shape.length || !dimsEqual(shape[at], from[axis])) return undefined;
    if (found && (found.axis !== at || found.before !== place.before || found.after !== place.after)) return undefined;
    found = at === axis ? place : { ...place, axis: at };
  }
  // Examples against examples: which axis is theirs is a matter of view.
  return found && shape.some((dim, axis) => axis !== found.axis && isSymbolic(dim)) ? undefined : found;
}

/** By how much an axis moves: reductions close the gaps in front of it, all else counts axes from the end, as broadcasting does. */
function shiftOf(node: Tensor, axis: number, more: number): number {
  const reduced = node.attributes.axes ?? (more < 0 ? node.attributes.axis : undefined);
  if (reduced === undefined) return more;
  return -[reduced].flat().filter((each) => Number(each) < axis).length;
}

/** Whether the sizes are the same in another order. */
function isReordered(from: Shape, to: Shape): boolean {
  const keys = (shape: Shape): string => shape.map(String).sort().join();
  return keys(from) === keys(to);
}

function orderOf(from: Shape, to: Shape): number[] {
  const free = new Set(from.keys());
  return to.map((dim) => {
    const axis = [...free].find((candidate) => dimsEqual(from[candidate], dim)) as number;
    free.delete(axis);
    return axis;
  });
}
