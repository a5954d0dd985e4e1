import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  accuracy,
  addConfusion,
  allClassCounts,
  argmaxRows,
  atThreshold,
  binaryAccuracy,
  type ClassCounts,
  classCounts,
  classificationReport,
  type ClassMeasure,
  confusionMatrix,
  f1,
  fBeta,
  fnr,
  formatConfusionMatrix,
  formatReport,
  fpr,
  isDefined,
  macro,
  MetricError,
  micro,
  missRate,
  pooledCounts,
  ppv,
  precision,
  recall,
  rocAuc,
  sensitivity,
  specificity,
  support,
  thresholdCurve,
  tnr,
  topKAccuracy,
  total,
  tpr,
  weighted,
} from "../../engine/metrics";
import { close } from "./close";

// Ten examples of three classes; the matrix and all fractions below are worked out by hand.
const labels = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2];
const predictions = [0, 0, 1, 2, 1, 1, 0, 2, 2, 2];
const matrix = confusionMatrix(labels, predictions, 3);

describe("confusion matrix", () => {
  it("rows are labels, columns are predictions", () => {
    assert.deepEqual(matrix.counts, [
      [2, 1, 1],
      [1, 2, 0],
      [0, 0, 3],
    ]);
    assert.equal(total(matrix), 10);
  });

  it("TP, FN, FP, TN of each class", () => {
    const expected = [
      { tp: 2, fn: 2, fp: 1, tn: 5 },
      { tp: 2, fn: 1, fp: 1, tn: 6 },
      { tp: 3, fn: 0, fp: 1, tn: 6 },
    ];
    assert.deepEqual(allClassCounts(matrix), expected);
    assert.deepEqual(
      [0, 1, 2].map((index) => classCounts(matrix, index)),
      expected,
    );
    assert.deepEqual(pooledCounts(matrix), { tp: 7, fn: 3, fp: 3, tn: 17 });
  });

  it("matrices of batches add up", () => {
    const first = confusionMatrix(labels.slice(0, 4), predictions.slice(0, 4), 3);
    const second = confusionMatrix(labels.slice(4), predictions.slice(4), 3);
    assert.deepEqual(addConfusion(first, second), matrix);
    assert.throws(() => addConfusion(matrix, confusionMatrix([], [], 2)), /of 3 and of 2 classes cannot be added/);
  });

  const measures: [name: string, measure: ClassMeasure, perClass: number[]][] = [
    ["precision", precision, [2 / 3, 2 / 3, 3 / 4]],
    ["recall", recall, [1 / 2, 2 / 3, 1]],
    ["miss rate", fnr, [1 / 2, 1 / 3, 0]],
    ["specificity", specificity, [5 / 6, 6 / 7, 6 / 7]],
    ["false positive rate", fpr, [1 / 6, 1 / 7, 1 / 7]],
    ["F1", f1, [4 / 7, 2 / 3, 6 / 7]],
    ["binary accuracy", binaryAccuracy, [7 / 10, 8 / 10, 9 / 10]],
    ["support", support, [4, 3, 3]],
  ];
  for (const [name, measure, perClass] of measures) {
    it(`${name} of each class`, () => {
      allClassCounts(matrix).forEach((counts, index) => close(measure(counts), perClass[index], `class ${index}`));
    });
  }

  const averages: [name: string, actual: number, expected: number][] = [
    ["accuracy", accuracy(matrix), 7 / 10],
    ["macro precision", macro(matrix, precision), 25 / 36],
    ["macro recall", macro(matrix, recall), 13 / 18],
    ["macro F1, the mean of the classes' F1", macro(matrix, f1), 44 / 63],
    ["micro precision", micro(matrix, precision), 7 / 10],
    ["micro recall", micro(matrix, recall), 7 / 10],
    ["micro specificity", micro(matrix, specificity), 17 / 20],
    ["weighted precision", weighted(matrix, precision), 83 / 120],
    ["weighted recall", weighted(matrix, recall), 7 / 10],
    ["weighted F1", weighted(matrix, f1), 24 / 35],
  ];
  for (const [name, actual, expected] of averages) it(name, () => close(actual, expected));

  it("the 66.6 % / 100 % example: every real one is found, one false alarm among three", () => {
    const counts = classCounts(confusionMatrix([1, 1, 0, 0], [1, 1, 1, 0], 2), 1);
    assert.deepEqual(counts, { tp: 2, fn: 0, fp: 1, tn: 1 });
    close(precision(counts), 2 / 3);
    close(recall(counts), 1);
    close(f1(counts), 4 / 5);
    close(fBeta(counts, 2), 10 / 11);
    close(fBeta(counts, 0.5), 5 / 7);
    close(fBeta(counts, 0), 2 / 3, "β = 0 is precision");
  });

  it("other names of the same measures", () => {
    assert.deepEqual([ppv, tpr, sensitivity, missRate, tnr], [precision, recall, recall, fnr, specificity]);
  });

  it("0/0 counts as 0, and isDefined says so", () => {
    const empty: ClassCounts = { tp: 0, fn: 0, fp: 0, tn: 0 };
    for (const measure of [precision, recall, fnr, specificity, fpr, f1, binaryAccuracy])
      assert.equal(measure(empty), 0);
    assert.equal(accuracy(confusionMatrix([], [], 3)), 0);
    assert.equal(weighted(confusionMatrix([], [], 3), f1), 0);
    const neverPredicted: ClassCounts = { tp: 0, fn: 3, fp: 0, tn: 2 };
    assert.deepEqual(
      (["precision", "recall", "fnr", "specificity", "fpr", "f1"] as const).map((name) =>
        isDefined(name, neverPredicted),
      ),
      [false, true, true, true, true, true],
    );
    assert.equal(isDefined("f1", { ...empty, tn: 4 }), false);
  });

  const mistakes: [name: string, call: () => unknown, message: RegExp][] = [
    ["lengths", () => confusionMatrix([0, 1], [0], 2), /labels has 2 values, but predictions has 1/],
    [
      "a label too large",
      () => confusionMatrix([0, 3], [0, 0], 3),
      /labels\[1\] is 3, but the 3 classes are numbered 0 to 2/,
    ],
    ["a negative prediction", () => confusionMatrix([0], [-1], 3), /predictions\[0\] is -1/],
    ["a fraction", () => confusionMatrix([0.5], [0], 3), /labels\[0\] is 0\.5/],
    ["NaN", () => confusionMatrix([0], [NaN], 3), /predictions\[0\] is NaN/],
    ["no classes", () => confusionMatrix([], [], 0), /classes is 0: give a whole number from 1/],
    ["a negative β", () => fBeta(classCounts(matrix, 0), -1), /beta is -1/],
    ["names", () => classificationReport(matrix, ["a"]), /names has 1 values, but the confusion matrix has 3/],
  ];
  for (const [name, call, message] of mistakes) {
    it(`refuses wrong input: ${name}`, () => assert.throws(call, { name: "MetricError", message }));
  }

  const cases = fc.integer({ min: 1, max: 5 }).chain((classes) => {
    const index = fc.integer({ min: 0, max: classes - 1 });
    return fc.tuple(fc.constant(classes), fc.array(fc.tuple(index, index), { minLength: 1, maxLength: 40 }));
  });

  it("identities", () => {
    fc.assert(
      fc.property(cases, ([classes, pairs]) => {
        const own = confusionMatrix(
          pairs.map(([label]) => label),
          pairs.map(([, prediction]) => prediction),
          classes,
        );
        allClassCounts(own).forEach((counts, index) => {
          const { tp, fn, fp, tn } = counts;
          assert.equal(tp + fn, pairs.filter(([label]) => label === index).length);
          assert.equal(tp + fp, pairs.filter(([, prediction]) => prediction === index).length);
          assert.equal(tp + fn + fp + tn, pairs.length);
          if (isDefined("recall", counts)) close(recall(counts) + fnr(counts), 1);
          if (isDefined("fpr", counts)) close(specificity(counts) + fpr(counts), 1);
          // The same F1 as counts, 2TP / (2TP + FN + FP).
          close(f1(counts), isDefined("f1", counts) ? (2 * tp) / (2 * tp + fn + fp) : 0);
        });
        const share = pairs.filter(([label, prediction]) => label === prediction).length / pairs.length;
        close(accuracy(own), share);
        for (const measure of [precision, recall, f1]) close(micro(own, measure), share);
        close(weighted(own, recall), share, "weighted recall");
      }),
    );
  });
});

