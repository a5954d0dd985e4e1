/** Products of factors that are read by index arithmetic: what all kernels of that form have in common, as WGSL text. */
import type { Place } from "../code";

/** Numbers that are treated together. */
export type Lanes = 1 | 2 | 4;

/** A factor of Σ over depth of left[row, depth]·right[depth, column]: how its element is found. */
export interface Factor {
  /** Along what its elements lie side by side in memory. */
  readonly along: "lines" | "depth";
  /**
   * Statements that define what depends on rows (or columns) alone, by names that begin with `name`.
   * @param at text of their numbers, i32 or a vector of them
   */
  lines(name: string, at: string, lanes: Lanes): string;
  /** Statements that define what depends on the depth alone, by names of this factor only; `${name}At` (i32) is its number and `${name}0`… its positions. */
  depth(name: string): string;
  /** Text of the elements, of f32, at lines and a depth by their names. Zero where there is none; what is beyond the last line may be anything. */
  value(lines: string, depth: string, lanes: Lanes): string;
}

/** Σ over depth; its positions are those of its number in axes of such sizes. */
export interface Product {
  readonly left: Factor;
  readonly right: Factor;
  readonly depth: readonly number[];
}

/** A block of rows and columns that a workgroup computes in steps of `depth`; `ownRows`×`ownColumns` of it are one invocation's. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly ownRows: 1 | 2 | 4 | 8;
  readonly ownColumns: 4 | 8;
}

export function invocationsOf({ rows, columns, ownRows, ownColumns }: Tile): number {
  return (rows * columns) / (ownRows * ownColumns);
}

/** Four sums of a row, in an invocation's registers. */
export interface Sums {
  readonly name: string;
  /** Text (i32) of the row. */
  readonly row: string;
  /** Which of the invocation's columns they are: text of a vec4<i32> by this number. */
  readonly columns: number;
}

export interface ProductText {
  readonly declarations: string;
  /** Statements that compute the sums, in uniform control flow. */
  readonly statements: string;
  /** Text (vec4<i32>) of the columns of sums, by their number. */
  readonly columns: readonly string[];
  readonly sums: readonly Sums[];
}

/**
 * A block by way of memory that the workgroup shares. `row0` and `column0` (i32) are where it begins, `begin` and `end` (i32) which part
 * of the depth is summed; `local` is the invocation. A vector holds lines that are apart by a quarter of the block, so that neighbouring
 * invocations have neighbouring elements when they read and write them one by one.
 */
export function tiledText({ left, right, depth }: Product, tile: Tile): ProductText {
  const threads = invocationsOf(tile);
  const sides = [sideOf("left", left, tile.rows, tile.ownRows, tile), sideOf("right", right, tile.columns, 4, tile)];
  const [l, r] = sides;
  const across = tile.columns / tile.ownColumns;
  const down = tile.rows / tile.ownRows;
  const leftSlots = tile.ownRows / l.lanes;
  const rightSlots = tile.ownColumns / 4;
  const rows = Array.from({ length: tile.ownRows }, (_, i) => ({
    slot: Math.floor(i / l.lanes),
    lane: i % l.lanes,
  }));
  const sums = rows.flatMap(({ slot, lane }, i) =>
    Array.from({ length: rightSlots }, (_, j) => ({
      name: `sum${i}_${j}`,
      row: `row0 + ownRow + ${slot * down + lane * l.slots}`,
      columns: j,
      term: `l${slot}${l.lanes > 1 ? `.${"xyzw"[lane]}` : ""} * r${j}`,
    })),
  );
  const total = depth.reduce((product, dim) => product * dim, 1);
  const loads = sides.map((side) => loadsOf(side, tile.depth, threads, depth, total));
  return {
    declarations: sides
      .map(({ name, pitch, type }) => `var<workgroup> ${name}: array<${type}, ${tile.depth * pitch}>;`)
      .join("\n"),
    statements: `
  let ownRow = i32(local / ${across}u);
  let ownColumn = i32(local % ${across}u);
  ${sums.map(({ name }) => `var ${name} = vec4<f32>(0.0f);`).join("\n  ")}
  ${loads.map(({ before }) => before).join("\n  ")}
  var chunk = begin;
  ${loads.map(({ fetch }) => fetch).join("\n  ")}
  while (chunk < end) {
    workgroupBarrier();
    ${loads.map(({ store }) => store).join("\n    ")}
    workgroupBarrier();
    // What comes next is on its way while this is computed; beyond the end it is anything.
    chunk += ${tile.depth};
    ${loads.map(({ fetch }) => fetch).join("\n    ")}
    for (var p = 0; p < ${tile.depth}; p++) {
      ${times(leftSlots, (i) => `let l${i} = left[p * ${l.pitch} + ownRow + ${i * down}];`).join(" ")}
      ${times(rightSlots, (j) => `let r${j} = right[p * ${r.pitch} + ownColumn + ${j * across}];`).join(" ")}
      ${sums.map(({ name, term }) => `${name} += ${term};`).join("\n      ")}
    }
  }`,
    columns: times(rightSlots, (j) => laneText(`column0 + ownColumn + ${j * across}`, r.slots)),
    sums,
  };
}

