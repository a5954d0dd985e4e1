import { resolve } from "node:path";
import { backward } from "../../../engine/autodiff/gradients";
import { createJsBackend } from "../../../engine/backends/js";
import { batches, type Batch } from "../../../engine/data/loader";
import { reachable } from "../../../engine/graph/order";
import { setSiteSource } from "../../../engine/graph/site";
import type { Tensor } from "../../../engine/graph/tensor";
import { Trace, enterTrace, withTrace } from "../../../engine/graph/trace";
import { type DebugGraph, graphOfProgram, graphOfTraining } from "../../../engine/debug/graph";
import { Enough } from "../../../engine/host/enough";
import { createNodeFiles } from "../../../engine/host/node-files";
import { type LoadedProgram, loadProgram, programResult } from "../../../engine/host/program";
import { Parameter } from "../../../engine/nn/parameter";
import { Executor, setDataFiles, setRunner } from "../../../engine/train/execute";
import { loadParts } from "../../../engine/train/parts";
import { type Step, traceStep } from "../../../engine/train/step";
import type { Training } from "../../../engine/train/training";

export interface DebuggedProgram {
  readonly graph: DebugGraph;
  readonly training: { readonly training: Training; readonly step: Step; readonly batch: Batch } | undefined;
}

/** The graph of a model file as a debugger has it: of a free program, or of the first iteration. */
export async function debugProgram(path: string, text?: string): Promise<DebuggedProgram> {
  const file = resolve(path);
  let minimized: Tensor | undefined;
  setRunner({
    values: (tensors) => new Executor(createJsBackend(), 0).values(tensors),
    minimize: (loss) => {
      minimized = loss;
      throw new Enough();
    },
  });
  setDataFiles(createNodeFiles(file, resolve("engine", "data", "assets")));
  const outer = enterTrace(new Trace());
  try {
    const program = await loadProgram(file, text === undefined ? undefined : new Map([[file, text]]));
    return program.training ? await debugTraining(program) : debugFree(program, minimized);
  } finally {
    enterTrace(outer);
    setSiteSource(undefined);
    setRunner(undefined);
    setDataFiles(undefined);
  }
}

async function debugTraining(program: LoadedProgram): Promise<DebuggedProgram> {
  const training = program.training as Training;
  const { train: data } = await loadParts(training, createNodeFiles(program.file, resolve("engine", "data", "assets")));
  const batchSize = training.batchSize === "all" ? data.length : Math.min(training.batchSize, data.length);
  const [batch] = batches(data, { batchSize, shuffle: training.shuffle, seed: 0, epoch: 0, training: true });
  const step = traceStep(training, data.fields, {
    batchSize: batch.size,
    training: true,
    examples: data.length,
    statistics: false,
    locals: true,
  });
  return { graph: graphOfTraining(training, step), training: { training, step, batch } };
}

function debugFree(program: LoadedProgram, minimized: Tensor | undefined): DebuggedProgram {
  const output = minimized ?? programResult(program);
  if (!output) throw new Error(`${program.file} has no result`);
  const nodes = reachable([output]);
  const variables = nodes.filter((node) => node instanceof Parameter);
  const named = nodes.filter((node) => node.op === "constant" && node.dtype === "float32" && node.name !== undefined);
  const pass = withTrace(program.trace, () =>
    backward(output, variables.length > 0 ? variables : named, undefined, { locals: true }),
  );
  return { graph: graphOfProgram(output, pass), training: undefined };
}
