import { type AffineRun, affineRuns } from "../../../kernel/affine";
import { type MatmulKernel, productShape } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, Place, TypedKernel } from "../code";
import { loadElement } from "../wgsl/elements";
import { finishOf } from "./finish";
import { areBlocksWorth, blocksCode } from "./matmul-blocks";
import { type VectorFactor, type VectorProduct, vectorTiledText } from "./matmul-tiles";
import { NOTHING, type Task, productCode, productThenSweep } from "./product";
import { pullPass } from "./pull";
import { type Extent, type Scheme, schemeOf } from "./schemes";
import { type Factor, gatherText } from "./tile";

/** Products of matrices that lie anywhere. */
export function matmulCode(typed: TypedKernel<MatmulKernel>, target: GpuTarget): KernelCode {
  const { kernel, inputs, outputs } = typed;
  const size = productShape(kernel).reduce((product, dim) => product * dim, 1);
  const finish = finishOf(productShape(kernel), kernel.epilogue, inputs, outputs);
  if (kernel.epilogue && (!finish || size === 0)) return productThenSweep(typed, matmulCode, target);
  if (size === 0) return { passes: [] };
  if (!finish) return wholeCode(typed, size, target);
  const arranged = arrangedOf(kernel);
  const vectors = vectorProductOf(arranged);
  if (vectors && areBlocksWorth(vectors, target)) return blocksCode(vectors, finish, target);
  const task = taskOf(arranged, target);
  if (!vectors) return productCode([task], finish, size, target);
  // Vectors are turned as they are read: it does not matter along what they lie.
  const scheme = schemeFor({ ...task.extent, along: "lines" }, vectors.right.along, target);
  const tiled: Task["tiled"] = (operands, tile) => vectorTiledText(vectors, operands, tile);
  return productCode([isVectorTile(scheme) ? { ...task, scheme, tiled } : task], finish, size, target);
}

/** One of the two factors: how far apart its lines (rows of A, columns of B) and its steps along the middle axis are. */
interface Matrix {
  readonly input: 0 | 1;
  readonly line: number;
  readonly step: number;
  readonly offsets: readonly AffineRun[];
}