interface Side {
  readonly name: "left" | "right";
  readonly factor: Factor;
  readonly lanes: Lanes;
  readonly type: string;
  /** Vectors for each step of the depth, and how far apart the steps are. */
  readonly slots: number;
  readonly pitch: number;
}

function sideOf(name: "left" | "right", factor: Factor, lines: number, own: number, { depth }: Tile): Side {
  const lanes = Math.min(4, own) as Lanes;
  const slots = lines / lanes;
  // Neighbours that write along the depth must not all meet the same bank of the memory.
  const pitch = factor.along === "depth" && depth > 1 ? slots + 1 : slots;
  return { name, factor, lanes, type: vectorOf("f32", lanes), slots, pitch };
}

/** How invocations read a side's block: a first position that is the same throughout, and others. */
function loadsOf(
  { name, factor, lanes, type, slots, pitch }: Side,
  depth: number,
  threads: number,
  sizes: readonly number[],
  total: number,
): { readonly before: string; readonly fetch: string; readonly store: string } {
  const count = slots * depth;
  const rounds = Math.ceil(count / threads);
  const base = name === "left" ? "row0" : "column0";
  const isAlongLines = factor.along === "lines";
  const linesOf = (i: number): string =>
    isAlongLines ? `i32(local % ${slots}u)` : `i32(local / ${depth}u) + ${(i * threads) / depth}`;
  const stepOf = (i: number): string =>
    isAlongLines ? `i32(local / ${slots}u) + ${(i * threads) / slots}` : `i32(local % ${depth}u)`;
  const defineLines = (i: number): string =>
    factor.lines(`${name}Lines${i}`, laneText(`${base} + ${linesOf(i)}`, slots, lanes), lanes);
  const defineDepth = (i: number): string => {
    const at = `${name}Step${i}`;
    return `let ${at}At = chunk + ${stepOf(i)}; ${depthPositions(at, `${at}At`, sizes)} ${factor.depth(at)}`;
  };
  const lineNames = times(rounds, (i) => `${name}Lines${isAlongLines ? 0 : i}`);
  const stepNames = times(rounds, (i) => `${name}Step${isAlongLines ? i : 0}`);
  const isGuarded = count < threads;
  const values = times(rounds, (i) => {
    const value = factor.value(lineNames[i], stepNames[i], lanes);
    // Parts end at multiples of the block's depth.
    return total % depth === 0 ? value : `select(${type}(0.0f), ${value}, ${stepNames[i]}At < ${total})`;
  });
  const steps = times(isAlongLines ? rounds : 1, defineDepth);
  const assign = values.map((value, i) => `${name}Value${i} = ${value};`);
  const fetch = `{ ${isGuarded ? `if (local < ${count}u) ` : ""}{ ${[...steps, ...assign].join(" ")} } }`;
  const stores = times(rounds, (i) => `${name}[(${stepOf(i)}) * ${pitch} + ${linesOf(i)}] = ${name}Value${i};`);
  return {
    before: [
      ...times(isAlongLines ? 1 : rounds, defineLines),
      ...times(rounds, (i) => `var ${name}Value${i} = ${type}(0.0f);`),
    ].join("\n  "),
    fetch,
    store: isGuarded ? `if (local < ${count}u) { ${stores[0]} }` : stores.join("\n    "),
  };
}

/** Steps of the depth that are written one after the other at most: loops are dear where sums go through memory in each. */
const UNROLL = 12;
/** Products of one sum beyond which it is made of several sums. */
const LONG = 2048;

/**
 * Rows and columns of an invocation alone: it reads all that it needs. `row0` (i32) is the first of `rows` rows and `column` (vec4<i32>)
 * its columns; all the depth is summed.
 */
