import type { Fields } from "../../data/dataset";
import type { NdArray } from "../../graph/array";
import type { Tensor } from "../../graph/tensor";
import { type TensorValue, formatElement, formatNumber } from "../expressions";
import { readSelection, select, wholeOf } from "../expressions/indexing";
import { type Scene, isDone } from "../episode";
import { notYet } from "./arrivals";
import type { FrameView } from "./frames";
import { type Item, insideOf, textItem } from "./items";
import { expressionOf } from "./resolve";
import { arrayItem, nodeValue, numberItem, tensorItem } from "./tensors";

/** The examples of the iteration, field by field and one by one. */
export function batchItems(scene: Scene, frame: FrameView, fields: Fields | undefined): Item[] {
  const { batch, graph } = scene.episode;
  const step = graph.training?.step;
  if (!batch || !step) return [];
  const line = (leaf: Tensor): Item =>
    tensorItem(scene, leaf.name ?? leaf.op, leaf, { evaluateName: expressionOf(scene, frame, leaf) });
  const items = [...step.batch.inputs.map(line), ...step.batch.targets.map(line)];
  const { prediction } = step;
  if (prediction) {
    const name = "prediction";
    items.push(
      isDone(scene, prediction)
        ? tensorItem(scene, name, prediction, { evaluateName: "prediction" })
        : textItem(name, notYet(prediction), { type: "tensor", node: prediction }),
    );
  }
  const indices: NdArray = { shape: [batch.indices.length], dtype: "int32", data: Float64Array.from(batch.indices) };
  const value: TensorValue = { kind: "tensor", shape: indices.shape, dtype: "int32", array: indices, node: null };
  items.push(arrayItem("indices", value, { evaluateName: "batch.indices" }), examplesItem(scene, fields));
  return items;
}

/** One line for each example: its place in the data, what it is and what the model takes it for. */
function examplesItem(scene: Scene, fields: Fields | undefined): Item {
  const { batch } = scene.episode;
  const size = batch?.size ?? 0;
  return {
    name: "examples",
    type: "batch",
    value: () => `${size} example${size === 1 ? "" : "s"}`,
    inside: () => ({ named: [], indexed: size, at: (index) => exampleItem(scene, fields, index) }),
  };
}

function exampleItem(scene: Scene, fields: Fields | undefined, index: number): Item {
  const { batch, graph } = scene.episode;
  const step = graph.training?.step;
  const parts: Item[] = [];
  const rows = [...(step?.batch.inputs ?? []), ...(step?.batch.targets ?? [])];
  if (step?.prediction && isDone(scene, step.prediction)) rows.push(step.prediction);
  for (const node of rows) if (node.rank > 0) parts.push(rowItem(scene, node, index, node === step?.prediction));
  return {
    name: `[${index}]`,
    type: "example",
    value: () => [`index ${batch?.indices[index] ?? "?"}`, ...describe(scene, fields, index)].join(" · "),
    inside: () => insideOf(parts),
  };
}

function rowItem(scene: Scene, node: Tensor, index: number, isPrediction: boolean): Item {
  const whole = nodeValue(scene, node);
  const name = isPrediction ? "prediction" : (node.name ?? node.op);
  const row: TensorValue = {
    kind: "tensor",
    shape: whole.shape.slice(1),
    dtype: whole.dtype,
    get array() {
      return rowOf(whole.array, index);
    },
    node,
  };
  return arrayItem(name, row, { path: [index], settable: node.op === "input" });
}

function rowOf(array: NdArray, index: number): NdArray {
  return readSelection(array, select(wholeOf(array.shape), [{ kind: "at", at: index }], "the batch"));
}

/** `target 3 (cat)`, `predicted 5 (dog)`. */
function describe(scene: Scene, fields: Fields | undefined, index: number): string[] {
  const step = scene.episode.graph.training?.step;
  const [target] = step?.batch.targets ?? [];
  const field = fields?.targets[0];
  const texts: string[] = [];
  if (!target) return texts;
  const isLabel = target.dtype === "int32" && target.rank === 1;
  const label = (of: number): string =>
    `${of}${field?.classNames?.[of] === undefined ? "" : ` (${field.classNames[of]})`}`;
  const value = rowOf(scene.episode.values.of(target), index);
  if (isLabel) texts.push(`target ${label(value.data[0])}`);
  else if (value.data.length === 1) texts.push(`target ${formatElement(value.data[0], value.dtype)}`);
  const prediction = step?.prediction;
  if (!prediction || !isDone(scene, prediction) || prediction.rank === 0) return texts;
  const given = rowOf(scene.episode.values.of(prediction), index).data;
  if (isLabel && given.length > 1) {
    const best = given.indexOf(Math.max(...given));
    texts.push(
      best < 0 ? "predicted nothing: NaN" : `predicted ${label(best)}${best === value.data[0] ? "" : ", wrong"}`,
    );
  } else if (given.length === 1) texts.push(`predicted ${formatNumber(given[0])}`);
  return texts;
}

/** Where the training is. */
export function trainingItems(scene: Scene): Item[] {
  const { iteration, epoch, lossBefore, batch, graph, values } = scene.episode;
  const { training } = graph;
  if (!training) return [];
  const items = [
    numberItem("iteration", iteration, { evaluateName: "iteration" }),
    numberItem("epoch", epoch, { evaluateName: "epoch" }),
    tensorItem(scene, "loss", training.loss, { evaluateName: "loss" }),
  ];
  if (training.step && training.step.cost !== training.loss)
    items.push(tensorItem(scene, "cost", training.step.cost, { evaluateName: "cost" }));
  if (lossBefore !== undefined) items.push(numberItem("loss before", lossBefore));
  items.push({
    name: "learningRate",
    type: "number",
    value: (format) => formatNumber(values.of(training.learningRate).data[0], format),
    evaluateName: "learningRate",
    part: { node: training.learningRate, path: [] },
  });
  if (batch) items.push(numberItem("batchSize", batch.size, { evaluateName: "batchSize" }));
  items.push({
    name: "step",
    type: "number",
    value: (format) => formatNumber(values.of(training.count).data[0], format),
    evaluateName: "optimizer.step",
  });
  return items;
}
