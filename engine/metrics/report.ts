/** The classification report: every measure of every class as a plain record, and as a readable table. */

import {
  accuracy,
  allClassCounts,
  f1,
  fnr,
  fpr,
  isDefined,
  macro,
  micro,
  precision,
  recall,
  specificity,
  support,
  total,
  weighted,
} from "./confusion";
import type { ClassCounts, ClassMeasure, ConfusionMatrix } from "./confusion";
import { checkLengths } from "./error";

const measures = { precision, recall, f1, specificity, fpr, fnr } as const satisfies Record<string, ClassMeasure>;

/** The measures that a report holds for each class and each average. */
export type ReportMeasures = { readonly [Name in keyof typeof measures]: number };

export interface ClassReport extends ReportMeasures, ClassCounts {
  readonly name: string;
  /** Examples of the class: TP + FN. */
  readonly support: number;
  /** Measures whose ratio was 0/0 and counts as 0. */
  readonly undefined: readonly (keyof ReportMeasures)[];
}

export interface ClassificationReport {
  readonly classes: readonly ClassReport[];
  readonly accuracy: number;
  readonly macro: ReportMeasures;
  readonly micro: ReportMeasures;
  readonly weighted: ReportMeasures;
  /** All examples. */
  readonly total: number;
}

/**
 * Every measure of a confusion matrix.
 * @param names one per class; default `0`, `1` …
 * @throws MetricError when there are not as many names as classes.
 */
export function classificationReport(matrix: ConfusionMatrix, names?: readonly string[]): ClassificationReport {
  if (names !== undefined) checkLengths("names", names.length, "the confusion matrix", matrix.classes);
  const classes = allClassCounts(matrix).map((counts, index) => ({
    name: names?.[index] ?? String(index),
    ...counts,
    ...measureAll((measure) => measure(counts)),
    support: support(counts),
    undefined: measureNames.filter((name) => !isDefined(name, counts)),
  }));
  return {
    classes,
    accuracy: accuracy(matrix),
    macro: measureAll((measure) => macro(matrix, measure)),
    micro: measureAll((measure) => micro(matrix, measure)),
    weighted: measureAll((measure) => weighted(matrix, measure)),
    total: total(matrix),
  };
}

/** The report as a text table, one line a class, then the averages; `*` marks a ratio 0/0 that counts as 0. */
export function formatReport(report: ClassificationReport, digits = 4): string {
  const shown = ["precision", "recall", "f1", "specificity"] as const;
  const line = (name: string, row: ReportMeasures, count: number, missing: readonly string[] = []): string[] => [
    name,
    ...shown.map((measure) => `${row[measure].toFixed(digits)}${missing.includes(measure) ? "*" : " "}`),
    String(count),
  ];
  const rows = [
    ["class", ...shown.map((measure) => `${measure} `), "support"],
    ...report.classes.map((row) => line(row.name, row, row.support, row.undefined)),
    line("macro", report.macro, report.total),
    line("micro", report.micro, report.total),
    line("weighted", report.weighted, report.total),
  ];
  const note = report.classes.some((row) => shown.some((measure) => row.undefined.includes(measure)))
    ? ["* 0/0: no such examples or predictions; counts as 0"]
    : [];
  return [...table(rows), `accuracy ${report.accuracy.toFixed(digits)}`, ...note].join("\n");
}

/** The matrix as a text table: a row per label, a column per prediction. */
export function formatConfusionMatrix(matrix: ConfusionMatrix, names?: readonly string[]): string {
  if (names !== undefined) checkLengths("names", names.length, "the confusion matrix", matrix.classes);
  const titles = names ?? matrix.counts.map((_, index) => String(index));
  const rows = [
    ["label \\ predicted", ...titles],
    ...matrix.counts.map((row, index) => [titles[index], ...row.map(String)]),
  ];
  return table(rows).join("\n");
}

const measureNames = Object.keys(measures) as (keyof ReportMeasures)[];

function measureAll(take: (measure: ClassMeasure) => number): ReportMeasures {
  return {
    precision: take(precision),
    recall: take(recall),
    f1: take(f1),
    specificity: take(specificity),
    fpr: take(fpr),
    fnr: take(fnr),
  };
}

/** First column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd(),
  );
}
