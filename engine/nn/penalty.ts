import { decodeDim } from "../graph/dim";
import { isBias } from "../graph/names";
import { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import { add, asTensor, div, mul, scalar, sizeValue, square } from "../ops";
import { nameOf } from "./checks";
import { Module, namedParameters } from "./module";
import { Parameter } from "./parameter";

/**
 * The L2 penalty λ/(2n)·ΣΘ² over the weights of a model, or of a list of parameters, biases excluded; its gradient is (λ/n)·Θ.
 *
 * @param lambda λ ≥ 0
 * @param n number of examples; default 1. The batch size `x.shape[0]` works while it is a symbol.
 * @throws when a model has no weights to penalise.
 */
export function l2(of: Module | Iterable<Parameter>, lambda: number, n: number = 1): Tensor {
  if (typeof lambda !== "number" || !(lambda >= 0))
    throw new Error(`l2: lambda must be a number ≥ 0, got ${String(lambda)}`);
  const weights = weightsOf(of);
  if (weights.length === 0) throw new Error("l2: there is no weight to penalise; give a model, or its parameters");
  return composite("l2", () => {
    const total = weights.map((weight) => square(weight).sum()).reduce((sum, next) => add(sum, next), scalar(0));
    return div(mul(total, lambda / 2), asTensor(sizeValue(decodeDim(n))));
  });
}

function weightsOf(of: Module | Iterable<Parameter>): Parameter[] {
  if (of instanceof Module) {
    return [...namedParameters(of)]
      .filter(([name, parameter]) => parameter.trainable && !isBias(name))
      .map(([, parameter]) => parameter);
  }
  return [...of].filter((parameter) => {
    if (!(parameter instanceof Parameter)) {
      const got = (parameter as unknown) instanceof Tensor ? "a tensor that is no parameter" : nameOf(parameter);
      throw new Error(`l2: expected a model or a list of parameters, got ${got} in the list`);
    }
    return parameter.trainable && !isBias(parameter.name);
  });
}
