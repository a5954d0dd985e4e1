import { type Dim, dimsAgree } from "../graph/dim";
import type { Fault, Issue } from "../graph/issue";
import { broadcastShapes } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { Module, sizeArguments, type SizeArgument } from "../nn/module";

/** Which sizes an issue is about, each with the one that would fit: from the code, the operands and the layer that complains. */
export function faultsOf({ code, subject }: Pick<Issue, "code" | "subject">): readonly Fault[] {
  if (!subject) return [];
  const { tensors, layer, faults } = subject;
  if (faults) return faults;
  if (layer instanceof Module) return layerFaults(layer, tensors);
  const [a, b] = tensors;
  if (!a?.knownShape || !b?.knownShape) return [];
  switch (code) {
    case "matmul-inner":
      return mutual(a, a.knownShape.length - 1, b, b.knownShape.length - 2);
    case "broadcast": {
      const { shape, clashes } = broadcastShapes([a.knownShape, b.knownShape]);
      const [leadA, leadB] = [shape.length - a.knownShape.length, shape.length - b.knownShape.length];
      return clashes.flatMap((axis) => mutual(a, axis - leadA, b, axis - leadB));
    }
    case "loss-shape":
    case "loss-classes":
      return predictionFaults(a, b);
    default:
      return [];
  }
}

/** The value that a layer was made with. */
export function declaredSize(layer: Module, { field }: SizeArgument): number | undefined {
  const value = (layer as unknown as Record<string, unknown>)[field];
  const single: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return typeof single === "number" ? single : undefined;
}

/** The axis of a size argument in a tensor of this rank. */
export function axisOf({ axis }: SizeArgument, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function layerFaults(layer: Module, [x]: readonly Tensor[]): Fault[] {
  const shape = x?.knownShape;
  if (!shape) return [];
  return sizeArguments(layer).flatMap((size) => {
    const axis = axisOf(size, shape.length);
    const wanted = declaredSize(layer, size);
    const takesPart = size.role === "input" || size.role === "both";
    if (!takesPart || wanted === undefined || shape[axis] === undefined || dimsAgree(shape[axis], wanted)) return [];
    return [{ tensor: x, axis, wanted }];
  });
}

function mutual(a: Tensor, axisA: number, b: Tensor, axisB: number): Fault[] {
  const [left, right] = [a.knownShape?.[axisA], b.knownShape?.[axisB]];
  const fault = (tensor: Tensor, axis: number, size: Dim | undefined, wanted: Dim | undefined): Fault[] =>
    size !== undefined && wanted !== undefined && wanted !== 1 ? [{ tensor, axis, wanted }] : [];
  return [...fault(b, axisB, right, left), ...fault(a, axisA, left, right)];
}

/** Of prediction and target the model can change the prediction alone. */
function predictionFaults(prediction: Tensor, target: Tensor): Fault[] {
  const [p, t] = [prediction.knownShape ?? [], target.knownShape ?? []];
  if (p.length !== t.length) return [];
  const axis = p.findIndex((dim, i) => i > 0 && !dimsAgree(dim, t[i]));
  return axis < 0 ? [] : [{ tensor: prediction, axis, wanted: t[axis] }];
}
