import { workerData, parentPort } from "node:worker_threads";
import { resolve } from "node:path";
import type { Backend } from "../backends/backend";
import { createJsBackend } from "../backends/js";
import { createWasmBackend } from "../backends/wasm";
import type { DataFiles } from "../data/dataset";
import { batchCount, batches, collate } from "../data/loader";
import type { Issue } from "../graph/issue";
import { type Tensor } from "../graph/tensor";
import { currentTrace, withTrace } from "../graph/trace";
import { Parameter } from "../nn/parameter";
import { scheduledRate } from "../optim";
import { checkTraining, reviewMinimize, type CheckReport } from "../train/check";
import type { FindingEvent, StartEvent, TrainingEvent } from "../train/events";
import { Executor, setDataFiles, setRunner, type Runner } from "../train/execute";
import { recordProgram, recordStep } from "../train/records";
import { IssuesError } from "../train/failures";
import { loadParts } from "../train/parts";
import { runTraining } from "../train/run";
import { traceStep } from "../train/step";
import { Training } from "../train/training";
import { reachable } from "../graph/order";
import type { CheckCommand, TraceCommand, TrainCommand } from "./arguments";
import { Failure, describeInternal, userFailure } from "./failure";
import { createLoaderPool } from "./loader-pool";
import type { LoaderReply, LoaderRequest, WorkerMessage, WorkerTask } from "./messages";
import { createNodeFiles } from "./node-files";
import { openOutputFolder, readCheckpoint } from "./output-folder";
import {
  type LoadedProgram,
  loadProgram,
  locateUser,
  noTraining,
  originOf,
  programResult,
  strayExport,
} from "./program";

/** The user's code runs here, so that the main thread can always answer, time it and end it. */

const task = workerData as WorkerTask;
const interrupt = new Int32Array(task.interrupt);

let ended = false;

function send(message: WorkerMessage): void {
  if (ended) return;
  const end = (): void => {
    if (ended) return;
    ended = true;
    void flushed().then(() => parentPort?.postMessage(message));
  };
  if (message.kind === "failure") end();
  else if (message.kind === "done") void turn().then(end);
  else parentPort?.postMessage(message);
}

/** A turn of the event loop: between two of them, promises are found that were rejected and that nobody awaits. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What user code printed has arrived: the main thread ends this one at its last message. */
function flushed(): Promise<unknown> {
  return Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write("", resolve))),
  );
}

/** Ends the top level of a hand-written loop once a check or a trace has seen enough of it. */
class Enough extends Error {
  override readonly name = "Enough";
}

// The engine's own frames must not push the user's off the stack.
Error.stackTraceLimit = 100;

main().catch(reportFailure);

// What user code leaves behind: promises that nobody awaits, timers that throw, an `await` of something that never comes.
process.on("unhandledRejection", (reason) => reportStray(reason, " (in a promise that nobody awaits)"));
process.on("uncaughtException", (error) => reportStray(error, ""));
process.once("beforeExit", () => {
  if (ended || task.loader) return;
  const { file } = task.command;
  reportFailure(new Failure(`${file}: it waits for a promise that nothing will fulfil; look at its \`await\`s`));
});

function reportFailure(error: unknown): void {
  if (error instanceof IssuesError) send({ kind: "failure", message: error.message, exitCode: 1 });
  else if (error instanceof Failure) send({ kind: "failure", message: error.message, exitCode: error.exitCode });
  else send({ kind: "failure", message: describeInternal(error), exitCode: 1 });
}

function reportStray(error: unknown, how: string): void {
  const file = resolve(task.command.file);
  const failure = userFailure(error, { file, files: [file], locate: locateUser });
  reportFailure(failure instanceof Failure ? new Failure(failure.message + how, failure.exitCode) : failure);
}

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
    minimize: (loss) => {
      round();
      reviewMinimize(loss, currentTrace());
      return Promise.resolve(NaN);
    },
  });
  const program = await loadProgram(command.file);
  send({ kind: "limited", what: "its forward or its loss" });
  const issues = [
    ...program.issues.filter(({ message }) => !message.includes(Enough.name) || rounds <= CHECKED_ROUNDS),
    ...strayExport(program),
  ].map((issue) => (rounds > 0 ? doubted(issue) : issue));
  const empty: CheckReport = { issues: [], layers: [], parameters: programParameters(program) };
  const files = createNodeFiles(program.file, task.assets);
  const report = program.training ? await checkTraining(program.training, files, program.locate) : empty;
  await turn();
  send({ kind: "report", report: { ...report, issues: [...issues, ...report.issues] } });
  send({ kind: "done", exitCode: [...issues, ...report.issues].some(({ severity }) => severity === "error") ? 1 : 0 });
}

