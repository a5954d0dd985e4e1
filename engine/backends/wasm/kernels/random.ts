import type { RandomKernel } from "../../../kernel/kernel";
import type { Distribution } from "../../../kernel/random";
import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import type { KernelCode, Target, TypedKernel } from "../code";
import { writeNormal } from "./normal";
import { type Keys, type Words, setKeys, threefry } from "./threefry";

/** About how long an element takes. */
const NS = { uniform: 2, normal: 10 } as const;
/** Vectors of four elements that are made side by side, as measured: a number's rounds wait for each other. */
const GROUPS = { uniform: 5, normal: 2 } as const;
const WIDE_GROUPS = { uniform: 10, normal: 2 } as const;
/** Elements of one piece: whole rounds of any. */
const PIECE = 960;

/** The definition's bits, in any order: normal numbers are made in double precision and rounded once. */
export function randomCode({ kernel, outputs }: TypedKernel<RandomKernel>, target: Target): KernelCode | undefined {
  const { distribution, size, stream } = kernel;
  if (outputs[0] !== "float32") return undefined;
  if (size === 0) return { phases: [] };
  const pieces = Math.ceil(size / PIECE);
  return {
    phases: [
      {
        pieces,
        work: NS[distribution] * size,
        key: `random/${distribution}/${size}/${stream}`,
        write(f, { inputs: [key], outputs: [out], from, to }, module) {
          f.get(key).i32(stream).get(out);
          f.get(from).i32(PIECE).op("i32.mul");
          f.get(to).i32(PIECE).op("i32.mul").i32(size).get(to).i32(pieces).op("i32.lt_s", "select");
          f.call(fillFunction(module, distribution, target));
        },
      },
    ],
  };
}

/** A function (key's address, stream, output's address, from, to) that makes the elements from ≤ i < to; from is a multiple of 4. */
function fillFunction(module: ModuleWriter, distribution: Distribution, target: Target): Callee {
  return module.once(`random/${distribution}`, { parameters: ["i32", "i32", "i32", "i32", "i32"] }, (f) => {
    const [key, stream, out, element, end] = f.parameters;
    const loop: Loop = { keys: setKeys(f, key, stream, target), distribution, address: f.local("i32"), element, end };
    f.get(out).get(element).i32(4).op("i32.mul", "i32.add").set(loop.address);
    writeLoop(f, loop, (target.wide ? WIDE_GROUPS : GROUPS)[distribution]);
    // What is left may be less than a vector: the rest of that is padding.
    f.get(end).i32(3).op("i32.add").set(end);
    writeLoop(f, loop, 1);
  });
}

interface Loop {
  readonly keys: Keys;
  readonly distribution: Distribution;
  /** Where the element goes. */
  readonly address: Local;
  readonly element: Local;
  readonly end: Local;
}

/** Makes so many vectors at a time as long as there are so many elements. */
function writeLoop(f: FunctionWriter, { keys, distribution, address, element, end }: Loop, vectors: number): void {
  const groups: Words[] = Array.from({ length: vectors }, () => ({ first: f.local("v128"), second: f.local("v128") }));
  const step = 4 * vectors;
  const goesOn = (): FunctionWriter => f.get(element).i32(step).op("i32.add").get(end).op("i32.le_s");
  // Tested at its end: then the compiler makes constants before the loop, not in each round.
  goesOn().if(() =>
    f.loop((again) => {
      groups.forEach(({ first }, i) => {
        f.get(element).op("i32x4.splat");
        f.i32x4(4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3)
          .op("i32x4.add")
          .set(first);
      });
      threefry(f, groups, keys, distribution === "uniform" ? "first" : "both");
      groups.forEach((words, i) => {
        f.get(address);
        if (distribution === "uniform") uniform(f, words.first);
        else writeNormal(f, words);
        f.memory("v128.store", 16 * i);
      });
      f.advance(address, 4 * step).advance(element, step);
      goesOn().leaveIf(again);
    }),
  );
  f.release(...groups.flatMap(({ first, second }) => [first, second]));
}

/** Leaves 24 bits of each word as numbers from 0 to 1. */
function uniform(f: FunctionWriter, words: Local): void {
  f.get(words)
    .i32(8)
    .op("i32x4.shr_u", "f32x4.convert_i32x4_s")
    .f32x4(1 / 0x1000000);
  f.op("f32x4.mul");
}
