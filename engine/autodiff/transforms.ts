import { Tensor } from "../graph/tensor";
import { sizeOf } from "../graph/shape";
import { type TensorLike, asTensor, concat, constantTensor, reshape, transpose } from "../ops";
import { backward, gradientsOf } from "./gradients";

type ScalarFunction = (...inputs: Tensor[]) => Tensor;

/**
 * The gradient of a scalar function with respect to its arguments, as a function: `grad(f)(x)` has x's shape;
 * with several arguments the result is a list, one gradient per argument. Gradients of gradients work: `grad(grad(f))`.
 */
export function grad(f: ScalarFunction): (...inputs: TensorLike[]) => Tensor {
  return (...inputs) => grads(f)(...inputs)[0];
}

/** As {@link grad}, with respect to every argument. */
export function grads(f: ScalarFunction): (...inputs: TensorLike[]) => Tensor[] {
  return (...inputs) => valueAndGrads(f)(...inputs).gradients;
}

/** The function's value and its gradient with respect to the first argument, sharing one forward pass. */
export function valueAndGrad(f: ScalarFunction): (...inputs: TensorLike[]) => { value: Tensor; gradient: Tensor } {
  return (...inputs) => {
    const { value, gradients } = valueAndGrads(f)(...inputs);
    return { value, gradient: gradients[0] };
  };
}

/** The function's value and its gradients with respect to all arguments. */
export function valueAndGrads(f: ScalarFunction): (...inputs: TensorLike[]) => { value: Tensor; gradients: Tensor[] } {
  return (...inputs) => {
    const tensors = inputs.map((input) => asTensor(input));
    const value = f(...tensors);
    if (!(value instanceof Tensor)) throw new Error("grad: the function must return a tensor");
    return { value, gradients: gradientsOf(value, tensors) };
  };
}

/** Gradients of a scalar tensor with respect to tensors it was made from, each in its tensor's shape. */
export function gradients(of: Tensor, withRespectTo: readonly Tensor[]): Tensor[] {
  return gradientsOf(of, withRespectTo);
}

export type JacobianLayout = "denominator" | "numerator";

/** More outputs than this would build as many backward passes. */
const MAX_JACOBIAN_OUTPUTS = 4096;

/**
 * All partial derivatives ∂y/∂x. Denominator layout (default): shape [...x, ...y], a scalar's gradient has x's shape;
 * numerator layout: [...y, ...x].
 */
export function jacobian(y: Tensor, x: Tensor, layout: JacobianLayout = "denominator"): Tensor {
  const outputs = y.shape;
  const inputs = x.shape;
  const count = sizeOf(outputs);
  if (![...outputs, ...inputs].every((dim) => typeof dim === "number"))
    throw new Error("jacobian: needs sizes that are known, not the batch N");
  if (count > MAX_JACOBIAN_OUTPUTS)
    throw new Error(`jacobian: y has ${count} elements; at most ${MAX_JACOBIAN_OUTPUTS} are supported`);
  const rows = Array.from({ length: count }, (_, i) => {
    const seed = new Float64Array(count);
    seed[i] = 1;
    const gradient = backward(y, [x], constantTensor(seed, outputs)).adjoints.get(x)?.gradient;
    return reshape(gradient ?? constantTensor(new Float64Array(sizeOf(inputs)), inputs), [1, sizeOf(inputs)]);
  });
  const numerator = rows.length === 0 ? constantTensor([], [0, sizeOf(inputs)]) : concat(rows, 0);
  return layout === "numerator"
    ? reshape(numerator, [...outputs, ...inputs])
    : reshape(transpose(numerator), [...inputs, ...outputs]);
}
