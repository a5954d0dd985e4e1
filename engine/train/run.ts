import type { Backend, Values } from "../backends/backend";
import { batchCount, batches, type Batch } from "../data/loader";
import { type WorkerPool, prefetchBatches } from "../data/prefetch";
import type { DataFiles, LoadedDataset } from "../data/dataset";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { moduleType, namedParameters, parameterCount } from "../nn/module";
import { scheduledRate } from "../optim";
import { type Checkpoint, type RunState, resumeProblem } from "./checkpoint";
import { firstNotFinite, notFinite } from "./failures";
import { type Parts, loadParts } from "./parts";
import type { EndEvent, EndReason, EpochEvent, IterationEvent, MetricValues, TrainingEvent } from "./events";
import { Measurements, type SavedMeasurements, metricsFor, thresholdOf } from "./measure";
import type { Probe } from "./probe";
import { readStatistics } from "./statistics";
import { Programs, feed } from "./programs";
import type { Forward, Step } from "./step";
import { Store } from "./store";
import type { Metric, Training } from "./training";

/** What a run needs from where it runs. */
export interface RunEnvironment {
  readonly backend: Backend;
  readonly files: DataFiles;
  /** Collects training batches ahead of their use; without one they are collected in between. */
  readonly pool?: WorkerPool;
  /** Milliseconds, for speeds and durations only; results never depend on it. */
  readonly now: () => number;
}

export interface RunOptions {
  readonly onEvent?: (event: TrainingEvent) => void | Promise<void>;
  /** Asked between iterations; when true the run saves and ends. A promise holds the run up until it is fulfilled. */
  readonly interrupted?: () => boolean | Promise<boolean>;
  /** Called at the end of each epoch and when interrupted; returns where it was saved. */
  readonly save?: (checkpoint: Checkpoint) => Promise<string>;
  readonly resume?: Checkpoint;
  readonly probe?: Probe;
  /** Called once before the first iteration, with what lets others look into the run between two iterations. */
  readonly onReady?: (access: RunAccess) => void;
}

/** A run seen from outside. Its functions are called between iterations, or after the run. */
export interface RunAccess {
  readonly training: Training;
  readonly parts: Parts;
  /** The step for a whole batch. */
  readonly step: Step;
  /** Metrics that the run measures. */
  readonly metrics: readonly Metric[];
  /** Values of all parameters and states, by name. */
  values(): Promise<Map<string, { shape: readonly number[]; data: Values }>>;
  /**
   * Runs the forward pass as in evaluation on `batch`, and reads the tensors that `pick` chooses of its graph. Programs are kept by
   * `key` and the batch's size: one key must always choose the same tensors.
   */
  observe(key: string, batch: Batch, pick: (forward: Forward) => readonly Tensor[]): Promise<Values[]>;
  /** The same of a whole step as in training, without its update. */
  differentiate(key: string, batch: Batch, pick: (step: Step) => readonly Tensor[]): Promise<Values[]>;
}

/** Batches of validation data: large, since nothing is kept for a backward pass. */
const VALIDATION_BATCH = 256;

/** Trains until the epochs are done or a reason to stop comes up. @returns the last event, and the final values. */
export async function runTraining(
  training: Training,
  environment: RunEnvironment,
  options: RunOptions = {},
): Promise<{ end: EndEvent; values: Map<string, { shape: readonly number[]; data: Values }> }> {
  const run = new Run(training, environment, options, await loadParts(training, environment.files));
  return run.go();
}

class Run {
  private readonly store: Store;
  private readonly programs: Programs;
  private readonly metrics: readonly Metric[];
  private readonly batchSize: number;
  private readonly iterationsPerEpoch: number;
  private state: RunState = { epoch: 0, iteration: 0, batch: 0, losses: [], trainingLosses: [], best: undefined };
  private best: Map<string, { shape: readonly number[]; data: Values }> | undefined;
  private checkpoint: string | null = null;
  private lastEpoch: EpochEvent | undefined;
  /** Of the last epoch, or of the last batch where the run ended within one. */
  private lastLoss: number | undefined;

