import { input } from "../../../kernel/expression";
import type { MapKernel, ReduceKernel } from "../../../kernel/kernel";
import { shareSubexpressions } from "../../../kernel/nodes";
import { type KernelCode, type Target, type TypedKernel, aligned } from "../code";
import { reduceCode } from "./reduce";
import { wholeMapCode } from "./whole";
import { fitsNumber, formsOf } from "./whole-forms";

/**
 * A reduction to float32 with whole numbers among its inputs, such as the sum over classes that picks each label's: a map into memory that
 * the phases share, and its reduction. Undefined for bodies that float32 does not hold.
 */
export function wholeReduceCode(
  { kernel, inputs, outputs }: TypedKernel<ReduceKernel>,
  target: Target,
): KernelCode | undefined {
  const { shape, views, body } = kernel;
  const last = formsOf(shareSubexpressions(body), shape, inputs)?.at(-1);
  if (!last || !fitsNumber(last) || outputs[0] !== "float32") return undefined;
  const map: MapKernel = { kind: "map", shape, views, body };
  const mapped = wholeMapCode({ kernel: map, inputs, outputs: ["float32"] });
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const reduction: ReduceKernel = { ...kernel, views: [{ strides, offset: 0 }], body: input(0) };
  const reduced = reduceCode({ kernel: reduction, inputs: ["float32"], outputs }, target);
  if (!mapped || !reduced) return undefined;
  const bytes = aligned(4 * shape.reduce((product, size) => product * size, 1));
  return {
    shared: bytes + (reduced.shared ?? 0),
    phases: [
      ...mapped.phases.map((phase): KernelCode["phases"][number] => ({
        ...phase,
        key: `mapped ${phase.key}`,
        write: (f, at, module) => {
          phase.write(f, { ...at, outputs: [at.shared] }, module);
        },
      })),
      ...reduced.phases.map((phase): KernelCode["phases"][number] => ({
        ...phase,
        key: `behind ${bytes} ${phase.key}`,
        write: (f, at, module) => {
          const shared = f.local("i32");
          f.get(at.shared).i32(bytes).op("i32.add").set(shared);
          phase.write(f, { ...at, inputs: [at.shared], shared }, module);
        },
      })),
    ],
  };
}
