import {
  type ElementType,
  type Kernel,
  type ProductKernel,
  type RowsKernel,
  type SweepKernel,
  partsOfEpilogue,
  partsOfRows,
  partsOfSweep,
  productShape,
} from "../../kernel/kernel";
import { type Backend, type Buffer, DispatchError, type Values } from "../backend";
import { type ArrayKernel, type Elements, type Precision, allocateValues, valuesAt } from "./array-kernel";
import { compileConvolution } from "./convolution";
import { type CodeMode, canGenerateCode, compileMap, compileReduce } from "./elementwise";
import { compileMatmul } from "./matmul";
import { type MatrixProduct, createMatrixProduct } from "./matrix-product";
import {
  compileArgument,
  compileConcat,
  compileCumulativeSum,
  compileGather,
  compilePlace,
  compileScatterAdd,
} from "./movement";
import { compilePool } from "./pool";
import { compilePermutation, compileRandom } from "./random";

export interface JsBackendOptions {
  /** `interpret` runs where text may not be run as code; the default finds out. */
  readonly mode?: CodeMode;
  /** For backends that differ from this one in their name and in how they multiply matrices of floats. */
  readonly name?: string;
  readonly floatProduct?: MatrixProduct;
}

/** The CPU through typed arrays: runs everywhere, one thread. Work is done when a compiled kernel returns. */
export function createJsBackend(options: JsBackendOptions = {}): Backend {
  const compile = createSingleKernels(options);
  return {
    name: options.name ?? "js",
    allocate: (type, size) => new JsBuffer(type, size),
    part: (whole, offset, type, size) => new JsBuffer(type, size, { buffer: valuesOf(whole).buffer, offset }),
    release: () => undefined,
    prepare(dispatches) {
      const steps = dispatches.map(({ kernel, inputs, outputs }) => {
        const run = compile(kernel, inputs.map(typeOf), outputs.map(typeOf));
        const [sources, targets] = [inputs.map(valuesOf), outputs.map(valuesOf)];
        return () => {
          run(sources, targets);
        };
      });
      return {
        run(from, to) {
          for (let i = from; i < to; i++) {
            try {
              steps[i]();
            } catch (error) {
              throw new DispatchError(i, error instanceof Error ? error.message : String(error));
            }
          }
        },
        dispose: () => undefined,
      };
    },
    write(buffer, data) {
      checkSize(buffer, data.length);
      const values = valuesOf(buffer);
      if (buffer.type === "bool") for (let i = 0; i < data.length; i++) values[i] = Number(data[i] !== 0);
      else values.set(data);
    },
    copy(from, to) {
      checkSize(to, from.size);
      valuesOf(to).set(valuesOf(from));
    },
    read: async (buffer) => valuesOf(buffer).slice(),
  };
}

/** A compiled kernel on bare arrays, of as many results as it has. */
export type ArraysKernel = (inputs: readonly Elements[], outputs: readonly Elements[]) => void;

/** Compiles kernels for arrays of the types that the elements count as. */
export function createSingleKernels(
  options: Pick<JsBackendOptions, "mode" | "floatProduct"> = {},
): (kernel: Kernel, inputs: readonly ElementType[], outputs: readonly ElementType[]) => ArraysKernel {
  const context: Context = { ...contextOf(options), precision: "single" };
  return (kernel, inputs, outputs) => {
    if ((kernel.kind === "matmul" || kernel.kind === "convolution") && kernel.epilogue)
      return compileEpilogue(kernel, inputs, outputs, context);
    if (kernel.kind === "rows") return compileRows(kernel, inputs, outputs, context);
    const parts = kernel.kind === "sweep" ? partsOfSweep(kernel) : [kernel];
    const runs = parts.map((part, i) => compileKernel(part, inputs, outputs[i], context));
    if (runs.length === 1)
      return (sources, [target]) => {
        runs[0](sources, target);
      };
    const aside = new Map<number, Elements>();
    return (sources, targets) => {
      const isInPlace = targets.map((target) => sources.some((source) => isSameMemory(source, target)));
      runs.forEach((run, i) => {
        // What stands in an input's place waits until all results that read the input are done.
        if (isInPlace[i] && !aside.has(i)) aside.set(i, allocateValues(outputs[i], targets[i].length));
        run(sources, (isInPlace[i] && aside.get(i)) || targets[i]);
      });
      aside.forEach((values, i) => {
        if (isInPlace[i]) targets[i].set(values);
      });
    };
  };
}

/**
 * Compiles kernels for arrays of doubles, whatever type their elements count as: nothing is rounded to float32, wrapped
 * to int32 or made a flag, as in the operations' own definitions. Other than by the order of sums and by what bodies of
 * expressions say, results do not differ from those.
 */
export function createDoubleKernels(
  options: Pick<JsBackendOptions, "mode" | "floatProduct"> = {},
): (kernel: Kernel) => ArrayKernel {
  const context: Context = { ...contextOf(options), precision: "double" };
  return (kernel) => {
    if (kernel.kind === "sweep" || kernel.kind === "rows")
      throw new Error("internal: no operation has several results");
    return compileKernel(kernel, [], "float32", context);
  };
}

