import { concreteShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { namedParameters } from "../nn/module";
import type { Parameter } from "../nn/parameter";
import type { RunAccess } from "../train/run-access";
import type { StoredValues } from "../train/store";
import type { Layer } from "../train/statistics";
import type { Image, LookResult } from "./looks";
import { MOST_IMAGES, type PictureShape, picture, pictureShape } from "./pictures";
import { type LookAt, nothing } from "./sample";

/** A layer's weights as pictures: what each unit or filter looks for, or the whole matrix where that is no picture. */
export async function answerWeights(access: RunAccess, look: LookAt<"weights">): Promise<LookResult> {
  const layer = access.step.layers[look.layer] as Layer | undefined;
  if (!layer) return nothing(`There is no layer ${look.layer}; the model has ${access.step.layers.length}.`);
  const weights = weightsOf(access, layer);
  if (weights.length === 0) {
    return nothing(
      `${layer.name} (${layer.type}) has no weight matrix to draw. Linear, convolution, embedding and recurrent layers have one.`,
    );
  }
  const values = await access.values();
  const [name, weight] = weights[0];
  const stored = values.get(name) as StoredValues;
  const shape = concreteShape(weight.knownShape);
  const shown = { kind: "images", input: null, label: null, examples: null } as const;
  const title = `${name} [${shape.join(", ")}]`;
  if (shape.length >= 4) {
    const { images, total } = filters(stored);
    return { ...shown, title, images, total };
  }
  const unit = shape.length === 2 ? inputPicture(access, layer, shape[1]) : undefined;
  if (unit) {
    const total = shape[0];
    const skipped = shape[1] - unit.channels * unit.height * unit.width;
    const images = Array.from({ length: Math.min(total, MOST_IMAGES) }, (_, i) =>
      picture(stored.data, i * shape[1] + skipped, unit, `unit ${i}`),
    );
    return { ...shown, title, images, total };
  }
  const images = weights.slice(0, MOST_IMAGES).map(([each, parameter]) => {
    const { data } = values.get(each) as StoredValues;
    const rows = layer.type === "Embedding" ? "a row for each symbol, a column for each feature" : ROWS;
    return matrix(data, concreteShape(parameter.knownShape), `${each}: ${rows}`);
  });
  return { ...shown, title: weights.length > 1 ? `weights of ${layer.name}` : title, images, total: weights.length };
}

/** Parameters of at least two axes, by name. */
export function weightsOf(
  { training }: Pick<RunAccess, "training">,
  layer: Pick<Layer, "module">,
): [string, Parameter][] {
  const own = new Set(namedParameters(layer.module).values());
  return [...namedParameters(training.model)].filter(
    ([, parameter]) => own.has(parameter) && parameter.trainable && parameter.rank >= 2,
  );
}

/** Filters of one or three channels each as a picture, of others each channel. */
function filters({ shape, data }: StoredValues): { images: Image[]; total: number } {
  const [outputs, inputs, height, width] = shape;
  const channels = inputs === 1 || inputs === 3 ? inputs : 1;
  const each = inputs / channels;
  const total = outputs * each;
  const images = Array.from({ length: Math.min(total, MOST_IMAGES) }, (_, i) => {
    const [output, input] = [Math.floor(i / each), i % each];
    const caption = each === 1 ? `filter ${output}` : `filter ${output}, channel ${input}`;
    return picture(data, i * channels * height * width, { channels, height, width }, caption);
  });
  return { images, total };
}

const ROWS = "a row for each unit, a column for each input";

/** The whole weight, one row for each unit; further axes side by side. */
function matrix(data: ArrayLike<number>, shape: readonly number[], caption: string): Image {
  const [height, ...rest] = shape;
  const width = rest.reduce((a, b) => a * b, 1);
  return picture(data, 0, { channels: 1, height, width }, caption);
}

/** How the inputs of a layer are drawn whose numbers are those of an example, in another shape at most. */
function inputPicture({ step, parts }: RunAccess, layer: Layer, columns: number): PictureShape | undefined {
  const [given] = layer.call.inputs;
  const at = step.batch.inputs.findIndex((leaf) => isReshaped(given as Tensor, leaf));
  if (at < 0) return undefined;
  const field = parts.train.fields.inputs[at];
  const shape = pictureShape(field);
  const size = shape && shape.channels * shape.height * shape.width;
  // A folded bias is one column more, in front.
  return size === columns || size === columns - 1 ? shape : undefined;
}

function isReshaped(tensor: Tensor | undefined, leaf: Tensor): boolean {
  let node = tensor;
  while (node && node !== leaf && (node.op === "reshape" || node.op === "identity")) node = node.inputs[0];
  return node === leaf;
}
