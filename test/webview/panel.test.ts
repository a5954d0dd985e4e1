/** Pure parts of the panel: numbers as it writes them, axes, smoothing, and where rows lie. */
import assert from "node:assert/strict";
import { position, logarithmicScale, ticks } from "../../webview/charts/scale";
import { smoothed } from "../../webview/charts/smooth";
import { parseColour, ramp, lightness } from "../../webview/charts/colour";
import { type FlowLayout, rowAt, rowTop, rowsInSight, scrollTo, totalHeight } from "../../webview/flow/layout";
import { formatDecade, formatDuration, formatNumber, formatPercent } from "../../webview/format";
import { progressOf } from "../../webview/progress";
import { emptyHistory, type StartEvent } from "../../webview/protocol";

describe("numbers in the panel", () => {
  for (const [value, text] of [
    [0, "0"],
    [0.12345, "0.1235"],
    [12.3456, "12.35"],
    [1234.5, "1,235"],
    [1.5e-7, "1.50e-7"],
    [-0.5, "−0.5000"],
    [NaN, "NaN"],
    [-Infinity, "−∞"],
    [null, "–"],
  ] as const) {
    it(`${value} is ${text}`, () => assert.equal(formatNumber(value), text));
  }
  it("percentages, decades and durations", () => {
    assert.deepEqual([0, 0.0123, 0.5, 1].map(formatPercent), ["0 %", "1.23 %", "50.0 %", "100 %"]);
    assert.deepEqual([1e-9, 0.01, 1, 1000, 1e4].map(formatDecade), ["10⁻⁹", "0.01", "1", "1000", "10⁴"]);
    assert.deepEqual([1.25, 59, 61, 3720].map(formatDuration), ["1.3 s", "59 s", "1 min 1 s", "1 h 2 min"]);
  });
});

describe("a logarithmic axis", () => {
  it("covers what is positive in whole decades, at least two of them", () => {
    assert.deepEqual(logarithmicScale([3e-5, 2]), { kind: "logarithmic", low: 1e-5, high: 10 });
    const one = logarithmicScale([0.5, 0, -1, NaN]);
    assert.equal(Math.round(Math.log10((one?.high ?? 0) / (one?.low ?? 1))), 2);
    assert.equal(logarithmicScale([0, -1]), undefined);
  });

  it("only grows", () => {
    const before = { kind: "logarithmic", low: 1e-6, high: 100 } as const;
    assert.deepEqual(logarithmicScale([0.1], before), before);
    assert.equal(logarithmicScale([1e-8], before)?.low, 1e-8);
  });

  it("puts values where their logarithm is", () => {
    const scale = { kind: "logarithmic", low: 1e-4, high: 1 } as const;
    assert.deepEqual(
      [1e-4, 1e-2, 1].map((value) => Number(position(scale, value).toFixed(12))),
      [0, 0.5, 1],
    );
    assert.equal(position(scale, 0), -Infinity);
    for (const tick of ticks(scale, 5)) assert.ok(Number.isInteger(Math.log10(tick)));
  });
});

describe("smoothing", () => {
  it("leaves a constant alone, from the first value on, and nothing where there is nothing", () =>
    assert.deepEqual(
      smoothed([0, 1, 2, 3], [2, 2, null, 2], 0.9, 3).map((y) => y && Number(y.toFixed(12))),
      [2, 2, null, 2],
    ));

  it("does not depend on how many points there are", () => {
    const xs = Array.from({ length: 1000 }, (_, i) => i);
    const all = smoothed(
      xs,
      xs.map((x) => Math.sin(x / 100)),
      0.95,
      1000,
    );
    const some = xs.filter((x) => x % 2 === 1);
    const half = smoothed(
      some,
      some.map((x) => Math.sin(x / 100)),
      0.95,
      1000,
    );
    for (let i = 100; i < half.length; i++) assert.ok(Math.abs((half[i] ?? 9) - (all[2 * i + 1] ?? 0)) < 0.02);
  });
});

describe("rows of the gradient flow", () => {
  const layout: FlowLayout = { count: 200, rowHeight: 30, expanded: [[1, 100]] };
  it("lie below each other, and below what is unfolded above them", () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((layer) => rowTop(layout, layer)),
      [0, 30, 160, 190],
    );
    assert.equal(totalHeight(layout), 200 * 30 + 100);
  });
  it("are found by their height", () => {
    assert.deepEqual(
      [-5, 0, 29, 30, 159, 160, 1e9].map((y) => rowAt(layout, y)),
      [0, 0, 0, 1, 1, 2, 199],
    );
  });
  it("are rendered where they are in sight, and some beyond", () => {
    const [first, end] = rowsInSight(layout, 3100, 300, 6);
    // 3100 is row 100; ten rows and the one at the end are in sight.
    assert.deepEqual([first, end], [94, 117]);
    assert.deepEqual(rowsInSight({ ...layout, count: 0 }, 0, 100, 6), [0, 0]);
  });
  it("scroll no further than needed", () => {
    assert.equal(scrollTo(layout, 0, 500, 300), 0);
    assert.equal(scrollTo(layout, 10, 100, 600), 100);
    assert.equal(scrollTo(layout, 100, 0, 300), rowTop(layout, 101) - 300);
  });
});

describe("colours", () => {
  it("are read as VS Code writes them", () => {
    assert.deepEqual(parseColour("#FF000080"), { red: 1, green: 0, blue: 0, alpha: 128 / 255 });
    assert.deepEqual(parseColour("rgba(0, 255, 0, 0.5)"), { red: 0, green: 1, blue: 0, alpha: 0.5 });
    assert.equal(parseColour("red-ish"), undefined);
  });
  it("of a heat strip grow lighter step by step, so that they read without hue", () => {
    const hues = ["#b180d7", "#3794ff", "#89d185", "#cca700"].map((css) => parseColour(css) ?? assert.fail());
    const steps = ramp(hues, 0.3, 0.92).map(lightness);
    for (let i = 1; i < steps.length; i++) assert.ok(steps[i] >= steps[i - 1] - 0.02, `step ${i}`);
    assert.ok(steps[255] - steps[0] > 0.5);
  });
});

describe("a run's progress", () => {
  const start = { epochs: 10, iterationsPerEpoch: 100, batchSize: 32 } as StartEvent;
  const running = {
    ...emptyHistory,
    start,
    state: "running" as const,
    iteration: 250,
    epoch: 3,
    examplesPerSecond: 320,
  };
  it("is the share of iterations, and the time left at the speed of now", () => {
    const { done, secondsLeft } = progressOf(running);
    // 750 iterations of 32 examples at 320 examples a second.
    assert.deepEqual([done, secondsLeft], [0.25, 75]);
  });
  it("says no time while paused, and is nothing before the start", () => {
    assert.equal(progressOf({ ...running, state: "paused" }).secondsLeft, null);
    assert.equal(progressOf(emptyHistory).done, 0);
  });
});
