/** The engine in a worker of a page: trains a small network on each backend, and tells how it went. Bundled by engine.test.ts. */
import type { Backend } from "../../engine/backends/backend";
import { createJsBackend } from "../../engine/backends/js";
import { fromArrays } from "../../engine/data";
import type { Tensor } from "../../engine/graph/tensor";
import { type WebWorker, createWebCpuBackend } from "../../engine/host/web-cpu";
import * as nn from "../../engine/nn";
import * as ops from "../../engine/ops";
import * as optim from "../../engine/optim";
import { runTraining } from "../../engine/train/run";
import { training } from "../../engine/train/training";

/** What the page is told. */
export interface Told {
  readonly isolated: boolean;
  readonly runs: Readonly<Record<string, TrainingTold>>;
  /** Programs that other threads were given. */
  readonly shared: number;
  readonly warnings: readonly string[];
  readonly problem?: string;
}

interface TrainingTold {
  readonly name: string;
  readonly losses: readonly number[];
  /** Final values of all parameters and states, one after the other. */
  readonly values: readonly number[];
}

const scope = globalThis as unknown as {
  readonly crossOriginIsolated: boolean;
  readonly Worker: new (url: string) => WebWorker;
  postMessage(message: Told): void;
};

/** A convolution with batch norm, pooling, dropout, products, softmax: something of most kernels. */
class Classifier extends nn.Module {
  conv = new nn.Conv2d(1, 8, 3, { padding: 1, bias: false });
  norm = new nn.BatchNorm2d(8);
  dropout = new nn.Dropout(0.3);
  hidden = new nn.Linear(8 * 8 * 8, 64);
  output = new nn.Linear(64, 4);

  forward(x: Tensor) {
    const features = ops.maxPool2d(ops.relu(this.norm(this.conv(x))), 2).flatten();
    return this.output(ops.tanh(this.hidden(this.dropout(features))));
  }
}

const SIDE = 16;
const COUNT = 256;
const CLASSES = 4;

/** Stripes of four directions. */
function image(i: number): number[][][] {
  const [dx, dy] = [
    [1, 0],
    [0, 1],
    [1, 1],
    [1, -1],
  ][i % CLASSES];
  return [
    Array.from({ length: SIDE }, (_, y) =>
      Array.from({ length: SIDE }, (_, x) => Math.sin(dx * x + dy * y + i) + 0.3 * Math.sin(i * 7.3 + x * y)),
    ),
  ];
}

async function train(backend: Backend): Promise<TrainingTold> {
  const losses: number[] = [];
  const { values } = await runTraining(
    training({
      model: new Classifier(),
      data: fromArrays({
        inputs: Array.from({ length: COUNT }, (_, i) => image(i)),
        targets: Array.from({ length: COUNT }, (_, i) => i % CLASSES),
        classes: CLASSES,
      }),
      loss: nn.crossEntropy,
      optimizer: optim.adam({ learningRate: 0.003 }),
      batchSize: 64,
      epochs: 4,
      seed: 11,
    }),
    {
      backend,
      files: { read: () => Promise.reject(new Error("there are no files")) } as never,
      now: () => performance.now(),
    },
    {
      onEvent(event) {
        if (event.type === "iteration") losses.push(event.loss);
      },
    },
  );
  return { name: backend.name, losses, values: [...values.values()].flatMap(({ data }) => [...data]) };
}

async function main(): Promise<Told> {
  let shared = 0;
  const warnings: string[] = [];
  const startWorker = (): WebWorker => {
    const worker = new scope.Worker("/thread.js");
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message) => {
      if (typeof message === "object" && message.kind === "load") shared++;
      post(message);
    };
    return worker;
  };
  const cpu = (threads: number): Promise<Backend> =>
    createWebCpuBackend({ startWorker, threads, cores: 2, warn: (message) => warnings.push(message) });
  const runs = {
    javascript: await train(createJsBackend()),
    alone: await train(await cpu(1)),
    together: await train(await cpu(2)),
  };
  return { isolated: scope.crossOriginIsolated, runs, shared, warnings };
}

main().then(
  (told) => {
    scope.postMessage(told);
  },
  (error: unknown) => {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    scope.postMessage({ isolated: scope.crossOriginIsolated, runs: {}, shared: 0, warnings: [], problem });
  },
);
