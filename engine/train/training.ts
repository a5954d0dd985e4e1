import type { Dataset } from "../data/dataset";
import type { Tensor } from "../graph/tensor";
import { currentSite, type Range, type Site } from "../graph/site";
import { Module } from "../nn/module";
import type { Optimizer } from "../optim/optimizer";
import type { Schedule } from "../optim/schedules";

/** What one call of the model gives: usually a tensor, or a record or list of them. */
export type ModelOutput = Tensor | readonly ModelOutput[] | { readonly [key: string]: ModelOutput };

/**
 * A second or later target. A plain tensor to the eye; the property that is never there lets `loss: crossEntropy` fit, whose
 * third parameter holds options.
 */
export type FurtherTarget = Tensor & { readonly reduction?: undefined };

export interface TrainingOptions<M extends Module = Module> {
  /** Called with the inputs of a batch, in order of the data's input fields. */
  readonly model: M;
  /** The examples to learn from; its own held-out part, if it has one, is the validation data. */
  readonly data: Dataset;
  /**
   * The cost of a batch, a scalar: called with the model's output and the batch's targets. Averages over the batch, as the
   * losses of this package do.
   */
  readonly loss: (output: ReturnType<M["forward"]>, target: Tensor, ...more: FurtherTarget[]) => Tensor;
  readonly optimizer: Optimizer;
  /** Learning rate over time; constant when left out. */
  readonly schedule?: Schedule;
  /** Examples per update: a number, 1 for per-example, or "all" for full-batch. Default 32. */
  readonly batchSize?: number | "all";
  /** Passes over the training data. Default 5. */
  readonly epochs?: number;
  /** Stops after this many updates even within an epoch. */
  readonly maxSteps?: number;
  /** All randomness comes from it: initial values, order, dropout, augmentation. Default 0. */
  readonly seed?: number;
  /** New order each epoch. Default true. */
  readonly shuffle?: boolean;
  /** Leaves out a short last batch. Default false. */
  readonly dropLast?: boolean;
  /** Data to validate on after each epoch, a fraction to hold out, or false. Default: what the data holds out itself. */
  readonly validation?: Dataset | number | false;
  /** λ of the cost term λ/(2n)·ΣΘ² over all weights but biases, n = number of training examples. */
  readonly l2?: number;
  /** Limits gradients by their global norm, or each element by value. */
  readonly clip?: { readonly norm?: number; readonly value?: number };
  readonly earlyStopping?: EarlyStopping;
  /** Stops when the epoch's training loss changes by less than this. */
  readonly tolerance?: number;
  /** Threads that collect and augment batches beside the training. Default 0: it collects them itself. */
  readonly workers?: number;
  /** Batches that the workers keep ready, at most. Default twice the workers. */
  readonly prefetch?: number;
  /** Names of metrics to report; by default accuracy when the targets are class labels. */
  readonly metrics?: readonly Metric[];
}

export interface EarlyStopping {
  /** Epochs without improvement before stopping. */
  readonly patience: number;
  /** What counts as improvement of the validation loss. Default 0. */
  readonly minimumImprovement?: number;
  /** Goes back to the best epoch's parameters at the end. Default true. */
  readonly restoreBest?: boolean;
}

export type Metric = "accuracy" | "mae" | "mse" | "rmse" | "r2";

const OPTION_NAMES: readonly (keyof TrainingOptions)[] = [
  "model",
  "data",
  "loss",
  "optimizer",
  "schedule",
  "batchSize",
  "epochs",
  "maxSteps",
  "seed",
  "shuffle",
  "dropLast",
  "validation",
  "l2",
  "clip",
  "earlyStopping",
  "tolerance",
  "workers",
  "prefetch",
  "metrics",
];

const METRICS: readonly Metric[] = ["accuracy", "mae", "mse", "rmse", "r2"];

