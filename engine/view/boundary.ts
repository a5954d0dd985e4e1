import type { Values } from "../backends/backend";
import type { Batch, BatchField } from "../data/loader";
import { type FieldSpec, type LoadedDataset, elementsOf, plainContext } from "../data/dataset";
import { sizeOf, concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { labelClasses, scoresOf } from "../train/measure";
import type { RunAccess } from "../train/run-access";
import { type Classification, classificationOf } from "./classification";
import type { LookResult } from "./looks";
import { type LookAt, batchAt, nothing, sampleOf } from "./sample";

/** Points of the data that are drawn, and examples whose range is looked at. */
const MOST_POINTS = 500;
const MOST_EXAMPLES = 10_000;
/** Cells of the grid along one side. */
const FINEST = 256;
const COARSEST = 2;
/** Around the data, as a part of its range. */
const MARGIN = 0.1;
/** One size for all batches, so that one program does. */
const BATCH = 1024;
/** The integer part of a value is the class: a sure model must not reach the next one. */
const JUST_UNDER_ONE = 1 - 2 ** -10;

/** What the model predicts on a grid over its two inputs. */
export async function answerBoundary(access: RunAccess, look: LookAt<"boundary">): Promise<LookResult> {
  const { train } = access.parts;
  const { inputs } = train.fields;
  const [input] = inputs;
  if (inputs.length !== 1 || elementsOf(input) !== 2 || input.dtype !== "float32") {
    const count = inputs.reduce((sum, field) => sum + elementsOf(field), 0);
    return nothing(
      `A decision boundary is drawn for models of two input features, such as moons(), xor() or spirals(); this one has ${count}.`,
    );
  }
  const { prediction } = access.step;
  if (prediction?.dtype !== "float32") return nothing("The model gives no tensor of real numbers to draw.");
  const classification = classificationOf(access);
  const outputs = sizeOf(concreteShape(prediction.knownShape).slice(1));
  if (!classification && outputs !== 1) {
    return nothing(
      `The model predicts ${outputs} numbers for each point; one number, or classes, can be drawn over two inputs.`,
    );
  }
  const resolution = Math.min(FINEST, Math.max(COARSEST, Math.round(look.resolution) || COARSEST));
  const [x, y] = rangesOf(train);
  const values = new Float32Array(resolution * resolution);
  const at = (range: readonly [number, number], i: number): number =>
    range[0] + ((range[1] - range[0]) * i) / (resolution - 1);
  for (let start = 0; start < values.length; start += BATCH) {
    const count = Math.min(BATCH, values.length - start);
    const points = new Float32Array(2 * BATCH);
    for (let i = 0; i < count; i++) {
      points[2 * i] = at(x, (start + i) % resolution);
      points[2 * i + 1] = at(y, Math.floor((start + i) / resolution));
    }
    const [predicted] = await access.observe("prediction", gridBatch(points, train), (forward) => [
      forward.prediction as Tensor,
    ]);
    values.set(coded(predicted, classification).subarray(0, count), start);
  }
  const indices = sampleOf(train, MOST_POINTS);
  const sample = batchAt(train, indices);
  const targets = sample.targets[0] as BatchField | undefined;
  const labels =
    targets && (classification ? labelClasses(targets.data, sample.size, classification.meaning.target) : targets.data);
  return {
    kind: "boundary",
    x,
    y,
    resolution,
    classes: classification?.names.length ?? 0,
    values,
    points: Array.from(indices, (_, i) => ({
      x: sample.inputs[0].data[2 * i],
      y: sample.inputs[0].data[2 * i + 1],
      target: labels?.[i] ?? NaN,
    })),
    classNames: classification?.names ?? [],
  };
}

/** Where the data lie along both inputs, with a margin. */
function rangesOf(data: LoadedDataset): [readonly [number, number], readonly [number, number]] {
  const least = [Infinity, Infinity];
  const most = [-Infinity, -Infinity];
  for (const index of sampleOf(data, MOST_EXAMPLES)) {
    const [point] = data.get(index, plainContext).inputs;
    for (const axis of [0, 1]) {
      least[axis] = Math.min(least[axis], point[axis]);
      most[axis] = Math.max(most[axis], point[axis]);
    }
  }
  const range = (axis: number): readonly [number, number] => {
    const margin = (most[axis] - least[axis]) * MARGIN || 1;
    return [least[axis] - margin, most[axis] + margin];
  };
  return [range(0), range(1)];
}

/** The targets are needed for their shape alone: nothing of them reaches a prediction. */
function gridBatch(points: Float32Array, data: LoadedDataset): Batch {
  const field = (spec: FieldSpec, given?: Float32Array): BatchField => {
    const length = BATCH * elementsOf(spec);
    const { dtype } = spec;
    const empty = dtype === "float32" ? new Float32Array(length) : new Int32Array(length);
    return { shape: [BATCH, ...spec.shape], dtype, data: given ?? empty };
  };
  return {
    iteration: 0,
    size: BATCH,
    indices: new Int32Array(BATCH),
    inputs: data.fields.inputs.map((spec) => field(spec, points)),
    targets: data.fields.targets.map((spec) => field(spec)),
  };
}

/** The predicted number, or the class plus how far its probability lies between chance (0) and certainty (1). */
function coded(predicted: Values, classification: Classification | undefined): Float32Array {
  if (!classification) return Float32Array.from(predicted);
  const { meaning } = classification;
  return Float32Array.from(scoresOf(predicted, BATCH, meaning), ({ start, classes, stride }) => {
    if (classes === 1) {
      const p = meaning.threshold === 0 ? 1 / (1 + Math.exp(-predicted[start])) : predicted[start];
      const sure = Math.abs(2 * Math.min(1, Math.max(0, p)) - 1);
      return Number(predicted[start] > meaning.threshold) + sure * JUST_UNDER_ONE;
    }
    const scores = Array.from({ length: classes }, (_, i) => predicted[start + i * stride]);
    const probabilities = isDistribution(scores) ? scores : softmax(scores);
    const most = probabilities.indexOf(Math.max(...probabilities));
    const sure = (probabilities[most] - 1 / classes) / (1 - 1 / classes);
    return Math.max(0, most) + Math.min(1, Math.max(0, sure)) * JUST_UNDER_ONE;
  });
}

/** Probabilities that the model has made itself; logits hardly ever look so. */
function isDistribution(scores: readonly number[]): boolean {
  return scores.every((score) => score >= 0) && Math.abs(scores.reduce((a, b) => a + b, 0) - 1) < 1e-4;
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
