import type { Combine, ElementType, ReduceKernel, View } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import { type Node, shareSubexpressions } from "../../../kernel/nodes";
import type { GpuTarget, KernelCode, Operands, Pass, TypedKernel } from "../code";
import { GroupCombiner, accumulatorKind, acrossLanes, combined, loopText, neutral } from "../wgsl/combine";
import {
  KIND_OF,
  type Width,
  loadElement,
  loadLane,
  loadVector,
  storeBools,
  storeElement,
  storeVector,
  typeName,
} from "../wgsl/elements";
import { converted, stored, writeBody } from "../wgsl/expression";
import { GROUP, entry, entryForEach, groupsOf } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";
import { addressOf, positionsOf } from "../wgsl/positions";
import { fitsVectors, keyText } from "./map";
import { rowsCode } from "./rows";
import { type Partials, storePartial, storeTotal, totalsPass } from "./totals";

/** Up to so many neighbours are combined by one invocation. */
const SHORT = 32;
/** Workgroups that keep a device busy, and an adapter in software. */
const BUSY = 1024;
const BUSY_SOFTWARE = 8;
/** Numbers, of which four one after the other may be left to one workgroup. */
const MANY = 1024;

interface Reduction {
  readonly views: readonly View[];
  readonly nodes: readonly Node[];
  readonly inputs: readonly ElementType[];
  readonly output: ElementType;
  readonly combine: Combine;
  readonly kind: "float" | "int";
  /** Loops of what stays, and of what is combined. */
  readonly kept: readonly Loop[];
  readonly reduced: readonly Loop[];
  readonly keptSize: number;
  readonly reducedSize: number;
  /** Whether the innermost loop is one of what is combined. */
  readonly isAlong: boolean;
  /** Elements of the innermost loop that are read together. */
  readonly width: Width;
  /** Into how many parts what is combined is cut, each as long in steps of its loops, of `width` elements where the innermost is one. */
  readonly parts: number;
  readonly part: number;
  /** Whether parts are left for another pass, which joins them, and how far apart they are in words. */
  readonly isJoined: boolean;
  readonly partStride: number;
  readonly numberStride: number;
}

/**
 * Combines along axes. Where neighbours in memory are combined, a workgroup does it for each number together; where they stay apart, each
 * invocation does one or four neighbours. Few long ones are cut in parts, which a second pass combines in their order.
 */
export function reduceCode({ kernel, inputs, outputs }: TypedKernel<ReduceKernel>, target: GpuTarget): KernelCode {
  const { shape, axes, views, combine, body } = kernel;
  const { software } = target;
  const [output] = outputs;
  const nodes = shareSubexpressions(body);
  const sizeOf = (isReduced: boolean): number =>
    shape.reduce((product, dim, axis) => (axes.includes(axis) === isReduced ? product * dim : product), 1);
  const keptSize = sizeOf(false);
  const reducedSize = sizeOf(true);
  if (keptSize === 0) return { passes: [] };
  // A body of no elements must not be planned over: its axes of size 1 would be gone, those of size 0 would divide.
  const loops = reducedSize === 0 ? [] : planLoops(shape, axes, views, nodes);
  const inner = loops.at(-1);
  const isShort = reducedSize <= (software && keptSize >= 8 ? SHORT * 16 : SHORT);
  const isRow = inner?.reduced === true && !isAside(loops);
  // Rows that are enough for all invocations are gone through as those of other kernels are.
  if (isRow && axes.length === 1 && axes[0] === shape.length - 1 && keptSize >= (software ? BUSY_SOFTWARE : BUSY)) {
    const results = [{ body, combine, over: "row", kept: true }] as const;
    return rowsCode({ kernel: { kind: "rows", shape, views, results }, inputs, outputs }, target);
  }
  const isAlong = isRow && !isShort;
  const isWhole = inner !== undefined && (inner.size % 4 === 0 || (loops.length === 1 && isAlong));
  const fits = isWhole && inner.reduced === isAlong && fitsVectors(loops, views, nodes);
  const plan = isAlong ? planAlong : planAcross;
  const { width, parts, grid } = plan(keptSize, reducedSize, fits, output, target);
  // A workgroup cannot write one byte: flags are joined by those that write four.
  const isJoined = parts > 1 || (output === "bool" && keptSize > 1);
  const steps = isAlong ? Math.ceil(reducedSize / width) : reducedSize;
  const work: Reduction = {
    views,
    nodes,
    inputs,
    output,
    combine,
    kind: accumulatorKind(output),
    kept: loops.filter(({ reduced }) => !reduced),
    reduced: loops.filter(({ reduced }) => reduced),
    keptSize,
    reducedSize,
    isAlong,
    width,
    parts,
    part: Math.ceil(steps / parts),
    isJoined,
    partStride: isAlong ? keptSize * width : Math.ceil(keptSize / width) * width,
    numberStride: isAlong ? width : 1,
  };
  const main = isAlong ? alongPass(work, grid, target) : acrossPass(work, grid, target);
  if (!isJoined) return { passes: [main] };
  const join = keptSize === 1 ? totalsPass(partialsOf(work), inputs.length, target) : joinPass(work, target);
  return { passes: [main, join], shared: 4 * parts * work.partStride };
}

