import type { Values } from "../backends/backend";
import { batches } from "../data/loader";
import { plainContext, subset } from "../data/dataset";
import type { Tensor } from "../graph/tensor";
import { classificationReport, confusionMatrix } from "../metrics";
import { type OutputMeaning, labelClasses, predictedClasses, scoresOf } from "../train/measure";
import type { RunAccess } from "../train/run-access";
import { classificationOf } from "./classification";
import { inputImage } from "./features";
import { type LookResult, MOST_MISTAKES, type Mistake } from "./looks";
import { nothing, sampleOf, shownData } from "./sample";

/** Examples of the training data that are looked at where there is no validation data. */
const MOST_EXAMPLES = 10_000;
const BATCH = 256;
/** A matrix of more classes cannot be read. */
const MOST_CLASSES = 200;
/** Mistakes that come with their picture. */
const MOST_PICTURES = 32;

/** Labels against predictions: the matrix, each class's measures, and what was mistaken. */
export async function answerConfusion(access: RunAccess): Promise<LookResult> {
  const classification = classificationOf(access);
  if (!classification) {
    return nothing(
      "This model predicts numbers. A confusion matrix is drawn for models that tell classes apart: data with class labels, " +
        'or metrics: ["accuracy"] in training(…).',
    );
  }
  const { names, meaning } = classification;
  if (names.length > MOST_CLASSES) {
    return nothing(
      `A confusion matrix of ${names.length} classes cannot be read; it is drawn for up to ${MOST_CLASSES}.`,
    );
  }
  const { kind, data } = shownData(access);
  const indices = sampleOf(data, kind === "validation" ? Infinity : MOST_EXAMPLES);
  const seen = subset(data, indices);
  const labels: number[] = [];
  const predictions: number[] = [];
  const mistakes: (Omit<Mistake, "image"> & { readonly margin: number })[] = [];
  for (const batch of batches(seen, { batchSize: BATCH, shuffle: false, training: false })) {
    const [values] = await access.observe("prediction", batch, ({ prediction }) => [prediction as Tensor]);
    const actual = labelClasses(batch.targets[0].data, batch.size, meaning.target);
    const predicted = predictedClasses(values, batch.size, meaning);
    if (predicted.length !== actual.length) {
      return nothing(
        `The model gives ${values.length / batch.size} numbers for ${actual.length / batch.size} labels an example, from which no class follows. ` +
          "It is the model's first output that is compared with the first target.",
      );
    }
    const margins = marginsOf(values, batch.size, meaning, actual, predicted);
    const places = actual.length / batch.size;
    for (let i = 0; i < predicted.length; i++) {
      labels.push(actual[i]);
      predictions.push(predicted[i]);
      if (actual[i] === predicted[i]) continue;
      const index = indices[batch.indices[Math.floor(i / places)]];
      mistakes.push({ index, label: actual[i], prediction: predicted[i], margin: margins[i] });
    }
  }
  const stray = [...labels, ...predictions].find((each) => each >= names.length);
  if (stray !== undefined) {
    return nothing(`The class ${stray} comes up, but there are ${names.length} classes, 0 to ${names.length - 1}.`);
  }
  const matrix = confusionMatrix(labels, predictions, names.length);
  const report = classificationReport(matrix, names);
  mistakes.sort((a, b) => b.margin - a.margin || a.index - b.index);
  return {
    kind: "confusion",
    data: kind,
    classes: names,
    matrix: matrix.counts,
    perClass: report.classes.map(({ support, precision, recall, f1, undefined: missing }) => ({
      support,
      precision: missing.includes("precision") ? null : precision,
      recall: missing.includes("recall") ? null : recall,
      f1: missing.includes("f1") ? null : f1,
    })),
    accuracy: report.accuracy,
    macroF1: report.macro.f1,
    total: report.total,
    mistakes: mistakes.slice(0, MOST_MISTAKES).map(({ index, label, prediction }, i) => ({
      index,
      label,
      prediction,
      image: i < MOST_PICTURES ? inputImage(data.fields.inputs, data.get(index, plainContext)) : null,
    })),
    mistaken: mistakes.length,
  };
}

/** How much higher each prediction's score is than its label's: how sure a mistake is, for logits and probabilities alike. */
function marginsOf(
  values: Values,
  count: number,
  meaning: OutputMeaning,
  labels: ArrayLike<number>,
  predictions: readonly number[],
): number[] {
  return scoresOf(values, count, meaning).map(({ start, classes, stride }, i) =>
    classes === 1
      ? Math.abs(values[start] - meaning.threshold)
      : values[start + predictions[i] * stride] - values[start + labels[i] * stride],
  );
}
