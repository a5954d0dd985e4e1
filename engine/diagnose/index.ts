import type { FindingEvent, TrainingEvent } from "../train/events";
import type { RunAccess } from "../train/run-access";
import { type Bands, bandsOf } from "./bands";
import { Collector } from "./collect";
import type { Evidence } from "./evidence";
import { judge } from "./judge";
import type { Suspicion } from "./situation";

export type { Bands } from "./bands";
export type { Code } from "./situation";

/** Watches a run and says what is wrong with it, in findings that are raised, changed, and withdrawn. */
export interface Diagnosis {
  /**
   * Takes in one event of the run, in order and between iterations: it may look into the run. Findings of the `end` event are
   * the verdict on the whole run.
   */
  observe(event: TrainingEvent): Promise<readonly FindingEvent[]>;
  /** What is healthy for this network now. */
  bands(): Bands;
}

/**
 * To be made when the run is ready, before its first event.
 *
 * @param closely whether to judge after each iteration, at the price of another one; else the run is looked at now and then
 */
export function createDiagnosis(access: RunAccess, closely: () => boolean = () => false): Diagnosis {
  const collector = new Collector(access, closely);
  let standing = new Map<string, FindingEvent>();
  let stopped = false;
  /** @param anew whether who hears it has forgotten some of what was said */
  const changes = (evidence: Evidence, anew: boolean): FindingEvent[] => {
    const now = new Map(
      judge(evidence).map((suspicion) => {
        const finding = findingOf(suspicion, evidence.iteration);
        return [`${finding.code} ${finding.layer ?? ""}`, finding];
      }),
    );
    const withdrawn = [...standing].flatMap(([key, finding]) =>
      now.has(key) ? [] : [{ ...finding, iteration: evidence.iteration, withdrawn: true as const }],
    );
    const changed = [...now].flatMap(([key, finding]) => {
      const before = standing.get(key);
      const same = before?.message === finding.message && before.severity === finding.severity;
      return same && !anew ? [] : [finding];
    });
    standing = now;
    return [...withdrawn, ...changed];
  };
  return {
    async observe(event) {
      if (stopped) return [];
      try {
        return (await collector.add(event)) ? changes(collector.evidence(), event.type === "rewind") : [];
      } catch (error) {
        // A model may work in training alone; its training goes on.
        stopped = true;
        return [unable(error, access, collector.evidence().iteration)];
      }
    },
    bands: () => bandsOf(collector.latest),
  };
}

function unable(error: unknown, { training }: RunAccess, iteration: number): FindingEvent {
  return {
    type: "finding",
    code: "no-diagnosis",
    severity: "information",
    message: `the training is not watched for mistakes, since the model cannot be evaluated: ${error instanceof Error ? error.message : String(error)}`,
    layer: null,
    file: training.site?.file ?? null,
    line: training.site?.line ?? null,
    iteration,
  };
}

function findingOf(
  { code, severity, message, evidence, remedy, layer, site }: Suspicion,
  iteration: number,
): FindingEvent {
  return {
    type: "finding",
    code,
    severity: severity ?? "warning",
    message,
    evidence,
    remedy,
    layer: layer ?? null,
    file: site?.file ?? null,
    line: site?.line ?? null,
    iteration,
  };
}
