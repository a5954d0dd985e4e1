/** The model in the editor, without a page: what is in front, what is kept between two views, marks, and the predicted gradient. */
import assert from "node:assert/strict";
import { bandsOf } from "../../engine/diagnose/bands";
import type { LayerStatistics } from "../../engine/train/statistics";
import { formatBytes } from "../../webview/format";
import { firstFront, frontAfter, frontChosen, isLive, shownFace, type Face, type Front } from "../../webview/front";
import { changeMarks, countIssues, countText, editedAfter, modelAnnouncement } from "../../webview/model/edited";
import {
  foretold,
  predictedBand,
  predictedColumn,
  predictedScale,
  PREDICTED_FIGURES,
} from "../../webview/model/predicted";
import { networkProblems } from "../../webview/model/problems";
import { figureOf } from "../../webview/flow/figures";
import { restore } from "../../webview/preferences";
import type {
  ModelChange,
  ModelIssue,
  ModelView,
  NetworkResult,
  PredictedLayer,
  Prediction,
} from "../../webview/protocol";
import { emptyModel, reduce } from "../../webview/state";
import { predictedColours } from "../../webview/views/network-colours";
import { markOf, marksOf, markText } from "../../webview/views/network-marks";

const view: ModelView = {
  ...{ file: "a.nn.ts", path: "/w/a.nn.ts", state: "ready", message: null, line: null },
  ...{ issues: [], layers: [], totals: null, network: null, prediction: null, changes: [] },
};

function layer(name: string, rest: Partial<PredictedLayer> = {}): PredictedLayer {
  return {
    ...{ name, type: "Linear", file: "/w/a.nn.ts", line: 1, finite: true },
    ...{ outputGradient: 1, gradient: null, activation: null, dead: null, saturated: null },
    ...rest,
  };
}

function prediction(layers: readonly PredictedLayer[], rest: Partial<Prediction> = {}): Prediction {
  return { batch: 4, loss: 2.3, layers, issues: [], skipped: null, ...rest };
}

describe("which face of the panel is in front", () => {
  const model: Front = { face: "model", pinned: false };
  const run: Front = { face: "run", pinned: false };
  const cases: Readonly<Record<string, readonly [Front, what: Face, running: boolean, face: Face]>> = {
    "an edit brings the model": [run, "model", false, "model"],
    "an edit leaves a run that goes on": [run, "model", true, "run"],
    "an edit leaves the run that was chosen": [frontChosen("run"), "model", false, "run"],
    "a training brings the run": [model, "run", true, "run"],
    "a training brings the run though the model was chosen": [frontChosen("model"), "run", true, "run"],
    "an edit leaves the model in front while a run goes on behind it": [frontChosen("model"), "model", true, "model"],
  };
  for (const [what, [before, message, running, face]] of Object.entries(cases)) {
    it(what, () => assert.equal(frontAfter(before, message, running).face, face));
  }

  it("forgets at the next training that the run was chosen", () => {
    const after = frontAfter(frontChosen("run"), "run", true);
    assert.equal(frontAfter(after, "model", false).face, "model");
  });

  it("is the only one there is", () => {
    assert.deepEqual(
      [
        shownFace(run, true, true),
        shownFace(run, true, false),
        shownFace(model, false, true),
        shownFace(model, false, false),
      ],
      ["run", "model", "run", null],
    );
  });

  it("counts paused and stopping runs as going on", () => {
    const states = ["starting", "running", "paused", "stopping", "ended", "failed", undefined] as const;
    assert.deepEqual(states.map(isLive), [true, true, true, true, false, false, false]);
  });

  it("is restored, and is the first where what was saved is of another version", () => {
    const saved = (front: unknown): Front => restore({ preferences: { front } }).preferences.front;
    assert.deepEqual(saved({ face: "model", pinned: true }), { face: "model", pinned: true });
    assert.deepEqual(saved({ face: "other", pinned: "yes" }), firstFront);
    assert.deepEqual(saved(undefined), firstFront);
  });
});

