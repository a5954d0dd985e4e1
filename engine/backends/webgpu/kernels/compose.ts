import type { KernelCode, Operands, Pass, Place } from "../code";
import { aligned } from "../memory";

/** Where an operand of a part lies: with an input or output of the whole, or from a byte of what the passes share. */
export type Spot =
  { readonly of: "input" | "output"; readonly at: number } | { readonly of: "shared"; readonly byte: number };

/** One of the codes that make up a kernel, and where its operands are. */
export interface Part {
  readonly code: KernelCode;
  readonly inputs: readonly Spot[];
  readonly outputs: readonly Spot[];
}

export const inputSpot = (at: number): Spot => ({ of: "input", at });
export const outputSpot = (at: number): Spot => ({ of: "output", at });
export const sharedSpot = (byte: number): Spot => ({ of: "shared", byte });

export interface Composition {
  readonly parts: readonly Part[];
  /** How many inputs the whole has, since operands are numbered from the first of them on. */
  readonly inputs: number;
  /** That the parts hand on to one another, from the first shared byte on; what each needs for itself comes after them. */
  readonly bytes: number;
}

/** One code of several, done one after the other; at most one of them can fail. */
export function composed({ parts, inputs, bytes }: Composition): KernelCode {
  const own = aligned(bytes);
  const most = Math.max(0, ...parts.map(({ code }) => code.shared ?? 0));
  const failure = parts.find(({ code }) => code.failure)?.code.failure;
  return {
    passes: parts.flatMap((part) => part.code.passes.map((pass) => placed(pass, part, inputs, own))),
    ...(own + most > 0 ? { shared: own + most } : {}),
    ...(failure ? { failure } : {}),
  };
}

function placed(pass: Pass, part: Part, inputs: number, own: number): Pass {
  const unit = pass.vectors ? 16 : 4;
  return {
    ...pass,
    key: `${pass.key} @ ${[...part.inputs, ...part.outputs].map(nameOf).join()} ${inputs} ${own}`,
    write: (operands) => {
      const spot = (where: Spot): Place => {
        if (where.of === "shared") return later(operands.shared(), where.byte / unit);
        return where.of === "input" ? operands.input(where.at) : operands.output(where.at);
      };
      const mapped: Operands = {
        input: (i) => spot(part.inputs[i]),
        output: (i) => spot(part.outputs[i]),
        shared: () => later(operands.shared(), own / unit),
        fail: (value) => operands.fail(value),
      };
      return pass.write(mapped);
    },
  };
}

/** A place so many words or vectors further on. */
function later({ memory, start }: Place, units: number): Place {
  return units === 0 ? { memory, start } : { memory, start: `(${start} + ${units}u)` };
}

function nameOf(spot: Spot): string {
  return spot.of === "shared" ? `s${spot.byte}` : `${spot.of[0]}${spot.at}`;
}
