import { type Dim, symbol } from "../graph/dim";
import type { DType } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { apply } from "../ops";

/**
 * A placeholder for checking shapes outside a training: `new Classifier()(input(["N", 784]))`. Names are symbolic sizes;
 * the tensor has no values.
 */
export function input(shape: readonly (number | string)[], dtype: DType = "float32"): Tensor {
  const sizes = shape.map((size): Dim => (typeof size === "string" ? symbol(size) : size));
  return apply("input", [], { shape: sizes, dtype });
}
