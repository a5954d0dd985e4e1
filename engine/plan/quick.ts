import type { ArrayKernel } from "../backends/js/array-kernel";
import { createDoubleKernels } from "../backends/js";
import { createWasmProduct } from "../backends/wasm/matrix-product";
import type { NdArray } from "../graph/array";
import { sizeOf } from "../graph/shape";
import type { Attributes, Tensor } from "../graph/tensor";
import { type Expression, binary, constant, input, select, unary } from "../kernel/expression";
import type { ConvolutionGeometry, Kernel } from "../kernel/kernel";
import { operationOf } from "../ops";
import type { EvaluateContext, Lowered } from "../ops/operation";
import { evaluateOn } from "./evaluate";
import { broadcastView, dense, isContiguous, numberText } from "./plan";

/** Values of single nodes as the plain evaluator gives them, soon enough to wait for. */
export interface QuickEvaluator {
  /** One node from values in the order of its inputs. @throws as `evaluateNode`. */
  evaluate(node: Tensor, inputs: readonly NdArray[]): NdArray;
}

/**
 * Evaluates a node with little work by its operation's definition, one with much by the kernel that the operation lowers
 * to, on doubles. Values are those of the definition to the last bit, except where an operation adds up products or
 * shares of a mean (matmul, convolution, average pooling): there sums go in another order, and differ by their rounding.
 */
export function createQuickEvaluator({ enoughWork = ENOUGH_WORK }: QuickOptions = {}): QuickEvaluator {
  const compile = kernelCache(createDoubleKernels({ floatProduct: createWasmProduct("double") }));
  return {
    evaluate: (node, inputs) =>
      evaluateOn(node, inputs, (context) => evaluateQuickly(node.op, context, compile, enoughWork)),
  };
}

export interface QuickOptions {
  /** Visits of elements from which on kernels are used. */
  readonly enoughWork?: number;
}

/** Below it the definition answers within a millisecond or so, and a kernel would hardly repay its compilation. */
const ENOUGH_WORK = 10_000;

/** Generated kernels kept; they hold code and no more than a row of numbers. */
const MAX_KERNELS = 500;

/** Random numbers come from the same loop either way. */
const BY_DEFINITION: ReadonlySet<string> = new Set(["random", "permutation"]);

const x = input(0);
const decay = unary("exp", unary("negate", unary("abs", x)));
/** Bodies that say what the definition says, where the operation's own body is written for float32 and for speed. */
const EXACT_BODIES: Readonly<Record<string, Expression>> = {
  // 1/(1 + e⁻ˣ), or eˣ/(1 + eˣ) for negative x, where e⁻ˣ would overflow.
  sigmoid: binary("divide", select(binary("lessEqual", 0, x), constant(1), decay), binary("add", 1, decay)),
  // NaN has no sign.
  sign: select(binary("equal", x, x), select(binary("less", x, 0), constant(-1), constant(1)), x),
  gelu: binary("multiply", binary("multiply", 0.5, x), binary("add", 1, unary("erf", binary("divide", x, Math.SQRT2)))),
};

function evaluateQuickly(
  op: string,
  context: EvaluateContext<Attributes>,
  compile: (kernel: Kernel) => ArrayKernel,
  enoughWork: number,
): NdArray {
  const { inputs, attributes, shape, dtype } = context;
  const record = operationOf(op);
  const byDefinition = (): NdArray => record.evaluate(context);
  if (BY_DEFINITION.has(op)) return byDefinition();
  const seen = inputs.map((array) => ({ shape: array.shape, view: dense(array.shape) }));
  const lowered: Lowered = record.lower({ inputs: seen, attributes, shape });
  let kernel: Kernel;
  switch (lowered.kind) {
    case "source":
    case "reshape":
      return byDefinition();
    case "view": {
      const { view } = lowered;
      const same = view.offset === 0 && isContiguous({ view, shape }) && inputs[0].data.length === sizeOf(shape);
      if (same) return { shape, dtype, data: inputs[0].data };
      kernel = { kind: "map", shape, views: [view], body: x };
      break;
    }
    case "elementwise":
      kernel = {
        kind: "map",
        shape,
        views: seen.map((array) => broadcastView(array, shape)),
        body: EXACT_BODIES[op] ?? lowered.body,
      };
      break;
    case "kernel":
      kernel = lowered.kernel;
      break;
    default:
      return lowered satisfies never;
  }
  if (workOf(kernel, inputs, shape) < enoughWork || !meansTheSame(kernel, inputs)) return byDefinition();
  const data = new Float64Array(sizeOf(shape));
  try {
    compile(kernel)(
      inputs.map((array) => array.data),
      data,
    );
  } catch {
    // The definition has the say on what is wrong, such as an index out of range.
    return byDefinition();
  }
  return { shape, dtype, data };
}

/** About how many elements the definition's innermost loop visits. */
function workOf(kernel: Kernel, inputs: readonly NdArray[], shape: readonly number[]): number {
  switch (kernel.kind) {
    case "matmul":
      return kernel.batch.length * kernel.m * kernel.n * kernel.k;
    case "convolution": {
      const { batch, outputChannels, inputChannels, groups, kernel: size, output } = kernel.geometry;
      return (batch * outputChannels * inputChannels * sizeOf(output) * sizeOf(size)) / groups;
    }
    case "pool": {
      const { planes, output, window } = kernel.geometry;
      return planes * sizeOf(output) * sizeOf(window);
    }
    default:
      return Math.max(sizeOf(shape), ...inputs.map((array) => array.data.length));
  }
}

/** Whether the kernel gives what the definition gives for these values. */
function meansTheSame(kernel: Kernel, inputs: readonly NdArray[]): boolean {
  switch (kernel.kind) {
    case "convolution":
      // As a matrix product it multiplies the padding's zeros, too: no difference until a factor is infinite or NaN.
      return kernel.which === "input" || !seesPadding(kernel.geometry) || inputs[1].data.every(Number.isFinite);
    case "gather":
      return inputs[1].data.every(Number.isInteger);
    case "scatterAdd":
      return inputs[0].data.every(Number.isInteger);
    default:
      return true;
  }
}

function seesPadding({ input: image, kernel, output, stride, dilation, padding }: ConvolutionGeometry): boolean {
  return [0, 1].some((axis) => {
    const last = (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] - padding[axis];
    return padding[axis] > 0 || last >= image[axis];
  });
}

/** Keeps the kernels whose code is generated, those used last; preparing any other costs next to nothing. */
function kernelCache(compile: (kernel: Kernel) => ArrayKernel): (kernel: Kernel) => ArrayKernel {
  const kept = new Map<string, ArrayKernel>();
  return (kernel) => {
    if (kernel.kind !== "map" && kernel.kind !== "reduce") return compile(kernel);
    const key = JSON.stringify(kernel, numberText);
    const run = kept.get(key) ?? compile(kernel);
    kept.delete(key);
    kept.set(key, run);
    if (kept.size > MAX_KERNELS) kept.delete(kept.keys().next().value as string);
    return run;
  };
}
