import assert from "node:assert/strict";
import fc from "fast-check";
import { createTickCollector } from "../../engine/host/ticks";
import { mergeTicks } from "../../extension/panel/outbox";
import { STATISTICS } from "../../engine/train/statistics";
import type { EpochEvent, FindingEvent, IterationEvent } from "../../engine/train/events";
import {
  FIGURES,
  MOST_COLUMNS,
  MOST_EPOCHS,
  MOST_POINTS,
  type RunHistory,
  type Tick,
  emptyHistory,
  extendHistory,
  meanFigure,
} from "../../engine/view/history";

const iteration = (n: number, loss: number, gradient = 1): IterationEvent => ({
  type: "iteration",
  epoch: 1,
  iteration: n,
  loss,
  learningRate: 0.1,
  examplesPerSecond: 10,
  statistics: [{ outputGradient: NaN, gradient, weight: 2, update: 0.1, activation: 1, dead: 0.25, saturated: NaN }],
});

const finding = (code: string, layer: string | null, more: Partial<FindingEvent> = {}): FindingEvent => ({
  type: "finding",
  code,
  severity: "warning",
  message: code,
  layer,
  file: null,
  line: null,
  iteration: 1,
  ...more,
});

const tick = (more: Partial<Tick>): Tick => ({
  iteration: 1,
  epoch: 1,
  learningRate: 0.1,
  examplesPerSecond: 1,
  loss: [],
  flow: [],
  epochs: [],
  findings: [],
  ...more,
});

const epochEvent = (epoch: number, iteration: number): EpochEvent => ({
  type: "epoch",
  epoch,
  iteration,
  loss: iteration,
  batchMeanLoss: iteration,
  metrics: {},
  validation: null,
  learningRate: 0.1,
  seconds: 1,
});

describe("a changed past", () => {
  /** Iterations and epochs that a history shows, and its findings. */
  const shown = ({ loss, flow, epochs, findings }: RunHistory): unknown => ({
    loss: loss.map(({ iteration: n, mean }) => [n, mean]),
    flow: flow.map(({ iteration: n }) => n),
    epochs: epochs.map(({ epoch, iteration: n }) => [epoch, n]),
    findings: findings.map(({ code }) => code),
  });
  const collector = createTickCollector(() => ({}));
  const take = (history: RunHistory): RunHistory => {
    const taken = collector.take();
    return taken ? extendHistory(history, taken) : history;
  };

  it("is void in what waits for the next tick and in what was drawn before, and the new one follows", () => {
    let history = emptyHistory;
    collector.add(iteration(1, 10));
    collector.add(finding("early", "a", { iteration: 1 }));
    history = take(history);
    collector.add(iteration(2, 20));
    collector.add(epochEvent(1, 2));
    history = take(history);
    collector.add(iteration(3, 30));
    collector.add(finding("late", "a", { iteration: 3 }));
    history = take(history);
    collector.add(iteration(4, 40));
    collector.add(epochEvent(2, 4));
    collector.add({ type: "rewind", epoch: 0, iteration: 1 });
    collector.add(iteration(2, 21));
    collector.add(epochEvent(1, 2));
    collector.add(iteration(3, 31));
    // Once more, and less far.
    collector.add({ type: "rewind", epoch: 1, iteration: 2 });
    const tick = collector.take();
    assert.deepEqual(tick?.rewind, 1);
    history = extendHistory(history, tick ?? assert.fail());
    assert.deepEqual(shown(history), {
      loss: [
        [1, 10],
        [2, 21],
      ],
      flow: [1, 2],
      epochs: [[1, 2]],
      findings: ["early"],
    });
    assert.deepEqual([history.iteration, history.epoch], [2, 1]);
    assert.equal(collector.take(), undefined);
    collector.add({ type: "rewind", epoch: 0, iteration: 0 });
    assert.deepEqual(shown(take(history)), { loss: [], flow: [], epochs: [], findings: [] });
  });

  it("two ticks as one are as one after the other", () => {
    const first = tick({ loss: [1, 2, 3].map(pointAt), epochs: [epochEvent(1, 2)], iteration: 3, rewind: 0 });
    const second = tick({ loss: [3, 4].map(pointAt), epochs: [epochEvent(2, 4)], iteration: 4, rewind: 1 });
    const before = extendHistory(emptyHistory, tick({ loss: [1, 2].map(pointAt) }));
    assert.deepEqual(
      extendHistory(before, mergeTicks(first, second)),
      extendHistory(extendHistory(before, first), second),
    );
  });
});

const pointAt = (n: number): Tick["loss"][number] => ({ iteration: n, span: 1, mean: n, least: n, most: n });

