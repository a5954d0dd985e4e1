import type { Values } from "../backends/backend";
import { batchCount, batches, type Batch } from "../data/loader";
import { prefetchBatches } from "../data/prefetch";
import type { LoadedDataset } from "../data/dataset";
import { concreteShape } from "../graph/shape";
import { moduleType, namedParameters } from "../nn/module";
import { scheduledRate } from "../optim";
import type { Running } from "../plan/program";
import { type Checkpoint, type RunState, resumed } from "./checkpoint";
import { firstNotFinite, notFinite, valuesByLeaf } from "./failures";
import { type Parts, loadParts } from "./parts";
import type { EndEvent, EndReason, EpochEvent, IterationEvent, TrainingEvent } from "./events";
import { Measurements, type SavedMeasurements, metricsFor, thresholdOf } from "./measure";
import type { Instruction, Moment, Outcome } from "./probe";
import type { RunEnvironment, RunOptions } from "./run-access";
import { endEvent, enough, startEvent } from "./run-ends";
import { readStatistics } from "./statistics";
import { type Compiled, Programs, startStep } from "./programs";
import type { Forward, Step } from "./step";
import { Store } from "./store";
import { VALIDATION_BATCH, type Validation, validate } from "./validate";
import { type Told, createTold } from "./told";
import type { Metric, Training } from "./training";

/** The run stands at another moment, with what was measured until then. */
class Rewound {
  constructor(readonly measured: Measurements) {}
}