/** A product as it is computed: each row of the left factor with each column of the right one. */
interface Arranged {
  readonly sets: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly left: Matrix;
  readonly right: Matrix;
  /** From one row and from one column to the next in the result. */
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Where columns, which go in fours, are few, rows take their place. */
function arrangedOf({ m, n, k, batch, strideA, strideB }: MatmulKernel): Arranged {
  const a: Matrix = { input: 0, line: strideA[0], step: strideA[1], offsets: offsetsOf(batch.map((each) => each.a)) };
  const b: Matrix = { input: 1, line: strideB[1], step: strideB[0], offsets: offsetsOf(batch.map((each) => each.b)) };
  const common = { sets: batch.length, depth: k };
  return n < 4 && m > n
    ? { ...common, rows: n, columns: m, left: b, right: a, rowStep: 1, columnStep: n }
    : { ...common, rows: m, columns: n, left: a, right: b, rowStep: n, columnStep: 1 };
}

/** The product where all elements can be read and written four by four. */
function vectorProductOf({ left, right, columnStep, ...sizes }: Arranged): VectorProduct | undefined {
  const { sets, rows, columns, depth } = sizes;
  if (columnStep !== 1 || columns % 4 !== 0) return undefined;
  // How far it would be to the next row is of no matter where there is none.
  const leftFactor = vectorFactorOf(rows === 1 ? { ...left, line: left.step === 1 ? 0 : 1 } : left, depth);
  const rightFactor = vectorFactorOf(right, depth);
  return leftFactor && rightFactor && { sets, rows, columns, depth, left: leftFactor, right: rightFactor };
}

function vectorFactorOf({ input, line, step, offsets }: Matrix, depth: number): VectorFactor | undefined {
  if (offsets.some((run) => run.step % 4 !== 0)) return undefined;
  const offset = affineText(offsets);
  if (line === 1 && step % 4 === 0) return { input, along: "lines", pitch: step, offset };
  if (step === 1 && line % 4 === 0 && depth % 4 === 0) return { input, along: "depth", pitch: line, offset };
  return undefined;
}

function taskOf({ sets, rows, columns, depth, left, right, rowStep, columnStep }: Arranged, target: GpuTarget): Task {
  const along = [left, right].some((each) => alongOf(each) === "depth") ? "depth" : "lines";
  const extent = { sets, rows, columns, depth, along } as const;
  return {
    key: `matmul ${JSON.stringify([left, right, extent, rowStep])}`,
    extent,
    scheme: schemeFor(extent, alongOf(right), target),
    product: (operands) => ({
      left: factorOf(left, operands.input(left.input)),
      right: factorOf(right, operands.input(right.input)),
      depth: [depth],
    }),
    place: (row, each) => `i32(subset) * ${rows * columns} + ${row} * ${rowStep} + (${each}) * ${columnStep}`,
  };
}

/**
 * As of any product, but for a few rows on a graphics card, where all time goes into reading the right factor: neighbours must read
 * neighbours.
 */
function schemeFor(extent: Extent, right: "lines" | "depth", target: GpuTarget): Scheme {
  const { rows, depth } = extent;
  if (depth === 0) return NOTHING;
  if (target.software || rows >= 4 || depth < 32) return schemeOf(extent, target);
  const usual = schemeOf(extent, target);
  if (usual.kind === "shared") return usual;
  // A workgroup goes along four lines together; blocks of shared memory go across lines, and their parts keep the device busy.
  if (right === "depth") return { kind: "shared", rows, size: depth >= 256 ? 64 : 32, parts: 1 };
  return schemeOf({ ...extent, rows: 4 }, target);
}

/** Whether the invocations have whole vectors of rows. */
function isVectorTile(scheme: Scheme): boolean {
  return scheme.kind === "tiled" && scheme.tile.ownRows >= 4;
}

function alongOf({ line, step }: Matrix): "lines" | "depth" {
  return Math.abs(step) < Math.abs(line) ? "depth" : "lines";
}

function factorOf(matrix: Matrix, place: Place): Factor {
  const { input, line, step, offsets } = matrix;
  const own = "AB"[input];
  return {
    along: alongOf(matrix),
    lines: (name, at) => `let ${name} = ${affineText(offsets)} + (${at}) * ${line};`,
    depth: (name) => `let ${name}${own} = ${name}0 * ${step};`,
    value: (lines, depth, lanes) => gatherText(place, `(${lines} + ${depth}${own})`, lanes),
  };
}

function offsetsOf(offsets: readonly number[]): readonly AffineRun[] {
  const runs = affineRuns(offsets);
  if (!runs) throw new Error("internal: matrices of a product lie at no regular distances");
  return runs;
}

/** The offset (i32) of the matrices of the pair `subset` (u32). */
function affineText(runs: readonly AffineRun[]): string {
  const terms = runs.map(({ period, count, step }) => {
    if (period === 0) return String(step);
    const digit = period === 1 ? "subset" : `subset / ${period}u`;
    return `i32(${count > 0 ? `(${digit}) % ${count}u` : digit}) * ${step}`;
  });
  return terms.join(" + ");
}

/** Whole numbers, which are rare, an invocation for each element. Sums wrap around, as those of int32 do. */
function wholeCode(
  { kernel, inputs, outputs }: TypedKernel<MatmulKernel>,
  size: number,
  target: GpuTarget,
): KernelCode {
  const { m, n, k, batch, strideA, strideB } = kernel;
  const type = inputs.includes("float32") ? "f32" : "i32";
  const offsets = [offsetsOf(batch.map(({ a }) => a)), offsetsOf(batch.map(({ b }) => b))];
  const pass = pullPass(
    {
      key: `matmul of ${JSON.stringify([inputs, m, n, k, batch.length, strideA, strideB, offsets])}`,
      size,
      type: outputs[0],
      write: (operands) => {
        const factors = [strideA[1], strideB[0]].map((step, i) => {
          const element = loadElement(operands.input(i), inputs[i], `from${i} + step * ${step}`);
          return `${type}(${element})`;
        });
        const bits = { float32: "bitcast<u32>(f32(sum))", int32: "bitcast<u32>(i32(sum))", bool: `sum != ${type}(0)` };
        return {
          statements: `
  let subset = element / ${m * n}u;
  let from0 = ${affineText(offsets[0])} + i32((element / ${n}u) % ${m}u) * ${strideA[0]};
  let from1 = ${affineText(offsets[1])} + i32(element % ${n}u) * ${strideB[1]};
  var sum = ${type}(0);
  for (var step = 0; step < ${k}; step++) { sum += ${factors.join(" * ")}; }
  value = ${bits[outputs[0]]};`,
        };
      },
    },
    target,
  );
  return { passes: [pass] };
}
