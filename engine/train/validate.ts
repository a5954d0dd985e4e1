import type { LoadedDataset } from "../data/dataset";
import { batches } from "../data/loader";
import type { MetricValues } from "./events";
import type { Measurements } from "./measure";
import { type Programs, feed } from "./programs";

/** Batches of validation data: large, since nothing is kept for a backward pass. */
export const VALIDATION_BATCH = 256;

export interface Validation {
  readonly loss: number;
  readonly metrics: MetricValues;
}

/** Loss and metrics over data that is not trained on, in its own order, with the model as in evaluation. */
export async function validate(
  data: LoadedDataset,
  programs: Programs,
  measured: Measurements,
  randomKey: readonly [seed: number, iteration: number],
): Promise<Validation> {
  const [seed] = randomKey;
  const order = { batchSize: VALIDATION_BATCH, shuffle: false, seed, epoch: 0, dropLast: false, training: false };
  for (const batch of batches(data, order)) {
    const { traced: forward, program } = programs.evaluation(batch.size);
    feed(program, forward, batch);
    if (forward.trace.randomKey) program.write(forward.trace.randomKey, [...randomKey]);
    program.run();
    const [loss] = await program.read(forward.loss);
    const prediction = forward.prediction ? await program.read(forward.prediction) : undefined;
    measured.add(batch.size, loss, prediction, batch.targets[0]?.data);
  }
  return { loss: measured.loss, metrics: measured.values() };
}
