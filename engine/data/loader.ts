/** Batches: seeded order, collected examples, exact resumption in the middle of an epoch. */
import { randomPermutation, streamOf } from "../kernel/random";
import { elementsOf, type ExampleContext, type FieldData, type FieldSpec, type LoadedDataset } from "./dataset";
import { DataError, requireWhole } from "./error";

export interface BatchOptions {
  /** A whole number from 1, or `"all"` for full-batch training. Larger than the data: one short batch. */
  readonly batchSize: number | "all";
  /** Default true: augmentation is on. */
  readonly training?: boolean;
  /** Default: as `training`. The order belongs to (seed, epoch). */
  readonly shuffle?: boolean;
  readonly seed?: number;
  /** From 0. */
  readonly epoch?: number;
  /** Leaves out a last batch that is short. Default false. */
  readonly dropLast?: boolean;
  /** The iteration of this epoch to begin with, for resuming; default 0. */
  readonly startAt?: number;
  /** Gives every batch in the same arrays: each is valid until the next one is asked for. Default false. */
  readonly reuse?: boolean;
}

/** One field of all examples of a batch: shape `[n, ...field]`. */
export interface BatchField {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  readonly data: FieldData;
}

/** What a batch is made of; plain data that a worker can be sent. */
export interface BatchRequest {
  /** From 0 in each epoch. */
  readonly iteration: number;
  readonly indices: Int32Array;
  readonly context: ExampleContext;
}

export interface Batch {
  readonly iteration: number;
  /** Number of examples. */
  readonly size: number;
  /** Which examples of the data set these are. */
  readonly indices: Int32Array;
  readonly inputs: readonly BatchField[];
  readonly targets: readonly BatchField[];
}

/** The batches of one epoch. @throws DataError for impossible options. */
export function* batches(loaded: LoadedDataset, options: BatchOptions): Generator<Batch, void, undefined> {
  const buffers = options.reuse === true ? new Map<string, FieldData>() : undefined;
  for (const request of batchRequests(loaded.length, options)) yield collate(loaded, request, buffers);
}

/** How many batches an epoch has. @throws DataError for a batch size that is none. */
export function batchCount(length: number, options: Pick<BatchOptions, "batchSize" | "dropLast">): number {
  const size = sizeOfBatches(length, options);
  const count = options.dropLast === true ? Math.floor(length / size) : Math.ceil(length / size);
  if (count > 0) return count;
  throw new DataError(
    "batches",
    undefined,
    length === 0
      ? "there are no examples"
      : `dropLast leaves nothing: ${length} examples are less than one batch of ${size}`,
    length === 0 ? "Give at least one example" : "Choose a smaller batchSize, or keep the short batch",
  );
}

/** What the batches of one epoch are made of, from `startAt` on. */
export function* batchRequests(length: number, options: BatchOptions): Generator<BatchRequest, void, undefined> {
  const size = sizeOfBatches(length, options);
  const count = batchCount(length, options);
  const seed = requireWhole("batches", "seed", options.seed ?? 0, 0);
  const epoch = requireWhole("batches", "epoch", options.epoch ?? 0, 0);
  const startAt = requireWhole("batches", "startAt", options.startAt ?? 0, 0);
  if (startAt > count) {
    throw new DataError(
      "batches",
      undefined,
      `startAt is ${startAt}, but an epoch has ${count} batches`,
      "Resume with the data and batch size of the interrupted training",
    );
  }
  const { training = true } = options;
  const order = exampleOrder(length, { shuffle: options.shuffle ?? training, seed, epoch });
  const context = { seed, epoch, training };
  for (let iteration = startAt; iteration < count; iteration++) {
    yield { iteration, indices: order.slice(iteration * size, (iteration + 1) * size), context };
  }
}

/** The order of examples in an epoch: 0…length−1, or a permutation that (seed, epoch) determines. */
export function exampleOrder(
  length: number,
  options: { readonly shuffle: boolean; readonly seed: number; readonly epoch: number },
): Int32Array {
  if (!options.shuffle) return Int32Array.from({ length }, (_, i) => i);
  return randomPermutation(length, { seed: options.seed, iteration: options.epoch }, streamOf("data.shuffle"));
}

/**
 * Collects the examples of a request.
 * @param buffers arrays of earlier batches that may be overwritten
 */
export function collate(loaded: LoadedDataset, request: BatchRequest, buffers?: Map<string, FieldData>): Batch {
  const { iteration, indices, context } = request;
  const size = indices.length;
  const fields = (role: "inputs" | "targets"): BatchField[] =>
    loaded.fields[role].map((spec, at) => ({
      shape: [size, ...spec.shape],
      dtype: spec.dtype,
      data: arrayFor(spec, size, `${role}${at}`, buffers),
    }));
  const inputs = fields("inputs");
  const targets = fields("targets");
  for (let row = 0; row < size; row++) {
    const example = loaded.get(indices[row], context);
    for (let at = 0; at < inputs.length; at++) inputs[at].data.set(example.inputs[at], row * example.inputs[at].length);
    for (let at = 0; at < targets.length; at++) {
      targets[at].data.set(example.targets[at], row * example.targets[at].length);
    }
  }
  return { iteration, size, indices, inputs, targets };
}

function sizeOfBatches(length: number, { batchSize }: Pick<BatchOptions, "batchSize">): number {
  if (batchSize === "all") return Math.max(1, length);
  if (Number.isSafeInteger(batchSize) && batchSize > 0) return batchSize;
  throw new DataError(
    "batches",
    undefined,
    `batchSize is ${String(batchSize)}`,
    'Give a whole number of at least 1, or "all" for the whole data set in one batch',
  );
}

/** A short batch takes the beginning of the longer one's array. */
function arrayFor(spec: FieldSpec, size: number, key: string, buffers: Map<string, FieldData> | undefined): FieldData {
  const length = size * elementsOf(spec);
  const known = buffers?.get(key);
  if (known !== undefined && known.length >= length) return known.subarray(0, length);
  const fresh = spec.dtype === "float32" ? new Float32Array(length) : new Int32Array(length);
  buffers?.set(key, fresh);
  return fresh;
}
