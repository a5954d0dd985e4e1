import type { Instruction, Slot } from "./instruction";
import { isWhole } from "./layout";

/**
 * Drops copies of whole values: what was copied is written where the copy was.
 * @param instructions each slot is written once
 * @param kept slots that are read after the last instruction
 */
export function dropCopies(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const written = new Set(instructions.flatMap(({ outputs }) => outputs));
  const instead = new Map<number, number>();
  const copies = new Set<Instruction>();
  for (const instruction of instructions) {
    const { kernel, inputs, outputs } = instruction;
    if (kernel.kind !== "map" || kernel.body.kind !== "input" || inputs.length !== 1) continue;
    const [from, to] = [inputs[0], outputs[0]];
    const isSame =
      isWhole(kernel.views[0], kernel.shape) &&
      slots[from].size === slots[to].size &&
      slots[from].type === slots[to].type;
    // A leaf's memory is the leaf's; what is wanted twice is wanted in two places.
    if (!isSame || !written.has(from) || kept.has(from) || instead.has(from)) continue;
    instead.set(from, to);
    copies.add(instruction);
  }
  if (copies.size === 0) return [...instructions];
  const place = (slot: number): number => {
    const next = instead.get(slot);
    return next === undefined ? slot : place(next);
  };
  return instructions
    .filter((each) => !copies.has(each))
    .map((each) => ({ ...each, inputs: each.inputs.map(place), outputs: each.outputs.map(place) }));
}
