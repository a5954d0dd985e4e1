import type { PermutationKernel, RandomKernel } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, TypedKernel } from "../code";
import { loadElement, storeElement } from "../wgsl/elements";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";
import { MathTexts, floatText } from "../wgsl/math";

/** Threefry-2x32-20 of kernel/random, word for word. */
const THREEFRY = `
fn threefry(seed: u32, stream: u32, element: u32, iteration: u32) -> vec2<u32> {
  var keys = vec3<u32>(seed, stream, 0x1bd11bdau ^ seed ^ stream);
  var x = vec2<u32>(element + keys.x, iteration + keys.y);
  for (var injection = 1u; injection <= 5u; injection++) {
    let turns = select(vec4<u32>(17u, 29u, 16u, 24u), vec4<u32>(13u, 15u, 26u, 6u), (injection & 1u) == 1u);
    for (var i = 0u; i < 4u; i++) {
      x.x += x.y;
      x.y = ((x.y << turns[i]) | (x.y >> (32u - turns[i]))) ^ x.x;
    }
    keys = keys.yzx;
    x += vec2<u32>(keys.x, keys.y + injection);
  }
  return x;
}`;

/** Uniform numbers are the CPU's to the bit; normal ones have the same words and differ in the last places of log and cos. */
export function randomCode(
  { kernel: { distribution, size, stream } }: TypedKernel<RandomKernel>,
  target: GpuTarget,
): KernelCode {
  if (size === 0) return { passes: [] };
  return {
    passes: [
      {
        key: `random ${[distribution, size, stream].join()}`,
        workgroups: groupsOf(Math.ceil(size / GROUP), target),
        write: (operands) => {
          const math = new MathTexts();
          const words = wordsText(operands.input(0), stream, "at");
          const uniform = `let value = f32(words.x >> 8u) * ${floatText(2 ** -24)};`;
          // The angle is a fraction of a turn, exact; only what is within an eighth of a quarter's middle is left to the series.
          const normal = `let radius = sqrt(-2.0f * ${math.name("logOf", 1)}(f32((words.x >> 8u) + 1u) * ${floatText(2 ** -24)}));
  let turn = words.y >> 8u;
  let quarters = (turn + 0x200000u) >> 22u;
  let r = f32(i32(turn) - i32(quarters << 22u)) * ${floatText((2 * Math.PI) / 2 ** 24)};
  let value = radius * ${math.name("sine", 1)}(r, i32(quarters) + 1);`;
          const text = `${words}
  ${distribution === "uniform" ? uniform : normal}
  ${storeElement(operands.output(0), "at", "value")}`;
          return `${THREEFRY}\n${math.toString()}\n${entryForEach(size, text)}`;
        },
      },
    ],
  };
}

/** Positions by random words, sorted in a bitonic network: the order is that of the CPU, since no two keys with positions are equal. */
export function permutationCode(
  { kernel: { size, stream } }: TypedKernel<PermutationKernel>,
  target: GpuTarget,
): KernelCode {
  if (size === 0) return { passes: [] };
  const padded = 2 ** Math.ceil(Math.log2(Math.max(2, size)));
  const half = padded / 2;
  const groups = Math.ceil(half / GROUP);
  const keyed = (operands: Parameters<KernelCode["passes"][number]["write"]>[0]) => {
    const { memory, start } = operands.shared();
    const at = (index: string): string => `${start} + (${index}) * 3u`;
    return {
      load: (index: string) => `vec3<u32>(${[0, 1, 2].map((i) => `${memory}[${at(index)} + ${i}u]`).join(", ")})`,
      store: (index: string, value: string) =>
        [0, 1, 2].map((i) => `${memory}[${at(index)} + ${i}u] = ${value}[${i}];`).join(" "),
    };
  };
  const passes: KernelCode["passes"][number][] = [
    {
      key: `permutation keys ${[size, stream, padded].join()}`,
      workgroups: groupsOf(Math.ceil(padded / GROUP), target),
      write: (operands) => {
        const { store } = keyed(operands);
        return `${THREEFRY}\n${entryForEach(
          padded,
          `${wordsText(operands.input(0), stream, "at")}
  let key = select(vec3<u32>(0xffffffffu, 0xffffffffu, at), vec3<u32>(words.x, words.y >> 11u, at), at < ${size}u);
  ${store("at", "key")}`,
        )}`;
      },
    },
  ];
  for (let block = 2; block <= padded; block *= 2)
    for (let distance = block / 2; distance >= 1; distance /= 2)
      passes.push({
        key: `permutation sort ${[padded, block, distance].join()}`,
        workgroups: groupsOf(groups, target),
        write: (operands) => {
          const { load, store } = keyed(operands);
          return `fn isAfter(a: vec3<u32>, b: vec3<u32>) -> bool {
  if (a.x != b.x) { return a.x > b.x; }
  if (a.y != b.y) { return a.y > b.y; }
  return a.z > b.z;
}
${entryForEach(
  half,
  `  let low = (at / ${distance}u) * ${2 * distance}u + at % ${distance}u;
  let high = low + ${distance}u;
  let a = ${load("low")};
  let b = ${load("high")};
  if (isAfter(a, b) == ((low & ${block}u) == 0u)) { ${store("low", "b")} ${store("high", "a")} }`,
)}`;
        },
      });
  passes.push({
    key: `permutation order ${[size, padded].join()}`,
    workgroups: groupsOf(Math.ceil(size / GROUP), target),
    write: (operands) => {
      const { load } = keyed(operands);
      return entryForEach(size, `  ${storeElement(operands.output(0), "at", `${load("at")}.z`)}`);
    },
  });
  return { passes, shared: 12 * padded };
}

function wordsText(key: { readonly memory: string; readonly start: string }, stream: number, element: string): string {
  const seed = `bitcast<u32>(${loadElement(key, "int32", "0u")})`;
  const iteration = `bitcast<u32>(${loadElement(key, "int32", "1u")})`;
  return `  let words = threefry(${seed}, ${stream >>> 0}u, ${element}, ${iteration});`;
}