describe("ticks", () => {
  it("know the same figures in the same order as the engine", () => assert.deepEqual([...FIGURES], [...STATISTICS]));

  it("merge iterations into a bounded number of points, none of which is lost in extremes and means", () => {
    const collector = createTickCollector(() => ({}));
    for (let n = 1; n <= 160; n++) collector.add(iteration(n, n === 77 ? 1000 : n));
    const points = collector.take()?.loss ?? [];
    assert.equal(points.length, 16);
    assert.deepEqual(points[0], { iteration: 10, span: 1, mean: 5.5, least: 1, most: 10 });
    assert.equal(points[7].most, 1000);
    assert.equal(collector.take(), undefined, "nothing happened since");
  });

  it("hold the course of a training that is over within one", () => {
    const collector = createTickCollector(() => ({}));
    for (let n = 1; n <= 1000; n++) collector.add(iteration(n, n, n));
    const columns = collector.take()?.flow ?? [];
    assert.equal(columns.length, 8);
    assert.equal(columns.at(-1)?.iteration, 1000);
    // Each stands for an eighth: the geometric mean of n lies about its middle.
    columns.forEach(({ values, iteration: end }, i) => {
      assert.ok(Math.abs(end - 125 * (i + 1)) <= 16, `ends at ${end}`);
      const mean = values[FIGURES.indexOf("gradient")] ?? 0;
      if (i > 0) assert.ok(Math.abs(mean / (125 * (i + 0.5)) - 1) < 0.1, `column ${i} is ${mean}`);
    });
    for (let n = 1001; n <= 1003; n++) collector.add(iteration(n, n, n));
    assert.deepEqual(
      collector.take()?.flow.map(({ iteration: end }) => end),
      [1003],
      "a few are one column",
    );
  });

  it("average norms geometrically, fractions arithmetically, and leave out what has no meaning", () => {
    const collector = createTickCollector(() => ({ gradient: [0.1, 10] }));
    collector.add(iteration(1, 1, 1e-4));
    collector.add(iteration(2, NaN, 1e-2));
    const taken = collector.take();
    const of = (figure: (typeof FIGURES)[number]) => taken?.flow[0].values[FIGURES.indexOf(figure)];
    assert.ok(Math.abs((of("gradient") ?? 0) - 1e-3) < 1e-15);
    assert.deepEqual([of("dead"), of("saturated"), of("outputGradient")], [0.25, null, null]);
    assert.deepEqual(taken?.flow[0].bands, { gradient: [0.1, 10] });
    assert.deepEqual(
      taken?.loss.map(({ mean }) => mean),
      [1, null],
      "a loss that is no number is no point, and JSON can say so",
    );
  });

  const means: readonly (readonly [Parameters<typeof meanFigure>[0], readonly (number | null)[], number | null])[] = [
    ["gradient", [1e-6, 1], 1e-3],
    ["gradient", [0, 1], 0],
    ["gradient", [null, null], null],
    ["gradient", [null, 4], 4],
    ["dead", [0, 1], 0.5],
  ];
  for (const [figure, values, expected] of means) {
    it(`mean of ${figure} ${JSON.stringify(values)}`, () => {
      const mean = meanFigure(figure, values);
      if (expected === null) assert.equal(mean, null);
      else assert.ok(Math.abs((mean ?? NaN) - expected) < 1e-12);
    });
  }
});

describe("a run's history", () => {
  it("stays bounded over an hour of ticks, begins at the beginning and ends at the end", () => {
    let history: RunHistory = emptyHistory;
    for (let n = 1; n <= 36_000; n++) {
      const loss = Array.from({ length: 4 }, (_, i) => ({
        iteration: 4 * n + i - 3,
        span: 1,
        mean: 1 / n,
        least: 0,
        most: 1,
      }));
      const flow = [{ iteration: 4 * n, span: 1, values: [null, 1, 1, 1, 1, 0, null], bands: {} }];
      history = extendHistory(history, tick({ iteration: 4 * n, loss, flow }));
      assert.ok(history.loss.length <= MOST_POINTS && history.flow.length <= MOST_COLUMNS);
    }
    assert.equal(history.loss.at(-1)?.iteration, 144_000);
    // Evenly over the run: 144,000 points are at most 2000 of 128 each, 36,000 columns at most 240 of 256.
    assert.deepEqual([history.loss[0].iteration, history.loss[0].span], [128, 128]);
    assert.deepEqual([history.flow[0].iteration, history.flow[0].span], [4 * 256, 256]);
    assert.equal(
      history.loss.reduce((sum, { span }) => sum + span, 0),
      144_000,
    );
    assert.ok(history.loss.length > MOST_POINTS / 2 && history.flow.length > MOST_COLUMNS / 2);
    assert.ok(JSON.stringify(history).length < 400_000);
  });

  it("keeps the epochs' order and last epoch, however many there are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 * MOST_EPOCHS }), (count) => {
        const epochs = Array.from({ length: count }, (_, i) => ({ epoch: i + 1 }) as Tick["epochs"][number]);
        const kept = extendHistory(emptyHistory, tick({ epochs })).epochs.map(({ epoch }) => epoch);
        assert.ok(kept.length <= MOST_EPOCHS);
        assert.equal(kept.at(-1), count);
        assert.deepEqual(
          kept,
          [...kept].sort((a, b) => a - b),
        );
      }),
      { numRuns: 20 },
    );
  });

  it("replaces a finding that changed, drops one that was withdrawn, and shows the worst first", () => {
    const ticks = [
      [finding("dying-relu", "hidden"), finding("vanishing-gradient", "first", { severity: "information" })],
      [finding("dying-relu", "hidden", { message: "worse", severity: "error" }), finding("dying-relu", "output")],
      [finding("dying-relu", "output", { withdrawn: true })],
    ];
    const { findings } = ticks.reduce(
      (history, each) => extendHistory(history, tick({ findings: each })),
      emptyHistory,
    );
    assert.deepEqual(
      findings.map(({ code, layer, message }) => [code, layer, message]),
      [
        ["dying-relu", "hidden", "worse"],
        ["vanishing-gradient", "first", "vanishing-gradient"],
      ],
    );
  });
});