/** Code that throws after it saw a value may have thrown because of it: a check does not know values and gives NaN. */
function doubted(issue: Issue): Issue {
  if (issue.code !== "program" || /^(?:Type|Reference|Syntax)Error:/.test(issue.message)) return issue;
  return {
    ...issue,
    severity: "warning",
    message: `${issue.message} (or so it seems: a check knows no values, and gave NaN)`,
  };
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
  const alive = (): void => {
    if (!ran) send({ kind: "alive" });
    ran = true;
    if (Atomics.load(interrupt, 0) !== 0) throw new Failure("interrupted", 130);
  };
  setRunner(new Executor(backend, command.seed ?? 0, alive));
  setDataFiles(createNodeFiles(resolve(command.file), task.assets), alive);
  const program = await loadProgram(command.file);
  if (ran && Atomics.load(interrupt, 0) !== 0) throw new Failure("interrupted", 130);
  stopOnProblems(program);
  if (!program.training) {
    if (!ran) throw new Failure(noTraining(program));
    noteUnused(command);
    return send({ kind: "done", exitCode: 0 });
  }
  const training = withOptions(program.training, command);
  const files = createNodeFiles(program.file, task.assets);
  const origin = originOf(program);
  await readAhead(training, files);
  // The check speaks of the batch as N, and finds all mistakes; a run would stop at its own batch size.
  send({ kind: "limited", what: "its forward or its loss" });
  const { issues } = await checkTraining(training, files, program.locate);
  if (issues.some(({ severity }) => severity === "error")) throw new IssuesError(issues);
  // The model's code has run once by now: what follows may take as long as the data and the epochs need.
  send({ kind: "alive" });
  const output = command.out === undefined ? undefined : await openOutputFolder(command.out);
  const resume = command.resume === undefined ? undefined : await readCheckpoint(command.resume);
  const onEvent = async (event: TrainingEvent): Promise<void> => {
    if (event.type === "start") await output?.begin(event);
    send({ kind: "event", event });
    if (event.type === "start") for (const issue of issues) send({ kind: "event", event: findingOf(issue, event) });
    if (event.type === "epoch") await output?.addEpoch(event);
  };
  const pool = training.workers > 0 ? createLoaderPool(training.workers, { ...task, loader: true }) : undefined;
  try {
    const { end } = await runTraining(
      training,
      { backend, files, pool, now: () => performance.now() },
      {
        onEvent,
        interrupted: () => Atomics.load(interrupt, 0) !== 0,
        save: output && ((checkpoint) => output.save(checkpoint)),
        resume,
      },
    );
    send({ kind: "done", exitCode: end.reason === "not-finite" ? 1 : end.reason === "interrupted" ? 130 : 0 });
  } catch (error) {
    throw userFailure(error, origin);
  } finally {
    await pool?.close();
  }
}

/** What the check doubts, as a finding before the first iteration. */
function findingOf({ code, severity, message, range }: Issue, { startIteration }: StartEvent): FindingEvent {
  const place = { layer: null, file: range?.file ?? null, line: range?.line ?? null };
  return { type: "finding", code, severity, message, ...place, iteration: startIteration };
}

/** A file that trains in a loop of its own decides itself how long, and saves nothing. */
function noteUnused({ file, epochs, maxSteps, out, resume }: TrainCommand): void {
  const given = Object.entries({ "--epochs": epochs, "--max-steps": maxSteps, "--out": out, "--resume": resume });
  const unused = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (unused.length === 0) return;
  const message = `${file}: trains in a loop of its own, so ${unused.join(", ")} had no effect; export a training(…) by default for that`;
  send({ kind: "note", message });
}

/** Reads data whose shapes only reading can tell, with no time limit. What goes wrong, the check reports with its place. */
async function readAhead(training: Training, files: DataFiles): Promise<void> {
  if (training.data.fields !== null) return;
  send({ kind: "alive" });
  await training.data.load(files).catch(() => undefined);
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
      const { message } = userFailure(error, originOf(program));
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
    send({ kind: "alive" });
    const { train: data } = await loadParts(training, createNodeFiles(program.file, task.assets));
    const batchSize = training.batchSize === "all" ? data.length : Math.min(training.batchSize, data.length);
    const [batch] = batches(data, {
      batchSize,
      shuffle: training.shuffle,
      seed: options.seed,
      epoch: 0,
      training: true,
    });
    send({ kind: "limited", what: "its forward or its loss" });
    const step = traceStep(training, data.fields, {
      batchSize: batch.size,
      training: true,
      examples: data.length,
      statistics: false,
    });
    if (step.trace.issues.some(({ severity }) => severity === "error")) throw new IssuesError(step.trace.issues);
    send({ kind: "alive" });
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
    throw userFailure(error, originOf(program));
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
