/** Blocks of products by way of memory that a workgroup shares, for matrices whose elements lie four by four. */
import type { Operands, Place } from "../code";
import { loadVector } from "../wgsl/elements";
import { type ProductText, type Tile, invocationsOf } from "./tile";

/** A factor of which whole vectors can be read: along its lines (rows of the left one, columns of the right one) or along the depth. */
export interface VectorFactor {
  /** Number of the kernel's input. */
  readonly input: 0 | 1;
  readonly along: "lines" | "depth";
  /** How far it is to the next line, or step of the depth, where vectors do not lie along it: a multiple of four. */
  readonly pitch: number;
  /** Text (i32) of its offset, a multiple of four, in the pair of matrices `subset` (u32). */
  readonly offset: string;
}

export interface VectorProduct {
  readonly sets: number;
  readonly rows: number;
  /** A multiple of four. */
  readonly columns: number;
  /** A multiple of four where a factor lies along it. */
  readonly depth: number;
  readonly left: VectorFactor;
  readonly right: VectorFactor;
}

/**
 * As `tiledText` in tile.ts, but of a pass with vectors: lanes are neighbours.
 * @param tile of at least four rows for each invocation
 */
export function vectorTiledText(product: VectorProduct, operands: Operands, tile: Tile): ProductText {
  const { left, right, depth } = product;
  const across = tile.columns / tile.ownColumns;
  const down = tile.rows / tile.ownRows;
  const sides = [
    sideOf("left", left, operands.input(left.input), tile.rows, tile, depth),
    sideOf("right", right, operands.input(right.input), tile.columns, tile, depth),
  ];
  const [l, r] = sides;
  const rightSlots = tile.ownColumns / 4;
  const sums = times(tile.ownRows, (i) =>
    times(rightSlots, (j) => ({
      name: `sum${i}_${j}`,
      row: `row0 + 4 * ownRow + ${4 * (i >> 2) * down + (i & 3)}`,
      columns: j,
      term: `l${i >> 2}.${"xyzw"[i & 3]} * r${j}`,
    })),
  ).flat();
  return {
    declarations: sides
      .map(({ name, pitch }) => `var<workgroup> ${name}: array<vec4<f32>, ${tile.depth * pitch}>;`)
      .join("\n"),
    statements: `
  let ownRow = i32(local / ${across}u);
  let ownColumn = i32(local % ${across}u);
  ${sums.map(({ name }) => `var ${name} = vec4<f32>(0.0f);`).join("\n  ")}
  ${sides.map(({ before }) => before).join("\n  ")}
  var chunk = begin;
  ${sides.map(({ fetch }) => fetch).join("\n  ")}
  while (chunk < end) {
    workgroupBarrier();
    ${sides.map(({ store }) => store).join("\n    ")}
    workgroupBarrier();
    // What comes next is on its way while this is computed; beyond the end it is anything.
    chunk += ${tile.depth};
    ${sides.map(({ fetch }) => fetch).join("\n    ")}
    for (var p = 0; p < ${tile.depth}; p++) {
      ${times(tile.ownRows / 4, (i) => `let l${i} = left[p * ${l.pitch} + ownRow + ${i * down}];`).join(" ")}
      ${times(rightSlots, (j) => `let r${j} = right[p * ${r.pitch} + ownColumn + ${j * across}];`).join(" ")}
      ${sums.map(({ name, term }) => `${name} += ${term};`).join("\n      ")}
    }
  }`,
    columns: times(rightSlots, (j) => `(column0 + 4 * (ownColumn + ${j * across}) + vec4<i32>(0, 1, 2, 3))`),
    sums,
  };
}

/** How invocations bring a side's block into shared memory, where each step of the depth has its vectors of lines. */
interface Side {
  readonly name: "left" | "right";
  /** From one step to the next, in vectors. */
  readonly pitch: number;
  readonly before: string;
  /** Statements that read `chunk` into variables. */
  readonly fetch: string;
  readonly store: string;
}

function sideOf(
  name: "left" | "right",
  factor: VectorFactor,
  place: Place,
  lines: number,
  tile: Tile,
  total: number,
): Side {
  const threads = invocationsOf(tile);
  const slots = lines / 4;
  const isAlongLines = factor.along === "lines";
  // Along the depth, an invocation reads a vector of each of four lines and turns them.
  const units = isAlongLines ? slots * tile.depth : (slots * tile.depth) / 4;
  // Neighbours that write different steps must not all meet the same bank of the memory.
  const pitch = isAlongLines ? slots : slots + 1;
  const rounds = Math.ceil(units / threads);
  const across = isAlongLines ? slots : tile.depth / 4;
  const positions = times(rounds, (i) => ({
    inner: `i32(local % ${across}u)`,
    outer: `(i32(local / ${across}u) + ${(i * threads) / across})`,
  }));
  const base = name === "left" ? "row0" : "column0";
  const load = (at: string, step: string): string => {
    const value = loadVector(place, "float32", at);
    // Parts end at multiples of the block's depth.
    return total % tile.depth === 0 ? value : `select(vec4<f32>(0.0f), ${value}, ${step} < ${total})`;
  };
  const value = (i: number, line = 0): string => `${name}${i}_${line}`;
  const texts = positions.map(({ inner, outer }, i) => {
    if (isAlongLines)
      return {
        fetch: `${value(i)} = ${load(`${name}At + ${base} + 4 * ${inner} + (chunk + ${outer}) * ${factor.pitch}`, `chunk + ${outer}`)};`,
        store: `${name}[${outer} * ${pitch} + ${inner}] = ${value(i)};`,
      };
    const step = `chunk + 4 * ${inner}`;
    const fetch = times(
      4,
      (line) =>
        `${value(i, line)} = ${load(`${name}At + (${base} + 4 * ${outer} + ${line}) * ${factor.pitch} + ${step}`, step)};`,
    );
    const store = times(4, (p) => {
      const turned = times(4, (line) => `${value(i, line)}.${"xyzw"[p]}`);
      return `${name}[(4 * ${inner} + ${p}) * ${pitch} + ${outer}] = vec4<f32>(${turned.join(", ")});`;
    });
    return { fetch: fetch.join(" "), store: store.join(" ") };
  });
  const guarded = (text: string): string => (units < threads ? `if (local < ${units}u) { ${text} }` : text);
  const variables = times(rounds, (i) => times(isAlongLines ? 1 : 4, (line) => value(i, line))).flat();
  return {
    name,
    pitch,
    before: [
      `let ${name}At = ${factor.offset};`,
      ...variables.map((variable) => `var ${variable} = vec4<f32>(0.0f);`),
    ].join("\n  "),
    fetch: guarded(texts.map(({ fetch }) => fetch).join("\n    ")),
    store: guarded(texts.map(({ store }) => store).join("\n    ")),
  };
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