  constructor(
    private readonly training: Training,
    private readonly environment: RunEnvironment,
    private readonly options: RunOptions,
    private readonly parts: Parts,
  ) {
    this.store = new Store(environment.backend, training.seed);
    this.programs = new Programs(training, parts.train.fields, parts.train.length, this.store);
    this.metrics = metricsFor(training, parts.train.fields.targets[0]);
    this.batchSize = training.batchSize === "all" ? parts.train.length : training.batchSize;
    this.iterationsPerEpoch = batchCount(parts.train.length, {
      batchSize: this.batchSize,
      dropLast: training.dropLast,
    });
  }

  async go(): Promise<{ end: EndEvent; values: Map<string, { shape: readonly number[]; data: Values }> }> {
    const { training, parts } = this;
    const started = this.environment.now();
    this.store.addParameters(namedParameters(training.model));
    const { traced: first } = this.programs.step(Math.min(this.batchSize, parts.train.length));
    let measured = this.newMeasurements(first);
    if (this.options.resume) measured = this.resume(this.options.resume, first);
    this.options.onReady?.({
      training,
      parts,
      step: first,
      metrics: this.metrics,
      values: () => this.store.read(),
      observe: (key, batch, pick) => this.programs.observe(key, batch, this.randomKey, pick),
      differentiate: (key, batch, pick) => this.programs.differentiate(key, batch, this.randomKey, pick),
    });
    await this.emit({
      type: "start",
      model: moduleType(training.model),
      parameters: parameterCount(training.model),
      layers: first.layers.map(({ name, type, site }) => ({
        name,
        type,
        file: site?.file ?? null,
        line: site?.line ?? null,
      })),
      data: parts.train.name,
      examples: parts.train.length,
      validationExamples: parts.validation?.length ?? 0,
      batchSize: this.batchSize,
      epochs: training.epochs,
      iterationsPerEpoch: this.iterationsPerEpoch,
      optimizer: training.optimizer.name,
      seed: training.seed,
      device: this.environment.backend.name,
      startEpoch: this.state.epoch,
      startIteration: this.state.iteration,
    });
    // Looked at before each epoch, so that a run that is resumed after its last epoch ends like one that went on.
    let reason = this.enough();
    while (!reason) {
      reason = await this.epoch(measured);
      measured = this.newMeasurements(first);
      reason ??= this.enough();
    }
    if (reason !== "interrupted") await this.restoreBest(reason, measured);
    const end: EndEvent = {
      type: "end",
      reason,
      epochs: this.state.epoch,
      iterations: this.state.iteration,
      loss: this.lastLoss ?? this.state.trainingLosses.at(-1) ?? null,
      metrics: this.lastEpoch?.metrics ?? {},
      validation: this.lastEpoch?.validation ?? null,
      seconds: (this.environment.now() - started) / 1000,
      checkpoint: this.checkpoint,
    };
    await this.emit(end);
    return { end, values: await this.store.read() };
  }

  /** One pass over the data, from the batch where the state stands. */
  private async epoch(measured: Measurements): Promise<EndReason | undefined> {
    const { training, parts, environment } = this;
    const began = environment.now();
    let examples = 0;
    const order = {
      batchSize: this.batchSize,
      shuffle: training.shuffle,
      seed: training.seed,
      epoch: this.state.epoch,
      dropLast: training.dropLast,
      startAt: this.state.batch,
      training: true,
    };
    const source = environment.pool
      ? prefetchBatches(parts.train.length, environment.pool, { ...order, prefetch: training.prefetch })
      : batches(parts.train, order);
    for await (const batch of source) {
      if (await this.options.interrupted?.()) {
        await this.save(measured);
        return "interrupted";
      }
      if (this.state.iteration >= training.maxSteps) {
        await this.save(measured);
        return "steps";
      }
      const loss = await this.iterate(batch, measured, () => {
        examples += batch.size;
        return examples / Math.max(1e-3, (environment.now() - began) / 1000);
      });
      if (loss === undefined) return "not-finite";
    }
    this.state = { ...this.state, epoch: this.state.epoch + 1, batch: 0 };
    const validation = parts.validation ? await this.validate(parts.validation) : null;
    this.state = {
      ...this.state,
      losses: [...this.state.losses, validation?.loss ?? measured.loss],
      trainingLosses: [...this.state.trainingLosses, measured.loss],
    };
    await this.rememberBest();
    const event: EpochEvent = {
      type: "epoch",
      epoch: this.state.epoch,
      iteration: this.state.iteration,
      loss: measured.loss,
      batchMeanLoss: measured.batchMeanLoss,
      metrics: measured.values(),
      validation,
      learningRate: this.rate(),
      seconds: (environment.now() - began) / 1000,
    };
    this.lastEpoch = event;
    this.lastLoss = event.loss;
    // First told, then saved: a run that is killed in between tells of this epoch again when it is resumed.
    await this.emit(event);
    await this.save(this.newMeasurements(this.programs.step(Math.min(this.batchSize, parts.train.length)).traced));
    return undefined;
  }

