/** Simulated trainings for the gallery: smooth stories with seeded noise, ticked like real ones. */
import { bandsOf } from "../../engine/diagnose/bands";
import {
  FIGURES,
  type EpochEvent,
  type FindingEvent,
  type LayerStatistics,
  type StartEvent,
  type Tick,
} from "../../webview/protocol";

export interface SimulatedRun {
  readonly id: string;
  readonly start: StartEvent;
  /** Depth's effect on gradients: below 1 they vanish towards the input, above 1 they explode. */
  readonly decay: number;
  /** Growth of all gradients from one iteration to the next. */
  readonly growth: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly findings: readonly FindingEvent[];
  /** Of layers with a figure. */
  readonly dead: ((layer: number, iteration: number) => number) | null;
  readonly saturated: ((layer: number) => number) | null;
}

const FILE = "/workspace/models/digits.nn.ts";

export function startOf(
  model: string,
  layers: readonly (readonly [name: string, type: string])[],
  change: Partial<StartEvent> = {},
): StartEvent {
  return {
    type: "start",
    model,
    parameters: 101_770,
    layers: layers.map(([name, type], i) => ({ name, type, file: FILE, line: 5 + i })),
    data: "digits",
    examples: 8000,
    validationExamples: 2000,
    batchSize: 64,
    epochs: 20,
    iterationsPerEpoch: 125,
    optimizer: "adam",
    seed: 1,
    device: "cpu",
    startEpoch: 0,
    startIteration: 0,
    ...change,
  };
}

/** Values of all layers after an iteration, as a `FlowColumn` has them. */
export function flowValues(run: SimulatedRun, iteration: number): (number | null)[] {
  const { start, decay, growth, learningRate, seed } = run;
  const depth = start.layers.length;
  return start.layers.flatMap(({ type }, layer) => {
    const noise = (salt: number): number => Math.exp(0.35 * wave(seed + salt + layer * 17, iteration));
    const owns = !/ReLU|Tanh|Sigmoid|Flatten|Pool|Dropout/.test(type);
    const size = 0.4 * decay ** (depth - 1 - layer) * growth ** iteration;
    const calm = 1 / (1 + iteration / 600);
    const output = size * calm * noise(1);
    const gradient = owns ? output * (1.5 + Math.sin(layer * 1.7)) * noise(2) : NaN;
    const weight = owns ? 4 + 6 * Math.abs(Math.sin(layer * 2.3)) + iteration / 3000 : NaN;
    const update = owns ? weight * learningRate * (decay < 0.9 ? decay ** (depth - 1 - layer) : 1) * noise(3) : NaN;
    const figures: Record<(typeof FIGURES)[number], number> = {
      outputGradient: output,
      gradient,
      weight,
      update,
      activation: 0.8 + 0.3 * Math.sin(layer + iteration / 400) * noise(4),
      dead: run.dead ? run.dead(layer, iteration) : NaN,
      saturated: run.saturated ? run.saturated(layer) : NaN,
    };
    return FIGURES.map((figure) => (Number.isFinite(figures[figure]) ? figures[figure] : null));
  });
}

/** Some iterations at once; an epoch event where one ends. */
export function tickOf(run: SimulatedRun, from: number, iterations: number): Tick {
  const { start, seed, learningRate } = run;
  const to = from + iterations;
  const at = (iteration: number): number => lossAt(run, iteration);
  const epochs: EpochEvent[] = [];
  for (let epoch = Math.floor(from / start.iterationsPerEpoch) + 1; epoch * start.iterationsPerEpoch <= to; epoch++) {
    epochs.push(epochOf(run, epoch));
  }
  const loss = at(to);
  const spread = 0.12 * loss * (1 + Math.abs(wave(seed + 5, to)));
  const values = flowValues(run, to);
  return {
    iteration: to,
    epoch: Math.floor((to - 1) / start.iterationsPerEpoch) + 1,
    learningRate,
    examplesPerSecond: 21_400 + 900 * wave(seed, to / 40),
    loss: [{ iteration: to, span: 1, mean: finite(loss), least: finite(loss - spread), most: finite(loss + spread) }],
    flow: [{ iteration: to, span: 1, values, bands: bandsOf(statisticsOf(values)) }],
    epochs,
    findings: run.findings.filter((finding) => finding.iteration > from && finding.iteration <= to),
  };
}

function statisticsOf(values: readonly (number | null)[]): LayerStatistics[] {
  return Array.from(
    { length: values.length / FIGURES.length },
    (_, layer) =>
      Object.fromEntries(
        FIGURES.map((figure, i) => [figure, values[layer * FIGURES.length + i] ?? NaN]),
      ) as unknown as LayerStatistics,
  );
}

function lossAt({ seed, growth, decay }: SimulatedRun, iteration: number): number {
  const floor = decay < 0.9 ? 2.25 : 0.08 + (seed % 7) * 0.02;
  const noise = 1 + 0.22 * wave(seed + 9, iteration);
  const falling = floor + (2.31 - floor) * Math.exp(-iteration / (260 + 40 * (seed % 5)));
  return falling * noise * Math.max(1, growth ** (iteration * 3) / 40);
}

function epochOf(run: SimulatedRun, epoch: number): EpochEvent {
  const iteration = epoch * run.start.iterationsPerEpoch;
  const loss = lossAt({ ...run, seed: run.seed }, iteration);
  const accuracy = Math.max(0.1, 1 - 0.3 * loss - 0.02 * Math.abs(wave(run.seed, epoch)));
  const gap = 0.02 + epoch * 0.003;
  return {
    type: "epoch",
    epoch,
    iteration,
    loss,
    batchMeanLoss: loss,
    metrics: { accuracy },
    validation: { loss: loss + gap, metrics: { accuracy: accuracy - gap / 2 } },
    learningRate: run.learningRate,
    seconds: 0.4,
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) && value < 1e30 ? value : null;
}

/** Smooth noise in [-1, 1]: the same for the same arguments. */
export function wave(seed: number, at: number): number {
  return (Math.sin(at * 0.61 + seed * 1.3) + Math.sin(at * 1.93 + seed * 2.1) + Math.sin(at * 0.047 + seed)) / 3;
}