/** Whether what is combined lies apart in memory, but neighbours among what stays lie side by side. */
function isAside(loops: readonly Loop[]): boolean {
  const inner = loops.at(-1);
  const kept = loops.findLast(({ reduced }) => !reduced);
  return inner?.strides.some((stride, i) => Math.abs(stride) > 1 && kept?.strides[i] === 1) ?? false;
}

/** How work is spread over invocations. */
interface Grid {
  /** Invocations that combine for one number, or beside each other for neighbours, in a workgroup. */
  readonly down: number;
  /** Invocations beside each other for different numbers. */
  readonly beside: number;
}

interface Spread {
  readonly width: Width;
  readonly parts: number;
  readonly grid: Grid;
}

function planAlong(
  keptSize: number,
  reducedSize: number,
  fits: boolean,
  output: ElementType,
  { software }: GpuTarget,
): Spread {
  const busy = software ? BUSY_SOFTWARE : BUSY;
  const most = software ? GROUP / 16 : GROUP;
  const partsOf = (width: Width): number =>
    partsIn(Math.ceil(busy / keptSize), reducedSize / width / (most * (software ? 64 : 8)), output);
  // A workgroup cannot store one number of a vector, but all four, or one of another pass's memory.
  const isFit = fits && (keptSize === 1 || partsOf(4) > 1 || keptSize >= (software ? MANY / 64 : MANY));
  const width = isFit ? 4 : 1;
  const parts = partsOf(width);
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, reducedSize / width / parts / 4)));
  return { width, parts, grid: { down: Math.min(most, Math.max(software ? 4 : 32, wanted)), beside: 1 } };
}

function planAcross(
  keptSize: number,
  reducedSize: number,
  fits: boolean,
  output: ElementType,
  { software }: GpuTarget,
): Spread {
  const busy = software ? BUSY_SOFTWARE : BUSY;
  const width = fits ? 4 : 1;
  const units = Math.ceil(keptSize / width);
  const most = software ? GROUP / 4 : GROUP;
  const line = Math.min(2 ** Math.ceil(Math.log2(units)), units >= most * busy ? most : software ? 16 : 32);
  const down = Math.max(1, Math.min(most / line, 2 ** Math.floor(Math.log2(Math.max(1, reducedSize / 8)))));
  // Where there is enough to do, invocations need not wait for each other.
  const isBusy = software ? units >= 32 : units >= (most * busy) / 4;
  const grid = isBusy
    ? { down: 1, beside: most }
    : { down, beside: Math.min(2 ** Math.ceil(Math.log2(units)), most / down) };
  const blocks = Math.ceil(units / grid.beside);
  const parts = partsIn(Math.ceil(busy / blocks), reducedSize / grid.down / (software ? 128 : 16), output);
  return { width, parts, grid };
}

