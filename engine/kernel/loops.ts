import type { View } from "./kernel";
import type { Node } from "./nodes";

/** One loop of a map or reduce kernel. */
export interface Loop {
  readonly size: number;
  /** Per view, how far one step of this loop moves in it. */
  readonly strides: readonly number[];
  /** The kernel's axis, where the body asks for the position along it. */
  readonly axis: number | undefined;
  readonly reduced: boolean;
}

/**
 * As few loops as the views allow, in the order of the axes: axes of size 1 are dropped, and two
 * neighbours become one where each view walks through both at an even pace.
 */
export function planLoops(
  shape: readonly number[],
  reducedAxes: readonly number[],
  views: readonly View[],
  nodes: readonly Node[],
): Loop[] {
  const indexed = new Set(nodes.flatMap((node) => (node.kind === "index" ? [node.axis] : [])));
  const used = new Set(nodes.flatMap((node) => (node.kind === "input" ? [node.index] : [])));
  const loops: Loop[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const loop: Loop = {
      size,
      strides: views.map((view, i) => (used.has(i) ? view.strides[axis] : 0)),
      axis: indexed.has(axis) ? axis : undefined,
      reduced: reducedAxes.includes(axis),
    };
    const outer = loops.at(-1);
    if (outer && merges(outer, loop)) loops[loops.length - 1] = { ...loop, size: outer.size * size };
    else loops.push(loop);
  });
  return loops;
}

function merges(outer: Loop, inner: Loop): boolean {
  return (
    outer.axis === undefined &&
    inner.axis === undefined &&
    outer.reduced === inner.reduced &&
    outer.strides.every((stride, view) => stride === inner.strides[view] * inner.size)
  );
}