type Figures = Pick<IterationEvent, "loss" | "learningRate" | "examplesPerSecond" | "statistics">;

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
  readonly store: Store;
  private readonly programs: Programs;
  private readonly metrics: readonly Metric[];
  readonly batchSize: number;
  readonly iterationsPerEpoch: number;
  /** Of the state: they grow with it, so a copy of the state copies them. */
  private losses: number[] = [];
  private trainingLosses: number[] = [];
  state: RunState = {
    epoch: 0,
    iteration: 0,
    batch: 0,
    losses: this.losses,
    trainingLosses: this.trainingLosses,
    best: undefined,
  };
  private best: Map<string, { shape: readonly number[]; data: Values }> | undefined;
  checkpoint: string | null = null;
  /** Of the epochs done. */
  epochEvents: EpochEvent[] = [];
  /** Of the last epoch, or of the last batch where the run ended within one. */
  lastLoss: number | undefined;
  private told: Told;
  /** Of the last checkpoint. */
  private savedAt = 0;
  private rateInstead: number | undefined;
  /** The iteration's program, if a part of it ran before its time. */
  private begun: Running | undefined;

  constructor(
    private readonly training: Training,
    private readonly environment: RunEnvironment,
    private readonly options: RunOptions,
    private readonly parts: Parts,
  ) {
    this.store = new Store(environment.backend, training.seed);
    const log = { onPlan: options.onPlan, now: environment.now };
    this.programs = new Programs(training, parts.train.fields, parts.train.length, this.store, log);
    this.metrics = metricsFor(training, parts.train.fields.targets[0]);
    this.batchSize = training.batchSize === "all" ? parts.train.length : training.batchSize;
    this.iterationsPerEpoch = batchCount(parts.train.length, {
      batchSize: this.batchSize,
      dropLast: training.dropLast,
    });
    this.told = createTold(this.state, this.iterationsPerEpoch);
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
      fresh: this.options.resume === undefined,
      step: first,
      metrics: this.metrics,
      rewrite: (iteration) => this.told.rewrite(iteration),
      values: () => this.store.read(),
      observe: (key, batch, pick) => this.programs.observe(key, batch, this.randomKey, pick),
      differentiate: (key, batch, pick) => this.programs.differentiate(key, batch, this.randomKey, pick),
    });
    await this.emit(startEvent(training, parts, first, this));
    this.told = createTold(this.state, this.iterationsPerEpoch);
    // Looked at before each epoch, so that a run that is resumed after its last epoch ends like one that went on.
    let reason: EndReason | undefined = enough(training, this.state);
    for (;;) {
      while (!reason) {
        const outcome = await this.epoch(measured);
        measured = outcome instanceof Rewound ? outcome.measured : this.newMeasurements(first);
        reason = (outcome instanceof Rewound ? undefined : outcome) ?? enough(training, this.state);
      }
      if (reason === "interrupted") break;
      const instruction = await this.options.probe?.beforeEnd?.({ ...this.state, values: () => this.store.read() });
      if (instruction?.kind !== "rewind") break;
      measured = await this.goBack(instruction.to, first);
      reason = undefined;
    }
    // A run that ends in the past ends there also for those who were told.
    this.told.rewrite(this.state.iteration);
    await this.tellRewind();
    if (reason !== "interrupted") await this.restoreBest(reason, measured);
    const end = endEvent(reason, (this.environment.now() - started) / 1000, this);
    await this.emit(end);
    return { end, values: await this.store.read() };
  }

  /** One pass over the data, from the batch where the state stands. */
  private async epoch(measured: Measurements): Promise<EndReason | Rewound | undefined> {
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
      if (typeof loss === "object") {
        if (loss.kind === "rewind")
          return new Rewound(await this.goBack(loss.to, this.programs.step(batch.size).traced));
        await this.save(measured);
        return "interrupted";
      }
    }
    this.state = { ...this.state, epoch: this.state.epoch + 1, batch: 0 };
    const validation = parts.validation ? await this.validate(parts.validation) : null;
    this.losses.push(validation?.loss ?? measured.loss);
    this.trainingLosses.push(measured.loss);
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
    this.epochEvents.push(event);
    this.lastLoss = event.loss;
    if (!this.told.epoch(event.epoch)) return undefined;
    // First told, then saved: a run that is killed in between tells of this epoch again when it is resumed.
    await this.emit(event);
    await this.save(this.newMeasurements(this.programs.step(Math.min(this.batchSize, parts.train.length)).traced));
    return undefined;
  }

  /**
   * One update. Returns the batch's loss before it; `undefined` where loss or update are not finite and nothing changed; and
   * what the probe wants instead of going on.
   */
  private async iterate(
    batch: Batch,
    measured: Measurements,
    speed: () => number,
  ): Promise<number | undefined | Exclude<Instruction, Outcome>> {
    const compiled = this.programs.step(batch.size);
    const { traced: step, program } = compiled;
    const { probe } = this.options;
    const before = await probe?.beforeIteration?.(this.moment(compiled, batch, measured));
    if (before?.kind === "rewind") return before;
    if (await this.tellRewind()) await this.save(measured);
    if (before?.kind === "stop") return before;
    if (before) return this.take(before, compiled, batch, measured, speed);
    const learningRate = this.rate();
    this.begun ??= this.begin(compiled, batch);
    this.begun.finish();
    this.begun = undefined;
    const [loss] = await program.read(step.loss);
    this.lastLoss = loss;
    const statistics = step.statistics ? readStatistics(await program.read(step.statistics), step.layers.length) : [];
    const spoilt = step.finite ? (await program.read(step.finite)).indexOf(0) : -1;
    // A step that gives no number must not spoil the parameters: they stay those of the last good iteration.
    const good = Number.isFinite(loss) && spoilt < 0;
    if (good) {
      program.commit();
      const prediction = measured.wantsPredictions && step.prediction ? await program.read(step.prediction) : undefined;
      measured.add(batch.size, loss, prediction, batch.targets[0]?.data);
      this.state = { ...this.state, iteration: this.state.iteration + 1, batch: this.state.batch + 1 };
    }
    const figures = { loss, learningRate, examplesPerSecond: speed(), statistics };
    const parameter = [...step.gradients.keys()][spoilt];
    return this.conclude(compiled, batch, measured, figures, good ? undefined : { parameter, changed: false });
  }

  /** Tells of an iteration; of one that gave no numbers the probe hears first, and the run ends. */
  private async conclude(
    compiled: Compiled<Step>,
    batch: Batch,
    measured: Measurements,
    figures: Figures,
    spoilt: { readonly parameter: string | undefined; readonly changed: boolean } | undefined,
  ): Promise<number | undefined | Exclude<Instruction, Outcome>> {
    const { probe } = this.options;
    const { traced: step } = compiled;
    if (spoilt) {
      const instead = await probe?.notFinite?.(this.moment(compiled, batch, measured));
      if (instead?.kind === "rewind") return instead;
      await this.tellRewind();
      if (instead?.kind === "stop") return instead;
    }
    const { epoch, iteration } = this.state;
    if (this.told.iteration(iteration) || spoilt)
      await this.emit({ type: "iteration", epoch: epoch + 1, iteration, ...figures });
    await probe?.afterIteration?.(this.moment(compiled, batch, measured));
    if (!spoilt) return figures.loss;
    await this.emit(
      notFinite(step, {
        ...spoilt,
        loss: figures.loss,
        iteration: this.state.iteration + 1,
        // If float64 shows it too.
        origin: firstNotFinite(step, batch, {
          randomKey: this.randomKey,
          valueOf: valuesByLeaf(this.training.model, await this.store.read()),
        }),
      }),
    );
    return undefined;
  }

  private begin(compiled: Compiled<Step>, batch: Batch): Running {
    return startStep(compiled, batch, {
      randomKey: this.randomKey,
      rate: this.rate(),
      count: this.state.iteration + 1,
    });
  }

  /** An outcome that somebody else computed, judged as the run's own. */
  private async take(
    { loss, values, measured: predicted }: Outcome,
    compiled: Compiled<Step>,
    batch: Batch,
    measured: Measurements,
    speed: () => number,
  ): Promise<number | undefined | Exclude<Instruction, Outcome>> {
    const figures = { loss, learningRate: this.rate(), examplesPerSecond: speed(), statistics: [] };
    const isSpoilt = (name: string): boolean => values.get(name)?.data.every(Number.isFinite) === false;
    const parameter = [...compiled.traced.gradients.keys()].find(isSpoilt);
    const good = Number.isFinite(Math.fround(loss)) && parameter === undefined;
    this.begun = undefined;
    this.lastLoss = loss;
    if (good) {
      this.store.replace(values);
      measured.add(batch.size, loss, predicted?.prediction, predicted?.target);
      this.state = { ...this.state, iteration: this.state.iteration + 1, batch: this.state.batch + 1 };
    }
    return this.conclude(compiled, batch, measured, figures, good ? undefined : { parameter, changed: true });
  }

  private moment(compiled: Compiled<Step>, batch: Batch, measured: Measurements): Moment {
    const { epoch, iteration } = this.state;
    return {
      step: compiled.traced,
      batch,
      epoch,
      iteration,
      learningRate: this.rate(),
      values: () => this.store.read(),
      write: (values) => {
        this.store.replace(values);
        this.begun = undefined;
      },
      setLearningRate: (rate) => {
        if (rate !== this.rateInstead) this.begun = undefined;
        this.rateInstead = rate;
      },
      ahead: () => {
        if (this.state.iteration !== iteration) return false;
        const begun = this.begun ?? this.begin(compiled, batch);
        // What fails now fails again when it is due, and is told then.
        this.begun = undefined;
        const isMore = begun.step();
        this.begun = begun;
        return isMore;
      },
      snapshot: () => this.checkpointNow(measured),
    };
  }

  private validate(data: LoadedDataset): Promise<Validation> {
    const { traced } = this.programs.evaluation(Math.min(VALIDATION_BATCH, data.length));
    return validate(data, this.programs, this.newMeasurements(traced), this.randomKey);
  }

  private rate(): number {
    const { training, state } = this;
    if (this.rateInstead !== undefined) return this.rateInstead;
    return scheduledRate(training.schedule, {
      base: training.optimizer.learningRate,
      epoch: state.epoch,
      iteration: state.iteration,
      iterationsPerEpoch: this.iterationsPerEpoch,
      epochs: training.epochs,
      losses: state.losses,
    });
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
    const last = this.epochEvents.pop();
    if (last) this.epochEvents.push(validation ? { ...last, validation: await this.validate(validation) } : last);
    // A run that only ran out of epochs may be resumed for more: its checkpoint stays where training stood.
    if (reason === "early-stopping" || reason === "converged") await this.save(measured);
  }

  private newMeasurements({ prediction, loss }: Forward): Measurements {
    const shape = prediction && concreteShape(prediction.knownShape).slice(1);
    return new Measurements(this.metrics, this.parts.train.fields.targets[0], shape, thresholdOf(loss));
  }

  private get randomKey(): readonly [seed: number, iteration: number] {
    return [this.training.seed, this.state.iteration];
  }

  private async save(measured: Measurements): Promise<void> {
    this.savedAt = this.state.iteration;
    if (this.options.save) this.checkpoint = await this.options.save(await this.checkpointNow(measured));
  }

  private async checkpointNow(measured: Measurements): Promise<Checkpoint> {
    return {
      values: await this.store.read(),
      best: this.best,
      state: { ...this.state, losses: [...this.losses], trainingLosses: [...this.trainingLosses] },
      measurements: measured.save(),
      seed: this.training.seed,
      model: moduleType(this.training.model),
      optimizer: this.training.optimizer.name,
      batchSize: this.batchSize,
      examples: this.parts.train.length,
    };
  }

  private resume(checkpoint: Checkpoint, step: Step): Measurements {
    const { seed, optimizer } = this.training;
    const [batchSize, examples] = [this.batchSize, this.parts.train.length];
    return resumed(checkpoint, { seed, optimizer: optimizer.name, batchSize, examples }, () =>
      this.takeUp(checkpoint, step),
    );
  }

  /** Goes on from another moment of this run. */
  private async goBack(to: Checkpoint, step: Step): Promise<Measurements> {
    const measured = this.takeUp(to, step);
    if (await this.tellRewind()) await this.save(measured);
    return measured;
  }

  /** Tells that the past was changed, if it was. @returns whether what was saved is of a future that is no more */
  private async tellRewind(): Promise<boolean> {
    const rewind = this.told.rewind();
    if (rewind) await this.emit(rewind);
    return rewind !== undefined && this.savedAt > rewind.iteration;
  }

  private takeUp(checkpoint: Checkpoint, step: Step): Measurements {
    this.store.write(checkpoint.values);
    this.begun = undefined;
    this.losses = [...checkpoint.state.losses];
    this.trainingLosses = [...checkpoint.state.trainingLosses];
    this.state = { ...checkpoint.state, losses: this.losses, trainingLosses: this.trainingLosses };
    this.best = checkpoint.best;
    this.epochEvents = this.epochEvents.filter(({ epoch }) => epoch <= this.state.epoch);
    const measured = this.newMeasurements(step);
    measured.restore(checkpoint.measurements satisfies SavedMeasurements);
    return measured;
  }

  private async emit(event: TrainingEvent): Promise<void> {
    await this.options.onEvent?.(event);
  }
}
