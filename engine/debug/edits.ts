import type { NdArray } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import { Parameter } from "../nn/parameter";

/** What the user put in the place of computed values, by iteration: part of the session's history, applied again when it is replayed. */
export interface Edits {
  put(iteration: number, node: Tensor, value: NdArray): void;
  /** The learning rate from an iteration on. */
  setRate(iteration: number, rate: number): void;
  at(iteration: number): ReadonlyMap<Tensor, NdArray>;
  rateAt(iteration: number): number | undefined;
  /** Whether the iteration's outcome cannot be what the training's own program computes: something in its middle was changed. */
  changesOutcome(iteration: number): boolean;
  clear(): void;
  /** The first iteration in which something was changed. */
  readonly first: number | undefined;
  /** Grows with each change. */
  readonly version: number;
}

export function createEdits(): Edits {
  const values = new Map<number, Map<Tensor, NdArray>>();
  const rates = new Map<number, number>();
  let version = 0;
  /** A change of the past makes another future: what was changed there no longer applies. */
  const forgetAfter = (iteration: number): void => {
    version++;
    for (const at of values.keys()) if (at > iteration) values.delete(at);
    for (const at of rates.keys()) if (at > iteration) rates.delete(at);
  };
  return {
    put(iteration, node, value) {
      forgetAfter(iteration);
      const here = values.get(iteration) ?? new Map<Tensor, NdArray>();
      values.set(iteration, here.set(node, value));
    },
    setRate(iteration, rate) {
      forgetAfter(iteration);
      rates.set(iteration, rate);
    },
    at: (iteration) => values.get(iteration) ?? new Map<Tensor, NdArray>(),
    rateAt(iteration) {
      const at = [...rates.keys()].filter((each) => each <= iteration);
      return at.length > 0 ? rates.get(Math.max(...at)) : undefined;
    },
    changesOutcome: (iteration) =>
      [...(values.get(iteration)?.keys() ?? [])].some((node) => !(node instanceof Parameter)),
    clear() {
      values.clear();
      rates.clear();
      version++;
    },
    get first() {
      const all = [...values.keys(), ...rates.keys()];
      return all.length > 0 ? Math.min(...all) : undefined;
    },
    get version() {
      return version;
    },
  };
}
