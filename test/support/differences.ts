import type { NdArray } from "../../engine/graph/array";
import type { Tensor } from "../../engine/graph/tensor";
import { evaluate } from "../../engine/plan/evaluate";
import { assertClose } from "./numbers";
import type { Values } from "./graph";

const H = 2 ** -13;

/**
 * ∂scalar/∂leaf by central differences of fourth order in float64,
 * (f(x − 2h) − 8f(x − h) + 8f(x + h) − f(x + 2h)) / 12h with h = 2⁻¹³: about 1e-12 of rounding, h⁴/30 of the fifth derivative.
 */
export function centralDifferences(scalar: Tensor, leaf: Tensor, values: Values): Float64Array {
  const at = values.get(leaf) as NdArray;
  const moved = new Map(values);
  const evaluateAt = (element: number, x: number): number => {
    const data = Float64Array.from(at.data);
    data[element] = x;
    moved.set(leaf, { ...at, data });
    return evaluate([scalar], (node) => moved.get(node))[0].data[0];
  };
  return at.data.map((x, element) => {
    const [a, b, c, d] = [-2, -1, 1, 2].map((step) => evaluateAt(element, x + step * H));
    return (a - 8 * b + 8 * c - d) / (12 * H);
  });
}

/**
 * Asserts that `gradients` (nodes) are the derivatives of `scalar` by each leaf: within 1e-7 of the largest number
 * at play.
 */
export function assertDifferences(
  scalar: Tensor,
  leaves: readonly Tensor[],
  gradients: readonly Tensor[],
  values: Values,
  what: string,
): void {
  const [value, ...exact] = evaluate([scalar, ...gradients], (node) => values.get(node));
  leaves.forEach((leaf, i) => {
    const numeric = centralDifferences(scalar, leaf, values);
    // The scalar joins both lists, so that gradients that are 0 by nature are judged beside it.
    const scale = Math.max(1, Math.abs(value.data[0]));
    assertClose([...exact[i].data, scale], [...numeric, scale], 1e-7, `${what}: ∂/∂input ${i} against differences`);
  });
}
