import type { ConcatKernel, GatherKernel, PlaceKernel, ScatterAddKernel } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, Pass, TypedKernel } from "../code";
import { entryForEach, groupsOf, GROUP } from "../wgsl/grid";
import { loadElement } from "../wgsl/elements";
import { floatText } from "../wgsl/math";
import { positionsOf } from "../wgsl/positions";
import { bitsOf, pullPass } from "./pull";

const NONE: KernelCode = { passes: [] };

export function concatCode(
  { kernel: { outer, lengths, inner }, outputs: [type] }: TypedKernel<ConcatKernel>,
  target: GpuTarget,
): KernelCode {
  const total = lengths.reduce((sum, length) => sum + length, 0) * inner;
  const size = outer * total;
  if (size === 0) return NONE;
  const pass = pullPass(
    {
      key: `concat ${JSON.stringify([outer, lengths, inner])}`,
      size,
      type,
      write: (operands) => {
        let before = 0;
        const branches = lengths.flatMap((length, i) => {
          const width = length * inner;
          const from = before;
          before += width;
          if (width === 0) return [];
          const index = `row * ${width}u + column - ${from}u`;
          return [`if (column < ${before}u) { value = ${bitsOf(operands.input(i), type, index)}; }`];
        });
        const statements = `let row = element / ${total}u; let column = element % ${total}u; ${branches.join(" else ")}`;
        return { statements };
      },
    },
    target,
  );
  return { passes: [pass] };
}

export function placeCode({ kernel, outputs: [type] }: TypedKernel<PlaceKernel>, target: GpuTarget): KernelCode {
  const { inputShape, start, step, shape, value } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size === 0) return NONE;
  const rest =
    type === "bool"
      ? String(value !== 0)
      : type === "int32"
        ? `bitcast<u32>(${Math.trunc(value)}i)`
        : `bitcast<u32>(${floatText(value)})`;
  const isEmpty = inputShape.includes(0);
  const pass = pullPass(
    {
      key: `place ${JSON.stringify([inputShape, start, step, shape, rest])}`,
      size,
      type,
      write: (operands) => {
        const loops = shape.map((dim) => ({ size: dim }));
        const tests: string[] = [];
        let index = "0";
        const positions = shape.map((_, axis) => {
          // start + step·i is to be the position along the axis; with step 0 all land on one place, the last one there.
          if (step[axis] === 0) {
            tests.push(`p${axis} == ${start[axis]}`);
            index = `(${index}) * ${inputShape[axis]} + ${inputShape[axis] - 1}`;
            return "";
          }
          tests.push(`f${axis} % ${step[axis]} == 0`, `i${axis} >= 0`, `i${axis} < ${inputShape[axis]}`);
          index = `(${index}) * ${inputShape[axis]} + i${axis}`;
          return `let f${axis} = p${axis} - (${start[axis]}); let i${axis} = f${axis} / (${step[axis]});`;
        });
        const found = isEmpty
          ? ""
          : `if (${tests.length > 0 ? tests.join(" && ") : "true"}) { value = ${bitsOf(operands.input(0), type, `u32(${index})`)}; }`;
        return {
          statements: [...positionsOf(loops, "element", "p"), ...positions, `value = ${rest};`, found].join("\n  "),
        };
      },
    },
    target,
  );
  return { passes: [pass] };
}

export function gatherCode(
  { kernel: { outer, length, inner, count }, inputs: [type] }: TypedKernel<GatherKernel>,
  target: GpuTarget,
): KernelCode {
  const passes = [checkPass(count, length, 1, target)];
  const size = outer * count * inner;
  if (size > 0 && length > 0)
    passes.push(
      pullPass(
        {
          key: `gather ${[outer, length, inner, count].join()}`,
          size,
          type,
          write: (operands) => {
            const index = loadElement(operands.input(1), "int32", `(element / ${inner}u) % ${count}u`);
            const from = `(element / ${inner * count}u * ${length}u + u32(row)) * ${inner}u + element % ${inner}u`;
            return {
              statements: `let row = ${index}; if (row >= 0 && row < ${length}) { value = ${bitsOf(operands.input(0), type, from)}; }`,
            };
          },
        },
        target,
      ),
    );
  return { passes: count > 0 ? passes : [], failure: outOfRange(length) };
}

/** Every element looks for the rows that fall on it, in their order: what is added does not depend on who comes first. */
export function scatterAddCode(
  { kernel: { outer, length, inner, count }, inputs: [, type] }: TypedKernel<ScatterAddKernel>,
  target: GpuTarget,
): KernelCode {
  const passes = count > 0 ? [checkPass(count, length, 0, target)] : [];
  const size = outer * length * inner;
  if (size > 0)
    passes.push(
      pullPass(
        {
          key: `scatterAdd ${[outer, length, inner, count].join()}`,
          size,
          type,
          write: (operands) => {
            const kind = type === "int32" ? "i32" : "f32";
            const index = loadElement(operands.input(0), "int32", "j");
            const from = `(block * ${count}u + j) * ${inner}u + element % ${inner}u`;
            return {
              statements: `let block = element / ${length * inner}u; let row = i32((element / ${inner}u) % ${length}u); var sum = ${kind}(0);
  for (var j = 0u; j < ${count}u; j++) { if (${index} == row) { sum += ${loadElement(operands.input(1), type === "int32" ? "int32" : "float32", from)}; } }
  value = bitcast<u32>(sum);`,
            };
          },
        },
        target,
      ),
    );
  return { passes, failure: outOfRange(length) };
}

/** Notes an index outside of its axis. */
function checkPass(count: number, length: number, input: number, target: GpuTarget): Pass {
  return {
    key: `check ${[count, length, input].join()}`,
    workgroups: groupsOf(Math.ceil(count / GROUP), target),
    write: (operands) =>
      entryForEach(
        count,
        `  let index = ${loadElement(operands.input(input), "int32", "at")};
  if (index < 0 || index >= ${length}) { ${operands.fail("index")} }`,
      ),
  };
}

function outOfRange(length: number): (value: number) => string {
  const range = length === 0 ? "the axis is empty" : `indices run from 0 to ${length - 1}`;
  return (value) => `index ${value} is out of range for an axis of size ${length}; ${range}`;
}
