/** Plain records of runs and networks: what editors and panels draw. */
export * from "../view/history";
export * from "../view/looks";
export type { LayerStatistics } from "../train/statistics";
export type {
  EndEvent,
  EndReason,
  EpochEvent,
  FindingEvent,
  IterationEvent,
  MetricValues,
  StartEvent,
  TrainingEvent,
} from "../train/events";
export type { PredictedLayer, Prediction, Totals } from "../check/records";