/** The product into memory of its own, then what becomes of it. */
function compileEpilogue(
  kernel: ProductKernel,
  inputs: readonly ElementType[],
  outputs: readonly ElementType[],
  context: Context,
): ArraysKernel {
  const parts = partsOfEpilogue(kernel);
  if (!parts) throw new Error("internal: a product has no epilogue");
  const type = inputs.slice(0, 2).includes("int32") ? "int32" : "float32";
  const multiply = compileKernel(parts.product, inputs.slice(0, 2), type, context);
  const others = [type, ...inputs.slice(2)] as const;
  const finish = partsOfSweep(parts.sweep).map((part, i) => compileKernel(part, others, outputs[i], context));
  const product = allocateValues(
    type,
    productShape(kernel).reduce((size, dim) => size * dim, 1),
  );
  return ([a, b, ...rest], targets) => {
    multiply([a, b], product);
    finish.forEach((run, i) => {
      run([product, ...rest], targets[i]);
    });
  };
}

interface Context {
  readonly mode: CodeMode;
  /** For any type of element. */
  readonly product: MatrixProduct;
  readonly floatProduct: MatrixProduct | undefined;
  readonly precision: Precision;
}

function contextOf({ mode, floatProduct }: JsBackendOptions): Omit<Context, "precision"> {
  return {
    mode: mode ?? (canGenerateCode() ? "generate" : "interpret"),
    product: createMatrixProduct(),
    floatProduct,
  };
}

function compileKernel(
  kernel: Exclude<Kernel, SweepKernel | RowsKernel>,
  inputs: readonly ElementType[],
  output: ElementType,
  { mode, product, floatProduct, precision }: Context,
): ArrayKernel {
  const floats = [...inputs, output].every((type) => type === "float32");
  switch (kernel.kind) {
    case "map":
      return compileMap(kernel, output, mode);
    case "reduce":
      return compileReduce(kernel, output, mode);
    case "argument":
      return compileArgument(kernel);
    case "cumulativeSum":
      return compileCumulativeSum(kernel);
    case "matmul":
      return compileMatmul(kernel, (floats && floatProduct) || product);
    case "convolution":
      return compileConvolution(kernel, floatProduct ?? product, precision);
    case "pool":
      return compilePool(kernel);
    case "concat":
      return compileConcat(kernel);
    case "place":
      return compilePlace(kernel);
    case "gather":
      return compileGather(kernel);
    case "scatterAdd":
      return compileScatterAdd(kernel);
    case "random":
      return compileRandom(kernel);
    case "permutation":
      return compilePermutation(kernel);
    default:
      return kernel satisfies never;
  }
}

/** Result after result; those that are not kept stand in float32. */
function compileRows(
  kernel: RowsKernel,
  inputs: readonly ElementType[],
  outputs: readonly ElementType[],
  context: Context,
): ArraysKernel {
  const { shape, results } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  const rows = shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
  let kept = 0;
  const places = results.map((result) => (result.kept ? kept++ : undefined));
  const types = places.map((place): ElementType => (place === undefined ? "float32" : outputs[place]));
  const runs = partsOfRows(kernel).map((part, i) =>
    compileKernel(part, [...inputs, ...types.slice(0, i)], types[i], context),
  );
  const sizes = { element: size, row: rows, rows: 1, all: 1 };
  const own = new Map<number, Elements>();
  const ownOf = (i: number): Elements => {
    const values = own.get(i) ?? allocateValues(types[i], sizes[results[i].over]);
    own.set(i, values);
    return values;
  };
  return (sources, targets) => {
    const read = [...sources];
    const late: [Elements, Elements][] = [];
    runs.forEach((run, i) => {
      const place = places[i];
      const target = place === undefined ? undefined : targets[place];
      const isDirect = target !== undefined && !sources.some((source) => isSameMemory(source, target));
      const values = isDirect ? target : ownOf(i);
      run(read, values);
      read.push(values);
      // What stands in an input's place waits until all results that read the input are done.
      if (target !== undefined && !isDirect) late.push([target, values]);
    });
    for (const [target, values] of late) target.set(values);
  };
}

function isSameMemory(a: Elements, b: Elements): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

class JsBuffer implements Buffer {
  readonly values: Values;

  constructor(
    readonly type: ElementType,
    readonly size: number,
    memory?: { readonly buffer: ArrayBufferLike; readonly offset: number },
  ) {
    this.values = memory ? valuesAt(type, memory.buffer, memory.offset, size) : allocateValues(type, size);
  }
}

function valuesOf(buffer: Buffer): Values {
  if (buffer instanceof JsBuffer) return buffer.values;
  throw new Error("internal: a buffer of another backend was given to this one");
}

const typeOf = ({ type }: Buffer): ElementType => type;

function checkSize(buffer: Buffer, size: number): void {
  if (buffer.size !== size) throw new Error(`internal: ${size} values do not fit a buffer of ${buffer.size}`);
}