/** How to train a model: what a model file exports by default. Made by {@link training}. */
export class Training {
  readonly model: Module;
  readonly data: Dataset;
  readonly loss: (output: never, ...targets: Tensor[]) => Tensor;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule | undefined;
  readonly batchSize: number | "all";
  readonly epochs: number;
  readonly maxSteps: number;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly validation: Dataset | number | false | undefined;
  readonly l2: number;
  readonly clip: { readonly norm?: number; readonly value?: number };
  readonly earlyStopping: EarlyStopping | undefined;
  readonly tolerance: number;
  readonly workers: number;
  readonly prefetch: number | undefined;
  readonly metrics: readonly Metric[] | undefined;
  /** Where the user wrote `training(…)`. */
  readonly site: Site | undefined;

  /** @internal */
  constructor(options: TrainingOptions) {
    checkOptions(options);
    this.model = options.model;
    this.data = options.data;
    this.loss = options.loss;
    this.optimizer = options.optimizer;
    this.schedule = options.schedule;
    this.batchSize = options.batchSize ?? 32;
    this.epochs = options.epochs ?? 5;
    this.maxSteps = options.maxSteps ?? Infinity;
    this.seed = options.seed ?? 0;
    this.shuffle = options.shuffle ?? true;
    this.dropLast = options.dropLast ?? false;
    this.validation = options.validation;
    this.l2 = options.l2 ?? 0;
    this.clip = options.clip ?? {};
    this.earlyStopping = options.earlyStopping;
    this.tolerance = options.tolerance ?? 0;
    this.workers = options.workers ?? 0;
    this.prefetch = options.prefetch;
    this.metrics = options.metrics;
    this.site = currentSite();
  }
}

/** Where the user wrote an option's value, else the whole call. */
export function optionSite({ site }: Training, name: keyof TrainingOptions): Site | undefined {
  const range: Range | undefined = site?.properties?.[name];
  return range ?? site;
}

/**
 * Says how to train a model; export it by default from a `*.nn.ts` file.
 *
 * @throws one clear error for a missing, unknown or impossible option.
 */
export function training<M extends Module>(options: TrainingOptions<M>): Training {
  return new Training(options);
}

function checkOptions(options: TrainingOptions): void {
  if (typeof options !== "object" || options === null)
    throw new Error("training: needs its options: training({ model, data, loss, optimizer })");
  for (const name of Object.keys(options)) {
    if (!(OPTION_NAMES as readonly string[]).includes(name)) {
      throw new Error(
        `training: there is no option ${name}${closest(name, OPTION_NAMES)}; the options are ${OPTION_NAMES.join(", ")}`,
      );
    }
  }
  if (!(options.model instanceof Module)) {
    const isClass =
      typeof options.model === "function" && (options.model as { prototype?: unknown }).prototype instanceof Module;
    throw new Error(
      `training: model must be a module${isClass ? "; this is the class itself, write new in front of it" : `, got ${describe(options.model)}`}`,
    );
  }
  if (!isDataset(options.data)) {
    throw new Error(
      `training: data must be a dataset such as digits() or csv("file.csv"), got ${describe(options.data)}`,
    );
  }
  if (typeof options.loss !== "function")
    throw new Error(`training: loss must be a function such as crossEntropy or mse, got ${describe(options.loss)}`);
  if (typeof (options.optimizer as Partial<Optimizer> | undefined)?.update !== "function") {
    throw new Error(
      `training: optimizer must be an optimiser such as adam({ learningRate: 1e-3 }), got ${describe(options.optimizer)}`,
    );
  }
  if (options.schedule !== undefined && typeof (options.schedule as Partial<Schedule>).rate !== "function") {
    throw new Error(`training: schedule must be a schedule such as cosine(), got ${describe(options.schedule)}`);
  }
  if (options.batchSize !== "all")
    checkNumber("batchSize", options.batchSize, { whole: true, least: 1 }, ' (or "all")');
  checkNumber("epochs", options.epochs, { whole: true, least: 0 });
  checkNumber("maxSteps", options.maxSteps, { whole: true, least: 0 });
  checkNumber("seed", options.seed, { whole: true, least: 0 });
  checkNumber("l2", options.l2, { least: 0 });
  checkNumber("tolerance", options.tolerance, { least: 0 });
  checkGroup("clip", options.clip, ["norm", "value"]);
  checkNumber("clip.norm", options.clip?.norm, { above: 0 });
  checkNumber("clip.value", options.clip?.value, { above: 0 });
  checkNumber("workers", options.workers, { whole: true, least: 0 });
  checkNumber("prefetch", options.prefetch, { whole: true, least: 1 });
  checkFlag("shuffle", options.shuffle);
  checkFlag("dropLast", options.dropLast);
  if (options.earlyStopping !== undefined) checkEarlyStopping(options.earlyStopping);
  checkValidation(options.validation);
  if (options.metrics !== undefined && !Array.isArray(options.metrics))
    throw new Error(`training: metrics must be a list such as ["accuracy"], got ${describe(options.metrics)}`);
  const metrics: readonly Metric[] = options.metrics ?? [];
  for (const metric of metrics) {
    if (!METRICS.includes(metric))
      throw new Error(`training: there is no metric ${String(metric)}; choose from ${METRICS.join(", ")}`);
  }
}

