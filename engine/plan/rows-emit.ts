import { type Expression, input, substitute } from "../kernel/expression";
import type { RowsResult, View } from "../kernel/kernel";
import { inputsRead } from "./in-place";
import type { Instruction } from "./instruction";
import { weight } from "./weight";

/** Maps, sweeps and reductions over the same rows that are not done yet. */
export interface RowsGroup {
  /** Rows lie along the last axis, once a reduction has said so. */
  readonly shape: readonly number[];
  readonly hasRows: boolean;
  readonly inputs: readonly { readonly slot: number; readonly view: View }[];
  /** Bodies read result j as input(OWN + j). */
  readonly results: readonly GroupResult[];
  readonly sources: readonly Instruction[];
}

export interface GroupResult extends Omit<RowsResult, "kept"> {
  readonly slot: number;
  readonly node: Instruction["node"];
}

/** Inputs from here on are a group's own results. */
export const OWN = 1_000;

/** Operations and operands that are as well written again where they are read. */
const CHEAP = 8;

/**
 * A group's instruction; undefined where its instructions are better left alone. What is only read inside is not kept, and what is read
 * once or is cheap stands where it is read.
 */
export function rowsInstruction(
  { shape, inputs, results, sources }: RowsGroup,
  isKept: (slot: number) => boolean,
): Instruction[] | undefined {
  if (sources.length < 2 || !results.some(({ over, combine }) => over === "row" && combine)) return undefined;
  const { bodies, stays } = withInlined(results, (j) => isKept(results[j].slot));
  const reads = new Set(stays.flatMap((j) => [...inputsRead(bodies[j])]));
  const used = inputs.map((_, i) => i).filter((i) => reads.has(i));
  const made = stays.map((j): RowsResult => {
    const { combine, over, slot } = results[j];
    const body = substitute(bodies[j], (i) => input(i >= OWN ? used.length + stays.indexOf(i - OWN) : used.indexOf(i)));
    return { body, combine, over, kept: isKept(slot) };
  });
  const kept = stays.filter((j) => isKept(results[j].slot));
  if (kept.length === 0) return [];
  return [
    {
      kernel: { kind: "rows", shape, views: used.map((i) => inputs[i].view), results: made },
      inputs: used.map((i) => inputs[i].slot),
      outputs: kept.map((j) => results[j].slot),
      node: results[kept[0]].node,
    },
  ];
}

/** Bodies by result, and the results that stay results of their own. */
function withInlined(
  results: readonly GroupResult[],
  isKept: (j: number) => boolean,
): { readonly bodies: readonly Expression[]; readonly stays: readonly number[] } {
  const needed = new Set<number>();
  const uses = results.map(() => 0);
  for (let j = results.length - 1; j >= 0; j--) {
    if (!isKept(j) && !needed.has(j)) continue;
    needed.add(j);
    for (const read of inputsRead(results[j].body))
      if (read >= OWN) {
        needed.add(read - OWN);
        uses[read - OWN]++;
      }
  }
  const bodies: Expression[] = [];
  const isInlined = (j: number): boolean =>
    !isKept(j) && results[j].combine === undefined && (uses[j] === 1 || isCheap(bodies[j]));
  for (const { body } of results)
    bodies.push(substitute(body, (i) => (i >= OWN && isInlined(i - OWN) ? bodies[i - OWN] : input(i))));
  const stays = results.map((_, j) => j).filter((j) => needed.has(j) && !isInlined(j));
  return { bodies, stays };
}

function isCheap(body: Expression): boolean {
  return weight(body) <= CHEAP && !hasFunction(body);
}

/** Whether it takes more than a few additions and multiplications. */
function hasFunction(e: Expression): boolean {
  switch (e.kind) {
    case "input":
    case "constant":
    case "index":
      return false;
    case "unary":
      return !["negate", "abs", "not"].includes(e.fn) || hasFunction(e.a);
    case "binary":
      return ["power", "remainder"].includes(e.fn) || hasFunction(e.a) || hasFunction(e.b);
    case "select":
      return [e.test, e.yes, e.no].some(hasFunction);
    default:
      return e satisfies never;
  }
}
