import type { FieldSpec } from "../data/dataset";
import { elementsOf, plainContext } from "../data/dataset";
import { reachable } from "../graph/order";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type OutputMeaning, thresholdOf } from "../train/measure";
import type { RunAccess } from "../train/run-access";
import { shownData } from "./sample";

/** A model that tells classes apart, and how. */
export interface Classification {
  readonly names: readonly string[];
  readonly meaning: OutputMeaning & { readonly outputShape: readonly number[] };
}

/** Losses whose targets are classes even where they are written as real numbers. */
const LOSSES = new Set([
  "crossEntropy",
  "nll",
  "multiMarginLoss",
  "binaryCrossEntropy",
  "binaryCrossEntropyWithLogits",
  "hinge",
  "perceptronLoss",
]);

/** Which classes the model tells apart, or `undefined` for one that predicts numbers. */
export function classificationOf(access: RunAccess): Classification | undefined {
  const { prediction, loss } = access.step;
  const target = access.parts.train.fields.targets[0] as FieldSpec | undefined;
  if (!target || prediction?.dtype !== "float32") return undefined;
  const outputShape = concreteShape(prediction.knownShape).slice(1);
  const meaning = { target, outputShape, threshold: thresholdOf(loss) };
  if (target.classes !== undefined) {
    const names = target.classNames ?? Array.from({ length: target.classes }, (_, i) => String(i));
    return { names, meaning };
  }
  const accuracy = access.metrics.includes("accuracy");
  if (!accuracy && !usesLoss(loss)) return undefined;
  const width = elementsOf(target);
  if (width === 1) return { names: hasNegative(access) ? ["−1", "1"] : ["0", "1"], meaning };
  // Several yes-or-no outputs are no choice between classes, unless their accuracy is asked for as one.
  const chosen = accuracy || usesLoss(loss, "crossEntropy");
  return chosen ? { names: Array.from({ length: width }, (_, i) => String(i)), meaning } : undefined;
}

function usesLoss(loss: Tensor, name?: string): boolean {
  for (const node of reachable([loss])) {
    for (let scope = node.scope; scope; scope = scope.parent) {
      if (scope.kind === "composite" && (name === undefined ? LOSSES.has(scope.name) : scope.name === name))
        return true;
    }
  }
  return false;
}

/** Whether two classes are written as −1 and 1; a few examples tell. */
function hasNegative(access: RunAccess): boolean {
  const { data } = shownData(access);
  for (let i = 0; i < Math.min(data.length, 50); i++) if (data.get(i, plainContext).targets[0][0] < 0) return true;
  return false;
}
