import type { Site } from "../graph/site";
import type { FindingEvent } from "../train/events";
import type { Evidence } from "./evidence";
import type { Look } from "./look";

/** The evidence with what most rules ask of it. */
export interface Situation extends Evidence {
  readonly first: Look;
  readonly now: Look;
  /** See {@link Score.skill}; on training examples, and on validation examples. Undefined where predictions have no score. */
  readonly skill: number | undefined;
  readonly held: number | undefined;
  /** The better of both: outliers and wrong labels among the training examples are no failure of the training. */
  readonly achieved: number | undefined;
  /** Skill of asking the nearest examples: what this data allows at least. Undefined where that is not known. */
  readonly attainable: number | undefined;
  /** No better than without looking at the inputs. */
  readonly failed: boolean;
  /** Clearly below what the data allows, or failed. */
  readonly short: boolean;
  /** The loss of the same examples is above what it was before training, or above that of naming the classes' shares. */
  readonly worse: boolean;
  /** Still getting better at a rate that matters. */
  readonly improving: boolean;
  /** Any of the above is wrong, or training ended in numbers that are none. */
  readonly bad: boolean;
  /** Enough of the run is over to judge what has become of it. */
  readonly ripe: boolean;
  /** Share of the first loss that is gone. */
  readonly drop: number;
}

/** What a rule holds for true. */
export interface Suspicion {
  readonly code: Code;
  readonly severity?: FindingEvent["severity"];
  /** With the numbers, naming the layer. */
  readonly message: string;
  readonly evidence: readonly { readonly label: string; readonly value: string }[];
  readonly remedy: string;
  readonly layer?: string;
  readonly site: Pick<Site, "file" | "line"> | undefined;
}

export type Code =
  | "class-imbalance"
  | "dying-relu"
  | "exploding-gradient"
  | "frozen-parameters"
  | "label-mismatch"
  | "loss-activation-mismatch"
  | "loss-diverging"
  | "loss-not-decreasing"
  | "loss-oscillating"
  | "missing-nonlinearity"
  | "no-update"
  | "overfitting"
  | "poor-initialisation"
  | "saturation"
  | "too-much-dropout"
  | "unnormalised-input"
  | "update-too-large"
  | "vanishing-gradient";

export type Rule = (situation: Situation) => readonly Suspicion[];

/** Below it predictions are hardly better than those of a constant; a little above it only if neighbours show that more is possible. */
const CHANCE = 0.05;
const DOUBTFUL = 0.15;
/** Without anything to compare with, half of what is possible. */
const HALF = 0.5;
/** By this much neighbours must be better. */
const MARGIN = 0.12;
/** Iterations before which nothing is expected of a training. */
const LEAST_ITERATIONS = 30;
/** Iterations after which something is expected, however long the run. */
const LONG_RUN = 3000;

/** Undefined before the first look. */
export function situationOf(evidence: Evidence): Situation | undefined {
  const { looks, train, validation, neighbours, planned, curve, end, notFinite } = evidence;
  const first = looks.at(0);
  const now = looks.at(-1);
  if (!first || !now) return undefined;
  const skill = (train?.score ?? now.score)?.skill;
  const held = validation?.score?.skill;
  const attainable = neighbours?.train;
  const drop = (first.loss - now.loss) / Math.abs(first.loss);
  const broken = notFinite !== undefined || end === "not-finite";
  const achieved = skill === undefined ? undefined : Math.max(skill, held ?? -Infinity);
  const failed =
    broken ||
    (achieved === undefined
      ? !(drop > 0.03)
      : achieved < CHANCE || (achieved < DOUBTFUL && (attainable ?? 0) > achieved + MARGIN));
  const below = attainable === undefined ? HALF : attainable - MARGIN;
  const short = failed || (achieved === undefined ? drop < 0.2 : achieved < below);
  const worse = broken || now.loss > first.loss + 0.05 * Math.abs(first.loss) || now.loss > 1.05 * sharesLoss(evidence);
  const ripe =
    broken ||
    (curve.count >= LEAST_ITERATIONS &&
      ((end !== undefined && end !== "interrupted") || curve.count >= Math.min(0.4 * planned, LONG_RUN)));
  return {
    ...evidence,
    first,
    now,
    skill,
    held,
    achieved,
    attainable,
    failed,
    short,
    worse,
    improving: !broken && isImproving(evenly(looks, 9)),
    bad: failed || short || worse,
    ripe,
    drop,
  };
}

/** Cross-entropy of predicting each class with its share; infinite where that says nothing. */
function sharesLoss({ network, data }: Evidence): number {
  const counts = data.target?.counts.filter((n) => n > 0) ?? [];
  if (counts.length < 2 || !ENTROPIES.has(network.loss ?? "")) return Infinity;
  const total = counts.reduce((sum, n) => sum + n, 0);
  return counts.reduce((sum, n) => sum - (n / total) * Math.log(n / total), 0);
}

const ENTROPIES = new Set(["crossEntropy", "nll", "binaryCrossEntropy", "binaryCrossEntropyWithLogits"]);

/** At most `most` looks with about the same distance. */
export function evenly(looks: readonly Look[], most: number): readonly Look[] {
  if (looks.length <= most) return looks;
  return Array.from({ length: most }, (_, i) => looks[Math.round((i * (looks.length - 1)) / (most - 1))]);
}

/** Whether the last quarter of the run still brought something. */
function isImproving(looks: readonly Look[]): boolean {
  if (looks.length < 4) return false;
  const at = (share: number): readonly Look[] => {
    const i = Math.round(share * (looks.length - 1));
    return looks.slice(Math.max(0, i - 1), i + 1);
  };
  const [before, after] = [at(0.65), at(1)];
  const mean = (part: readonly Look[], value: (look: Look) => number): number =>
    part.reduce((sum, look) => sum + value(look), 0) / part.length;
  const loss = mean(before, (look) => look.loss) - mean(after, (look) => look.loss);
  const gained =
    looks[0].score === undefined
      ? 0
      : mean(after, (look) => look.score?.skill ?? 0) - mean(before, (look) => look.score?.skill ?? 0);
  return gained > 0.04 || loss > 0.06 * Math.abs(looks[0].loss);
}

/** A number for people: three digits, and powers of ten where it is far from 1. */
export function show(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
