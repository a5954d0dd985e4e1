import type { Evidence } from "./evidence";
import { imbalance, labels, overfitting } from "./rules/data";
import { dying, exploding, saturation, vanishing } from "./rules/flow";
import { dropout, initialisation, inputs, linearity, mismatch } from "./rules/setup";
import { diverging, frozen, noUpdate, notDecreasing, oscillating, tooLarge, tooSlow, unshuffled } from "./rules/steps";
import { type Code, type Rule, type Suspicion, situationOf } from "./situation";

/** Rules that name a cause. */
const CAUSES: readonly Rule[] = [
  mismatch,
  inputs,
  initialisation,
  frozen,
  noUpdate,
  tooLarge,
  unshuffled,
  exploding,
  dying,
  saturation,
  vanishing,
  linearity,
  imbalance,
  labels,
  overfitting,
  dropout,
];

/** What only describes the loss; told where no cause is known. */
const SYMPTOMS: readonly Rule[] = [oscillating, diverging, tooSlow, notDecreasing];

/** A cause explains others, which would only repeat it. */
const EXPLAINS: Partial<Readonly<Record<Code, readonly Code[]>>> = {
  "loss-activation-mismatch": [
    "saturation",
    "vanishing-gradient",
    "no-update",
    "label-mismatch",
    "missing-nonlinearity",
    "too-much-dropout",
    "poor-initialisation",
  ],
  "poor-initialisation": ["vanishing-gradient", "dying-relu", "update-too-large", "too-much-dropout", "label-mismatch"],
  "no-update": [
    "vanishing-gradient",
    "frozen-parameters",
    "too-much-dropout",
    "missing-nonlinearity",
    "label-mismatch",
    "poor-initialisation",
  ],
  "frozen-parameters": ["too-much-dropout", "label-mismatch"],
  "unnormalised-input": ["too-much-dropout", "label-mismatch"],
  "exploding-gradient": ["too-much-dropout", "label-mismatch"],
  "update-too-large": [
    "too-much-dropout",
    "label-mismatch",
    "saturation",
    "missing-nonlinearity",
    "vanishing-gradient",
  ],
  "dying-relu": ["vanishing-gradient", "too-much-dropout", "label-mismatch"],
  saturation: ["no-update", "vanishing-gradient", "too-much-dropout", "label-mismatch"],
  "vanishing-gradient": ["too-much-dropout", "label-mismatch"],
  "missing-nonlinearity": ["too-much-dropout", "label-mismatch"],
  "label-mismatch": ["overfitting"],
  "class-imbalance": ["too-much-dropout", "label-mismatch", "overfitting"],
};

/** What stands at this moment, causes before symptoms. */
export function judge(evidence: Evidence): Suspicion[] {
  const situation = situationOf(evidence);
  if (!situation) return [];
  const found = CAUSES.flatMap((rule) => rule(situation));
  const grave = found.filter(({ severity }) => severity !== "information");
  const explained = new Set(grave.flatMap(({ code }) => EXPLAINS[code] ?? []));
  const causes = found.filter(({ code }) => !explained.has(code));
  if (grave.length > 0) return causes;
  const [symptom] = SYMPTOMS.flatMap((rule) => rule(situation));
  return symptom ? [...causes, symptom] : causes;
}
