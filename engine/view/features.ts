import { concreteShape, sizeOf } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { type Example, type FieldSpec, plainContext } from "../data/dataset";
import type { RunAccess } from "../train/run-access";
import type { Layer } from "../train/statistics";
import type { Image, LookResult } from "./looks";
import { MOST_IMAGES, MOST_PIXELS, picture, pictureShape } from "./pictures";
import { type LookAt, batchAt, firstOutput, nothing, shownData } from "./sample";

/** Units of a vector that stand in one row. */
const STRIP = 64;

/** What a layer gives for one example: a map for each channel, a strip for a vector. */
export async function answerFeatures(access: RunAccess, look: LookAt<"features">): Promise<LookResult> {
  const layer = access.step.layers[look.layer] as Layer | undefined;
  if (!layer) return nothing(`There is no layer ${look.layer}; the model has ${access.step.layers.length}.`);
  const { kind, data } = shownData(access);
  const { example: index } = look;
  if (!Number.isInteger(index) || index < 0 || index >= data.length) {
    return nothing(`There is no example ${index}; the ${kind} data has the examples 0 to ${data.length - 1}.`);
  }
  const output = firstOutput(layer);
  if (!output) return nothing(`${layer.name} (${layer.type}) gives no tensor of real numbers.`);
  const [values] = await access.observe(`activations ${look.layer}`, batchAt(data, Int32Array.of(index)), (forward) => [
    firstOutput(forward.layers[look.layer]) as Tensor,
  ]);
  const shape = concreteShape(output.knownShape).slice(1);
  const { images, total } = maps(values, sizeOf(shape) === values.length ? shape : [values.length]);
  const example = data.get(index, plainContext);
  return {
    kind: "images",
    title: `${layer.name} (${layer.type}) for example ${index} of the ${kind} data: [${shape.join(", ")}]`,
    images,
    total,
    input: inputImage(data.fields.inputs, example),
    label: labelOf(data.fields.targets[0], example),
    examples: data.length,
  };
}

/** Feature maps of [C, H, W], one picture of [positions, features], a strip of [features]. */
function maps(values: ArrayLike<number>, shape: readonly number[]): { images: Image[]; total: number } {
  if (shape.length >= 3) {
    const [height, width] = shape.slice(-2);
    const total = sizeOf(shape.slice(0, -2));
    const images = Array.from({ length: Math.min(total, MOST_IMAGES) }, (_, i) =>
      picture(values, i * height * width, { channels: 1, height, width }, `channel ${i}`),
    );
    return { images, total };
  }
  if (shape.length === 2) {
    const [height, width] = shape;
    const caption = `a row for each of ${height} positions, a column for each of ${width} features`;
    return { images: [picture(values, 0, { channels: 1, height, width }, caption)], total: 1 };
  }
  const units = values.length;
  const width = Math.min(units, STRIP);
  const height = Math.min(Math.ceil(units / width), MOST_PIXELS);
  // What is missing in the last row is no number, and stays empty.
  const padded = new Float32Array(width * height).fill(NaN);
  for (let i = 0; i < Math.min(units, padded.length); i++) padded[i] = values[i];
  const caption = height > 1 ? `${units} units, ${width} in a row` : `${units} units from left to right`;
  return { images: [picture(padded, 0, { channels: 1, height, width }, caption)], total: 1 };
}

/** The first input that is a picture. */
export function inputImage(fields: readonly FieldSpec[], example: Example): Image | null {
  for (const [at, field] of fields.entries()) {
    const shape = pictureShape(field);
    if (shape) return picture(example.inputs[at], 0, shape, "input");
  }
  return null;
}

function labelOf(field: FieldSpec | undefined, { targets }: Example): string | null {
  if (!field || targets[0].length !== 1) return null;
  const [value] = targets[0];
  return field.classNames?.[value] ?? String(Math.round(value * 1e4) / 1e4);
}
