/** Optimisers as builders of update graphs, gradient clipping, and learning-rate schedules as pure functions. */

export { adagrad, adam, adamW, rmsprop } from "./adaptive";
export type {
  AdagradOptions,
  AdagradSettings,
  AdamOptions,
  AdamSettings,
  RmspropOptions,
  RmspropSettings,
} from "./adaptive";
export { clipByNorm, clipByValue, globalNorm } from "./clipping";
export type { ClippedGradients } from "./clipping";
export { excludeFromDecay, unusedGroups } from "./groups";
export type { GroupOf, ParameterGroup, ParameterMatch } from "./groups";
export { momentum, momentumEwma, nesterov, sgd } from "./momentum";
export type {
  MomentumEwmaOptions,
  MomentumEwmaSettings,
  MomentumOptions,
  MomentumSettings,
  SgdOptions,
  SgdSettings,
} from "./momentum";
export type { CommonSettings, Optimizer, OptionsOf, StateTensor, UpdateContext, Updated } from "./optimizer";
export {
  constantRate,
  cosine,
  exponentialDecay,
  linearWarmup,
  oneCycle,
  reduceOnPlateau,
  scheduledRate,
  sequence,
  stepDecay,
} from "./schedules";
export type {
  CosineOptions,
  ExponentialDecayOptions,
  LinearWarmupOptions,
  OneCycleOptions,
  ReduceOnPlateauOptions,
  Schedule,
  ScheduleContext,
  SequencePart,
  StepDecayOptions,
} from "./schedules";