function checkEarlyStopping(options: EarlyStopping): void {
  checkGroup("earlyStopping", options, ["patience", "minimumImprovement", "restoreBest"]);
  if ((options.patience as unknown) === undefined)
    throw new Error("training: earlyStopping needs patience, the number of epochs without improvement to wait for");
  checkNumber("earlyStopping.patience", options.patience, { whole: true, least: 1 });
  checkNumber("earlyStopping.minimumImprovement", options.minimumImprovement, { least: 0 });
  checkFlag("earlyStopping.restoreBest", options.restoreBest);
}

function checkValidation(validation: unknown): void {
  if (validation === undefined || validation === false) return;
  if (typeof validation === "number" ? validation > 0 && validation < 1 : isDataset(validation)) return;
  throw new Error(
    `training: validation must be a dataset, a fraction above 0 and below 1, or false, got ${describe(validation)}`,
  );
}

function isDataset(value: unknown): boolean {
  return typeof (value as Partial<Dataset> | null | undefined)?.load === "function";
}

function checkFlag(name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new Error(`training: ${name} must be true or false, got ${describe(value)}`);
}

/** An option that is an object of options itself. */
function checkGroup(name: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`training: ${name} must be an object with ${names.join(", ")}, got ${describe(value)}`);
  }
  const unknown = Object.keys(value).find((key) => !names.includes(key));
  if (unknown === undefined) return;
  throw new Error(
    `training: ${name} has no option ${unknown}${closest(unknown, names)}; the options are ${names.join(", ")}`,
  );
}

interface Bounds {
  readonly whole?: boolean;
  readonly least?: number;
  readonly above?: number;
}

function checkNumber(name: string, value: unknown, bounds: Bounds, extra = ""): void {
  if (value === undefined) return;
  const fits =
    typeof value === "number" &&
    Number.isFinite(value) &&
    (!bounds.whole || Number.isInteger(value)) &&
    (bounds.least === undefined || value >= bounds.least) &&
    (bounds.above === undefined || value > bounds.above);
  if (fits) return;
  const bound = bounds.above === undefined ? ` ≥ ${bounds.least ?? 0}` : ` > ${bounds.above}`;
  throw new Error(
    `training: ${name} must be a ${bounds.whole ? "whole " : ""}number${bound}${extra}, got ${describe(value)}`,
  );
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "function") return `the function ${value.name || "(without a name)"}`;
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "string" ? JSON.stringify(value) : `${value as number | boolean | bigint}`;
}

/** `; did you mean epochs?` for a name that differs in little. */
function closest(name: string, names: readonly string[]): string {
  const plain = (text: string): string => [...text.toLowerCase().replace(/[^a-z]/g, "")].sort().join("");
  const found = names.find(
    (other) => plain(other) === plain(name) || other.toLowerCase().startsWith(name.toLowerCase().slice(0, 4)),
  );
  return found ? ` (did you mean ${found}?)` : "";
}
