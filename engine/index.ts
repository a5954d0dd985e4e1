/**
 * The public face: what a model file imports from "backstep".
 */

// Tensors and operations
export { Tensor } from "./graph/tensor";
export { symbol } from "./graph/dim";
export type { DType, Shape } from "./graph/shape";
export type { Issue, Severity } from "./graph/issue";
export * from "./api/operations";

// Differentiation
export { grad, gradients, grads, jacobian, valueAndGrad, valueAndGrads, type JacobianLayout } from "./autodiff";

// Networks
export * from "./nn";

// Optimisation
export * from "./api/optimisation";

// Data and metrics
export * from "./api/data";
export * as metrics from "./metrics";

// Training and running
export { training, Training, type TrainingOptions, type EarlyStopping, type Metric } from "./train/training";
export { batchTensor, evaluating, item, load, minimize, value } from "./train/execute";
export { checkGradients, type GradientReport } from "./train/check-gradients";
