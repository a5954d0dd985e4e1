import { exampleOrder, collate, type Batch } from "../data/loader";
import { plainContext, type LoadedDataset } from "../data/dataset";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import type { RunAccess } from "../train/run-access";
import type { Layer } from "../train/statistics";
import type { Look, LookResult } from "./looks";

/** Examples that questions about a run are answered with. Nothing is augmented, and the same examples come each time. */

/** The question of one kind. */
export type LookAt<K extends Look["kind"]> = Extract<Look, { kind: K }>;

/** Enough to see how numbers are spread, few enough to answer while a training waits. */
const SAMPLE = 256;

/** The data that tell most about the model: what it does not learn from, where there is such. */
export function shownData({ parts }: RunAccess): { kind: "validation" | "training"; data: LoadedDataset } {
  return parts.validation ? { kind: "validation", data: parts.validation } : { kind: "training", data: parts.train };
}

/** Up to `most` indices, spread over data that may be sorted by class; all in order where they are no more. */
export function sampleOf(data: LoadedDataset, most: number): Int32Array {
  if (data.length <= most) return Int32Array.from({ length: data.length }, (_, i) => i);
  return exampleOrder(data.length, { shuffle: true, seed: 0, epoch: 0 }).slice(0, most).sort();
}

export function batchAt(data: LoadedDataset, indices: Int32Array): Batch {
  return collate(data, { iteration: 0, indices, context: plainContext });
}

/** A batch of training examples, for figures of layers: of the size that the model trains on, within bounds. */
export function sampleBatch({ parts: { train }, step }: RunAccess): Batch {
  const [input] = [...step.batch.inputs, ...step.batch.targets];
  const size = input ? concreteShape(input.knownShape)[0] : SAMPLE;
  return batchAt(train, sampleOf(train, Math.min(size, SAMPLE)));
}

/** What a layer hands on: the first tensor of real numbers. One choice for all questions, so that they share programs. */
export function firstOutput({ outputs }: Layer): Tensor | undefined {
  return outputs.find(({ dtype }) => dtype === "float32");
}

export function nothing(reason: string): LookResult {
  return { kind: "nothing", reason };
}
