import { workerData, parentPort } from "node:worker_threads";
import { appendFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Backend } from "../backends/backend";
import { createJsBackend } from "../backends/js";
import { createWasmBackend } from "../backends/wasm";
import { batchCount, batches, collate } from "../data/loader";
import { type Tensor } from "../graph/tensor";
import { Trace, withTrace } from "../graph/trace";
import { Parameter } from "../nn/parameter";
import { scheduledRate } from "../optim";
import { checkTraining, thrownIssue, type CheckReport } from "../train/check";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "../train/checkpoint";
import type { TrainingEvent } from "../train/events";
import { Executor, setDataFiles, setRunner, type Runner } from "../train/execute";
import { recordProgram, recordStep } from "../train/records";
import { IssuesError } from "../train/failures";
import { loadParts } from "../train/parts";
import { runTraining } from "../train/run";
import { traceStep } from "../train/step";
import { Training } from "../train/training";
import { reachable } from "../graph/order";
import type { CheckCommand, TraceCommand, TrainCommand } from "./arguments";
import { createLoaderPool } from "./loader-pool";
import type { LoaderReply, LoaderRequest, WorkerMessage, WorkerTask } from "./messages";
import { createNodeFiles, isFolder, makeFolder, writeAtomically, describeFileError } from "./node-files";
import { type LoadedProgram, loadProgram, noTraining, programResult } from "./program";
import { readFile } from "node:fs/promises";

/** The user's code runs here, so that the main thread can always answer, time it and end it. */

const task = workerData as WorkerTask;
const interrupt = new Int32Array(task.interrupt);

function send(message: WorkerMessage): void {
  if (message.kind !== "done" && message.kind !== "failure") parentPort?.postMessage(message);
  else void flushed().then(() => parentPort?.postMessage(message));
}

/** What user code printed has arrived: the main thread ends this one at its last message. */
function flushed(): Promise<unknown> {
  return Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write("", resolve))),
  );
}

/** Something the user can mend: told in one line, without a stack. */
class Failure extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 | 130 = 1,
  ) {
    super(message);
  }
}

/** Ends the top level of a hand-written loop once a check or a trace has seen enough of it. */
class Enough extends Error {
  override readonly name = "Enough";
}

main().catch((error: unknown) => {
  if (error instanceof IssuesError) send({ kind: "failure", message: error.message, exitCode: 1 });
  else if (error instanceof Failure) send({ kind: "failure", message: error.message, exitCode: error.exitCode });
  else send({ kind: "failure", message: describeUnexpected(error), exitCode: 1 });
});

async function main(): Promise<void> {
  const { command } = task;
  setDataFiles(createNodeFiles(resolve(command.file), task.assets));
  if (task.loader && command.kind === "train") return serveBatches(command);
  switch (command.kind) {
    case "check":
      return check(command);
    case "train":
      return train(command);
    case "trace":
      return trace(command);
    default:
      command satisfies never;
  }
}

/** WASM kernels where the platform has SIMD, else typed-array loops. */
function createCpuBackend(): Backend {
  return createWasmBackend() ?? createJsBackend();
}

// ---- check --------------------------------------------------------------------------------------

/** Rounds of a hand-written loop that a check builds before it has seen enough. */
const CHECKED_ROUNDS = 20;

async function check(command: Omit<CheckCommand, "files"> & { readonly file: string }): Promise<void> {
  let rounds = 0;
  const round = (): void => {
    if (++rounds > CHECKED_ROUNDS) throw new Enough();
  };
  setRunner({
    values: (tensors) => {
      round();
      return Promise.resolve(tensors.map((tensor) => new Float32Array(numberOfElements(tensor)).fill(NaN)));
    },
    minimize: () => {
      round();
      return Promise.resolve(NaN);
    },
  });
  const program = await loadProgram(command.file);
  const issues = program.issues.filter(({ message }) => !message.includes(Enough.name) || rounds <= CHECKED_ROUNDS);
  const empty: CheckReport = { issues: [], layers: [], parameters: programParameters(program) };
  const files = createNodeFiles(program.file, task.assets);
  const report = program.training ? await checkTraining(program.training, files, program.locate) : empty;
  send({ kind: "report", report: { ...report, issues: [...issues, ...report.issues] } });
  send({ kind: "done", exitCode: [...issues, ...report.issues].some(({ severity }) => severity === "error") ? 1 : 0 });
}

