import type { Tensor } from "../graph/tensor";
import { inputsOverwritten } from "./in-place";
import type { Instruction, Slot } from "./instruction";
import { type Stay, arrange, mostAlive } from "./arrange";

/** Instructions over slots, and where each slot's values stand. */
export interface Packed {
  readonly instructions: readonly Instruction[];
  readonly slots: readonly Slot[];
  /** Bytes from the beginning of the scratch memory, by slot; undefined for leaves, which have memory of their own. */
  readonly places: readonly (number | undefined)[];
  /** Leaves and the slot each is bound to. */
  readonly leaves: ReadonlyMap<Tensor, number>;
  /** Where each output's value is after the run: dense in its slot. */
  readonly outputs: ReadonlyMap<Tensor, number>;
  /** Bytes of the memory that all values other than leaves share. */
  readonly scratchBytes: number;
  /** Bytes of those values that are alive at once where most are: no arrangement of the same instructions takes less. */
  readonly peakBytes: number;
}

/** Slots begin at multiples of so many bytes and are padded to them, as backends want it. */
const ALIGNMENT = 64;

/**
 * Gives every value that is no leaf's a place in one scratch memory, so that values that are alive at the same time stand apart. A
 * value that an elementwise instruction reads for the last time leaves its place to the result. Outputs stay until the end.
 * @param instructions each value is written once, except leaves, which commits write
 * @param types of values; slots are numbered anew, leaves first, then in the order in which they are written
 */
export function pack(
  instructions: readonly Instruction[],
  types: readonly Slot[],
  leaves: ReadonlyMap<Tensor, number>,
  outputs: ReadonlyMap<Tensor, number>,
): Packed {
  const slots: Slot[] = [];
  const slotOf = new Map<number, number>();
  const take = (value: number): void => {
    if (!slotOf.has(value)) slotOf.set(value, slots.push(types[value]) - 1);
  };
  for (const value of leaves.values()) take(value);
  const leafCount = slots.length;
  for (const { outputs: written } of instructions) written.forEach(take);
  const place = (value: number): number => slotOf.get(value) as number;
  const placed = instructions.map((each) => ({
    ...each,
    inputs: each.inputs.map(place),
    outputs: each.outputs.map(place),
  }));
  const located = (map: ReadonlyMap<Tensor, number>): Map<Tensor, number> =>
    new Map([...map].map(([node, value]) => [node, place(value)]));
  const results = located(outputs);
  const { stays, stayOf } = staysOf(placed, slots, leafCount, new Set(results.values()));
  const peakBytes = mostAlive(stays);
  const { offsets, bytes } = arrange(stays, peakBytes);
  const places = slots.map((_, slot) => {
    const stay = stayOf.get(slot);
    return stay === undefined ? undefined : offsets[stay];
  });
  return {
    instructions: placed,
    slots,
    places,
    leaves: located(leaves),
    outputs: results,
    scratchBytes: bytes,
    peakBytes,
  };
}

/** From when until when which memory is needed; slots that take over each other's memory have one stay together. */
function staysOf(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  leafCount: number,
  kept: ReadonlySet<number>,
): { readonly stays: readonly Stay[]; readonly stayOf: ReadonlyMap<number, number> } {
  const lastUse = new Map<number, number>();
  instructions.forEach(({ inputs, outputs }, at) => {
    for (const slot of [...inputs, ...outputs]) lastUse.set(slot, kept.has(slot) ? instructions.length : at);
  });
  const stays: { first: number; last: number; bytes: number }[] = [];
  const stayOf = new Map<number, number>();
  instructions.forEach((instruction, at) => {
    const overwritten = inputsOverwritten(instruction, (input, output) => {
      const [from, to] = [slots[input], slots[output]];
      const isFree = input >= leafCount && output >= leafCount && lastUse.get(input) === at;
      return isFree && from.type === to.type && from.size === to.size;
    });
    instruction.outputs.forEach((slot, i) => {
      if (slot < leafCount || stayOf.has(slot)) return;
      const last = lastUse.get(slot) as number;
      const input = overwritten[i];
      const stay = input === undefined ? undefined : stayOf.get(input);
      if (stay === undefined) stayOf.set(slot, stays.push({ first: at, last, bytes: paddedBytes(slots[slot]) }) - 1);
      else {
        stays[stay].last = last;
        stayOf.set(slot, stay);
      }
    });
  });
  return { stays, stayOf };
}

function paddedBytes({ type, size }: Slot): number {
  return Math.max(1, Math.ceil((size * (type === "bool" ? 1 : 4)) / ALIGNMENT)) * ALIGNMENT;
}
