/** The memory of a step: what it needs at least, and what it takes. */
import type { Backend } from "../../engine/backends/backend";
import type { ElementType } from "../../engine/kernel/kernel";
import type { Plan } from "../../engine/plan/plan";

/** A backend that also says how many bytes of buffers it has held at most. */
export function countingBackend(backend: Backend): Backend & { bytes(): number } {
  let [held, most] = [0, 0];
  return {
    ...backend,
    allocate: (type, size) => {
      const buffer = backend.allocate(type, size);
      held += bytesOf(buffer);
      most = Math.max(most, held);
      return buffer;
    },
    release: (buffer) => {
      held -= bytesOf(buffer);
      backend.release(buffer);
    },
    bytes: () => most,
  };
}

/**
 * Bytes that a step cannot do without as it was planned: its leaves (parameters, optimiser state, batch, constants), and at the
 * fullest moment the intermediate values that are still to be read. New values that wait to be copied over their leaves could
 * stand there at once, so they do not count.
 */
export function neededBytes({ instructions, slots, leaves, outputs, commitFrom }: Plan): number {
  const leafSlots = new Set(leaves.values());
  const uncounted = new Set(leafSlots);
  for (const { kernel, inputs } of instructions.slice(commitFrom)) {
    if (kernel.kind === "map" && kernel.body.kind === "input") uncounted.add(inputs[0]);
  }
  const results = new Set(outputs.values());
  /** The last instruction that reads the slot before another value stands in it. */
  const lastRead = (slot: number, from: number): number => {
    let last = from;
    for (let i = from + 1; i < instructions.length; i++) {
      if (instructions[i].inputs.includes(slot)) last = i;
      if (instructions[i].outputs.includes(slot)) return last;
    }
    return results.has(slot) ? Infinity : last;
  };
  const freed = new Map<number, number>();
  let [live, most] = [0, 0];
  instructions.forEach(({ outputs: written }, i) => {
    for (const slot of written) {
      if (uncounted.has(slot)) continue;
      live += bytesOf(slots[slot]);
      const end = lastRead(slot, i);
      freed.set(end, (freed.get(end) ?? 0) + bytesOf(slots[slot]));
    }
    most = Math.max(most, live);
    live -= freed.get(i) ?? 0;
  });
  return [...leafSlots].reduce((total, slot) => total + bytesOf(slots[slot]), most);
}

function bytesOf({ type, size }: { readonly type: ElementType; readonly size: number }): number {
  return (type === "bool" ? 1 : 4) * size;
}