describe("classification report", () => {
  // The example in scikit-learn's documentation of classification_report, to its two digits.
  const report = classificationReport(confusionMatrix([0, 1, 2, 2, 2], [0, 0, 2, 2, 1], 3), ["zero", "one", "two"]);

  it("holds every measure", () => {
    const rounded = (row: { precision: number; recall: number; f1: number }): string[] =>
      [row.precision, row.recall, row.f1].map((value) => value.toFixed(2));
    assert.deepEqual(report.classes.map(rounded), [
      ["0.50", "1.00", "0.67"],
      ["0.00", "0.00", "0.00"],
      ["1.00", "0.67", "0.80"],
    ]);
    assert.deepEqual(
      report.classes.map((row) => [row.name, row.support]),
      [
        ["zero", 1],
        ["one", 1],
        ["two", 3],
      ],
    );
    assert.deepEqual([report.accuracy, report.total], [0.6, 5]);
    assert.deepEqual(rounded(report.macro), ["0.50", "0.56", "0.49"]);
    assert.deepEqual(rounded(report.weighted), ["0.70", "0.60", "0.61"]);
    assert.deepEqual(rounded(report.micro), ["0.60", "0.60", "0.60"]);
    assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
  });

  it("as a table", () => {
    assert.equal(
      formatReport(report, 2),
      [
        "class     precision   recall     f1   specificity   support",
        "zero           0.50     1.00   0.67          0.75         1",
        "one            0.00     0.00   0.00          0.75         1",
        "two            1.00     0.67   0.80          1.00         3",
        "macro          0.50     0.56   0.49          0.83         5",
        "micro          0.60     0.60   0.60          0.80         5",
        "weighted       0.70     0.60   0.61          0.90         5",
        "accuracy 0.60",
      ].join("\n"),
    );
  });

  it("marks 0/0", () => {
    const own = classificationReport(confusionMatrix([0, 0], [0, 0], 2));
    assert.deepEqual(own.classes[1].undefined, ["precision", "recall", "f1", "fnr"]);
    assert.deepEqual(own.classes[0].undefined, ["specificity", "fpr"]);
    assert.match(formatReport(own), /^1 +0\.0000\* +0\.0000\* +0\.0000\* +1\.0000 +0$/m);
    assert.match(formatReport(own), /\* 0\/0: .*counts as 0$/);
  });

  it("the matrix as a table", () => {
    assert.equal(
      formatConfusionMatrix(confusionMatrix([0, 1, 1], [1, 1, 0], 2), ["no", "yes"]),
      ["label \\ predicted  no  yes", "no                  0    1", "yes                 1    1"].join("\n"),
    );
  });
});

