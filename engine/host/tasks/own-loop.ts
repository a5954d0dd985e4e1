import { basename } from "node:path";
import { Parameter, isTrained } from "../../nn/parameter";
import { reachable } from "../../graph/order";
import type { EndEvent } from "../../train/events";
import type { Executor, Runner } from "../../train/execute";
import type { TrainTask } from "../messages";
import type { Reporter } from "../reporter";

/** A loop that the user wrote, told of like a training: each `minimize` is an iteration. */
export interface WatchedLoop {
  readonly runner: Runner;
  end(): EndEvent;
}

export function watchLoop(executor: Executor, task: TrainTask, reporter: Reporter): WatchedLoop {
  const began = performance.now();
  let iteration = 0;
  let last = NaN;
  return {
    runner: {
      values: (tensors) => executor.values(tensors),
      async minimize(loss, optimizer) {
        if (iteration === 0) {
          const trained = reachable([loss]).filter(
            (node): node is Parameter => node instanceof Parameter && isTrained(node),
          );
          reporter.event({
            type: "start",
            model: basename(task.file),
            parameters: trained.reduce((sum, { size }) => sum + size, 0),
            layers: [],
            data: "a loop of its own",
            examples: 0,
            validationExamples: 0,
            batchSize: 0,
            epochs: 0,
            iterationsPerEpoch: 0,
            optimizer: optimizer.name,
            seed: executor.seed,
            device: executor.store.backend.name,
            startEpoch: 0,
            startIteration: 0,
          });
        }
        last = await executor.minimize(loss, optimizer);
        iteration++;
        reporter.event({
          type: "iteration",
          epoch: 1,
          iteration,
          loss: last,
          learningRate: optimizer.learningRate,
          examplesPerSecond: 0,
          statistics: [],
        });
        return last;
      },
    },
    end: () => ({
      type: "end",
      reason: "steps",
      epochs: 0,
      iterations: iteration,
      loss: iteration > 0 ? last : null,
      metrics: {},
      validation: null,
      seconds: (performance.now() - began) / 1000,
      checkpoint: null,
    }),
  };
}
