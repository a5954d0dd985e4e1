import { batchCount, batches } from "../../data/loader";
import type { Tensor } from "../../graph/tensor";
import { withTrace } from "../../graph/trace";
import { scheduledRate } from "../../optim";
import { Executor, setRunner, type Runner } from "../../train/execute";
import { IssuesError } from "../../train/failures";
import { loadParts } from "../../train/parts";
import { recordProgram, recordStep } from "../../train/records";
import { traceStep } from "../../train/step";
import type { Training } from "../../train/training";
import { Failure, userFailure } from "../failure";
import type { TraceTask } from "../messages";
import { createNodeFiles } from "../node-files";
import { type LoadedProgram, loadProgram, originOf, programResult, wantedIn } from "../program";
import type { Session } from "../session";
import { Enough } from "../enough";
import { createCpuBackend } from "../cpu";
import { stopOnProblems } from "./common";

export async function trace(task: TraceTask, { send, assets }: Session): Promise<void> {
  let minimized: { loss: Tensor } | undefined;
  const runner: Runner = {
    values: async (tensors) => new Executor(await createCpuBackend(task), task.seed ?? 0).values(tensors),
    minimize: (loss) => {
      minimized = { loss };
      throw new Enough();
    },
  };
  setRunner(runner);
  const program = await loadProgram(task.file);
  if (!minimized) stopOnProblems(program);
  const options = { seed: task.seed ?? program.training?.seed ?? 0, maxElements: task.maxElements };
  if (program.training) {
    const records = await traceTraining(program, options, { send, assets });
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
  { send, assets }: Pick<Session, "send" | "assets">,
): Promise<ReturnType<typeof recordStep>> {
  const training = program.training as Training;
  try {
    send({ kind: "alive" });
    const { train: data } = await loadParts(training, createNodeFiles(program.file, assets));
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