  /** One update. Returns the batch's loss before it; `undefined` where loss or update are not finite and nothing changed. */
  private async iterate(batch: Batch, measured: Measurements, speed: () => number): Promise<number | undefined> {
    const { traced: step, program } = this.programs.step(batch.size);
    const learningRate = this.rate();
    feed(program, step, batch);
    if (step.trace.randomKey) program.write(step.trace.randomKey, [this.training.seed, this.state.iteration]);
    program.write(step.learningRate, [learningRate]);
    program.write(step.count, [this.state.iteration + 1]);
    await this.options.probe?.beforeIteration?.({
      step,
      batch,
      epoch: this.state.epoch,
      iteration: this.state.iteration,
    });
    program.run();
    const [loss] = await program.read(step.loss);
    this.lastLoss = loss;
    const statistics = step.statistics ? readStatistics(await program.read(step.statistics), step.layers.length) : [];
    const spoilt = step.finite ? (await program.read(step.finite)).indexOf(0) : -1;
    // A step that gives no number must not spoil the parameters: they stay those of the last good iteration.
    const good = Number.isFinite(loss) && spoilt < 0;
    if (good) {
      for (const [leaf, output] of step.assignments) {
        const target = this.store.buffers.get(leaf);
        if (target) program.copyTo(output, target);
      }
      const prediction = measured.wantsPredictions && step.prediction ? await program.read(step.prediction) : undefined;
      measured.add(batch.size, loss, prediction, batch.targets[0]?.data);
      this.state = { ...this.state, iteration: this.state.iteration + 1, batch: this.state.batch + 1 };
    }
    const event: IterationEvent = {
      type: "iteration",
      epoch: this.state.epoch + 1,
      iteration: this.state.iteration,
      loss,
      learningRate,
      examplesPerSecond: speed(),
      statistics,
    };
    await this.emit(event);
    await this.options.probe?.afterIteration?.({
      step,
      batch,
      epoch: this.state.epoch,
      iteration: this.state.iteration,
    });
    if (good) return loss;
    await this.emit(
      notFinite(step, {
        loss,
        parameter: [...step.gradients.keys()][spoilt],
        iteration: this.state.iteration + 1,
        origin: await this.originOf(step, batch),
      }),
    );
    return undefined;
  }

  /** The operation that gave the first number that is not finite, if float64 shows it too. */
  private async originOf(step: Step, batch: Batch): Promise<Tensor | undefined> {
    const { seed } = this.training;
    const names = new Map(
      [...namedParameters(this.training.model)].map(([name, parameter]) => [parameter as Tensor, name]),
    );
    const values = await this.store.read();
    return firstNotFinite(step, batch, {
      randomKey: [seed, this.state.iteration],
      valueOf: (leaf) => values.get(names.get(leaf) ?? "")?.data,
    });
  }

  private async validate(data: LoadedDataset): Promise<{ loss: number; metrics: MetricValues }> {
    const measured = this.newMeasurements(this.programs.evaluation(Math.min(VALIDATION_BATCH, data.length)).traced);
    const seed = this.training.seed;
    for (const batch of batches(data, {
      batchSize: VALIDATION_BATCH,
      shuffle: false,
      seed,
      epoch: 0,
      dropLast: false,
      training: false,
    })) {
      const { traced: forward, program } = this.programs.evaluation(batch.size);
      feed(program, forward, batch);
      if (forward.trace.randomKey) program.write(forward.trace.randomKey, [seed, this.state.iteration]);
      program.run();
      const [loss] = await program.read(forward.loss);
      const prediction = forward.prediction ? await program.read(forward.prediction) : undefined;
      measured.add(batch.size, loss, prediction, batch.targets[0]?.data);
    }
    return { loss: measured.loss, metrics: measured.values() };
  }

