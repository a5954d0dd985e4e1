import {
  type Rule,
  type Rules,
  factor,
  fraction,
  nonNegative,
  optional,
  positive,
  required,
  resolveSettings,
  show,
  wholeFrom,
} from "./settings";

/**
 * How the learning rate changes in training: a pure function of where training stands, so that a resumed run
 * goes on exactly. Any object of this form will do.
 */
export interface Schedule {
  /** The function that made it: `cosine`. */
  readonly name: string;
  /** All options with their defaults filled in: for display and checkpoints. */
  readonly options?: Readonly<Record<string, unknown>>;
  rate(context: ScheduleContext): number;
}

export interface ScheduleContext {
  /** The optimiser's learning rate η₀. */
  readonly base: number;
  /** From 0. */
  readonly epoch: number;
  /** Updates done so far, over all epochs: 0 at the first. */
  readonly iteration: number;
  readonly iterationsPerEpoch: number;
  /** Epochs of the whole run. */
  readonly epochs: number;
  /** Validation loss (training loss where nothing validates) of each finished epoch. */
  readonly losses: readonly number[];
}

/** η₀ throughout. */
export function constantRate(): Schedule {
  return { name: "constantRate", options: {}, rate: ({ base }) => base };
}

export interface StepDecayOptions {
  /** Epochs from one drop to the next. */
  readonly every: number;
  /** γ in (0, 1]. Default 0.1. */
  readonly factor?: number;
}

/** η₀·γ^⌊epoch/every⌋. */
export function stepDecay(options: StepDecayOptions): Schedule {
  return schedule(
    "stepDecay",
    { every: wholeFrom(1, required), factor: factor(0.1) },
    options,
    ({ every, factor: gamma }) => {
      return ({ base, epoch }) => base * gamma ** Math.floor(epoch / every);
    },
  );
}

export interface ExponentialDecayOptions {
  /** γ in (0, 1]. */
  readonly factor: number;
}

/** η₀·γⁿ after n epochs. */
export function exponentialDecay(options: ExponentialDecayOptions): Schedule {
  return schedule("exponentialDecay", { factor: factor(required) }, options, ({ factor: gamma }) => {
    return ({ base, epoch }) => base * gamma ** epoch;
  });
}

export interface CosineOptions {
  /** The rate at the end. Default 0. */
  readonly minimum?: number;
  /** Epochs until the rate is at its minimum, where it stays. Default: the whole run. */
  readonly epochs?: number;
}

/** min + (η₀−min)·(1+cos(πt/T))/2 at iteration t of T, renewed at every iteration (Loshchilov & Hutter 2017, no restarts). */
export function cosine(options: CosineOptions = {}): Schedule {
  return schedule(
    "cosine",
    { minimum: nonNegative(0), epochs: optional(positive(required)) },
    options,
    ({ minimum, epochs }) =>
      (context) => {
        const { base, iteration, iterationsPerEpoch } = context;
        const total = (epochs ?? context.epochs) * iterationsPerEpoch;
        return anneal(base, Math.min(minimum, base), total > 0 ? Math.min(1, iteration / total) : 1);
      },
  );
}

export interface LinearWarmupOptions {
  /** Length of the warm-up in updates; or give `epochs`. */
  readonly iterations?: number;
  /** Length of the warm-up in epochs. */
  readonly epochs?: number;
  /** What follows, counted from the end of the warm-up. Default: η₀. */
  readonly then?: Schedule;
}

/** η₀·(t+1)/W at iteration t < W, then `then` (by default η₀) over what is left of the run. */
export function linearWarmup(options: LinearWarmupOptions): Schedule {
  const rules = { ...lengthRules(), then: optional(scheduleRule) };
  const { then, iterations, epochs } = resolveSettings("linearWarmup", rules, options);
  const length = partLength("linearWarmup", { iterations, epochs });
  const next = then ?? constantRate();
  return {
    name: "linearWarmup",
    options: { iterations, epochs, then: describeSchedule(next) },
    rate: (context) => {
      const warmup = length(context);
      if (context.iteration >= warmup) return next.rate(after(context, warmup));
      return context.base * Math.min(1, (context.iteration + 1) / warmup);
    },
  };
}

export interface ReduceOnPlateauOptions {
  /** What the rate is multiplied with. Default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are borne; the next one lowers the rate. Default 10. */
  readonly patience?: number;
  /** A loss under best·(1−threshold) is an improvement. Default 1e-4. */
  readonly threshold?: number;
  /** The rate does not go under it. Default 0. */
  readonly minimum?: number;
}

/**
 * Lowers the rate when the loss of the epochs no longer falls: PyTorch's `ReduceLROnPlateau` (mode min, relative
 * threshold, no cooldown), recomputed from the losses each time. A NaN is no improvement; a drop under 1e-8 is left out.
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions = {}): Schedule {
  const rules = {
    factor: factor(0.1),
    patience: wholeFrom(0, 10),
    threshold: nonNegative(1e-4),
    minimum: nonNegative(0),
  };
  return schedule("reduceOnPlateau", rules, options, ({ factor: gamma, patience, threshold, minimum }) => {
    return ({ base, losses }) => {
      let rate = base;
      let best = Infinity;
      let bad = 0;
      for (const loss of losses) {
        if (loss < best * (1 - threshold)) {
          best = loss;
          bad = 0;
        } else if (++bad > patience) {
          bad = 0;
          const lower = Math.max(rate * gamma, minimum);
          if (rate - lower > 1e-8) rate = lower;
        }
      }
      return rate;
    };
  });
}

export interface OneCycleOptions {
  /** The rate at the top. Default: the optimiser's learning rate. */
  readonly maximum?: number;
  /** The share of the run in which the rate rises. Default 0.3. */
  readonly warmupFraction?: number;
  /** The run begins at maximum/startDivisor. Default 25. */
  readonly startDivisor?: number;
  /** … and ends at (maximum/startDivisor)/finalDivisor. Default 1e4. */
  readonly finalDivisor?: number;
}

