import type { Tensor } from "../graph/tensor";
import type { Instruction, Slot } from "./instruction";
import type { Plan } from "./plan";

/** Maps values to as few slots as their lifetimes allow; leaves and outputs keep theirs. */
export function pack(
  instructions: readonly Instruction[],
  types: readonly Slot[],
  leaves: ReadonlyMap<Tensor, number>,
  outputs: ReadonlyMap<Tensor, number>,
): Plan {
  const kept = new Set([...leaves.values(), ...outputs.values()]);
  const lastUse = new Map<number, number>();
  instructions.forEach((instruction, at) => {
    for (const slot of instruction.outputs) lastUse.set(slot, at);
    for (const slot of instruction.inputs) lastUse.set(slot, at);
  });
  const slots: Slot[] = [];
  const physical = new Map<number, number>();
  const free = new Map<string, number[]>();
  let scratchBytes = 0;
  const take = (value: number): number => {
    const { type, size } = types[value];
    const reused = kept.has(value) ? undefined : free.get(`${type}:${size}`)?.pop();
    if (reused === undefined && !kept.has(value)) scratchBytes += size * (type === "bool" ? 1 : 4);
    const slot = reused ?? slots.push({ type, size }) - 1;
    physical.set(value, slot);
    return slot;
  };
  for (const value of leaves.values()) take(value);
  const packed = instructions.map((instruction, at) => {
    const inputs = instruction.inputs.map((value) => physical.get(value) as number);
    const outputs = instruction.outputs.map(take);
    for (const value of new Set([...instruction.inputs, ...instruction.outputs])) {
      if (lastUse.get(value) !== at || kept.has(value)) continue;
      const { type, size } = types[value];
      const list = free.get(`${type}:${size}`) ?? [];
      list.push(physical.get(value) as number);
      free.set(`${type}:${size}`, list);
    }
    return { ...instruction, inputs, outputs };
  });
  const located = (map: ReadonlyMap<Tensor, number>): Map<Tensor, number> =>
    new Map([...map].map(([node, value]) => [node, physical.get(value) as number]));
  return { instructions: packed, slots, leaves: located(leaves), outputs: located(outputs), scratchBytes };
}