export function lonelyText({ left, right, depth }: Product, rows: number): ProductText {
  const sums = times(rows, (i) => ({ name: `sum${i}`, row: `row0 + ${i}`, columns: 0 }));
  const blocks = unrolledBlocks(depth, UNROLL);
  const looped = depth.flatMap((size, axis) => (blocks[axis] === size ? [] : [axis]));
  const loops = looped.map(
    (axis) => `for (var at${axis} = 0; at${axis} < ${depth[axis]}; at${axis} += ${blocks[axis]}) {`,
  );
  // Rounding one long sum again and again would show: each turn of the outermost loop has sums of its own.
  const isLong = looped.length > 1 && depth.reduce((product, dim) => product * dim, 1) > LONG;
  const own = (name: string): string => (isLong ? `${name}Turn` : name);
  const steps = positionsIn(blocks).map((position) => {
    const at = depth.map((size, axis) =>
      blocks[axis] === size ? String(position[axis]) : `at${axis} + ${position[axis]}`,
    );
    return `{
    let stepAt = ${depth.reduce((sum, size, axis) => `(${sum}) * ${size} + ${at[axis]}`, "0")};
    ${at.map((text, axis) => `let step${axis} = ${text};`).join(" ")}
    ${left.depth("step")} ${right.depth("step")}
    let r = ${right.value("right", "step", 4)};
    ${sums.map(({ name }, i) => `${own(name)} += ${left.value(`left${i}`, "step", 1)} * r;`).join("\n    ")}
    }`;
  });
  return {
    declarations: "",
    statements: `
  ${sums.map(({ name }) => `var ${name} = vec4<f32>(0.0f);`).join("\n  ")}
  ${sums.map(({ row }, i) => left.lines(`left${i}`, row, 1)).join("\n  ")}
  ${right.lines("right", "column", 4)}
  ${loops.slice(0, 1).join("")}
  ${isLong ? sums.map(({ name }) => `var ${own(name)} = vec4<f32>(0.0f);`).join("\n  ") : ""}
  ${loops.slice(1).join(" ")}
    ${steps.join("\n    ")}
  ${loops
    .slice(1)
    .map(() => "}")
    .join(" ")}
  ${isLong ? sums.map(({ name }) => `${name} += ${own(name)};`).join("\n  ") : ""}
  ${loops.length > 0 ? "}" : ""}`,
    columns: ["column"],
    sums,
  };
}

/** How many positions of each axis are written out, from the last axis on, so that they are no more than `most` together. */
function unrolledBlocks(sizes: readonly number[], most: number): number[] {
  let left = most;
  return sizes
    .toReversed()
    .map((size) => {
      const block = Math.max(1, ...times(Math.min(left, size), (i) => i + 1).filter((count) => size % count === 0));
      left = block === size ? Math.floor(left / block) : 1;
      return block;
    })
    .toReversed();
}

function positionsIn(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (found, size) => found.flatMap((position) => times(size, (i) => [...position, i])),
    [[]],
  );
}

/**
 * Rows and columns of a whole workgroup, whose invocations each sum a share of the depth from `begin` to `end`: `row0` (i32) is the first
 * of `rows` rows and `column` (vec4<i32>) the columns. The first invocation is left with the sums.
 */
export function sharedText({ left, right, depth }: Product, rows: number, size: number): ProductText {
  const sums = times(rows, (i) => ({ name: `sum${i}`, row: `row0 + ${i}`, columns: 0 }));
  return {
    declarations: `var<workgroup> shares: array<vec4<f32>, ${size}>;`,
    statements: `
  ${sums.map(({ name }) => `var ${name} = vec4<f32>(0.0f);`).join("\n  ")}
  ${sums.map(({ row }, i) => left.lines(`left${i}`, row, 1)).join("\n  ")}
  ${right.lines("right", "column", 4)}
  for (var stepAt = begin + i32(local); stepAt < end; stepAt += ${size}) {
    ${depthPositions("step", "stepAt", depth)}
    ${left.depth("step")} ${right.depth("step")}
    let r = ${right.value("right", "step", 4)};
    ${sums.map(({ name }, i) => `${name} += ${left.value(`left${i}`, "step", 1)} * r;`).join("\n    ")}
  }
  ${sums.map(({ name }) => treeText(name, size)).join("\n  ")}`,
    columns: ["column"],
    sums,
  };
}

function treeText(name: string, size: number): string {
  return `shares[local] = ${name};
  for (var half = ${size / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { shares[local] += shares[local + half]; }
  }
  ${name} = shares[local];
  workgroupBarrier();`;
}

/** Statements that define `${name}0`… as the positions of `at` (i32, not negative) in axes of such sizes. */
function depthPositions(name: string, at: string, sizes: readonly number[]): string {
  const statements: string[] = [];
  let rest = `u32(${at})`;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis];
    if (sizes.slice(0, axis).every((dim) => dim === 1)) {
      statements.push(`let ${name}${axis} = i32(${rest});`);
      rest = "0u";
    } else if (size === 1) statements.push(`let ${name}${axis} = 0;`);
    else {
      statements.push(`let ${name}${axis} = i32((${rest}) % ${size}u);`);
      rest = `(${rest}) / ${size}u`;
    }
  }
  return statements.join(" ");
}

export function vectorOf(type: "f32" | "i32" | "u32" | "bool", lanes: Lanes): string {
  return lanes === 1 ? type : `vec${lanes}<${type}>`;
}

/** Text of f32 at places (i32 text, or a vector of them) of memory that is read word by word. */
export function gatherText({ memory, start }: Place, places: string, lanes: Lanes): string {
  const one = (at: string): string => `bitcast<f32>(${memory}[${start} + u32(${at})])`;
  if (lanes === 1) return one(places);
  return `${vectorOf("f32", lanes)}(${times(lanes, (lane) => one(`${places}.${"xyzw"[lane]}`)).join(", ")})`;
}

/** Numbers from `first` on that are `step` apart. */
function laneText(first: string, step: number, lanes: Lanes = 4): string {
  if (lanes === 1) return first;
  return `(${first} + ${vectorOf("i32", lanes)}(${times(lanes, (lane) => String(lane * step)).join(", ")}))`;
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
