import type { DataSpec, LayerSpec, Spec } from "./spec";

/** A perceptron with an activation after each layer but the last; layers are named fc1, fc2, … */
export function mlp(
  sizes: readonly number[],
  activation?: string,
  between: (i: number) => LayerSpec[] = () => [],
): LayerSpec[] {
  return sizes.slice(1).flatMap((out, i): LayerSpec[] => {
    const linear: LayerSpec = { type: "linear", name: `fc${i + 1}`, in: sizes[i], out };
    if (i === sizes.length - 2) return [linear];
    return [
      linear,
      ...(activation === undefined ? [] : [{ type: activation, name: `${activation}${i + 1}` }]),
      ...between(i + 1),
    ];
  });
}

/** Digits of 14 × 14 pixels. */
export function digits(perTrain: number | number[] = 300, perValidation = 60, more: Partial<DataSpec> = {}): DataSpec {
  return {
    kind: "digits",
    seed: 11,
    size: 14,
    layout: "flat",
    per_class_train: perTrain,
    per_class_val: perValidation,
    ...more,
  };
}

export type Draft = Omit<Spec, "label" | "id" | "metric" | "batchSize" | "model"> & {
  readonly layers: readonly LayerSpec[];
  readonly batchSize?: number;
};

export function healthy(id: string, draft: Draft): Spec {
  return { ...rest(draft), id, label: "healthy" };
}

/** @param accepted other causes that are right too */
export function faulty(id: string, cause: string, accepted: readonly string[], draft: Draft): Spec {
  return { ...rest(draft), id, label: "faulty", cause, accepted_causes: accepted };
}

function rest({ layers, batchSize = 32, ...draft }: Draft): Omit<Spec, "label" | "id"> {
  return { ...draft, batchSize, model: { layers }, metric: "" };
}

export const sgd = (lr: number, momentum = 0): Spec["optimizer"] => ({ type: "sgd", lr, momentum });
export const adam = (lr: number, more: Partial<Spec["optimizer"]> = {}): Spec["optimizer"] => ({
  type: "adam",
  lr,
  ...more,
});
export const ce: Spec["loss"] = { type: "cross_entropy" };
export const bce: Spec["loss"] = { type: "bce_logits" };
export const mse: Spec["loss"] = { type: "mse" };
export const normal = (std: number): Spec["init"] => ({ weight: { scheme: "normal", std }, bias: "zeros" });
export const standard = [{ op: "standardize" }];
export const both = [{ op: "standardize" }, { op: "y_standardize" }];
export const friedman = (more: Partial<DataSpec> = {}): DataSpec => ({
  kind: "friedman",
  seed: 21,
  noise: 1,
  n_train: 800,
  n_val: 300,
  ...more,
});
export const moons: DataSpec = { kind: "moons", seed: 31, noise: 0.12, n_train: 400, n_val: 400 };
export const circles: DataSpec = { kind: "circles", seed: 32, noise: 0.08, factor: 0.5, n_train: 400, n_val: 400 };
export const blobs = (more: Partial<DataSpec> = {}): DataSpec => ({
  kind: "blobs",
  seed: 41,
  n_classes: 4,
  dim: 6,
  spread: 2,
  n_train: 600,
  n_val: 300,
  ...more,
});
