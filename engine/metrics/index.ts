/** Measures of fit as pure functions on arrays of numbers. Zero-division conventions are said where they apply. */

export {
  accuracy,
  addConfusion,
  allClassCounts,
  binaryAccuracy,
  classCounts,
  confusionMatrix,
  f1,
  fBeta,
  fnr,
  fpr,
  isDefined,
  macro,
  micro,
  missRate,
  pooledCounts,
  ppv,
  precision,
  recall,
  sensitivity,
  specificity,
  support,
  tnr,
  total,
  tpr,
  weighted,
} from "./confusion";
export type { ClassCounts, ClassMeasure, ConfusionMatrix } from "./confusion";
export { MetricError } from "./error";
export { createEwma, ewma, ewmaClosedForm } from "./ewma";
export type { Ewma, EwmaOptions } from "./ewma";
export { crossEntropy, epochLoss, logLoss } from "./likelihood";
export type { EpochLoss } from "./likelihood";
export { halfSquaredError, mae, maxError, mse, r2, rmse, squaredErrors, sumSquaredError } from "./regression";
export { classificationReport, formatConfusionMatrix, formatReport } from "./report";
export type { ClassificationReport, ClassReport, ReportMeasures } from "./report";
export { argmaxRows, atThreshold, rocAuc, thresholdCurve, topKAccuracy } from "./scores";
export type { ThresholdPoint } from "./scores";