/** Flags are joined by one invocation for four numbers, which should not take long. */
function partsIn(wanted: number, possible: number, output: ElementType): number {
  return Math.max(1, Math.min(wanted, Math.floor(possible), output === "bool" ? 64 : 1024));
}

function keyOf(name: string, work: Reduction, grid: Grid | undefined, { subgroups }: GpuTarget): string {
  return `${name} ${JSON.stringify([work, grid, subgroups], keyText)}`;
}

/** A workgroup for each number and part, or for four numbers one after the other, which are then stored as a vector. */
function alongPass(work: Reduction, grid: Grid, target: GpuTarget): Pass {
  const { keptSize, reducedSize, width, parts, part, isJoined, combine, kind, output } = work;
  const size = grid.down;
  const isByFour = width === 4 && !isJoined && keptSize > 1;
  const groups = isByFour ? Math.ceil(keptSize / 4) : keptSize * parts;
  const steps = Math.ceil(reducedSize / width);
  return {
    key: keyOf("reduce along", work, grid, target),
    workgroups: groupsOf(groups, target),
    vectors: width === 4,
    ...(target.subgroups ? { features: ["subgroups"] } : {}),
    write: (operands) => {
      const math = new MathTexts();
      const combiner = new GroupCombiner(size, target.subgroups, math);
      const of = { combine, kind, name: "total" };
      const start = `${typeName(kind, width)}(${neutral(combine, output)})`;
      const total = [
        ...keptPositions(work, "number"),
        `var sum = ${start};`,
        `let end = min((part + 1u) * ${part}u, ${steps}u);`,
        ...loopOf(work, "local", size, operands, math),
        `var total = ${width === 4 ? acrossLanes(of, "sum", math) : "sum"};`,
        ...combiner.combine([of]),
      ];
      const text = isByFour
        ? [
            `var four = vec4<u32>(0u);`,
            "let part = 0u;",
            `for (var lane = 0u; lane < 4u; lane++) {`,
            `let number = min(group * 4u + lane, ${keptSize - 1}u);`,
            ...total,
            `four[lane] = bitcast<u32>(${converted({ text: "total", kind }, KIND_OF[output], 1)});`,
            // Who is slow may still read what others have left for this number.
            "workgroupBarrier();",
            "}",
            `if (local == 0u) { ${storeVector(operands.output(0), "group * 4u", "four")} }`,
          ]
        : [
            `let number = group / ${parts}u;`,
            `let part = group % ${parts}u;`,
            ...total,
            `if (local == 0u) { ${finish(work, operands)} }`,
          ];
      return `${combiner.declarations}${entry(groups, size, lines([...combiner.beginning, ...text]))}\n${math.toString()}`;
    },
  };
}

function partialsOf({ combine, output, parts, numberStride }: Reduction): Partials {
  const unit = numberStride === 4 ? 4 : 1;
  return { totals: [{ combine, type: output, output: 0 }], groups: parts, unit, start: 0 };
}

/** Stores the `total` of a number and part, or of the number where there is one part. */
function finish(work: Reduction, operands: Operands): string {
  const { keptSize, isJoined, width, kind, output } = work;
  if (isJoined && keptSize === 1) return storePartial(operands, partialsOf(work), 0, "total");
  if (isJoined) {
    const { memory, start } = operands.shared();
    const at = `${start} + part * ${keptSize}u + number`;
    return width === 4
      ? `${memory}[${at}] = vec4<u32>(bitcast<u32>(total), 0u, 0u, 0u);`
      : `${memory}[${at}] = bitcast<u32>(total);`;
  }
  if (keptSize === 1) return storeTotal(operands, partialsOf(work).totals[0], "total", width);
  return storeElement(operands.output(0), "number", converted({ text: "total", kind }, KIND_OF[output], 1));
}

