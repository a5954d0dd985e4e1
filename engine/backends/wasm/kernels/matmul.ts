import type { MatmulKernel } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { BYTES, type KernelCode, type Phase, type Target, type TypedKernel } from "../code";
import { type AffineRun, affineRuns, writeAffine } from "./affine";
import { type ProductAddresses, divide, panelPieces, writePanels, writeProduct } from "./product";
import { PACK_NS, type Product, type ProductPlan, planKey, planProduct } from "./product-plan";
import { STREAMED, planDots, planRow, writeDots, writeRow } from "./product-row";

/** Products of float32 matrices; the others are left to the JavaScript backend. */
export function matmulCode(typed: TypedKernel<MatmulKernel>, target: Target): KernelCode | undefined {
  if ([...typed.inputs, ...typed.outputs].some((type) => type !== "float32")) return undefined;
  const { m, n, k, batch, strideA, strideB } = merged(typed.kernel);
  const size = batch.length * m * n;
  if (size === 0) return { phases: [] };
  if (k === 0) return { phases: [zero(size * BYTES.float32)] };
  const offsetsA = affineRuns(batch.map(({ a }) => a));
  const offsetsB = affineRuns(batch.map(({ b }) => b));
  if (!offsetsA || !offsetsB) return undefined;
  const [a, b] = [
    { row: strideA[0] * 4, step: strideA[1] * 4 },
    { step: strideB[0] * 4, column: strideB[1] * 4 },
  ];
  const product: Product = { m, n, k, a, b, cRow: 4 * n };
  // One column is one row as well, C being dense: rows are done several vectors at a time.
  const turned = n === 1 && m > 1;
  const plain: Product = turned
    ? { m: 1, n: m, k, a: { row: 0, step: b.step }, b: { step: a.step, column: a.row }, cRow: 4 * m }
    : product;
  return matmulPhases(plain, turned, { a: offsetsA, b: offsetsB, count: batch.length }, target);
}

interface Batch {
  readonly a: readonly AffineRun[];
  readonly b: readonly AffineRun[];
  readonly count: number;
}

function matmulPhases(product: Product, turned: boolean, batch: Batch, target: Target): KernelCode {
  const method = methodOf(product, target, batch.count);
  const key = [method.key, turned, JSON.stringify(batch), target.fused, target.wide].join();
  const [leftOffsets, rightOffsets] = turned ? [batch.b, batch.a] : [batch.a, batch.b];
  const operand = (f: FunctionWriter, base: Local, runs: readonly AffineRun[], index: Local, to: Local): void => {
    writeAffine(f, runs, index);
    f.i32(2).op("i32.shl").get(base).op("i32.add").set(to);
  };
  const each = method.pieces;
  const main: Phase = {
    pieces: each * batch.count,
    work: method.work * batch.count,
    scratch: method.scratch,
    key: `matmul ${key}`,
    write: (f, { inputs, outputs: [out], shared: panels, scratch, from, to }, module) => {
      const [left, right] = turned ? [inputs[1], inputs[0]] : inputs;
      const [piece, index, part] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const [a, b, c] = [f.local("i32"), f.local("i32"), f.local("i32")];
      eachPiece(f, piece, from, to, () => {
        divide(f, piece, each, index, part);
        operand(f, left, leftOffsets, index, a);
        operand(f, right, rightOffsets, index, b);
        f.get(index)
          .i32(4 * product.m * product.n)
          .op("i32.mul");
        f.get(out).op("i32.add").set(c);
        method.write(f, module, { a, b, c, panels, scratch, piece: part });
      });
    },
  };
  const { plan } = method;
  if (plan?.packB !== "before") return { phases: [main] };
  const before: Phase = {
    pieces: panelPieces(plan),
    work: PACK_NS * product.k * product.n,
    key: `matmul panels ${key}`,
    write: (f, { inputs, shared: panels, from, to }, module) => {
      const [piece, index, b] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.i32(0).set(index);
      operand(f, inputs[turned ? 0 : 1], rightOffsets, index, b);
      eachPiece(f, piece, from, to, () => {
        writePanels(f, module, plan, { b, panels, piece });
      });
    },
  };
  return { phases: [before, main], shared: plan.panels };
}

/** How one product of the batch is done. */
interface Method {
  readonly pieces: number;
  readonly work: number;
  readonly scratch: number;
  readonly key: string;
  readonly plan?: ProductPlan;
  write(
    f: FunctionWriter,
    module: ModuleWriter,
    at: Required<Omit<ProductAddresses, "accumulate" | "finishing">>,
  ): void;
}

function methodOf(product: Product, target: Target, copies: number): Method {
  const { m, n, k, a, b } = product;
  if (m <= 2 && b.step === 4 && (b.column !== 4 || n === 1)) {
    const plan = planDots(product, copies);
    return {
      ...plan,
      key: ["dots", m, n, k, a.row, a.step, b.column, plan.pieces].join(),
      write: (f, module, at) => {
        writeDots(f, module, product, target, plan.pieces, at);
      },
    };
  }
  if (m === 1 && b.column === 4 && k * n >= STREAMED) {
    const plan = planRow(product, copies);
    return {
      ...plan,
      key: ["row", n, k, a.step, b.step, plan.pieces].join(),
      write: (f, module, at) => {
        writeRow(f, module, product, target, plan.pieces, at);
      },
    };
  }
  const plan = planProduct(product, target, copies);
  return {
    pieces: plan.rowBlocks * plan.columnBlocks,
    work: plan.work,
    scratch: plan.scratch,
    key: planKey(plan),
    plan,
    write: (f, module, at) => {
      writeProduct(f, module, plan, at);
    },
  };
}

function eachPiece(f: FunctionWriter, piece: Local, from: Local, to: Local, body: () => void): void {
  f.forRange(
    piece,
    () => f.get(from),
    () => f.get(to),
    1,
    body,
  );
}

/** Sums of nothing. */
function zero(bytes: number): Phase {
  return {
    pieces: 1,
    work: bytes / 20,
    key: `matmul zero ${bytes}`,
    write: (f, { outputs: [out] }) => {
      f.get(out).i32(0).i32(bytes).fillMemory();
    },
  };
}

/** Matrices that lie below each other and are multiplied with the same one are one matrix. */
function merged(kernel: MatmulKernel): MatmulKernel {
  const { batch, m, strideA } = kernel;
  if (batch.length < 2) return kernel;
  const [first] = batch;
  const distance = m === 1 ? batch[1].a - first.a : m * strideA[0];
  if (batch.some(({ a, b }, i) => b !== first.b || a !== first.a + i * distance)) return kernel;
  return { ...kernel, m: m * batch.length, batch: [first], strideA: [m === 1 ? distance : strideA[0], strideA[1]] };
}
