import type { Backend } from "../../backends/backend";
import { exampleOrder } from "../../data/loader";
import { defineDataset, subset } from "../../data/dataset";
import type { Issue } from "../../graph/issue";
import { type Diagnosis, createDiagnosis } from "../../diagnose";
import type { EndEvent, FindingEvent, StartEvent, TrainingEvent } from "../../train/events";
import { Executor, setDataFiles, setRunner } from "../../train/execute";
import { loadParts } from "../../train/parts";
import { type PlanEvent, planText } from "../../train/plan-log";
import { runTraining } from "../../train/run";
import type { RunAccess } from "../../train/run-access";
import { Training } from "../../train/training";
import type { Bands } from "../../view/history";
import { answerLook } from "../../view/answer";
import { Failure, userFailure } from "../failure";
import { type Debugging, debugProgram, isShown, openDebugging, problemOf } from "../debugging";
import { createLoaderPool } from "../loader-pool";
import type { TrainTask } from "../messages";
import { createNodeFiles } from "../node-files";
import { type OutputFolder, openOutputFolder, readCheckpoint } from "../output-folder";
import { type LoadedProgram, loadProgram, noTraining, originOf } from "../program";
import { type Reporter, reportEvents, reportTicks } from "../reporter";
import { createSaver } from "../saver";
import type { Session } from "../session";
import { createBackend } from "../device";
import { soundTraining, stopOnProblems } from "./common";
import { watchLoop } from "./own-loop";

/** Trains what the file exports, or runs a file that trains in a loop of its own. */
export async function train(task: TrainTask, session: Session): Promise<void> {
  const { send } = session;
  const watch: Watch = {};
  const bands = (): Bands => watch.diagnosis?.bands() ?? {};
  const reporter = task.report === "events" ? reportEvents(session) : reportTicks(session, task.out, bands);
  const debugging = await openDebugging(session, task.debug);
  let end: EndEvent | null;
  try {
    end = await carryOut(task, session, reporter, watch, debugging);
  } catch (error) {
    if (isShown(error)) await debugging.debugger?.standAt(problemOf(error));
    await reporter.finish(null, error instanceof Error ? error.message : String(error));
    throw error;
  }
  await reporter.finish(end, null);
  if (task.stay) {
    send({ kind: "ended", end });
    await session.untilClosed();
  }
  send({ kind: "done", exitCode: end?.reason === "not-finite" ? 1 : end?.reason === "interrupted" ? 130 : 0 });
}

/** Who judges the training, once it has begun. */
interface Watch {
  diagnosis?: Diagnosis;
}

async function carryOut(
  task: TrainTask,
  session: Session,
  reporter: Reporter,
  watch: Watch,
  debugging: Debugging,
): Promise<EndEvent | null> {
  const { send } = session;
  // The engine's own beginning takes nothing of the user's time.
  send({ kind: "limited", what: "the engine's start" });
  const backend = await createBackend(task, (message) => {
    send({ kind: "note", message });
  });
  send({ kind: "limited", what: "its top-level code" });
  let ran = false;
  const alive = async (): Promise<void> => {
    if (!ran) send({ kind: "alive" });
    ran = true;
    await session.turnOrThrow();
  };
  const executor = new Executor(backend, task.seed ?? 0, alive, debugging.debugger?.loop, {
    onPlan: planLogger(session),
    onRetraces: (message) => {
      send({ kind: "note", message });
    },
    now: () => performance.now(),
  });
  const loop = watchLoop(executor, task, reporter);
  setRunner(task.report === "events" ? executor : loop.runner);
  setDataFiles(createNodeFiles(task.file, session.assets), alive);
  const program = await loadProgram(task.file);
  if (ran) await session.turnOrThrow();
  stopOnProblems(program);
  if (program.training) return trainExport(task, program, session, reporter, watch, debugging, backend);
  if (!ran && debugging.debugger && (await debugProgram(program, debugging.debugger, task.seed ?? 0))) return null;
  if (!ran) throw new Failure(noTraining(program));
  noteUnused(task, session);
  return loop.end();
}

