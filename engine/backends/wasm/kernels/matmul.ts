import type { MatmulKernel } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { BYTES, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import {
  type EpiloguePlan,
  finishOf,
  joinOuter,
  outputOfProduct,
  planEpilogue,
  productThenSweep,
  turnColumn,
  writeFinishing,
} from "./epilogue";
import { type AffineRun, affineRuns } from "../../../kernel/affine";
import { writeAffine } from "./affine";
import { type ProductAddresses, divide, panelPieces, writePanels, writeProduct } from "./product";
import { PACK_NS, type Product, type ProductPlan, planKey, planProduct } from "./product-plan";
import { STREAMED, planDots, planRow, writeDots, writeRow } from "./product-row";

/** Products of float32 matrices; the others are left to the JavaScript backend. */
export function matmulCode(typed: TypedKernel<MatmulKernel>, target: Target): KernelCode | undefined {
  if (typed.kernel.epilogue) return finishedCode(typed, target) ?? productThenSweep(typed, target, matmulCode);
  if ([...typed.inputs, ...typed.outputs].some((type) => type !== "float32")) return undefined;
  const kernel = merged(typed.kernel);
  const size = kernel.batch.length * kernel.m * kernel.n;
  if (size === 0) return { phases: [] };
  if (kernel.k === 0) return { phases: [zero(size * BYTES.float32)] };
  const task = taskOf(kernel, target);
  return task && matmulPhases(task, target);
}

/** A product whose tiles are finished in registers; undefined where there are none. */
function finishedCode(typed: TypedKernel<MatmulKernel>, target: Target): KernelCode | undefined {
  const planned = planEpilogue(typed, target);
  const { batch, m, n, k } = typed.kernel;
  if (!planned || batch.length * m * n * k === 0) return undefined;
  const joined = joinOuter(planned);
  const kernel = joined ? merged(typed.kernel) : typed.kernel;
  const each = joined && kernel.batch.length === 1 ? joined : planned;
  const isTurned = kernel.n === 1 && kernel.m > 1;
  const epilogue = isTurned ? turnColumn(each) : each;
  const task = epilogue && taskOf(kernel, target, epilogue);
  return task?.method.plan && matmulPhases(task, target);
}

/** What is to be done for each pair of matrices. */
interface Task {
  readonly product: Product;
  /** Whether the factors have changed places. */
  readonly turned: boolean;
  readonly method: Method;
  /** Offsets of the matrices. */
  readonly a: readonly AffineRun[];
  readonly b: readonly AffineRun[];
  readonly count: number;
  readonly epilogue: EpiloguePlan | undefined;
}

function taskOf(
  { m, n, k, batch, strideA, strideB }: MatmulKernel,
  target: Target,
  epilogue?: EpiloguePlan,
): Task | undefined {
  const offsetsA = affineRuns(batch.map((each) => each.a));
  const offsetsB = affineRuns(batch.map((each) => each.b));
  if (!offsetsA || !offsetsB) return undefined;
  const [a, b] = [
    { row: strideA[0] * 4, step: strideA[1] * 4 },
    { step: strideB[0] * 4, column: strideB[1] * 4 },
  ];
  // One column is one row as well, C being dense: rows are done several vectors at a time.
  const turned = n === 1 && m > 1;
  const plain: Product = turned
    ? { m: 1, n: m, k, a: { row: 0, step: b.step }, b: { step: a.step, column: a.row }, cRow: 4 * m }
    : { m, n, k, a, b, cRow: 4 * n };
  const product = epilogue ? { ...plain, finish: finishOf(epilogue) } : plain;
  const method = methodOf(product, target, batch.length);
  return { product, turned, method, a: offsetsA, b: offsetsB, count: batch.length, epilogue };
}

function matmulPhases(task: Task, target: Target): KernelCode {
  const { product, turned, method, count, epilogue } = task;
  const { plan } = method;
  const key = [method.key, turned, JSON.stringify([task.a, task.b, count]), target.fused, target.wide].join();
  const [leftOffsets, rightOffsets] = turned ? [task.b, task.a] : [task.a, task.b];
  const operand = (f: FunctionWriter, base: Local, runs: readonly AffineRun[], index: Local, to: Local): void => {
    writeAffine(f, runs, index);
    f.i32(2).op("i32.shl").get(base).op("i32.add").set(to);
  };
  const each = method.pieces;
  const size = 4 * product.m * product.n;
  const panelBytes = plan?.packB === "before" ? aligned(plan.panels) : 0;
  // Sums that are not finished stand where the result will, if that is float32.
  const output = epilogue ? outputOfProduct(epilogue) : 0;
  const main: Phase = {
    pieces: each * count,
    work: method.work * count,
    scratch: method.scratch,
    key: `matmul ${key}`,
    write: (f, at, module) => {
      const [left, right] = turned ? [at.inputs[1], at.inputs[0]] : at.inputs;
      const [piece, index, part] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const [a, b, c] = [f.local("i32"), f.local("i32"), f.local("i32")];
      eachPiece(f, piece, at.from, at.to, () => {
        divide(f, piece, each, index, part);
        operand(f, left, leftOffsets, index, a);
        operand(f, right, rightOffsets, index, b);
        f.get(index).i32(size).op("i32.mul");
        if (output === undefined) f.get(at.shared).i32(panelBytes).op("i32.add");
        else f.get(at.outputs[output]);
        f.op("i32.add").set(c);
        method.write(f, module, {
          ...{ a, b, c, panels: at.shared, scratch: at.scratch, piece: part },
          finishing: (row, column) => {
            if (epilogue) writeFinishing(f, epilogue, at, [index, row, column]);
          },
        });
      });
    },
  };
  const shared = panelBytes + (output === undefined ? aligned(size * count) : 0);
  if (plan?.packB !== "before") return { phases: [main], shared };
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
  return { phases: [before, main], shared };
}

/** How one product of the batch is done. */
interface Method {
  readonly pieces: number;
  readonly work: number;
  readonly scratch: number;
  readonly key: string;
  readonly plan?: ProductPlan;
  write(f: FunctionWriter, module: ModuleWriter, at: Required<Omit<ProductAddresses, "accumulate">>): void;
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