describe("thresholds and ranking", () => {
  // The example in scikit-learn's documentation of precision_recall_curve and roc_auc_score.
  const binary = [0, 0, 1, 1];
  const scores = [0.1, 0.4, 0.35, 0.8];

  it("precision, recall, FPR and FNR by threshold", () => {
    const curve = thresholdCurve(binary, scores);
    assert.deepEqual(
      curve.map((point) => [point.threshold, point.precision, point.recall, point.fpr, point.fnr]),
      [
        [Infinity, 0, 0, 0, 1],
        [0.8, 1, 0.5, 0, 0.5],
        [0.4, 0.5, 0.5, 0.5, 0.5],
        [0.35, 2 / 3, 1, 0.5, 0],
        [0.1, 0.5, 1, 1, 0],
      ],
    );
  });

  it("at one threshold, a score equal to it counts as 1", () => {
    const { tp, fn, fp, tn } = atThreshold(binary, scores, 0.4);
    assert.deepEqual([tp, fn, fp, tn], [1, 1, 1, 1]);
  });

  it("infinite scores", () => {
    const curve = thresholdCurve([1, 0], [Infinity, -Infinity]);
    assert.deepEqual(
      curve.map((point) => [point.threshold, point.tp, point.fp]),
      [
        [Infinity, 0, 0],
        [Infinity, 1, 0],
        [-Infinity, 1, 1],
      ],
    );
  });

  const areas: [name: string, labels: number[], scores: number[], area: number][] = [
    ["scikit-learn's example", binary, scores, 0.75],
    ["perfect", [0, 1], [0, 1], 1],
    ["reversed", [1, 0], [0, 1], 0],
    ["all tied", [0, 1, 1, 0], [3, 3, 3, 3], 0.5],
    // Pairs (1 against 0): 2>1 win, 2=2 half, 3>1 win, 3>2 win: 3.5 of 4.
    ["one tie", [0, 1, 0, 1], [1, 2, 2, 3], 0.875],
  ];
  for (const [name, own, values, area] of areas) it(`ROC area: ${name}`, () => close(rocAuc(own, values), area));

  it("the ROC area is the trapezoidal area under the curve", () => {
    const example = fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(fc.array(example, { maxLength: 30 }), (examples) => {
        const all: [number, number][] = [...examples, [0, 4], [1, 5]];
        const [own, values] = [all.map(([label]) => label), all.map(([, score]) => score)];
        const curve = thresholdCurve(own, values);
        let area = 0;
        for (let index = 1; index < curve.length; index++) {
          const [a, b] = [curve[index - 1], curve[index]];
          area += ((b.fpr - a.fpr) * (a.recall + b.recall)) / 2;
        }
        close(rocAuc(own, values), area);
        assert.deepEqual(curve.at(-1)?.tp, own.filter((label) => label === 1).length);
        for (const point of curve) {
          const predicted = values.map((score) => (score >= point.threshold ? 1 : 0));
          const { tp, fn, fp, tn } = classCounts(confusionMatrix(own, predicted, 2), 1);
          assert.deepEqual([point.tp, point.fn, point.fp, point.tn], [tp, fn, fp, tn]);
        }
      }),
    );
  });

  it("top-k accuracy and argmax", () => {
    // The example in scikit-learn's documentation of top_k_accuracy_score: k = 2 gives 0.75.
    const rows = [0.5, 0.2, 0.2, 0.3, 0.4, 0.2, 0.2, 0.4, 0.3, 0.7, 0.2, 0.1];
    close(topKAccuracy([0, 1, 2, 2], rows, 3, 2), 0.75);
    close(topKAccuracy([0, 1, 2, 2], rows, 3, 1), 0.5);
    close(topKAccuracy([0, 1, 2, 2], rows, 3, 3), 1);
    assert.deepEqual([...argmaxRows(rows, 3)], [0, 1, 1, 0]);
    assert.deepEqual([...argmaxRows([1, 1, 0, 2, 2, 2], 3)], [0, 0], "the first of equal scores");
    close(topKAccuracy([1, 0], [1, 1, 0, 2, 2, 2], 3, 1), 0.5);
    close(topKAccuracy([], [], 3, 1), 0);
  });

  const mistakes: [name: string, call: () => unknown, message: RegExp][] = [
    ["a label that is not binary", () => thresholdCurve([2], [0.5]), /labels\[0\] is 2: a binary label is 0 or 1/],
    ["a NaN score", () => rocAuc([0, 1], [0.5, NaN]), /scores\[1\] is NaN/],
    ["lengths", () => rocAuc([0, 1], [0.5]), /labels has 2 values, but scores has 1/],
    [
      "one class only",
      () => rocAuc([1, 1], [0.5, 0.6]),
      /needs examples of both classes, but there are 2 of 1 and 0 of 0/,
    ],
    ["a NaN threshold", () => atThreshold([1], [0.5], NaN), /thresholds\[0\] is NaN/],
    ["k of 0", () => topKAccuracy([0], [1, 2], 2, 0), /k is 0/],
    ["ragged rows", () => argmaxRows([1, 2, 3], 2), /3 scores are no rows of 2 classes/],
    ["rows and labels", () => topKAccuracy([0], [1, 2, 3, 4], 2, 1), /labels has 1 values, but scores \(rows\) has 2/],
    ["a label out of range", () => topKAccuracy([2], [1, 2], 2, 1), /labels\[0\] is 2/],
  ];
  for (const [name, call, message] of mistakes) {
    it(`refuses ${name}`, () =>
      assert.throws(call, (error) => error instanceof MetricError && message.test(error.message)));
  }
});