/** Invocations beside each other for neighbours, below each other for what is combined into them. */
function acrossPass(work: Reduction, grid: Grid, target: GpuTarget): Pass {
  const { keptSize, reducedSize, width, parts, part, isJoined, combine, kind, output, partStride } = work;
  const { down, beside } = grid;
  const units = Math.ceil(keptSize / width);
  const blocks = Math.ceil(units / beside);
  const size = down * beside;
  return {
    key: keyOf("reduce across", work, grid, target),
    workgroups: groupsOf(blocks * parts, target),
    vectors: width === 4,
    write: (operands) => {
      const math = new MathTexts();
      const type = typeName(kind, width);
      const of = { combine, kind };
      const tree =
        down === 1
          ? []
          : [
              "tile[local] = sum;",
              `for (var half = ${down / 2}u; half > 0u; half /= 2u) {`,
              "workgroupBarrier();",
              `if (row < half) { tile[local] = ${combined(of, width, "tile[local]", `tile[local + half * ${beside}u]`, math)}; }`,
              "}",
              "sum = tile[local];",
            ];
      const bits = `bitcast<${width === 4 ? "vec4<u32>" : "u32"}>(sum)`;
      const result = converted({ text: "sum", kind }, KIND_OF[output], width);
      const shared = isJoined ? operands.shared() : undefined;
      const store = shared
        ? `${shared.memory}[${shared.start} + part * ${partStride / width}u + column] = ${bits};`
        : output === "bool"
          ? storeTotal(operands, { combine, type: output, output: 0 }, "sum", 1)
          : width === 4
            ? storeVector(operands.output(0), "column * 4u", result)
            : storeElement(operands.output(0), "column", result);
      const text = [
        `let part = group / ${blocks}u;`,
        `let column = group % ${blocks}u * ${beside}u + local % ${beside}u;`,
        `let row = local / ${beside}u;`,
        `let isIn = column < ${units}u;`,
        ...keptPositions(work, `select(0u, column, isIn)`),
        `var sum = ${type}(${neutral(combine, output)});`,
        `let end = min((part + 1u) * ${part}u, ${reducedSize}u);`,
        ...loopOf(work, "row", down, operands, math),
        ...tree,
        `if (row == 0u && isIn) { ${store} }`,
      ];
      const tile = down === 1 ? "" : `var<workgroup> tile: array<${type}, ${size}>;\n`;
      return `${tile}${entry(blocks * parts, size, lines(text))}\n${math.toString()}`;
    },
  };
}

/** Combines the parts of each number: a workgroup for each where they are few, an invocation for each or for four flags else. */
function joinPass(work: Reduction, target: GpuTarget): Pass {
  const { keptSize, output, combine, kind, parts, partStride, numberStride } = work;
  const bools = output === "bool";
  const count = bools ? Math.ceil(keptSize / 4) : keptSize;
  const isFew = !bools && keptSize * parts < GROUP * 64 && parts > 8;
  const size = target.software ? 4 : 32;
  return {
    key: keyOf("reduce join", work, undefined, target),
    workgroups: groupsOf(isFew ? keptSize : Math.ceil(count / GROUP), target),
    ...(isFew && target.subgroups ? { features: ["subgroups"] } : {}),
    write: (operands) => {
      const math = new MathTexts();
      const combiner = new GroupCombiner(size, target.subgroups, math);
      const { memory, start } = operands.shared();
      const of = { combine, kind, name: "sum" };
      const sum = (number: string, first: string, step: number): string[] => [
        `var sum = ${neutral(combine, output)};`,
        `for (var part = ${first}; part < ${parts}u; part += ${step}u) {`,
        `let value = bitcast<${typeName(kind, 1)}>(${memory}[${start} + part * ${partStride}u + ${number} * ${numberStride}u]);`,
        `sum = ${combined(of, 1, "sum", "value", math)};`,
        "}",
      ];
      const store = (number: string): string =>
        storeElement(operands.output(0), number, converted({ text: "sum", kind }, KIND_OF[output], 1));
      if (isFew) {
        const text = [
          ...combiner.beginning,
          ...sum("group", "local", size),
          ...combiner.combine([of]),
          `if (local == 0u) { ${store("group")} }`,
        ];
        return `${combiner.declarations}${entry(keptSize, size, lines(text))}\n${math.toString()}`;
      }
      const text = bools
        ? [
            "var flags = vec4<bool>(false);",
            "for (var lane = 0u; lane < 4u; lane++) {",
            "let number = at * 4u + lane;",
            `if (number >= ${keptSize}u) { break; }`,
            ...sum("number", "0u", 1),
            `flags[lane] = ${converted({ text: "sum", kind }, "bool", 1)};`,
            "}",
            storeBools(operands.output(0), "at * 4u", "flags"),
          ]
        : [...sum("at", "0u", 1), store("at")];
      return `${entryForEach(count, lines(text))}\n${math.toString()}`;
    },
  };
}

