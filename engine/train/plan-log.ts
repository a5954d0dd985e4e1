import { formatShape } from "../graph/shape";
import type { Site } from "../graph/site";
import type { Tensor } from "../graph/tensor";
import type { Plan } from "../plan/plan";
import type { Program } from "../plan/program";
import { signatureOf } from "../plan/signature";

/** That something was traced, planned and compiled, and why an earlier program would not do. */
export interface PlanEvent {
  /** `training step`, `evaluation`, `values`, … */
  readonly what: string;
  /** `first use`, `another batch size: 17 in place of 64`, `another form of graph: …`. */
  readonly reason: string;
  /** Equal for equal plans. */
  readonly signature: string;
  readonly kernels: number;
  /** Bytes that values other than leaves share, and the most of them that are alive at once. */
  readonly scratchBytes: number;
  readonly peakBytes: number;
  readonly milliseconds: number;
}

/** In one line. */
export function planText({
  what,
  reason,
  signature,
  kernels,
  scratchBytes,
  peakBytes,
  milliseconds,
}: PlanEvent): string {
  const memory = `${mebibytes(scratchBytes)} MiB for values in between (${mebibytes(peakBytes)} at once)`;
  return `planned ${what} (${reason}): plan ${signature}, ${kernels} kernels, ${memory}, in ${milliseconds.toFixed(0)} ms`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(2);
}

/** Who is told of plans. */
export interface PlanLog {
  readonly onPlan?: (event: PlanEvent) => void;
  /** Told, once, where a program is compiled anew so often that it is slow. */
  readonly onRetraces?: (message: string) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Makes a program and tells of it. */
export function logged<T extends { readonly program: Program }>(
  log: PlanLog | undefined,
  what: string,
  reason: () => string,
  make: () => T,
): T {
  if (!log?.onPlan) return make();
  const began = log.now();
  const made = make();
  const milliseconds = log.now() - began;
  log.onPlan({ what, reason: reason(), ...figuresOf(made.program.plan), milliseconds });
  return made;
}

function figuresOf(plan: Plan): Pick<PlanEvent, "signature" | "kernels" | "scratchBytes" | "peakBytes"> {
  const { scratchBytes, peakBytes } = plan;
  return { signature: signatureOf(plan), kernels: plan.instructions.length, scratchBytes, peakBytes };
}

/** Why a program for other batch sizes does not do: of those that there are, it is compared with the last. */
export function batchReason(count: number, before: Iterable<number>): string {
  const last = [...before].at(-1);
  return last === undefined ? "first use" : `another batch size: ${count} in place of ${last}`;
}

/** A node of a graph as far as programs depend on it. */
export interface FormLine {
  readonly op: string;
  readonly shape: string;
  /** Numbers of the nodes that it reads. */
  readonly inputs: string;
  readonly dtype: string;
  /** Attributes as JSON, or nothing. */
  readonly settings: string;
  /** Which of the run's stored values it is. */
  readonly stored: string;
  readonly site: Site | undefined;
}

export function formLine(
  node: Tensor,
  given: { readonly inputs: readonly (number | undefined)[]; readonly settings: string; readonly stored: string },
): FormLine {
  const shape = node.knownShape === null ? "unknown" : formatShape(node.knownShape);
  const { op, dtype, site } = node;
  return { op, shape, dtype, site, inputs: given.inputs.join(), settings: given.settings, stored: given.stored };
}

export function formText({ op, shape, inputs, dtype, settings, stored }: FormLine): string {
  return `${op}(${inputs})${dtype}${shape}${settings}${stored}`;
}

/** Why the program of another graph does not do for a graph. */
export function formReason(now: readonly FormLine[], before: readonly FormLine[] | undefined): string {
  if (!before) return "first use";
  const sizes = now.length === before.length ? batchSizes(now, before) : undefined;
  return sizes ? batchReason(sizes[0], [sizes[1]]) : `another form of graph: ${differenceOf(now, before)}`;
}

/** Where graphs differ in nothing but sizes, and first in how many examples there are. */
function batchSizes(now: readonly FormLine[], before: readonly FormLine[]): [number, number] | undefined {
  if (
    now.some(
      ({ op, inputs, stored }, i) =>
        [op, inputs, stored].join(" ") !== [before[i].op, before[i].inputs, before[i].stored].join(" "),
    )
  )
    return undefined;
  const at = now.findIndex((line, i) => formText(line) !== formText(before[i]));
  if (at < 0 || now[at].inputs !== "") return undefined;
  const [is, was] = [now[at], before[at]].map(({ shape }) => /^\[(\d+)(.*)$/.exec(shape));
  return is && was && is[1] !== was[1] && is[2] === was[2] ? [Number(is[1]), Number(was[1])] : undefined;
}

/** Where a graph first differs from another one, in words. */
function differenceOf(now: readonly FormLine[], before: readonly FormLine[]): string {
  const at = now.findIndex((line, i) => i >= before.length || formText(line) !== formText(before[i]));
  if (at < 0) {
    const missing = before.length - now.length;
    return missing > 0 ? `${operations(missing)} fewer, ${before[now.length].op} first` : "other results are asked for";
  }
  const [line, old] = [now[at], before.at(at)];
  if (at >= before.length || !old)
    return `${operations(now.length - before.length)} more, ${line.op} first${placeOf(line)}`;
  const instead = (what: string, is: string, was: string): string =>
    `${what} ${shortened(is)} in place of ${shortened(was)}${placeOf(line)}`;
  if (line.op !== old.op) return instead("operation", line.op, old.op);
  if (line.shape !== old.shape) return instead(`${line.op} of shape`, line.shape, old.shape);
  if (line.dtype !== old.dtype) return instead(`${line.op} of type`, line.dtype, old.dtype);
  if (line.settings !== old.settings) {
    const [is, was] = [line.settings, old.settings].map(settingsOf);
    const key = [...is.keys(), ...was.keys()].find((each) => is.get(each) !== was.get(each)) ?? "";
    return instead(`${line.op} with ${key}`, is.get(key) ?? "none", was.get(key) ?? "none");
  }
  if (line.stored !== old.stored) return `${line.op} is another stored value${placeOf(line)}`;
  return `${line.op} reads other values${placeOf(line)}`;
}

/** Attributes by name, as text. */
function settingsOf(json: string): Map<string, string> {
  const all = json === "" ? {} : (JSON.parse(json) as Record<string, unknown>);
  return new Map(Object.entries(all).map(([key, value]) => [key, JSON.stringify(value)]));
}

function operations(count: number): string {
  return count === 1 ? "1 operation" : `${count} operations`;
}

function placeOf({ site }: FormLine): string {
  return site ? ` (${site.file}:${site.line})` : "";
}

const LONGEST = 60;

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