function programParameters(program: LoadedProgram): number {
  return program.trace.nodes.reduce(
    (sum, node) => sum + (node instanceof Parameter && node.trainable ? node.size : 0),
    0,
  );
}

function numberOfElements(tensor: Tensor): number {
  return (tensor.knownShape ?? []).reduce<number>((size, dim) => size * (typeof dim === "number" ? dim : 1), 1);
}

// ---- train --------------------------------------------------------------------------------------

async function train(command: TrainCommand): Promise<void> {
  const backend = createCpuBackend();
  let ran = false;
  setRunner(
    new Executor(backend, command.seed ?? 0, () => {
      if (!ran) send({ kind: "alive" });
      ran = true;
      if (Atomics.load(interrupt, 0) !== 0) throw new Failure("interrupted");
    }),
  );
  const program = await loadProgram(command.file);
  if (ran && Atomics.load(interrupt, 0) !== 0) throw new Failure("interrupted", 130);
  stopOnProblems(program);
  if (!program.training) {
    if (ran) return send({ kind: "done", exitCode: 0 });
    throw new Failure(noTraining(program));
  }
  const training = withOptions(program.training, command);
  const files = createNodeFiles(program.file, task.assets);
  // The check speaks of the batch as N, and finds all mistakes; a run would stop at its own batch size.
  const { issues } = await checkTraining(training, files, program.locate);
  if (issues.some(({ severity }) => severity === "error")) throw new IssuesError(issues);
  // The model's code has run once by now: what follows may take as long as the data and the epochs need.
  send({ kind: "alive" });
  if (command.out !== undefined) await makeFolder(command.out);
  const resume = command.resume === undefined ? undefined : await readCheckpoint(command.resume);
  const out = command.out;
  const onEvent = async (event: TrainingEvent): Promise<void> => {
    send({ kind: "event", event });
    if (out !== undefined && event.type === "epoch") await appendMetrics(join(out, "metrics.jsonl"), event);
  };
  const pool = training.workers > 0 ? createLoaderPool(training.workers, { ...task, loader: true }) : undefined;
  try {
    const { end } = await runTraining(
      training,
      { backend, files, pool, now: () => performance.now() },
      {
        onEvent,
        interrupted: () => Atomics.load(interrupt, 0) !== 0,
        save: out === undefined ? undefined : (checkpoint) => saveCheckpoint(out, checkpoint),
        resume,
      },
    );
    send({ kind: "done", exitCode: end.reason === "not-finite" ? 1 : end.reason === "interrupted" ? 130 : 0 });
  } catch (error) {
    throw userFailure(error, program);
  } finally {
    await pool?.close();
  }
}

/** Answers requests for batches until the thread is ended. */
async function serveBatches(command: TrainCommand): Promise<void> {
  setRunner({ values: () => Promise.reject(new Enough()), minimize: () => Promise.reject(new Enough()) });
  const program = await loadProgram(command.file);
  if (!program.training) throw new Failure(noTraining(program));
  const parts = loadParts(withOptions(program.training, command), createNodeFiles(program.file, task.assets));
  parentPort?.on("message", ({ ticket, request }: LoaderRequest) => {
    const answer = async (): Promise<void> => {
      const batch = collate((await parts).train, request);
      const buffers = [...batch.inputs, ...batch.targets].map(({ data }) => data.buffer as ArrayBuffer);
      parentPort?.postMessage({ kind: "batch", ticket, batch } satisfies LoaderReply, buffers);
    };
    answer().catch((error: unknown) => {
      const { message } = userFailure(error, program);
      parentPort?.postMessage({ kind: "failure", ticket, message } satisfies LoaderReply);
    });
  });
}

/** The file's training with what the command line says instead. */
function withOptions(training: Training, command: TrainCommand): Training {
  const changed: Partial<Record<keyof Training, unknown>> = {};
  if (command.epochs !== undefined) changed.epochs = command.epochs;
  if (command.seed !== undefined) changed.seed = command.seed;
  if (command.maxSteps !== undefined) changed.maxSteps = command.maxSteps;
  return Object.assign(Object.create(Training.prototype) as Training, training, changed);
}

async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<string> {
  const path = join(folder, "checkpoint.safetensors");
  await writeAtomically(path, encodeCheckpoint(checkpoint));
  const { state, seed, model, optimizer } = checkpoint;
  await writeAtomically(
    join(folder, "checkpoint.json"),
    `${JSON.stringify({ model, optimizer, seed, ...state }, null, 2)}\n`,
  );
  return path;
}

