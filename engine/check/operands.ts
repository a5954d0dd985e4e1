import type { Subject } from "../graph/issue";
import { type Range, formatRange, samePlace } from "../graph/site";
import { type Tensor, isResult } from "../graph/tensor";
import { Module, moduleSite } from "../nn/module";
import { type Training, optionSite } from "../train/training";
import type { Origins } from "./origin";
import type { Sources } from "./source-text";

/** What edits are made from. */
export interface Workshop {
  readonly sources: Sources;
  readonly origins: Origins;
  readonly training: Training | undefined;
  /** Where modules are made, as {@link formatRange} has them. */
  readonly modulePlaces: ReadonlySet<string>;
}

/** Where a call's operand is written. */
export function operandRange(
  subject: Subject,
  tensor: Tensor,
  { training, modulePlaces }: Workshop,
): Range | undefined {
  const { site, tensors, layer } = subject;
  const index = tensors.indexOf(tensor);
  const written = site?.arguments ?? [];
  const isLossOption = site !== undefined && training !== undefined && samePlace(site, optionSite(training, "loss"));
  const madeAt = layer instanceof Module ? moduleSite(layer) : undefined;
  // In a Sequential the layer's line is where it is made: its operand is written nowhere.
  const called = site !== undefined && !isLossOption && !(madeAt && samePlace(site, madeAt));
  if (called && index >= 0) {
    const isMethod = !(layer instanceof Module) && site.receiver !== undefined && written.length < tensors.length;
    const range = isMethod ? [site.receiver, ...written][index] : written[index];
    if (range) return range;
  }
  const made = tensor.site;
  // Behind the place where a model is made a method would be the model's.
  return made && isResult(tensor) && !modulePlaces.has(formatRange(made)) ? made : undefined;
}
