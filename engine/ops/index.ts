/** All operations. Importing this file enters every record into the table and installs the tensor methods. */
import "./source";
import "./elementwise";
import "./reduce";
import "./movement";
import "./matmul";
import "./convolution";
import "./pooling";
import "./random";
import "./custom";
import "./methods";

export { type TensorLike, apply, asTensor, constantTensor, reportIssue } from "./apply";
export * from "./functions";
export * from "./composites";
export * from "./linear-algebra";
export * from "./convolution";
export * from "./pooling";
export { customFunction, withGradient, type CustomBackward, type CustomFunction } from "./custom";
export { permutation, randomBernoulli, randomKey, randomNormal, randomUniform } from "./random";
export { elementwiseOperations } from "./broadcasting";
export { allOperations, isDifferentiable, operationOf, type GradientOf, type Operation } from "./operation";
