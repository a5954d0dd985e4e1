import type { Values } from "../backends/backend";
import { type PlainArray, readSafetensors, writeSafetensors } from "../formats";
import type { SavedMeasurements } from "./measure";
import type { StoredValues } from "./store";

/** Everything a run needs to go on as if it had never stopped. */
export interface Checkpoint {
  /** Parameters and states by their names, optimiser state as `optimizer.…`. */
  readonly values: ReadonlyMap<string, StoredValues>;
  /** Values of the best epoch, for early stopping. */
  readonly best: Map<string, StoredValues> | undefined;
  readonly state: RunState;
  readonly measurements: SavedMeasurements;
  readonly seed: number;
  readonly model: string;
  readonly optimizer: string;
  /** Of the training; in the middle of an epoch they must be the same to go on. */
  readonly batchSize: number;
  readonly examples: number;
  /** The file it was read from, for messages. */
  readonly source?: string;
}

export interface RunState {
  /** Epochs done. */
  readonly epoch: number;
  /** Updates done. */
  readonly iteration: number;
  /** Batches of the current epoch done. */
  readonly batch: number;
  /** Validation (or else training) loss of each finished epoch. */
  readonly losses: readonly number[];
  readonly trainingLosses: readonly number[];
  readonly best: { readonly epoch: number; readonly loss: number } | undefined;
}

const FORMAT = "backstep-checkpoint-1";
const BEST = "best.";

/** A safetensors file: parameters under their PyTorch names, the run's state as JSON in the metadata. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { values, best, source: _, ...rest } = checkpoint;
  const tensors = new Map<string, PlainArray>();
  for (const [name, value] of values) tensors.set(name, plain(value));
  for (const [name, value] of best ?? []) tensors.set(BEST + name, plain(value));
  // A loss may be Infinity or NaN, which JSON cannot write.
  const text = JSON.stringify(rest, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value,
  );
  return writeSafetensors(
    tensors,
    new Map([
      ["format", FORMAT],
      ["backstep", text],
    ]),
  );
}

/** @throws with the file's name when it is no checkpoint or damaged. */
export function decodeCheckpoint(bytes: Uint8Array, file: string): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const text = metadata.get("backstep");
  if (metadata.get("format") !== FORMAT || text === undefined) {
    throw new Error(
      `${file}: this safetensors file is no Backstep checkpoint (it lacks the state of a run); resume from a checkpoint.safetensors that \`backstep train --out\` wrote`,
    );
  }
  const rest = parseState(text, file);
  const values = new Map<string, StoredValues>();
  const best = new Map<string, StoredValues>();
  for (const [name, array] of tensors) {
    if (!(array.data instanceof Float32Array || array.data instanceof Int32Array || array.data instanceof Uint8Array)) {
      throw new Error(`${file}: ${name} has dtype ${array.dtype}; a checkpoint holds float32, int32 and bool`);
    }
    const value = { shape: array.shape, data: array.data };
    if (name.startsWith(BEST)) best.set(name.slice(BEST.length), value);
    else values.set(name, value);
  }
  return { ...rest, values, best: best.size > 0 ? best : undefined, source: file };
}

/** Why a run cannot go on from a checkpoint as if it had never stopped. */
export function resumeProblem(
  from: Checkpoint,
  now: Pick<Checkpoint, "seed" | "optimizer" | "batchSize" | "examples">,
): string | undefined {
  if (from.optimizer !== now.optimizer) {
    return `the checkpoint was trained with ${from.optimizer}, the file says ${now.optimizer}; use the same optimiser to resume`;
  }
  if (from.seed !== now.seed) {
    return `the checkpoint was trained with seed ${from.seed}, this run has seed ${now.seed}; use --seed ${from.seed} to resume exactly`;
  }
  const sameOrder = from.batchSize === now.batchSize && from.examples === now.examples;
  if (from.state.batch > 0 && !sameOrder) {
    return `the checkpoint is from the middle of an epoch with ${from.examples} examples in batches of ${from.batchSize}, this run has ${now.examples} in batches of ${now.batchSize}; use the same data and batchSize to resume`;
  }
  return undefined;
}

/** What `takeUp` gives. @throws where the run cannot go on from the checkpoint, with its file's name */
export function resumed<T>(from: Checkpoint, now: Parameters<typeof resumeProblem>[1], takeUp: () => T): T {
  const problem = resumeProblem(from, now);
  const named = (message: string): Error =>
    new Error(from.source === undefined ? message : `${from.source}: ${message}`);
  if (problem !== undefined) throw named(problem);
  try {
    return takeUp();
  } catch (error) {
    throw named(error instanceof Error ? error.message : String(error));
  }
}

type State = Omit<Checkpoint, "values" | "best" | "source">;

function parseState(text: string, file: string): State {
  const problem = `${file}: the state of the run is damaged; use an older checkpoint or train anew`;
  let state: unknown;
  try {
    state = JSON.parse(text, (_, value: unknown) => {
      const number = typeof value === "object" && value !== null ? (value as { number?: unknown }).number : undefined;
      return typeof number === "string" ? Number(number) : value;
    });
  } catch {
    throw new Error(problem);
  }
  if (!isState(state)) throw new Error(problem);
  return state;
}

function isState(value: unknown): value is State {
  const { state, measurements, seed, optimizer, model, batchSize, examples } = (value ?? {}) as Partial<State>;
  return (
    [seed, batchSize, examples].every((n) => typeof n === "number") &&
    typeof optimizer === "string" &&
    typeof model === "string" &&
    [state?.epoch, state?.iteration, state?.batch].every((n) => Number.isInteger(n) && Number(n) >= 0) &&
    [state?.losses, state?.trainingLosses, measurements?.predictions, measurements?.targets, measurements?.sums].every(
      Array.isArray,
    )
  );
}

function plain({ shape, data }: StoredValues): PlainArray {
  return { shape, dtype: dtypeOf(data), data } as PlainArray;
}

function dtypeOf(data: Values): "float32" | "int32" | "bool" {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Int32Array ? "int32" : "bool";
}
