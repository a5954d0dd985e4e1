import { findingKey } from "../api/view";
import { jsonLine } from "../host/json-line";
import type {
  EndEvent,
  EpochEvent,
  FindingEvent,
  IterationEvent,
  MetricValues,
  StartEvent,
  TrainingEvent,
} from "../train/events";

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Progress {
  show(event: TrainingEvent): void;
  /** Leaves the cursor on a line of its own, whatever happened. */
  end(): void;
}

/** Redraws of the live line per second, at most. */
const REDRAWS = 20;

/** JSON lines for machines; for people a live bar on a terminal and a line per epoch elsewhere too, then a table of gradient flow. */
export function createProgress(json: boolean, output: Output, now: () => number = () => performance.now()): Progress {
  if (json) return { show: (event) => output.write(`${jsonLine(event)}\n`), end: () => undefined };
  let start: StartEvent | undefined;
  let last: IterationEvent | undefined;
  let drawn = -Infinity;
  let liveLine = false;
  const shown = new Set<string>();
  const clear = (): void => {
    if (liveLine) output.write("\r\u001b[2K");
    liveLine = false;
  };
  const show = (event: TrainingEvent): void => {
    switch (event.type) {
      case "start":
        start = event;
        output.write(startText(event));
        return;
      case "iteration":
        last = event;
        if (output.isTTY && start && now() - drawn > 1000 / REDRAWS) {
          drawn = now();
          output.write(`\r\u001b[2K${liveText(start, event, output.columns ?? 80)}`);
          liveLine = true;
        }
        return;
      case "epoch":
        clear();
        output.write(`${epochText(event, start?.epochs ?? event.epoch)}\n`);
        return;
      case "finding": {
        const known = shown.has(findingKey(event));
        // A judgement that stands is told once; its figures change with every look.
        if (known !== (event.withdrawn ?? false)) return;
        if (known) shown.delete(findingKey(event));
        else shown.add(findingKey(event));
        clear();
        output.write(findingText(event));
        return;
      }
      case "rewind":
        // Only a debugger changes the past, and nothing is debugged here.
        return;
      case "end":
        clear();
        if (start && last) output.write(flowTable(start, last));
        output.write(endText(event));
        return;
      default:
        event satisfies never;
    }
  };
  return { show, end: clear };
}

function findingText({ severity, file, line, message, code, remedy, withdrawn }: FindingEvent): string {
  const place = file === null ? "" : `${file}:${line}: `;
  if (withdrawn) return `no longer: ${place}${code}\n`;
  return `${severity}: ${place}${message} [${code}]\n${remedy === undefined ? "" : `    ${remedy}\n`}`;
}

function startText(event: StartEvent): string {
  const validation = event.validationExamples > 0 ? `, ${event.validationExamples.toLocaleString("en")} held out` : "";
  const resumed = event.startIteration > 0 ? `, resumed after ${event.startEpoch} epochs` : "";
  return (
    `${event.model}: ${event.parameters.toLocaleString("en")} parameters in ${event.layers.length} layers; ` +
    `${event.data}: ${event.examples.toLocaleString("en")} examples${validation}; ` +
    `${event.optimizer}, batch ${event.batchSize}, seed ${event.seed}${resumed}\n` +
    `on ${event.device}\n`
  );
}

function liveText(start: StartEvent, event: IterationEvent, columns: number): string {
  const within = event.iteration - (event.epoch - 1) * start.iterationsPerEpoch;
  const share = Math.min(1, Math.max(0, within / start.iterationsPerEpoch));
  const text = ` ${within}/${start.iterationsPerEpoch}  loss ${number(event.loss)}  ${Math.round(event.examplesPerSecond).toLocaleString("en")}/s`;
  const head = `epoch ${event.epoch}/${start.epochs} `;
  const width = Math.max(5, Math.min(30, columns - head.length - text.length - 3));
  const full = Math.round(share * width);
  return `${head}${"█".repeat(full)}${"░".repeat(width - full)}${text}`.slice(0, columns - 1);
}

function epochText(event: EpochEvent, epochs: number): string {
  const parts = [
    `epoch ${String(event.epoch).padStart(String(epochs).length)}/${epochs}`,
    `loss ${number(event.loss)}`,
    ...metricTexts(event.metrics),
  ];
  if (event.validation)
    parts.push(`| validation loss ${number(event.validation.loss)}`, ...metricTexts(event.validation.metrics));
  parts.push(`| ${event.seconds.toFixed(1)} s`);
  return parts.join("  ");
}

function metricTexts(metrics: MetricValues): string[] {
  return Object.entries(metrics).map(([name, value]) =>
    name === "accuracy" ? `accuracy ${(100 * value).toFixed(2)} %` : `${name} ${number(value)}`,
  );
}

/** One row per layer from input to output: norms on a log scale as a bar, so that a vanishing gradient shows as a falling staircase. */
function flowTable(start: StartEvent, { statistics }: IterationEvent): string {
  if (statistics.length === 0) return "";
  const rows = statistics.map((figures, i) => ({ layer: start.layers[i], figures }));
  const norms = rows.map(({ figures }) =>
    Number.isFinite(figures.gradient) ? figures.gradient : figures.outputGradient,
  );
  const logs = norms.filter((norm) => norm > 0 && Number.isFinite(norm)).map(Math.log10);
  const low = Math.min(...logs) - 0.5;
  const high = Math.max(...logs, low + 1);
  const table = rows.map(({ layer, figures }, i) => [
    `${layer.name} (${layer.type})`,
    norms[i] > 0 && Number.isFinite(norms[i]) ? bar((Math.log10(norms[i]) - low) / (high - low)) : "",
    cell(figures.gradient),
    cell(figures.outputGradient),
    cell(figures.update / figures.weight),
    cell(figures.activation),
    percent(figures.dead),
    percent(figures.saturated),
  ]);
  const header = ["layer", "gradient flow", "|∂W|", "|∂out|", "|ΔW|/|W|", "rms out", "dead", "saturated"];
  const widths = header.map((title, i) => Math.max(title.length, ...table.map((row) => row[i].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i])))
      .join("  ")
      .trimEnd();
  return `\nGradient flow, last iteration\n${[header, ...table].map(line).join("\n")}\n\n`;
}

const BAR = 16;

function bar(share: number): string {
  return "▇".repeat(Math.max(1, Math.round(Math.min(1, Math.max(0, share)) * BAR)));
}

function cell(value: number): string {
  return Number.isNaN(value) ? "–" : number(value);
}

function percent(share: number): string {
  return Number.isNaN(share) ? "–" : `${Math.round(100 * share)} %`;
}

const REASONS: Readonly<Record<EndEvent["reason"], string>> = {
  epochs: "all epochs done",
  steps: "reached the limit of steps",
  "early-stopping": "stopped early: the validation loss no longer improves",
  converged: "converged: the loss changes by less than the tolerance",
  "not-finite": "stopped: the loss is no finite number",
  interrupted: "interrupted",
};

function endText(event: EndEvent): string {
  const result = event.validation ?? { loss: event.loss, metrics: event.metrics };
  const parts = [
    REASONS[event.reason],
    `${event.iterations.toLocaleString("en")} iterations in ${event.seconds.toFixed(1)} s`,
  ];
  if (result.loss !== null)
    parts.push(`${event.validation ? "validation " : ""}loss ${number(result.loss)}`, ...metricTexts(result.metrics));
  const saved = event.checkpoint === null ? "" : `Checkpoint: ${event.checkpoint}\n`;
  return `${parts.join(", ")}\n${saved}`;
}

/** Four digits, small and large numbers with an exponent. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2);
  return value.toPrecision(4);
}
