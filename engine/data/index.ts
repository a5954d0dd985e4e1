/** Data sets, their parts, their transforms, and the batches made of them. */
export { withAugmented, weightsFromConfusion, type AppendOptions } from "./append";
export {
  custom,
  fromArrays,
  type CustomOptions,
  type FieldValue,
  type FieldValues,
  type FromArraysOptions,
  type Rows,
} from "./arrays";
export {
  augment,
  elastic,
  horizontalFlip,
  noise,
  randomRotation,
  randomScale,
  randomShear,
  randomShift,
  type Augmentation,
  type AugmentOptions,
} from "./augment";
export {
  defineDataset,
  plainContext,
  type DataFiles,
  type Dataset,
  type DatasetDefinition,
  type Example,
  type ExampleContext,
  type ExampleTransform,
  type FieldData,
  type Fields,
  type FieldSpec,
  type LoadedDataset,
} from "./dataset";
export { DataError } from "./error";
export {
  csv,
  digits,
  idx,
  iris,
  npy,
  type CsvDatasetOptions,
  type IdxDatasetOptions,
  type NpyDatasetOptions,
} from "./files";
export {
  batchCount,
  batches,
  batchRequests,
  collate,
  exampleOrder,
  type Batch,
  type BatchField,
  type BatchOptions,
  type BatchRequest,
} from "./loader";
export { inThreadPool, prefetchBatches, type PrefetchOptions, type WorkerPool } from "./prefetch";
export {
  findLeaks,
  kFold,
  ownParts,
  split,
  type Fold,
  type Leak,
  type Parts,
  type Split,
  type SplitOptions,
} from "./split";
export { summary, type DatasetSummary, type FieldSummary, type Statistics } from "./statistics";
export {
  blobs,
  circles,
  gates,
  linearData,
  moons,
  sineData,
  spirals,
  xor,
  type CloudOptions,
  type CurveOptions,
  type GateName,
  type TwoClassTargets,
} from "./toy";
export { fillMissing, normalize, scale, toOneHot, type NormalizeMode, type NormalizeOptions } from "./transforms";
