import type { Instruction, Slot } from "./instruction";

/**
 * Moves instructions that make little of much, such as sums, right behind what they read, so that this need not be kept for them:
 * what is measured of activations and gradients is then measured while they are there.
 * @param instructions each value is written once, before it is read
 * @param also whether another instruction moves as well; asked of each in order
 */
export function shrinkEarly(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  also: (instruction: Instruction) => boolean = () => false,
): Instruction[] {
  /** By value: the instruction that it is there after, of those that stay; −1 for what is there from the beginning. */
  const thereAfter = new Map<number, number>();
  const followers: Instruction[][] = [[]];
  const stays: boolean[] = [];
  instructions.forEach((instruction, at) => {
    followers.push([]);
    const { inputs, outputs } = instruction;
    const isAlso = also(instruction);
    stays.push(!isAlso && !isShrinking(instruction, slots, thereAfter));
    // Those that follow the same one keep their order, so that they may read each other.
    const place = stays[at] ? at : Math.max(-1, ...inputs.map((slot) => thereAfter.get(slot) ?? -1));
    if (!stays[at]) followers[place + 1].push(instruction);
    for (const slot of outputs) thereAfter.set(slot, place);
  });
  return [
    ...followers[0],
    ...instructions.flatMap((instruction, at) => [...(stays[at] ? [instruction] : []), ...followers[at + 1]]),
  ];
}

/** Results of less than this part of what is read are little. */
const LITTLE = 1 / 8;

function isShrinking(
  { inputs, outputs }: Instruction,
  slots: readonly Slot[],
  written: ReadonlyMap<number, number>,
): boolean {
  const sizes = [...new Set(inputs)].filter((slot) => written.has(slot)).map((slot) => slots[slot].size);
  const made = outputs.reduce((sum, slot) => sum + slots[slot].size, 0);
  return made <= Math.max(0, ...sizes) * LITTLE;
}
