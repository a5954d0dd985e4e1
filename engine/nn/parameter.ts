import { type Nested, fromNested } from "../graph/array";
import { type DType, sizeOf } from "../graph/shape";
import { Tensor, nameTensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import type { RandomSource } from "./random-source";

/** How a parameter gets its first values: float64 numbers in row-major order. */
export interface Initializer {
  readonly name: string;
  readonly fill: (shape: readonly number[], random: RandomSource) => Float64Array;
}

/**
 * A trainable value or a state (such as a running mean). The node is immutable like every other; the numbers live in
 * the run that trains it, and begin as the initialiser says.
 */
export class Parameter extends Tensor {
  readonly initializer: Initializer;
  /** Whether training changes it; see {@link freeze}. States are not trainable. */
  readonly trainable: boolean;

  constructor(shape: readonly number[], initializer: Initializer, options: ParameterOptions = {}) {
    checkSizes(shape);
    checkInitializer(shape, initializer);
    super({
      op: "parameter",
      inputs: [],
      attributes: { shape, dtype: options.dtype ?? "float32" },
      shape,
      dtype: options.dtype ?? "float32",
    });
    this.initializer = initializer;
    this.trainable = options.trainable ?? true;
    if (options.name) nameTensor(this, options.name);
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
}

export interface ParameterOptions {
  readonly name?: string;
  readonly trainable?: boolean;
  readonly dtype?: DType;
}

/** User code may leave types out, and other frameworks take values where this takes a shape. */
function checkSizes(shape: unknown): asserts shape is readonly number[] {
  if (!Array.isArray(shape)) {
    const got = shape instanceof Tensor ? "a tensor" : shape === undefined ? "nothing" : JSON.stringify(shape);
    throw new Error(
      `a parameter begins with its shape, a list of sizes, got ${got}; write new Parameter([3], initializers.zeros), or variable(…) for one with given values`,
    );
  }
  for (const dim of shape) {
    if (typeof dim !== "number" || !Number.isInteger(dim) || dim < 0) {
      throw new Error(
        `a parameter's sizes must be whole numbers, got [${shape.map(String).join(", ")}]; ` +
          `parameters cannot depend on the batch size`,
      );
    }
  }
}

function checkInitializer(shape: readonly number[], initializer: unknown): void {
  if (typeof (initializer as Partial<Initializer> | undefined | null)?.fill === "function") return;
  const sizes = `[${shape.join(", ")}]`;
  const proposal = `write new Parameter(${sizes}, initializers.zeros), or variable(…) for one with given values`;
  if (initializer === undefined || initializer === null)
    throw new Error(`a parameter of shape ${sizes} needs an initialiser, which gives it its first values; ${proposal}`);
  const got =
    typeof initializer === "function"
      ? "a function: call it, as in initializers.normal()"
      : initializer instanceof Tensor
        ? "a tensor"
        : JSON.stringify(initializer);
  throw new Error(`the initialiser of a parameter of shape ${sizes} is none, got ${got}; ${proposal}`);
}

/** A trainable leaf with given values, for free programs: `const x = variable(2)`. */
export function variable(value: Nested, name?: string): Parameter {
  const array = fromNested(value);
  return new Parameter(array.shape, { name: "given", fill: () => array.data }, { name });
}

/** A state that a module updates during training but no gradient reaches, such as a running mean. */
export function state(shape: readonly number[], initializer: Initializer, dtype: DType = "float32"): Parameter {
  return new Parameter(shape, initializer, { trainable: false, dtype });
}

/** Makes `next` the state's value after this iteration. Later calls in the same iteration see it through {@link latest}. */
export function setState(parameter: Parameter, next: Tensor): void {
  currentTrace().updates.set(parameter, next);
}

/** The state's value as this iteration has left it so far. */
export function latest(parameter: Parameter): Tensor {
  return currentTrace().updates.get(parameter) ?? parameter;
}

const frozen = new WeakSet<Parameter>();

/** Keeps parameters as they are while training goes on. Undone by {@link unfreeze}. */
export function freezeParameters(parameters: Iterable<Parameter>): void {
  for (const parameter of parameters) frozen.add(parameter);
}

export function unfreezeParameters(parameters: Iterable<Parameter>): void {
  for (const parameter of parameters) frozen.delete(parameter);
}

/** Trainable and not frozen. */
export function isTrained(parameter: Parameter): boolean {
  return parameter.trainable && !frozen.has(parameter);
}
