/** Optimisers, schedules and clipping as users see them. */
export {
  adagrad,
  adam,
  adamW,
  constantRate,
  cosine,
  excludeFromDecay,
  exponentialDecay,
  linearWarmup,
  momentum,
  momentumEwma,
  nesterov,
  oneCycle,
  reduceOnPlateau,
  rmsprop,
  sequence,
  sgd,
  stepDecay,
} from "../optim";
export type { Optimizer, Schedule } from "../optim";