async function trainExport(
  task: TrainTask,
  program: LoadedProgram,
  session: Session,
  reporter: Reporter,
  watch: Watch,
  debugging: Debugging,
  backend: Backend,
): Promise<EndEvent> {
  const exported = withOptions(program.training as Training, task);
  const { files, doubts } = await soundTraining(program, exported, session);
  const training = task.overfit ? onOneBatch(exported, task) : exported;
  const output = await outputFor(task, session);
  const saver = output && (task.report === "ticks" ? createSaver(output, session) : { ...output, finish: nothing });
  const resume = task.resume === undefined ? undefined : await readCheckpoint(task.resume);
  const onEvent = async (event: TrainingEvent): Promise<void> => {
    if (event.type === "start") await saver?.begin(event);
    // The verdict on the whole run comes before its end.
    const judged = event.type === "end" ? await watch.diagnosis?.observe(event) : undefined;
    for (const finding of judged ?? []) reporter.event(finding);
    reporter.event(event);
    if (event.type === "start") for (const issue of doubts) reporter.event(findingOf(issue, event));
    if (event.type !== "end")
      for (const finding of (await watch.diagnosis?.observe(event)) ?? []) {
        reporter.event(finding);
        // What held already before is nothing to stop at.
        if (event.type !== "rewind") debugging.debugger?.training.observe(finding);
      }
    if (event.type === "epoch") await saver?.addEpoch(event);
    if (event.type === "rewind") await saver?.rewind(event);
    debugging.debugger?.training.observe(event);
  };
  const onReady = (access: RunAccess): void => {
    session.answer = (look) => answerLook(access, look);
    watch.diagnosis = createDiagnosis(access, () => debugging.debugger?.training.awaitsFindings === true);
    debugging.ready(access);
  };
  const pool = training.workers > 0 ? createLoaderPool(training.workers, task) : undefined;
  try {
    const { end } = await runTraining(
      training,
      { backend, files, pool, now: () => performance.now() },
      {
        onEvent,
        interrupted: session.turn,
        save: saver?.save,
        resume,
        onReady,
        onPlan: planLogger(session),
        probe: debugging.probe,
      },
    );
    return end;
  } catch (error) {
    throw userFailure(error, originOf(program));
  } finally {
    await saver?.finish();
    await pool?.close();
  }
}

/** Each plan that is made, and why, in the log. */
function planLogger({ send }: Session): (event: PlanEvent) => void {
  return (event) => {
    send({ kind: "log", message: planText(event) });
  };
}

const nothing = (): Promise<void> => Promise.resolve();

/** On the command line a folder that cannot be written ends the command; in the editor the training goes on without it. */
async function outputFor(task: TrainTask, { send }: Session): Promise<OutputFolder | undefined> {
  if (task.out === undefined) return undefined;
  try {
    return await openOutputFolder(task.out);
  } catch (error) {
    if (task.report === "events" || !(error instanceof Failure)) throw error;
    send({ kind: "note", message: `the run cannot be saved: ${error.message}; the training goes on` });
    return undefined;
  }
}

/** What the check doubts, as a finding before the first iteration. */
function findingOf({ code, severity, message, range }: Issue, { startIteration }: StartEvent): FindingEvent {
  const place = { layer: null, file: range?.file ?? null, line: range?.line ?? null };
  return { type: "finding", code, severity, message, ...place, iteration: startIteration };
}

/** A file that trains in a loop of its own decides itself how long, and saves nothing. */
function noteUnused({ file, report, epochs, maxSteps, out, resume }: TrainTask, { send }: Session): void {
  if (report === "ticks") return;
  const given = Object.entries({ "--epochs": epochs, "--max-steps": maxSteps, "--out": out, "--resume": resume });
  const unused = given.flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (unused.length === 0) return;
  const message = `${file}: trains in a loop of its own, so ${unused.join(", ")} had no effect; export a training(…) by default for that`;
  send({ kind: "note", message });
}

/** The file's training with what the task says instead. */
export function withOptions(training: Training, task: Pick<TrainTask, "epochs" | "seed" | "maxSteps">): Training {
  const changed: Partial<Record<keyof Training, unknown>> = {};
  if (task.epochs !== undefined) changed.epochs = task.epochs;
  if (task.seed !== undefined) changed.seed = task.seed;
  if (task.maxSteps !== undefined) changed.maxSteps = task.maxSteps;
  return changedTraining(training, changed);
}

export function changedTraining(training: Training, changed: Partial<Record<keyof Training, unknown>>): Training {
  return Object.assign(Object.create(Training.prototype) as Training, training, changed);
}

/** Updates that a sound model needs at most to learn a single batch by heart. */
const OVERFIT_EPOCHS = 300;

/** The training on its first batch alone, with nothing that keeps it from learning the batch by heart. */
export function onOneBatch(training: Training, { epochs }: Pick<TrainTask, "epochs">): Training {
  const { data, batchSize, seed } = training;
  const one = defineDataset({
    name: `one batch of ${data.name}`,
    fields: data.fields,
    length: null,
    read: async (files) => {
      const { train: all } = await loadParts(training, files);
      const size = batchSize === "all" ? all.length : Math.min(batchSize, all.length);
      return subset(all, exampleOrder(all.length, { shuffle: training.shuffle, seed, epoch: 0 }).slice(0, size));
    },
  });
  return changedTraining(training, {
    data: one,
    validation: false,
    batchSize: "all",
    epochs: epochs ?? OVERFIT_EPOCHS,
    maxSteps: Infinity,
    shuffle: false,
    schedule: undefined,
    earlyStopping: undefined,
    workers: 0,
    l2: 0,
  });
}