/**
 * One cycle (Smith & Topin 2018) in the form of PyTorch's `OneCycleLR`: up along a cosine, then down along one,
 * renewed at every iteration of the run. Momentum is not cycled.
 */
export function oneCycle(options: OneCycleOptions = {}): Schedule {
  const rules = {
    maximum: optional(positive(required)),
    warmupFraction: fraction(0.3),
    startDivisor: positive(25),
    finalDivisor: positive(1e4),
  };
  return schedule(
    "oneCycle",
    rules,
    options,
    ({ maximum, warmupFraction, startDivisor, finalDivisor }) =>
      (context) => {
        const { base, iteration, iterationsPerEpoch, epochs } = context;
        const total = epochs * iterationsPerEpoch;
        const peak = maximum ?? base;
        const start = peak / startDivisor;
        const end = start / finalDivisor;
        // PyTorch's phases end at these positions; the first need not be whole.
        const top = warmupFraction * total - 1;
        const last = total - 1;
        if (iteration <= top) return anneal(start, peak, top > 0 ? iteration / top : 1);
        return anneal(peak, end, last > top ? Math.min(1, (iteration - top) / (last - top)) : 1);
      },
  );
}

/** One part of a {@link sequence}; its length in epochs or in iterations, which only the last may leave out. */
export interface SequencePart {
  readonly schedule: Schedule;
  readonly epochs?: number;
  readonly iterations?: number;
}

/** Schedules one after another; each counts from its own begin and sees its own length as the run's. The last one stays. */
export function sequence(parts: readonly SequencePart[]): Schedule {
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new Error(
      `sequence: needs a list such as [{ schedule: linearWarmup({ epochs: 1 }), epochs: 1 }, { schedule: cosine() }]`,
    );
  }
  const checked = (parts as readonly SequencePart[]).map((part, i) => {
    const where = `sequence: part ${i + 1}`;
    const rules = { schedule: scheduleRule, ...lengthRules() };
    const { schedule: each, iterations, epochs } = resolveSettings(where, rules, part);
    const open = i === parts.length - 1 && iterations === undefined && epochs === undefined;
    return { each, iterations, epochs, length: open ? undefined : partLength(where, { iterations, epochs }) };
  });
  return {
    name: "sequence",
    options: {
      parts: checked.map(({ each, iterations, epochs }) => ({ schedule: describeSchedule(each), iterations, epochs })),
    },
    rate: (context) => {
      let rest = context;
      for (const [i, { each, length }] of checked.entries()) {
        if (length === undefined) return each.rate(rest);
        const size = length(rest);
        if (rest.iteration < size || i === checked.length - 1) {
          return each.rate({ ...rest, epochs: size / rest.iterationsPerEpoch });
        }
        rest = after(rest, size);
      }
      throw new Error("internal: a sequence of schedules without a last one");
    },
  };
}

/**
 * The rate a schedule gives, the base rate without one.
 * @throws when a schedule of the user's own gives no usable number.
 */
export function scheduledRate(from: Schedule | undefined, context: ScheduleContext): number {
  if (from === undefined) return context.base;
  const rate: unknown = from.rate(context);
  if (typeof rate === "number" && rate >= 0 && rate < Infinity) return rate;
  throw new Error(
    `schedule ${from.name}: the learning rate at iteration ${context.iteration} must be a number from 0 upwards, got ${show(rate)}`,
  );
}

/** From `start` at share 0 to `end` at share 1 along half a cosine. */
function anneal(start: number, end: number, share: number): number {
  return end + ((start - end) / 2) * (1 + Math.cos(Math.PI * share));
}

/** The context as a schedule sees it that begins after `done` iterations: with the losses of epochs that ended after them. */
function after(context: ScheduleContext, done: number): ScheduleContext {
  const { iterationsPerEpoch } = context;
  const iteration = context.iteration - done;
  const epochsDone = done / iterationsPerEpoch;
  return {
    ...context,
    iteration,
    epoch: Math.floor(iteration / iterationsPerEpoch),
    epochs: context.epochs - epochsDone,
    losses: context.losses.slice(Math.floor(epochsDone)),
  };
}

interface Length {
  readonly iterations?: number;
  readonly epochs?: number;
}

function lengthRules(): Rules<{ iterations: number | undefined; epochs: number | undefined }> {
  return { iterations: optional(wholeFrom(1, required)), epochs: optional(positive(required)) };
}

/** A length in iterations, rounded up to whole ones. */
function partLength(where: string, { iterations, epochs }: Length): (context: ScheduleContext) => number {
  if ((iterations === undefined) === (epochs === undefined)) {
    throw new Error(
      `${where}: give either iterations or epochs as the length${iterations === undefined ? "" : ", not both"}`,
    );
  }
  return ({ iterationsPerEpoch }) => iterations ?? Math.ceil((epochs ?? 0) * iterationsPerEpoch);
}

const scheduleRule: Rule<Schedule> = {
  wanted: "a schedule such as cosine()",
  accepts: (value) =>
    typeof value === "object" && value !== null && "rate" in value && typeof value.rate === "function",
  fallback: required,
};

function describeSchedule({ name, options }: Schedule): Readonly<Record<string, unknown>> {
  return { name, ...options };
}

function schedule<S extends object>(
  name: string,
  rules: Rules<S>,
  given: unknown,
  make: (settings: S) => (context: ScheduleContext) => number,
): Schedule {
  const settings = resolveSettings(name, rules, given);
  return { name, options: settings as Readonly<Record<string, unknown>>, rate: make(settings) };
}