async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = (await isFolder(path)) ? join(path, "checkpoint.safetensors") : path;
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(file));
  } catch (error) {
    throw new Failure(describeFileError(error, file, file), 2);
  }
  try {
    return decodeCheckpoint(bytes, file);
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error));
  }
}

async function appendMetrics(path: string, event: TrainingEvent): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(event)}\n`);
  } catch (error) {
    throw new Failure(describeFileError(error, path, path));
  }
}

// ---- trace --------------------------------------------------------------------------------------

async function trace(command: TraceCommand): Promise<void> {
  let minimized: { loss: Tensor } | undefined;
  const runner: Runner = {
    values: (tensors) => new Executor(createCpuBackend(), command.seed ?? 0).values(tensors),
    minimize: (loss) => {
      minimized = { loss };
      throw new Enough();
    },
  };
  setRunner(runner);
  const program = await loadProgram(command.file);
  if (!minimized) stopOnProblems(program);
  const options = { seed: command.seed ?? program.training?.seed ?? 0, maxElements: command.maxElements };
  if (program.training) {
    const records = await traceTraining(program, options);
    send({ kind: "records", records });
    return send({ kind: "done", exitCode: 0 });
  }
  const output = minimized?.loss ?? programResult(program);
  if (!output) {
    throw new Failure(
      `${program.file}: there is nothing to trace; export a tensor by default (\`export default J\`) or a training`,
    );
  }
  const records = withTrace(program.trace, () => recordProgram(output, wantedIn(output), options));
  send({ kind: "records", records });
  send({ kind: "done", exitCode: 0 });
}

async function traceTraining(
  program: LoadedProgram,
  options: { seed: number; maxElements: number },
): Promise<ReturnType<typeof recordStep>> {
  const training = program.training as Training;
  try {
    const { train: data } = await loadParts(training, createNodeFiles(program.file, task.assets));
    const batchSize = training.batchSize === "all" ? data.length : Math.min(training.batchSize, data.length);
    const [batch] = batches(data, {
      batchSize,
      shuffle: training.shuffle,
      seed: options.seed,
      epoch: 0,
      training: true,
    });
    const step = traceStep(training, data.fields, {
      batchSize: batch.size,
      training: true,
      examples: data.length,
      statistics: false,
    });
    if (step.trace.issues.some(({ severity }) => severity === "error")) throw new IssuesError(step.trace.issues);
    const rate = scheduledRate(training.schedule, {
      base: training.optimizer.learningRate,
      epoch: 0,
      iteration: 0,
      iterationsPerEpoch: batchCount(data.length, { batchSize, dropLast: training.dropLast }),
      epochs: training.epochs,
      losses: [],
    });
    return withTrace(step.trace, () => recordStep(step, batch, rate, options));
  } catch (error) {
    throw userFailure(error, program);
  }
}

/** Variables and parameters; in a program without any, the constants that the user named. */
function wantedIn(output: Tensor): Tensor[] {
  const nodes = reachable([output]);
  const variables = nodes.filter((node) => node instanceof Parameter && node.trainable);
  if (variables.length > 0) return variables;
  return nodes.filter((node) => node.op === "constant" && node.dtype === "float32" && node.name !== undefined);
}

// ---- errors -------------------------------------------------------------------------------------

function stopOnProblems(program: LoadedProgram): void {
  const errors = program.issues.filter(({ severity }) => severity === "error");
  if (errors.length > 0)
    throw new Failure(
      errors
        .map(({ message, range }) => (range ? `${range.file}:${range.line}:${range.column}: ${message}` : message))
        .join("\n"),
    );
}

/** An error with the user's place, if any of their code was running. */
function userFailure(error: unknown, program: LoadedProgram): Error {
  if (error instanceof Failure) return error;
  if (error instanceof IssuesError) return new Failure(error.message);
  const issue = thrownIssue(error, program.locate, undefined, new Trace());
  const message = issue?.message ?? String(error);
  if (message.startsWith("internal:")) return error instanceof Error ? error : new Error(message);
  const [frame] = program.locate(error);
  const hasPlace = message.startsWith(program.file);
  const place = hasPlace ? "" : frame ? `${frame.file}:${frame.line}:${frame.column}: ` : `${program.file}: `;
  return new Failure(place + message);
}

function describeUnexpected(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.includes("internal:") ? text : `internal: ${text}`;
}
