import { readFileSync } from "node:fs";
import { createJsBackend } from "../../../engine/backends/js";
import { createWasmBackend } from "../../../engine/backends/wasm";
import { createDiagnosis, type Diagnosis } from "../../../engine/diagnose";
import type { FindingEvent, TrainingEvent } from "../../../engine/train/events";
import { runTraining } from "../../../engine/train/run";
import type { RunAccess } from "../../../engine/train/run-access";
import type { Training } from "../../../engine/train/training";
import type { DataFiles, LoadedDataset } from "../../../engine/data/dataset";
import { evaluateOn } from "../../../engine/diagnose/look";
import { sampleOf } from "../../../engine/diagnose/samples";
import { build } from "./build";
import { files } from "./data";
import type { Spec } from "./spec";

export const given = (): Spec[] => JSON.parse(readFileSync("test/diagnose/fixtures/trainings.json", "utf8")) as Spec[];

export interface Verdict {
  /** Findings that stand at the end. */
  readonly standing: readonly FindingEvent[];
  /** All that were raised, also those withdrawn since. */
  readonly raised: readonly FindingEvent[];
  readonly seconds: number;
  /** Share of right answers, or R², on training and validation examples. */
  readonly train: number;
  readonly validation: number;
  /** Share of the time that the diagnosis took. */
  readonly overhead: number;
}

export async function diagnose(spec: Spec, seed: number): Promise<Verdict> {
  return diagnoseTraining(await build(spec, seed), files);
}

export async function diagnoseTraining(training: Training, dataFiles: DataFiles): Promise<Verdict> {
  let diagnosis: Diagnosis | undefined;
  let run: RunAccess | undefined;
  const standing = new Map<string, FindingEvent>();
  const raised: FindingEvent[] = [];
  const began = performance.now();
  let taken = 0;
  await runTraining(
    training,
    { backend: createWasmBackend() ?? createJsBackend(), files: dataFiles, now: () => performance.now() },
    {
      onReady: (access) => {
        run = access;
        diagnosis = createDiagnosis(access);
      },
      onEvent: async (event: TrainingEvent) => {
        const before = performance.now();
        for (const finding of (await diagnosis?.observe(event)) ?? []) {
          const key = `${finding.code} ${finding.layer ?? ""}`;
          if (finding.withdrawn) standing.delete(key);
          else standing.set(key, finding);
          if (!finding.withdrawn) raised.push(finding);
        }
        taken += performance.now() - before;
      },
    },
  );
  const seconds = (performance.now() - began) / 1000;
  const measured = async (part: LoadedDataset | undefined): Promise<number> =>
    run && part ? ((await evaluateOn(run, sampleOf(part, 600))).score?.accuracy ?? NaN) : NaN;
  return {
    standing: [...standing.values()],
    raised,
    seconds,
    train: await measured(run?.parts.train),
    validation: await measured(run?.parts.validation),
    overhead: taken / 1000 / seconds,
  };
}

export interface Row {
  readonly spec: Spec;
  readonly verdict: Verdict;
  readonly flagged: boolean;
  /** Codes at warning level or above. */
  readonly codes: readonly string[];
  /** Within the cause and the accepted ones. */
  readonly right: boolean;
  /** The same, of causes that are no mere symptoms. */
  readonly strict: boolean;
}

const SYMPTOMS = new Set(["loss_not_decreasing", "loss_oscillating", "loss_diverging"]);

export function rowOf(spec: Spec, verdict: Verdict): Row {
  const codes = verdict.standing.filter(({ severity }) => severity !== "information").map(({ code }) => code);
  const names = codes.map((code) => code.replaceAll("-", "_"));
  const accepted = new Set([spec.cause, ...(spec.accepted_causes ?? [])]);
  const strict = new Set(
    spec.strict_causes ?? [...accepted].filter((cause) => cause === spec.cause || !SYMPTOMS.has(cause ?? "")),
  );
  return {
    spec,
    verdict,
    flagged: codes.length > 0,
    codes,
    right: names.some((name) => accepted.has(name)),
    strict: names.some((name) => strict.has(name)),
  };
}

/** Claims such as `val >= 0.9` that do not hold: the training is not what its label says. */
export function unmet({ spec, verdict }: Row): string[] {
  const measured: Readonly<Record<string, number>> = { train: verdict.train, val: verdict.validation };
  return (spec.verify ?? []).filter((claim) => {
    const parts = /^(train|val) (>=|<=) ([\d.]+)$/.exec(claim);
    if (!parts) return false;
    const [, name, relation, bound] = parts;
    // No number is no success.
    const value = Number.isNaN(measured[name]) ? -Infinity : measured[name];
    return relation === ">=" ? value < Number(bound) : value > Number(bound);
  });
}

export interface Totals {
  readonly faulty: number;
  readonly healthy: number;
  readonly recall: number;
  readonly right: number;
  readonly strict: number;
  readonly falseAlarms: number;
}

export function totalsOf(rows: readonly Row[]): Totals {
  const faulty = rows.filter(({ spec }) => spec.label === "faulty");
  const healthy = rows.filter(({ spec }) => spec.label === "healthy");
  const share = (part: readonly Row[], holds: (row: Row) => boolean): number =>
    part.length === 0 ? NaN : part.filter(holds).length / part.length;
  return {
    faulty: faulty.length,
    healthy: healthy.length,
    recall: share(faulty, ({ flagged }) => flagged),
    right: share(faulty, ({ right }) => right),
    strict: share(faulty, ({ strict }) => strict),
    falseAlarms: share(healthy, ({ flagged }) => flagged),
  };
}
