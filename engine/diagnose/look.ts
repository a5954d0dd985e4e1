import { backward } from "../autodiff";
import type { Batch } from "../data/loader";
import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { withTrace } from "../graph/trace";
import { namedParameters } from "../nn/module";
import { isTrained } from "../nn/parameter";
import { concat, reshape, scalar, sqrt, square, sum } from "../ops";
import { thresholdOf } from "../train/measure";
import type { RunAccess } from "../train/run-access";
import { activationOf, deadFraction, saturatedFraction, type Layer } from "../train/statistics";
import type { Forward } from "../train/step";
import { reachable } from "../graph/order";
import { type Score, scoreOf } from "./score";

/**
 * A look into the network at one moment, on a fixed sample of examples and as in evaluation: unlike the figures of an
 * iteration it has the same examples each time and no dropout, so that looks can be compared.
 */
export interface Look {
  readonly iteration: number;
  readonly loss: number;
  readonly score: Score | undefined;
  readonly layers: readonly LayerLook[];
  /** Smallest and largest number predicted. */
  readonly range: readonly [low: number, high: number];
}

/** NaN where a figure has no meaning for the layer. */
export interface LayerLook {
  /** Root mean square of the output. */
  readonly scale: number;
  /** Root mean square of what differs from example to example in the output. */
  readonly spread: number;
  /** Share of units that are 0 for all examples, behind a rectifier. */
  readonly dead: number;
  /** Share of numbers in the flat ends, behind sigmoid or tanh. */
  readonly saturated: number;
  /** Root mean square of the gradient of the layer's parameters. */
  readonly gradient: number;
  /** Root mean square of ∂cost/∂output. */
  readonly outputGradient: number;
  /** Root mean square of the trained parameters. */
  readonly weight: number;
  /** Of a sequence: gradient at its first quarter over that at its last. */
  readonly memory: number;
}

const FIGURES = ["scale", "spread", "dead", "saturated", "gradient", "outputGradient", "weight", "memory"] as const;

/** With gradients: costs about as much as an iteration on as many examples. */
export async function lookAt(access: RunAccess, sample: Batch, iteration: number): Promise<Look> {
  const [figures, prediction] = await access.observe("diagnose", sample, lookNodes);
  return {
    iteration,
    loss: figures[0],
    score: scoreBatch(access, sample, prediction),
    range: rangeOf(prediction ?? []),
    layers: access.step.layers.map((_, layer) => {
      const at = (figure: (typeof FIGURES)[number]): number =>
        figures[1 + layer * FIGURES.length + FIGURES.indexOf(figure)];
      return {
        scale: at("scale"),
        spread: at("spread"),
        dead: at("dead"),
        saturated: at("saturated"),
        gradient: at("gradient"),
        outputGradient: at("outputGradient"),
        weight: at("weight"),
        memory: at("memory"),
      };
    }),
  };
}

function rangeOf(values: ArrayLike<number>): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  return [low, high];
}

/** Loss and score alone. */
export async function evaluateOn(
  access: RunAccess,
  sample: Batch,
): Promise<{ loss: number; score: Score | undefined }> {
  const [loss, prediction] = await access.observe("diagnose.score", sample, (forward) =>
    forward.prediction ? [forward.loss, forward.prediction] : [forward.loss],
  );
  return { loss: loss[0], score: scoreBatch(access, sample, prediction) };
}

function scoreBatch(access: RunAccess, sample: Batch, prediction: ArrayLike<number> | undefined): Score | undefined {
  const { step, parts } = access;
  const [spec] = parts.train.fields.targets;
  if (!prediction || !spec || !step.prediction) return undefined;
  return scoreOf({
    count: sample.size,
    prediction,
    shape: concreteShape(step.prediction.knownShape).slice(1),
    target: sample.targets[0].data,
    spec,
    threshold: thresholdOf(step.loss),
  });
}

function lookNodes(forward: Forward): readonly Tensor[] {
  const { trace, cost, layers, prediction } = forward;
  return withTrace(trace, () => {
    const nodes = reachable([cost]);
    const trained = new Set<Tensor>(
      layers.flatMap(({ module }) => [...namedParameters(module).values()].filter(isTrained)),
    );
    const sequences = layers.flatMap((layer) => sequenceOf(layer) ?? []);
    const pass = backward(
      cost,
      [...new Set([...trained, ...sequences, ...layers.flatMap(({ outputs }) => outputs)])].filter(
        ({ dtype }) => dtype === "float32",
      ),
    );
    trace.phase = "update";
    const gradientOf = (node: Tensor | undefined): Tensor | undefined => node && pass.adjoints.get(node)?.gradient;
    const figures = layers.flatMap((layer) => {
      const [output] = layer.outputs.filter(({ dtype }) => dtype === "float32");
      const parameters = [...namedParameters(layer.module).values()].filter((parameter) => trained.has(parameter));
      const sequence = sequenceOf(layer);
      const inSequence = gradientOf(sequence);
      const active = output && activationOf(output, nodes);
      const outputGradient = gradientOf(output);
      return [
        output && rms([output]),
        output && output.rank > 0 ? rms([output.sub(output.mean(0, { keepDims: true }))]) : undefined,
        active && deadFraction(active),
        active && saturatedFraction(active),
        rms(parameters.flatMap((parameter) => gradientOf(parameter) ?? [])),
        outputGradient && rms([outputGradient]),
        rms(parameters),
        inSequence && memoryOf(inSequence),
      ].map((figure) => reshape(figure ?? scalar(NaN), [1]));
    });
    const vector = concat([reshape(cost, [1]), ...figures]);
    trace.phase = "forward";
    return prediction ? [vector, prediction] : [vector];
  });
}

function rms(tensors: readonly Tensor[]): Tensor | undefined {
  if (tensors.length === 0) return undefined;
  const count = tensors.reduce((total, tensor) => total + tensor.shape.reduce((size, dim) => size * dim, 1), 0);
  return sqrt(
    tensors
      .map((tensor) => sum(square(tensor)))
      .reduce((a, b) => a.add(b))
      .mul(1 / Math.max(1, count)),
  );
}

const RECURRENT = new Set(["RNN", "LSTM", "GRU"]);

/** What a recurrent layer reads, [N, T, F]. */
function sequenceOf({ type, call }: Layer): Tensor | undefined {
  const [sequence] = call.inputs as readonly (Tensor | undefined)[];
  return RECURRENT.has(type) && sequence?.rank === 3 && sequence.shape[1] >= 8 ? sequence : undefined;
}

function memoryOf(gradient: Tensor): Tensor {
  const quarter = Math.floor(gradient.shape[1] / 4);
  const norm = (part: Tensor): Tensor => sqrt(sum(square(part)));
  return norm(gradient.slice(null, [0, quarter])).div(norm(gradient.slice(null, [-quarter])));
}
