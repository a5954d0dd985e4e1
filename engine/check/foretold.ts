import type { NdArray } from "../graph/array";
import { reachable } from "../graph/order";
import { sizeOf } from "../graph/shape";
import type { Issue } from "../graph/issue";
import type { Tensor } from "../graph/tensor";
import { namedParameters } from "../nn/module";
import { isTrained } from "../nn/parameter";
import { type Layer, tensorsIn } from "../train/statistics";
import type { Forward } from "../train/step";
import { plainRange } from "./calls";
import type { PredictedLayer } from "./records";

/**
 * What the figures of one batch at initialisation foretell. A batch is small and random, so only what no luck explains is said: gradients
 * are compared as root mean square per element along the network, and bounds are orders of magnitude.
 */

/** Root mean square of a gradient at the first layers against the last ones. */
const VANISHED = 1e-6;
const EXPLODED = 1e4;
/** Fraction of units or elements. */
const NEARLY_ALL = 0.9;
/** Units below which all of them may be dead by chance: (1/2)^8 for 8 examples, and few units. */
const FEWEST_UNITS = 8;

type ValueOf = (node: Tensor) => NdArray | undefined;

export function foretell(
  { layers }: Forward,
  predicted: readonly PredictedLayer[],
  valueOf: ValueOf,
  gradientOf: ValueOf,
): Issue[] {
  const broken = predicted.findIndex((layer) => !layer.finite);
  if (broken >= 0) {
    return [
      warning(
        "predicted-not-finite",
        layers[broken],
        `${predicted[broken].name} gives values or gradients that are infinite or no numbers, before any training. Look at its input's scale, at logarithms and divisions before it, and at its initial weights`,
      ),
    ];
  }
  const trained = layers.flatMap((layer, i): Trained[] => {
    const parameters = [...namedParameters(layer.module).values()].filter(isTrained);
    const output = layer.outputs.find(({ dtype }) => dtype === "float32");
    const gradient = output && gradientOf(output);
    if (parameters.length === 0 || !gradient) return [];
    const zero = parameters.some(
      (parameter) => parameter.rank >= 2 && valueOf(parameter)?.data.every((value) => value === 0),
    );
    return [{ layer, figures: predicted[i], size: rms(gradient), zero }];
  });
  const found = units(layers, predicted, valueOf);
  // Where all units are dead or saturated, it is known what stops the gradient.
  const along = alongTheWay(trained).filter(({ code }) => found.length === 0 || code !== "predicted-blocked");
  return [...along, ...found];
}

interface Trained {
  readonly layer: Layer;
  readonly figures: PredictedLayer;
  /** Root mean square of ∂cost/∂output. */
  readonly size: number;
  /** Its weights begin at 0: before it there is no gradient in the first iteration, and this is no fault. */
  readonly zero: boolean;
}

function alongTheWay(trained: readonly Trained[]): Issue[] {
  if (trained.length < 2 || trained.some(({ zero }) => zero)) return [];
  // Of several outputs the one with the weakest loss is no yardstick.
  const last = ends(trained).reduce((a, b) => (b.size > a.size ? b : a), { ...trained[trained.length - 1], size: 0 });
  if (last.size === 0) return [];
  // In 32 bits a vanishing gradient ends at 0.
  const first = trained.findIndex(({ size }) => size > 0);
  const stopped = first > 0 && trained[first].size >= last.size * VANISHED ? trained[first - 1] : undefined;
  if (stopped) {
    return [
      warning(
        "predicted-blocked",
        stopped.layer,
        `no gradient reaches ${stopped.figures.name} (${stopped.figures.type}) from the loss in the first iteration: ∂cost/∂output is 0. Look at what lies between it and the next layer`,
      ),
    ];
  }
  // Where the first layer has its gradient, a way around leads past what is small, as in a residual network with small scales.
  const lost = trained[0].size < last.size * VANISHED;
  const vanished = lost ? trained.findLast(({ size }) => size > 0 && size < last.size * VANISHED) : undefined;
  if (vanished) {
    return [
      warning(
        "predicted-vanishing",
        vanished.layer,
        `the gradient vanishes on its way back: at ${vanished.figures.name} (${vanished.figures.type}) an element of ∂cost/∂output is ${size(vanished.size)}, at ${last.figures.name} ${size(last.size)}, ${ratio(last.size / vanished.size)} as large. Use ReLU with He initialisation, normalisation layers, or residual connections`,
      ),
    ];
  }
  const exploded = trained.find((each) => each.size > last.size * EXPLODED);
  if (exploded) {
    return [
      warning(
        "predicted-exploding",
        exploded.layer,
        `the gradient grows on its way back: at ${exploded.figures.name} (${exploded.figures.type}) an element of ∂cost/∂output is ${size(exploded.size)}, at ${last.figures.name} ${size(last.size)}. Use smaller initial weights (He or Glorot), normalisation layers, or clip: { norm: 1 }`,
      ),
    ];
  }
  return [];
}

/** The layers that no other one is behind: the ends of the network, of which it may have several. */
function ends(trained: readonly Trained[]): Trained[] {
  const upstream = new Set(reachable(trained.flatMap(({ layer }) => tensorsIn(layer.call.inputs))));
  return trained.filter(({ layer }) => !layer.outputs.some((output) => upstream.has(output)));
}

function units(layers: readonly Layer[], predicted: readonly PredictedLayer[], valueOf: ValueOf): Issue[] {
  return layers.flatMap((layer, i): Issue[] => {
    const { name, dead, saturated } = predicted[i];
    // An activation that is a layer of its own has been told of with the layer before it.
    const before = layers[i - 1]?.outputs[0];
    if (
      before &&
      layer.outputs[0]?.inputs.includes(before) &&
      predicted[i - 1].dead === dead &&
      predicted[i - 1].saturated === saturated
    )
      return [];
    const shape = layer.outputs[0] && valueOf(layer.outputs[0])?.shape;
    const count = shape ? sizeOf(shape) / (shape[0] || 1) : 0;
    if (count < FEWEST_UNITS) return [];
    if (dead !== null && dead >= NEARLY_ALL) {
      return [
        warning(
          "predicted-dead",
          layer,
          `${percent(dead)} of the units behind ${name} are 0 for every example, before any training: their rectifier lets no gradient through. Look at its initial weights and bias, and at the scale of its input`,
        ),
      ];
    }
    if (saturated !== null && saturated >= NEARLY_ALL) {
      return [
        warning(
          "predicted-saturated",
          layer,
          `${percent(saturated)} of the activations behind ${name} lie in the flat ends of their function, before any training: next to no gradient passes. Use smaller initial weights, or normalise its input`,
        ),
      ];
    }
    return [];
  });
}

function warning(code: string, { site }: Layer, message: string): Issue {
  return { code, severity: "warning", message, ...(site && { range: plainRange(site) }) };
}

function rms({ data }: NdArray): number {
  let sum = 0;
  for (const value of data) sum += value * value;
  return data.length === 0 ? 0 : Math.sqrt(sum / data.length);
}

function size(value: number): string {
  return value.toExponential(1);
}

function ratio(value: number): string {
  return `${value.toExponential(0)} times`;
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}