describe("the model in the editor between two views", () => {
  const changed: ModelChange = { layer: "hidden", kind: "changed", what: "[N, 64] → [N, 128]" };
  const first = prediction([layer("hidden")]);

  it("keeps the last prediction, as old, until the new one comes", () => {
    const before = editedAfter(null, { ...view, prediction: first });
    const waiting = editedAfter(before, view);
    assert.deepEqual([waiting?.prediction, waiting?.predictionIsOld], [first, true]);
    const second = prediction([layer("hidden", { outputGradient: 2 })]);
    const after = editedAfter(waiting, { ...view, prediction: second });
    assert.deepEqual([after?.prediction, after?.predictionIsOld], [second, false]);
  });

  it("keeps nothing of another file", () => {
    const before = editedAfter(null, { ...view, prediction: first, changes: [changed] });
    const after = editedAfter(before, { ...view, path: "/w/b.nn.ts" });
    assert.deepEqual([after?.prediction, after?.predictionIsOld, after?.changes, after?.edit], [null, false, [], 0]);
  });

  it("counts an edit once though its prediction comes in another message, and keeps marks until something else changes", () => {
    const one = editedAfter(editedAfter(null, view), { ...view, changes: [changed] });
    const predicted = editedAfter(one, { ...view, changes: [changed], prediction: first });
    const moved = editedAfter(predicted, view);
    const next = editedAfter(moved, { ...view, changes: [{ ...changed, what: "[N, 128] → [N, 32]" }] });
    assert.deepEqual(
      [one, predicted, moved, next].map((each) => each?.edit),
      [1, 1, 1, 2],
    );
    assert.deepEqual(moved?.changes, [changed]);
    assert.equal(next?.changes[0].what, "[N, 128] → [N, 32]");
  });

  it("is in the panel's state beside the runs, with its cursor, and goes with its editor", () => {
    const shown = reduce({ ...emptyModel, shown: "1" }, { type: "model", model: view });
    const at = reduce(shown, { type: "modelCursor", path: view.path, layer: "hidden" });
    assert.deepEqual([at.edited?.view, at.editedCursor, at.shown], [view, { path: view.path, layer: "hidden" }, "1"]);
    const snapshot = reduce(at, { type: "snapshot", runs: [], shown: null, histories: {}, compared: [] });
    assert.equal(snapshot.edited, at.edited);
    assert.equal(reduce(at, { type: "modelCursor", path: view.path, layer: null }).editedCursor, null);
    assert.equal(reduce(at, { type: "model", model: null }).edited, null);
  });
});

describe("what the last edit changed", () => {
  const change = (name: string, kind: ModelChange["kind"], what = ""): ModelChange => ({ layer: name, kind, what });
  const { layers, removed } = changeMarks([
    change("a", "added"),
    change("b", "changed", "4 → 5"),
    change("c", "removed"),
  ]);
  const marks = marksOf([{ name: "x" }, { name: "b" }, { name: "a" }], layers, 3);

  it("is marked by number of layer, and listed where it is gone", () => {
    assert.deepEqual(
      [...marks.layers].map(([i, mark]) => [i, markText(mark)]),
      [
        [1, "changed by the last edit: 4 → 5"],
        [2, "added by the last edit"],
      ],
    );
    assert.deepEqual(removed, [change("c", "removed")]);
  });

  const cases: Readonly<Record<string, readonly [layer: number | null, inner: number[], text: string | null]>> = {
    "a layer by its own": [1, [], "changed by the last edit: 4 → 5"],
    "a layer without": [0, [], null],
    "a module by the one that is in it": [null, [0, 1], "changed by the last edit: 4 → 5"],
    "a module by how many are": [null, [0, 1, 2], "changed by the last edit: 2 of its layers"],
    "a module that is new": [null, [2], "added by the last edit"],
  };
  for (const [what, [own, inner, text]] of Object.entries(cases)) {
    it(`marks ${what}`, () => {
      const mark = markOf(marks, own, inner);
      assert.equal(mark ? markText(mark) : null, text);
    });
  }
});

describe("issues in words", () => {
  const issue = (severity: ModelIssue["severity"]): ModelIssue => ({
    ...{ code: "x", severity, message: "", file: null, line: null },
  });

  it("are counted", () => {
    assert.equal(countText(countIssues([])), "");
    assert.equal(countText(countIssues([issue("error"), issue("information"), issue("error")])), "2 errors, 1 note");
  });

  it("are said when their counts change, and when the state does", () => {
    const wrong = { ...view, issues: [issue("error")] };
    const cases: readonly (readonly [before: ModelView | null, after: ModelView, said: string])[] = [
      [null, view, ""],
      [null, wrong, "1 error."],
      [wrong, { ...wrong, line: 3 }, ""],
      [wrong, view, "No mistakes left."],
      [view, { ...view, state: "stale" }, "The text cannot be read; the last figures are kept."],
      [null, { ...view, state: "untrusted" }, "This workspace is not trusted."],
    ];
    for (const [before, after, said] of cases) assert.equal(modelAnnouncement(before, after), said);
  });

  it("in the drawings are each told once, with a place if there is one", () => {
    const node = (problem: string | null, line: number | null) => ({ problem, file: line === null ? null : "f", line });
    const network = {
      graph: { nodes: [node("a", null), node(null, 1), node("b", 2), node("a", 3)] },
      diagram: { columns: [node("b", 9)] },
    } as unknown as NetworkResult;
    assert.deepEqual(
      networkProblems(network).map(({ text, line }) => [text, line]),
      [
        ["a", 3],
        ["b", 2],
      ],
    );
  });
});

