import { createJsBackend } from "../../engine/backends/js";
import type { DataFiles } from "../../engine/data/dataset";
import type * as nn from "../../engine/nn";
import { sgd } from "../../engine/optim";
import { runTraining } from "../../engine/train/run";
import type { RunAccess } from "../../engine/train/run-access";
import type { Tensor } from "../../engine/graph/tensor";
import { type FurtherTarget, type Training, training, type TrainingOptions } from "../../engine/train/training";

/** Options of {@link training} for a model of any kind. */
export type Options = Omit<TrainingOptions, "loss" | "optimizer"> & {
  readonly loss: (output: never, target: Tensor, ...more: FurtherTarget[]) => Tensor;
};

const files: DataFiles = {
  read: () => Promise.reject(new Error("no files here")),
  asset: () => Promise.reject(new Error("no assets here")),
};

/** A run before its first update, with the model's initial weights. */
export async function lookInto(options: Options): Promise<RunAccess> {
  let access: RunAccess | undefined;
  const environment = { backend: createJsBackend(), files, now: () => 0 };
  await runTraining(trainingOf({ ...options, epochs: 0 }), environment, { onReady: (given) => (access = given) });
  if (!access) throw new Error("the run gave no access");
  return access;
}

export function trainingOf(options: Options): Training {
  return training({ optimizer: sgd({ learningRate: 0.1 }), ...options } as TrainingOptions);
}

/** Fills a parameter with the given numbers. */
export function given(...numbers: number[]): nn.Initializer {
  return { name: "given", fill: () => Float64Array.from(numbers) };
}
