import { moduleType, parameterCount } from "../nn/module";
import type { RunState } from "./checkpoint";
import type { EndEvent, EndReason, EpochEvent, StartEvent } from "./events";
import type { Parts } from "./parts";
import type { Forward } from "./step";
import type { Store } from "./store";
import type { Training } from "./training";

/** How a run begins, and when it ends. */

export function startEvent(
  { model, epochs, optimizer, seed }: Training,
  { train, validation }: Parts,
  { layers }: Forward,
  run: {
    readonly batchSize: number;
    readonly iterationsPerEpoch: number;
    readonly state: RunState;
    readonly store: Store;
  },
): StartEvent {
  return {
    type: "start",
    model: moduleType(model),
    parameters: parameterCount(model),
    layers: layers.map(({ name, type, site }) => ({ name, type, file: site?.file ?? null, line: site?.line ?? null })),
    data: train.name,
    examples: train.length,
    validationExamples: validation?.length ?? 0,
    batchSize: run.batchSize,
    epochs,
    iterationsPerEpoch: run.iterationsPerEpoch,
    optimizer: optimizer.name,
    seed,
    device: run.store.backend.name,
    startEpoch: run.state.epoch,
    startIteration: run.state.iteration,
  };
}

export function endEvent(
  reason: EndReason,
  seconds: number,
  run: {
    readonly state: RunState;
    readonly lastLoss: number | undefined;
    readonly epochEvents: readonly EpochEvent[];
    readonly checkpoint: string | null;
  },
): EndEvent {
  const { state, lastLoss, epochEvents, checkpoint } = run;
  const last = epochEvents.at(-1);
  return {
    type: "end",
    reason,
    epochs: state.epoch,
    iterations: state.iteration,
    loss: lastLoss ?? state.trainingLosses.at(-1) ?? null,
    metrics: last?.metrics ?? {},
    validation: last?.validation ?? null,
    seconds,
    checkpoint,
  };
}

/** Why the run ends before another epoch. */
export function enough(
  { earlyStopping, tolerance, epochs, maxSteps }: Training,
  { best, epoch, iteration, trainingLosses }: RunState,
): EndReason | undefined {
  if (earlyStopping && best && epoch - best.epoch >= earlyStopping.patience) return "early-stopping";
  const [before, now] = trainingLosses.slice(-2);
  if (tolerance > 0 && now !== undefined && Math.abs(before - now) < tolerance) return "converged";
  if (epoch >= epochs) return "epochs";
  return iteration >= maxSteps ? "steps" : undefined;
}
