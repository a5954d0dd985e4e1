import type { Expression } from "../kernel/expression";
import type { RowsKernel, RowsResult, SweepResult, View } from "../kernel/kernel";
import type { Instruction } from "./instruction";
import { isWhole } from "./layout";

/**
 * By output of an elementwise instruction: the input whose memory it may take, as backends allow it (see `Dispatch`); each
 * input is taken once.
 * @param fits whether an output may stand in an input's memory for other reasons: types, sizes, and that nobody needs the input later
 */
export function inputsOverwritten(
  instruction: Instruction,
  fits: (input: number, output: number) => boolean,
): (number | undefined)[] {
  const { kernel, inputs, outputs } = instruction;
  if (kernel.kind === "rows") return overwrittenByRows(kernel, inputs, outputs, fits);
  const elementwise = elementwiseOf(instruction);
  if (!elementwise) return outputs.map(() => undefined);
  const { shape, views, results } = elementwise;
  const taken = new Set<number>();
  return results.map(({ body, combine }, i) => {
    if (combine !== undefined) return undefined;
    const read = inputsRead(body);
    const at = inputs.findIndex(
      (slot, k) =>
        read.has(k) &&
        !taken.has(slot) &&
        inputs.indexOf(slot) === inputs.lastIndexOf(slot) &&
        fits(slot, outputs[i]) &&
        isWhole(views[k], shape),
    );
    if (at < 0) return undefined;
    taken.add(inputs[at]);
    return inputs[at];
  });
}

/** An element result may take the memory of what it is made of, if what follows has that only through this result. */
function overwrittenByRows(
  { shape, views, results }: RowsKernel,
  inputs: readonly number[],
  outputs: readonly number[],
  fits: (input: number, output: number) => boolean,
): (number | undefined)[] {
  const taken = new Set<number>();
  const kept = results.flatMap((result, j) => (result.kept ? [j] : []));
  return kept.map((j, i) => {
    if (results[j].over !== "element") return undefined;
    const own = inputsBehind(views.length, results)[j];
    const later = inputsBehind(views.length, results, j).slice(j + 1);
    const at = inputs.findIndex(
      (slot, k) =>
        own.has(k) &&
        !taken.has(slot) &&
        inputs.indexOf(slot) === inputs.lastIndexOf(slot) &&
        fits(slot, outputs[i]) &&
        isWhole(views[k], shape) &&
        !later.some((read) => read.has(k)),
    );
    if (at < 0) return undefined;
    taken.add(inputs[at]);
    return inputs[at];
  });
}

/**
 * By result: the inputs that its body reads itself or by way of results that are not combined.
 * @param except a result by way of which nothing is read
 */
function inputsBehind(views: number, results: readonly RowsResult[], except?: number): ReadonlySet<number>[] {
  const reads: Set<number>[] = [];
  for (const { body } of results) {
    const own = new Set<number>();
    for (const i of inputsRead(body)) {
      if (i < views) own.add(i);
      else if (i - views !== except && results[i - views].combine === undefined)
        for (const read of reads[i - views]) own.add(read);
    }
    reads.push(own);
  }
  return reads;
}

export interface Elementwise {
  readonly shape: readonly number[];
  readonly views: readonly View[];
  readonly results: readonly SweepResult[];
}

/** A map or a sweep, seen as a sweep. */
export function elementwiseOf({ kernel }: Instruction): Elementwise | undefined {
  if (kernel.kind === "sweep") return kernel;
  if (kernel.kind !== "map") return undefined;
  const { shape, views, body } = kernel;
  return { shape, views, results: [{ body, combine: undefined }] };
}

/** Numbers of the inputs that an expression reads. */
export function inputsRead(body: Expression): ReadonlySet<number> {
  const found = new Set<number>();
  // Expressions share objects, which must not be walked again and again.
  const seen = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    switch (e.kind) {
      case "input":
        found.add(e.index);
        break;
      case "constant":
      case "index":
        break;
      case "unary":
        visit(e.a);
        break;
      case "binary":
        visit(e.a);
        visit(e.b);
        break;
      case "select":
        visit(e.test);
        visit(e.yes);
        visit(e.no);
        break;
      default:
        e satisfies never;
    }
  };
  visit(body);
  return found;
}