/** Statements that find the positions of what stays, of a number or of four neighbours. */
function keptPositions({ kept, isAlong, width }: Reduction, number: string): readonly string[] {
  return innerPositions(kept, number, "k", !isAlong && width === 4);
}

function innerPositions(loops: readonly Loop[], number: string, prefix: string, isByFour: boolean): readonly string[] {
  if (!isByFour) return positionsOf(loops, number, prefix);
  const last = loops.length - 1;
  const sizes = loops.map(({ size }, at) => ({ size: at === last ? Math.ceil(size / 4) : size }));
  return [...positionsOf(sizes, number, prefix), `let inner = ${prefix}${last} * 4;`];
}

/** The loop over a part up to `end` that combines what every `step`-th place has into `sum`. */
function loopOf(work: Reduction, from: string, step: number, operands: Operands, math: MathTexts): readonly string[] {
  const { part, combine, kind, width, output } = work;
  const start = `${typeName(kind, width)}(${neutral(combine, output)})`;
  const range = { first: `part * ${part}u + ${from}`, end: "end", step, turns: Math.ceil(part / step) };
  return loopText(range, [{ combine, kind, lanes: "sum", start }], width, math, ([name]) =>
    elementText(work, name, operands, math),
  );
}

/** Statements that take the body at `at` of what is combined into a variable. */
function elementText(work: Reduction, name: string, operands: Operands, math: MathTexts): readonly string[] {
  const { nodes, views, inputs, kept, reduced, reducedSize, isAlong, width, combine, kind, output } = work;
  const loops = [...kept, ...reduced];
  const prefixes = [...kept.map((_, i) => `k${i}`), ...reduced.map((_, i) => `r${i}`)];
  const inner = width === 1 ? -1 : isAlong ? loops.length - 1 : kept.length - 1;
  if (inner >= 0) prefixes[inner] = "inner";
  const body = writeBody(nodes, {
    width,
    math,
    input: (index) => {
      const type = inputs[index];
      const kindOf = KIND_OF[type];
      const address = addressOf(loops, prefixes, index, views[index].offset);
      const place = operands.input(index);
      if (width === 1) return { text: loadElement(place, type, address), kind: kindOf };
      if (loops[inner].strides[index] === 0)
        return { text: `${typeName(kindOf, 4)}(${loadLane(place, type, address)})`, kind: kindOf };
      return { text: loadVector(place, type, address), kind: kindOf };
    },
    index: (axis) => {
      const at = loops.findIndex((loop) => loop.axis === axis);
      if (width === 1) return at < 0 ? "0i" : prefixes[at];
      if (at < 0) return "vec4<i32>(0)";
      return at === inner ? "vec4<i32>(inner, inner + 1, inner + 2, inner + 3)" : `vec4<i32>(${prefixes[at]})`;
    },
  });
  const value = stored({ nodes, values: body.values }, nodes.length - 1, kind === "int" ? "int32" : "float32", width);
  const start = `${typeName(kind, width)}(${neutral(combine, output)})`;
  const isCut = isAlong && width === 4 && reducedSize % 4 !== 0;
  const present = `(vec4<u32>(0u, 1u, 2u, 3u) + at * 4u < vec4<u32>(${reducedSize}u))`;
  return [
    ...innerPositions(reduced, "at", "r", isAlong && width === 4),
    ...body.statements,
    `let value = ${isCut ? `select(${start}, ${value}, ${present})` : value};`,
    `${name} = ${combined({ combine, kind }, width, name, "value", math)};`,
  ];
}

function lines(statements: readonly string[]): string {
  return statements.map((each) => `  ${each}`).join("\n");
}