describe("the predicted gradient flow", () => {
  const layers = [
    layer("a", { outputGradient: 1e-4, gradient: 3, activation: 0.5, dead: 0.9 }),
    layer("b", { outputGradient: 1e-2, gradient: 0, activation: 2 }),
    layer("c", { outputGradient: 1, gradient: null, saturated: 0.1 }),
  ];

  it("judges by the same band as a run with these figures", () => {
    const statistics = layers.map(
      ({ outputGradient, gradient, activation, dead, saturated }) =>
        Object.fromEntries(
          Object.entries({ outputGradient, gradient, activation, dead, saturated }).map(([name, value]) => [
            name,
            value ?? NaN,
          ]),
        ) as unknown as LayerStatistics,
    );
    const bands = bandsOf(statistics);
    for (const figure of PREDICTED_FIGURES) assert.deepEqual(predictedBand(layers, figure), bands[figure], figure);
  });

  it("lies around the middle layer: one and a half decades to both sides", () => {
    const [low, high] = predictedBand(layers, "outputGradient") ?? [];
    assert.deepEqual(
      [low, high].map((value) => Math.log10(value ?? 0).toFixed(9)),
      ["-3.500000000", "-0.500000000"],
    );
    assert.equal(predictedBand([layer("x", { outputGradient: 0 })], "outputGradient"), undefined);
  });

  it("is a column that the chart of a run draws", () => {
    const column = predictedColumn(prediction(layers));
    assert.deepEqual(
      [0, 1, 2].map((i) => figureOf(column, i, "outputGradient")),
      [1e-4, 1e-2, 1],
    );
    assert.equal(figureOf(column, 0, "dead"), 0.9);
    assert.equal(figureOf(column, 2, "gradient"), null);
    assert.equal(figureOf(column, 0, "weight"), null);
  });

  it("keeps its axis while it fits, and leaves one that has become far too long", () => {
    const of = (least: number, most: number): PredictedLayer[] =>
      [least, most].map((outputGradient) => layer("x", { outputGradient }));
    const first = predictedScale(of(1e-6, 1), "outputGradient", undefined);
    // The band lies around 1e-6, the lower middle of the two: from 10^-7.5.
    assert.deepEqual(first, { kind: "logarithmic", low: 1e-8, high: 1 });
    assert.deepEqual(predictedScale(of(1e-4, 1), "outputGradient", first), first);
    const exploded = predictedScale(of(1e-4, 1e20), "outputGradient", first);
    assert.equal(exploded?.high, 1e20);
    assert.equal(predictedScale(of(1e-4, 1), "outputGradient", exploded)?.high, 1);
    assert.deepEqual(predictedScale(layers, "dead", undefined), { kind: "linear", low: 0, high: 1 });
  });

  it("tells at their rows what it foretells of layers, and of numbers that are none", () => {
    const range = { file: "/w/a.nn.ts", line: 7, column: 1, endLine: 7, endColumn: 9 };
    const issues = [
      { code: "vanishing", severity: "warning", message: "fades", range },
      { code: "loss", severity: "error", message: "whole", range: { ...range, line: 99 } },
    ] as const;
    const found = foretold(
      prediction([layer("a"), layer("b", { line: 7, finite: false }), layer("c", { finite: false })], { issues }),
    );
    assert.deepEqual([...found].map(([i, list]) => [i, list.map(({ code }) => code)]).sort(), [
      [-1, ["loss"]],
      [1, ["vanishing"]],
      [2, ["not-finite"]],
    ]);
  });

  it("colours the layers of the text by name, also where it is of an earlier one", () => {
    const colours = predictedColours([{ name: "a" }, { name: "new" }, { name: "c" }], layers);
    assert.deepEqual(colours?.values, [1e-4, null, 1]);
    assert.deepEqual(colours?.positions, [0, null, 1]);
    assert.equal(predictedColours([{ name: "a" }], []), undefined);
  });
});

describe("bytes", () => {
  it("in steps of 1024", () =>
    assert.deepEqual([0, 1, 1023, 1024, 1536, 1024 ** 2 * 12.34, 1024 ** 3].map(formatBytes), [
      "0 B",
      "1 B",
      "1023 B",
      "1 KiB",
      "1.5 KiB",
      "12 MiB",
      "1 GiB",
    ]));
});
