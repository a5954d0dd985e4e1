import { elementsOf } from "../data/dataset";
import { reachable } from "../graph/order";
import { concreteShape, sizeOf } from "../graph/shape";
import { namedParameters } from "../nn/module";
import type { EndReason, EpochEvent, FindingEvent, TrainingEvent } from "../train/events";
import type { RunAccess } from "../train/run-access";
import type { LayerStatistics } from "../train/statistics";
import type { Step } from "../train/step";
import { Curve } from "./curve";
import type { Evidence, Measured, Samples, WeightFacts } from "./evidence";
import { type Look, evaluateOn, lookAt } from "./look";
import { type Network, networkOf } from "./network";
import { type DataFacts, dataFacts, neighbourSkill, sampleOf } from "./samples";

/** Examples of a look: fewer where the whole run has few, so that looking costs little of it. */
const LOOK_EXAMPLES = [64, 128] as const;
const LOOK_SHARE = 0.01;
/** In all tensors of a sample together, at most. */
const MOST_NUMBERS = 4e7;
/** Examples of a closer evaluation. */
const CLOSE_EXAMPLES = 512;
/** Looks over the planned length of a run, at least. */
const LOOKS = 8;
/** Iterations between looks, at first. */
const LONGEST_INTERVAL = 500;
/** Looks that are kept: then every other one goes, and the distance doubles. */
const MOST_LOOKS = 64;
/** Beyond it initial values are not read: they would be copied whole. */
const MOST_PARAMETERS = 5e6;
/** Skills below which neighbours are asked whether there is more to learn, before and after the end. */
const DOUBTFUL = { before: 0.6, after: 0.9 };

/** Gathers evidence from the events of a run and by looks into it. */
export class Collector {
  private readonly curve = new Curve();
  private looks: Look[] = [];
  private epochs: EpochEvent[] = [];
  private readonly initial = new Map<string, WeightFacts>();
  private readonly network: Network;
  private samples: Samples | undefined;
  private data: DataFacts = { inputs: [], target: undefined, sorted: 0 };
  private train: Measured | undefined;
  private validation: Measured | undefined;
  private neighbours: Evidence["neighbours"];
  private iteration = 0;
  private planned = 0;
  private nextLook = 0;
  private nextEvaluation = 0;
  private evaluatedAt = 0;
  /** A look beside those at their distance. */
  private closer: Look | undefined;
  private interval = 1;
  private end: EndReason | undefined;
  private notFinite: FindingEvent | undefined;
  /** Figures of the last iteration. */
  latest: readonly LayerStatistics[] = [];

  /** @param closely whether to look after each iteration, for as long as it says so */
  constructor(
    private readonly access: RunAccess,
    private readonly closely: () => boolean,
  ) {
    this.network = networkOf(access);
  }

  /** Takes in one event. @returns whether there is more to judge than before. */
  async add(event: TrainingEvent): Promise<boolean> {
    switch (event.type) {
      case "start":
        this.planned = Math.min(this.access.training.maxSteps, event.epochs * event.iterationsPerEpoch);
        this.iteration = event.startIteration;
        await this.begin(this.planned * event.batchSize);
        this.interval = Math.max(1, Math.min(LONGEST_INTERVAL, Math.floor((this.planned - this.iteration) / LOOKS)));
        this.nextLook = this.iteration + this.interval;
        this.nextEvaluation = this.iteration + (this.planned - this.iteration) / 2;
        return true;
      case "iteration":
        this.iteration = event.iteration;
        this.latest = event.statistics;
        if (Number.isFinite(event.loss))
          this.curve.add(event.iteration, event.loss, event.learningRate, event.statistics);
        this.closer = undefined;
        if (event.iteration < this.nextLook) return this.lookCloser();
        await this.look();
        this.nextLook += this.interval;
        if (this.iteration >= this.nextEvaluation) await this.evaluate();
        return true;
      case "epoch":
        this.epochs.push(event);
        return false;
      case "rewind":
        this.rewind(event.iteration);
        return true;
      case "finding":
        if (event.code !== "not-finite") return false;
        this.notFinite = event;
        return true;
      case "end":
        this.end = event.reason;
        if (this.looks.at(-1)?.iteration !== this.iteration) await this.look();
        await this.evaluate();
        return true;
      default:
        return event satisfies never;
    }
  }

