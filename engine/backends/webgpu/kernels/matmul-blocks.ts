/** Products of matrices whose elements lie four by four: blocks of registers, filled by vectors. */
import type { GpuTarget, KernelCode, Operands, Place } from "../code";
import { loadVector } from "../wgsl/elements";
import { entry } from "../wgsl/grid";
import { type Finish, type FinishText, finished } from "./finish";
import type { VectorFactor, VectorProduct } from "./matmul-tiles";

/** What an invocation computes, and how many steps of the depth are written one after the other. */
interface Block {
  readonly rows: 1 | 2 | 4 | 8;
  /** Vectors of columns. */
  readonly fours: 1 | 2 | 4;
  readonly depth: 4 | 8;
  /** Invocations of a workgroup. */
  readonly size: number;
}

/**
 * Whether registers alone serve best. A processor's caches do what workgroup memory does on a graphics card, while its barriers are dear:
 * it needs blocks enough to be busy, or little to do in all. On a card, products so small are over before they would be shared out.
 */
export function areBlocksWorth({ sets, rows, columns, depth }: VectorProduct, { software }: GpuTarget): boolean {
  const size = sets * rows * columns;
  if (software) return depth > 0 && (depth < 256 || size / 16 >= 64);
  return depth > 0 && depth <= 128 && size * depth <= 2 ** 18;
}

/** Each invocation reads what it needs from memory and shares nothing. */
export function blocksCode(product: VectorProduct, finish: Finish, target: GpuTarget): KernelCode {
  const block = target.software ? blockOf(product) : smallBlock(product, 64);
  const { sets, rows, columns } = product;
  const count = sets * Math.ceil(rows / block.rows) * Math.ceil(columns / (4 * block.fours));
  const groups = Math.ceil(count / block.size);
  const pass = {
    groups,
    size: block.size,
    vectors: true,
    key: `matmul blocks ${JSON.stringify([product, block])}`,
    write: (operands: Operands, text: FinishText) => passText(product, block, groups, operands, text),
  };
  return finished(finish, [], [pass], 0, target);
}

function smallBlock({ rows }: VectorProduct, size: number): Block {
  return { rows: rows >= 4 ? 4 : rows > 1 ? 2 : 1, fours: 1, depth: 4, size };
}

/** On a processor: sums in registers make up for reading; so many of them want that many blocks, and time to be compiled. */
function blockOf(product: VectorProduct): Block {
  const { sets, rows, columns, depth } = product;
  const fits = (block: { readonly rows: number; readonly fours: number }): boolean =>
    rows % block.rows <= rows / 8 && sets * Math.ceil(rows / block.rows) * Math.ceil(columns / (4 * block.fours)) >= 64;
  const steps = depth % 8 === 0 ? 8 : 4;
  const large = { rows: 8, fours: 4 } as const;
  const isWorth = sets * rows * columns * depth >= LARGE;
  if (isWorth && columns % 16 === 0 && fits(large)) return { ...large, depth: steps, size: 16 };
  const middle = { rows: rows > 4 ? 8 : 4, fours: columns % 8 === 0 ? 2 : 1 } as const;
  return fits(middle) ? { ...middle, depth: 4, size: 16 } : smallBlock(product, 16);
}

/** Products of two numbers from which on the time for compiling more of them at once is soon made up for. */
const LARGE = 2 ** 25;

function passText(
  product: VectorProduct,
  block: Block,
  groups: number,
  operands: Operands,
  finish: FinishText,
): string {
  const { sets, rows, columns, depth, left, right } = product;
  const down = Math.ceil(rows / block.rows);
  const across = Math.ceil(columns / (4 * block.fours));
  const rest = depth % block.depth;
  const sums = times(block.rows, (i) => times(block.fours, (j) => ({ i, j, name: `sum${i}_${j}` }))).flat();
  const steps = (count: number): string => {
    const [leftText, rightText] = [
      factorText("left", left, operands.input(left.input), block.rows, count),
      factorText("right", right, operands.input(right.input), 4 * block.fours, count),
    ];
    const products = times(count, (p) =>
      sums.map(({ i, j, name }) => `${name} += ${leftText.vector(i >> 2, p)}[${i & 3}] * ${rightText.vector(j, p)};`),
    ).flat();
    return [...leftText.loads, ...rightText.loads, ...products].join("\n    ");
  };
  const ends = sums.map(({ i, j, name }) => {
    const inside = columns % (4 * block.fours) === 0 ? "true" : `(column0 + ${4 * j} < ${columns})`;
    const at = `vec4<u32>(u32((i32(subset) * ${rows} + row0 + ${i}) * ${columns} + column0 + ${4 * j})) + vec4<u32>(0u, 1u, 2u, 3u)`;
    const call = `finish(${name}, ${at}, vec4<bool>(${inside}));`;
    return rows % block.rows === 0 ? call : `if (row0 + ${i} < ${rows}) { ${call} }`;
  });
  const text = `
  let number = group * ${block.size}u + local;
  let subset = number / ${down * across}u;
  let row0 = i32((number / ${across}u) % ${down}u) * ${block.rows};
  let column0 = i32(number % ${across}u) * ${4 * block.fours};
  let isOwn = subset < ${sets}u;
  ${finish.opening}
  if (isOwn) {
  let leftAt = ${left.offset} + row0 * ${left.along === "lines" ? 1 : left.pitch};
  let rightAt = ${right.offset} + column0 * ${right.along === "lines" ? 1 : right.pitch};
  ${sums.map(({ name }) => `var ${name} = vec4<f32>(0.0f);`).join("\n  ")}
  for (var p = 0; p < ${depth - rest}; p += ${block.depth}) {
    ${steps(block.depth)}
  }
  ${rest > 0 ? `{ let p = ${depth - rest};\n    ${steps(rest)} }` : ""}
  ${ends.join("\n  ")}
  }
  ${finish.ending}`;
  return `${finish.declarations}\n${entry(groups, block.size, text)}`;
}

/** Statements that read so many lines at so many steps from `p` on, and the name of each vector of four lines. */
function factorText(
  name: "left" | "right",
  { along, pitch }: VectorFactor,
  place: Place,
  lines: number,
  steps: number,
): { readonly loads: readonly string[]; readonly vector: (four: number, step: number) => string } {
  const fours = Math.ceil(lines / 4);
  const vector = (four: number, step: number): string => `${name}${four}_${step}`;
  const load = (target: string, at: string): string => `let ${target} = ${loadVector(place, "float32", at)};`;
  if (along === "lines") {
    const loads = times(steps, (p) =>
      times(fours, (i) => load(vector(i, p), `(${name}At + ${4 * i} + (p + ${p}) * ${pitch})`)),
    ).flat();
    return { loads, vector };
  }
  // What is read along the depth is turned: that costs nothing, since all of it is in registers.
  const read = (line: number, four: number): string => `${name}Line${line}_${four}`;
  const loads = times(lines, (line) =>
    times(steps / 4, (four) => load(read(line, four), `(${name}At + ${line * pitch} + p + ${4 * four})`)),
  ).flat();
  const turned = times(fours, (i) =>
    times(steps, (p) => {
      const lanes = [0, 1, 2, 3].map((lane) =>
        4 * i + lane < lines ? `${read(4 * i + lane, p >> 2)}[${p & 3}]` : "0.0f",
      );
      return `let ${vector(i, p)} = vec4<f32>(${lanes.join(", ")});`;
    }),
  ).flat();
  return { loads: [...loads, ...turned], vector };
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