  private rate(): number {
    const { training, state } = this;
    return scheduledRate(training.schedule, {
      base: training.optimizer.learningRate,
      epoch: state.epoch,
      iteration: state.iteration,
      iterationsPerEpoch: this.iterationsPerEpoch,
      epochs: training.epochs,
      losses: state.losses,
    });
  }

  /** Why the run ends before another epoch. */
  private enough(): EndReason | undefined {
    const { earlyStopping, tolerance, epochs, maxSteps } = this.training;
    const { best, epoch, iteration, trainingLosses } = this.state;
    if (earlyStopping && best && epoch - best.epoch >= earlyStopping.patience) return "early-stopping";
    const [before, now] = trainingLosses.slice(-2);
    if (tolerance > 0 && now !== undefined && Math.abs(before - now) < tolerance) return "converged";
    if (epoch >= epochs) return "epochs";
    return iteration >= maxSteps ? "steps" : undefined;
  }

  private async rememberBest(): Promise<void> {
    const { earlyStopping } = this.training;
    if (!earlyStopping) return;
    const loss = this.state.losses.at(-1) as number;
    const { best } = this.state;
    if (best && !(loss < best.loss - (earlyStopping.minimumImprovement ?? 0))) return;
    this.state = { ...this.state, best: { epoch: this.state.epoch, loss } };
    this.best = await this.store.read();
  }

  /** Ends with the best epoch's parameters, says how good they are, and saves them if nothing can follow. */
  private async restoreBest(reason: EndReason, measured: Measurements): Promise<void> {
    const { earlyStopping } = this.training;
    if (!earlyStopping || !(earlyStopping.restoreBest ?? true) || !this.best) return;
    this.store.write(this.best);
    const { validation } = this.parts;
    if (validation && this.lastEpoch) {
      this.lastEpoch = { ...this.lastEpoch, validation: await this.validate(validation) };
    }
    // A run that only ran out of epochs may be resumed for more: its checkpoint stays where training stood.
    if (reason === "early-stopping" || reason === "converged") await this.save(measured);
  }

  private newMeasurements({ prediction, loss }: Forward): Measurements {
    const shape = prediction && concreteShape(prediction.knownShape).slice(1);
    return new Measurements(this.metrics, this.parts.train.fields.targets[0], shape, thresholdOf(loss));
  }

  /** Of this iteration. */
  private get randomKey(): readonly [seed: number, iteration: number] {
    return [this.training.seed, this.state.iteration];
  }

  private async save(measured: Measurements): Promise<void> {
    if (!this.options.save) return;
    this.checkpoint = await this.options.save({
      values: await this.store.read(),
      best: this.best,
      state: this.state,
      measurements: measured.save(),
      seed: this.training.seed,
      model: moduleType(this.training.model),
      optimizer: this.training.optimizer.name,
      batchSize: this.batchSize,
      examples: this.parts.train.length,
    });
  }

  private resume(checkpoint: Checkpoint, step: Step): Measurements {
    const { seed, optimizer } = this.training;
    const problem = resumeProblem(checkpoint, {
      seed,
      optimizer: optimizer.name,
      batchSize: this.batchSize,
      examples: this.parts.train.length,
    });
    const named = (message: string): Error =>
      new Error(checkpoint.source === undefined ? message : `${checkpoint.source}: ${message}`);
    if (problem !== undefined) throw named(problem);
    try {
      this.store.write(checkpoint.values);
    } catch (error) {
      throw named(error instanceof Error ? error.message : String(error));
    }
    this.state = checkpoint.state;
    this.best = checkpoint.best;
    const measured = this.newMeasurements(step);
    measured.restore(checkpoint.measurements satisfies SavedMeasurements);
    return measured;
  }

  private async emit(event: TrainingEvent): Promise<void> {
    await this.options.onEvent?.(event);
  }
}