  evidence(): Evidence {
    const { access, network, data, initial, curve, epochs, train, validation, neighbours } = this;
    const looks = this.closer ? [...this.looks, this.closer] : this.looks;
    const { iteration, planned, end, notFinite } = this;
    const { train: all } = access.parts;
    const examples = all.length;
    const features = all.fields.inputs.reduce((sum, spec) => sum + elementsOf(spec), 0);
    return {
      access,
      network,
      data,
      examples,
      features,
      initial,
      curve,
      looks,
      epochs,
      train,
      validation,
      neighbours,
      iteration,
      planned,
      end,
      notFinite,
    };
  }

  /** @param examples that the run will be shown */
  private async begin(examples: number): Promise<void> {
    const { parts, step, training } = this.access;
    const most = Math.max(8, Math.floor(MOST_NUMBERS / numbersOf(step)));
    const train = sampleOf(parts.train, Math.min(CLOSE_EXAMPLES, most));
    const share = Math.ceil(LOOK_SHARE * examples);
    this.samples = {
      look: sampleOf(parts.train, Math.min(most, LOOK_EXAMPLES[1], Math.max(LOOK_EXAMPLES[0], share))),
      train,
      validation: parts.validation && sampleOf(parts.validation, Math.min(CLOSE_EXAMPLES, most)),
    };
    this.data = dataFacts(train, parts.train);
    const parameters = [...namedParameters(training.model)].filter(([name]) => step.gradients.has(name));
    const size = parameters.reduce((sum, [, parameter]) => sum + parameter.size, 0);
    if (size <= MOST_PARAMETERS) {
      const values = await this.access.values();
      for (const [name, parameter] of parameters) {
        const shape = concreteShape(parameter.knownShape);
        const value = values.get(name);
        if (value && shape.length >= 2) this.initial.set(name, weightFacts(value.data, shape[0]));
      }
    }
    await this.look();
  }

  /** The past was changed: what was seen after an iteration is not what came of it. */
  private rewind(iteration: number): void {
    this.iteration = iteration;
    this.curve.rewind(iteration);
    this.looks = this.looks.filter((look) => look.iteration <= iteration);
    this.epochs = this.epochs.filter((epoch) => epoch.iteration <= iteration);
    this.nextLook = (this.looks.at(-1)?.iteration ?? iteration) + this.interval;
    if (this.evaluatedAt > iteration) {
      this.nextEvaluation = Math.min(this.nextEvaluation, this.evaluatedAt);
      this.train = this.validation = undefined;
    }
    this.latest = [];
    this.closer = undefined;
  }

  private async look(): Promise<void> {
    if (!this.samples) return;
    this.looks.push(await lookAt(this.access, this.samples.look, this.iteration));
    if (this.looks.length <= MOST_LOOKS) return;
    this.looks = this.looks.filter((_, i) => i % 2 === 0);
    this.interval *= 2;
  }

  /** Somebody waits for the first iteration in which something holds. What is kept of the run stays as it would be without. */
  private async lookCloser(): Promise<boolean> {
    if (!this.samples || !this.closely()) return false;
    this.closer = await lookAt(this.access, this.samples.look, this.iteration);
    return true;
  }

  private async evaluate(): Promise<void> {
    const { samples } = this;
    if (!samples) return;
    this.evaluatedAt = this.iteration;
    this.nextEvaluation = this.iteration + Math.max(this.planned / 4, this.interval);
    // On the way a look tells enough of the training examples.
    if (this.end !== undefined) this.train = await evaluateOn(this.access, samples.train);
    this.validation = samples.validation && (await evaluateOn(this.access, samples.validation));
    const score = (this.train ?? this.looks.at(-1))?.score;
    const skill = Math.min(score?.skill ?? 1, this.validation?.score?.skill ?? 1);
    if (this.neighbours || skill >= DOUBTFUL[this.end === undefined ? "before" : "after"]) return;
    const { train, validation } = this.access.parts;
    this.neighbours = {
      train: neighbourSkill(train, train),
      validation: validation && neighbourSkill(train, validation),
    };
  }
}

/** Numbers that the tensors of one example hold. */
function numbersOf({ cost, batch }: Step): number {
  const examples = batch.inputs[0]?.shape[0] ?? 1;
  const total = reachable([cost]).reduce((sum, { knownShape }) => sum + sizeOf(concreteShape(knownShape)), 0);
  return Math.max(1, total / Math.max(1, examples));
}

function weightFacts(values: ArrayLike<number>, units: number): WeightFacts {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  const width = values.length / units;
  let alike = units > 1;
  for (let i = width; alike && i < values.length; i++) alike = values[i] === values[i % width];
  return { scale: Math.sqrt(squares / Math.max(1, values.length)), alike };
}
