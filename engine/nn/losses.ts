/** All losses: functions of prediction and target, usable as they are as `loss:` of a training. */
export type { LossOptions, Reduction } from "./loss-checks";
export * from "./losses-regression";
export * from "./losses-classification";
export { l2 } from "./penalty";
