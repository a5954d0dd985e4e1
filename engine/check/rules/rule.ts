import type { Fields } from "../../data/dataset";
import type { Tensor } from "../../graph/tensor";
import type { Trace } from "../../graph/trace";
import type { Forward } from "../../train/step";
import type { Training } from "../../train/training";

/**
 * A rule finds one kind of doubtful construction in the forward graph of a training, traced with a symbolic batch, and reports it in
 * the trace. It says nothing where a shape is unknown: what hides it has been reported already.
 */
export type Rule = (context: RuleContext) => void;

export interface RuleContext {
  readonly training: Training;
  readonly forward: Forward;
  /** All nodes that were built, in order, also those that the cost does not depend on; `trace.report` takes the issues. */
  readonly trace: Trace;
  readonly fields: Fields;
  /** What the cost depends on, in the order of making. */
  readonly nodes: readonly Tensor[];
  /** The nodes of {@link nodes} that read a node. */
  readonly consumersOf: (node: Tensor) => readonly Tensor[];
}
