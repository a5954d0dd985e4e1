import assert from "node:assert/strict";
import { byteText, figureText, roundCount } from "../../extension/language/amounts";
import { hintsOf, type PlacedCall, type ShapeHints } from "../../extension/language/hint-texts";
import { callText, moduleText } from "../../extension/language/hover-texts";
import { errorsText, totalsText } from "../../extension/language/lens-texts";
import { outlineOf, type OutlineNode } from "../../extension/language/outline-tree";
import { runRows, sparkline } from "../../extension/language/run-figures";
import { FIGURES, emptyHistory, type RunHistory } from "../../webview/protocol";
import { FILE, issue, layerCall, module, operationCall, rangeOf, report } from "./reports";
import type { CallReport } from "../../engine/api/host";

/** The text with its hints in it, as the editor shows it. */
function shown(text: string, calls: readonly CallReport[], which: ShapeHints): string {
  const lines = text.split("\n");
  const placed = calls.map((call): PlacedCall => {
    const { line, column, endLine, endColumn } = call.range;
    return {
      call,
      at: { start: { line: line - 1, character: column - 1 }, end: { line: endLine - 1, character: endColumn - 1 } },
    };
  });
  const offset = ({ line, character }: { line: number; character: number }): number =>
    lines.slice(0, line).join("\n").length + (line > 0 ? 1 : 0) + character;
  const hints = hintsOf(placed, which, (from, to) => text.slice(offset(from), offset(to)));
  return [...hints].reverse().reduce((now, { at, text: hint }) => {
    const i = offset(at);
    return `${now.slice(0, i)}⟨${hint}⟩${now.slice(i)}`;
  }, text);
}

describe("extension: inlay hints", () => {
  const N784 = ["N", 784] as const;
  const line = "const h = relu(this.hidden(x.flatten()));";
  const flatten = operationCall(rangeOf(line, "x.flatten()"), "flatten", { inputs: [["N", 28, 28]], outputs: [N784] });
  const hidden = layerCall(rangeOf(line, "this.hidden(x.flatten())"), { parameters: 100_480 });
  const relu = operationCall(rangeOf(line, "relu(this.hidden(x.flatten()))"), "relu", { inputs: [["N", 128]] });

  const loop = "for (const b of this.blocks) h = b(h);";
  const call = rangeOf(loop, "b(h)");
  const cases: readonly [name: string, text: string, calls: readonly CallReport[], which: ShapeHints, shown: string][] =
    [
      [
        "layers: layers, and operations that change the shape",
        line,
        [relu, hidden, flatten],
        "layers",
        "const h = relu(this.hidden(x.flatten()⟨→ [N, 784]⟩)⟨→ [N, 128] · 100,480⟩);",
      ],
      [
        "all: but what the call inside says already",
        line,
        [relu, hidden, flatten],
        "all",
        "const h = relu(this.hidden(x.flatten()⟨→ [N, 784]⟩)⟨→ [N, 128] · 100,480⟩);",
      ],
      [
        "all: operations by themselves too",
        line,
        [relu],
        "all",
        "const h = relu(this.hidden(x.flatten()))⟨→ [N, 128]⟩;",
      ],
      ["off: none", line, [relu, hidden, flatten], "off", line],
      [
        "several shapes in a loop",
        loop,
        [
          layerCall(call, {
            times: 4,
            shapes: [
              ["N", 64],
              ["N", 128],
              ["N", 256],
            ],
          }),
        ],
        "layers",
        "for (const b of this.blocks) h = b(h)⟨→ [N, 64] … [N, 256] ×4⟩;",
      ],
      [
        "one shape in a loop",
        loop,
        [layerCall(call, { times: 4, parameters: 40 })],
        "layers",
        "for (const b of this.blocks) h = b(h)⟨→ [N, 128] ×4 · 40⟩;",
      ],
      [
        "a layer whose shape is not known",
        loop,
        [layerCall(call, { outputs: [null], parameters: 9 })],
        "layers",
        "for (const b of this.blocks) h = b(h)⟨→ ? · 9⟩;",
      ],
      [
        "an axis that is not known",
        loop,
        [layerCall(call, { outputs: [["?", 3]] })],
        "layers",
        "for (const b of this.blocks) h = b(h)⟨→ [?, 3]⟩;",
      ],
      [
        "an operation from where the shape is not known",
        line,
        [operationCall(rangeOf(line, "x.flatten()"), "flatten", { inputs: [N784], outputs: [null] })],
        "layers",
        "const h = relu(this.hidden(x.flatten()⟨→ ?⟩));",
      ],
      [
        "nothing further behind what is not known",
        line,
        [operationCall(rangeOf(line, "x.flatten()"), "flatten", { inputs: [null], outputs: [null] })],
        "layers",
        line,
      ],
      [
        "several outputs",
        loop,
        [
          layerCall(call, {
            outputs: [
              ["N", 9, 32],
              ["N", 32],
            ],
          }),
        ],
        "layers",
        "for (const b of this.blocks) h = b(h)⟨→ [N, 9, 32], [N, 32]⟩;",
      ],
      [
        "a helper that two models call differently",
        loop,
        [layerCall(call, { parameters: 10 }), layerCall(call, { outputs: [["N", 5]], parameters: 20 })],
        "layers",
        "for (const b of this.blocks) h = b(h)⟨→ [N, 128] … [N, 5]⟩;",
      ],
      [
        "a constant",
        "const a = zeros([3]);",
        [operationCall(rangeOf("const a = zeros([3]);", "zeros([3])"), "zeros", { inputs: [], outputs: [[3]] })],
        "layers",
        "const a = zeros([3]);",
      ],
    ];
  for (const [name, text, calls, which, expected] of cases) {
    it(name, () => assert.equal(shown(text, calls, which), expected));
  }
});

describe("extension: amounts", () => {
  for (const [value, text] of [
    [0, "0"],
    [9_999, "9,999"],
    [100_480, "100 k"],
    [12_345, "12 k"],
    [999_600, "1 M"],
    [1_230_000, "1.2 M"],
    [4_100_000_000, "4.1 G"],
  ] as const)
    it(`${value} is about ${text}`, () => assert.equal(roundCount(value), text));
  for (const [value, text] of [
    [512, "512 B"],
    [1023.9, "1 KiB"],
    [12_288, "12 KiB"],
    [1_572_864, "1.5 MiB"],
  ] as const)
    it(`${value} bytes are ${text}`, () => assert.equal(byteText(value), text));
  for (const [value, text] of [
    [0, "0"],
    [0.03124, "0.0312"],
    [4.12e-9, "4.1e-9"],
    [1.5e7, "1.5e7"],
  ] as const)
    it(`${value} in few digits is ${text}`, () => assert.equal(figureText(value), text));
});

describe("extension: hovers", () => {
  const source = "hidden = new Linear(784, 128);\nthis.hidden(x)";
  const call = layerCall(rangeOf(source, "this.hidden(x)"), {
    parameters: 100_480,
    multiplyAdds: 100_352,
    bytes: 512,
    layer: 0,
    times: 2,
  });
  const layer = {
    name: "hidden",
    type: "Linear",
    file: "/models/net.nn.ts",
    line: 2,
    inputShapes: [["N", 784]],
    outputShape: ["N", 128],
    parameters: 100_480,
  };
  const made = module("hidden", "Linear", rangeOf(source, "new Linear(784, 128)"), { parameters: 100_480 });
  const all = report({ calls: [call], layers: [layer], modules: [module("", "Net", null), made] });
  const none = { run: undefined, prediction: null, stale: false };
  /** One layer, whose gradient halves from column to column. */
  const history: RunHistory = {
    ...emptyHistory,
    start: {
      type: "start",
      model: "Net",
      parameters: 100_480,
      layers: [{ name: "hidden", type: "Linear", file: FILE, line: 2 }],
      data: "digits",
      examples: 100,
      validationExamples: 0,
      batchSize: 10,
      epochs: 1,
      iterationsPerEpoch: 10,
      optimizer: "adam",
      seed: 1,
      device: "cpu",
      startEpoch: 0,
      startIteration: 0,
    },
    flow: Array.from({ length: 8 }, (_, i) => ({
      iteration: i + 1,
      span: 1,
      values: FIGURES.map(
        (figure) =>
          new Map([
            ["gradient", 2 ** -i],
            ["weight", 4],
            ["update", 0.01],
            ["dead", 0.25],
          ]).get(figure) ?? null,
      ),
      bands: {},
    })),
  };

  it("a layer's call: shape first, then what it costs", () => {
    const text = callText(call, all, none);
    const rows = text.split("\n").filter((each) => each.startsWith("| ") && !each.includes(":--"));
    assert.deepEqual(rows, [
      "| output | `[N, 128]` |",
      "| input | `[N, 784]` |",
      "| parameters | 100,480 |",
      "| multiply-adds | 100 k per example |",
      "| memory | 512 B per example |",
      "| called | 2 times in one forward |",
    ]);
    assert.match(text, /^\*\*hidden\*\* · Linear\n/);
  });

  it("its field says the same, and what else is made there", () => {
    const text = moduleText([made, { ...made, path: "twin" }], all, none);
    for (const part of ["`[N, 128]`", "`[N, 784]`", "100,480", "100 k per example", "Made here too: `twin`."])
      assert.ok(text.includes(part), `${part} in ${text}`);
  });

  it("with a run: figures of its last moment, and the course of the gradient", () => {
    // 2⁻⁷, 0.01 / 4, and eight halvings: from the highest bar down to the lowest.
    assert.deepEqual(runRows(history, "hidden"), [
      ["gradient norm", "0.00781 █▇▆▅▄▃▂▁"],
      ["update / weight", "0.0025"],
      ["dead units", "25 %"],
    ]);
    const text = callText(call, all, { ...none, run: { id: "run 1", history } });
    assert.match(text, /Last run, iteration 8:/);
    assert.match(text, /command:backstep\.runs\.show\?%5B%22run%201%22%5D/);
    assert.deepEqual(runRows(history, "other"), []);
  });

  it("without a run: what is predicted", () => {
    const prediction = {
      batch: 8,
      loss: 1,
      issues: [],
      skipped: null,
      layers: [
        {
          name: "hidden",
          type: "Linear",
          file: FILE,
          line: 2,
          outputGradient: 1,
          gradient: 0.5,
          activation: 0.25,
          dead: 0,
          saturated: null,
          finite: true,
        },
      ],
    };
    const text = callText(call, all, { ...none, prediction });
    for (const part of ["Predicted, 8 examples at initialisation:", "| gradient norm | 0.5 |", "| dead units | 0 % |"])
      assert.ok(text.includes(part), part);
    assert.ok(!callText(call, all, { run: { id: "1", history }, prediction, stale: false }).includes("Predicted"));
  });

  it("of an earlier text say so, and names cannot become Markdown", () => {
    assert.match(callText(call, all, { ...none, stale: true }), /before its last edits/);
    assert.match(callText({ ...call, name: "a_b[x](y)" }, all, none), /\*\*a\\_b\\\[x\\\]\\\(y\\\)\*\*/);
  });

  for (const [name, values, text] of [
    ["a steady gradient is flat", [1, 1.001, 1, 1.002], "▁▁▁▁"],
    ["growth is logarithmic", [1, 10, 100], "▁▅█"],
    ["what is missing is a gap, zero the floor", [1, null, 0, 100], "▁ ▁█"],
    ["one value is no course", [3], ""],
  ] as const)
    it(`sparkline: ${name}`, () => assert.equal(sparkline(values), text));
  it("sparkline: many values are gathered", () => assert.equal(sparkline(Array(1000).fill(1), 24).length, 24));
});

describe("extension: CodeLens and outline", () => {
  const totals = { parameters: 100_480, frozen: 0, multiplyAdds: 1_230_000, bytes: 12_288 };
  for (const [name, changed, text] of [
    ["all", {}, "100,480 parameters · 1.2 M multiply-adds · 12 KiB activations"],
    ["one parameter", { parameters: 1, multiplyAdds: 1, bytes: 8 }, "1 parameter · 1 multiply-add · 8 B activations"],
    ["sizes that are not known", { multiplyAdds: null, bytes: null }, "100,480 parameters"],
    ["frozen ones", { frozen: 5, multiplyAdds: null, bytes: null }, "100,480 parameters · 5 frozen"],
    ["no model", { parameters: 0, multiplyAdds: 10, bytes: 80 }, ""],
  ] as const)
    it(`totals: ${name}`, () => assert.equal(totalsText(report({ totals: { ...totals, ...changed } })), text));

  it("errors are counted, warnings are not", () => {
    const range = rangeOf("x", "x");
    const [error, warning] = [issue(range), issue(range, [], { severity: "warning" })];
    assert.deepEqual(
      [[], [warning], [error, warning], [error, error]].map((issues) => errorsText(report({ issues }))),
      ["", "", "1 error", "2 errors"],
    );
  });

  it("modules stand below the nearest one around them that the file makes", () => {
    const range = rangeOf("new X()", "new X()");
    const elsewhere = { ...range, file: "/w/blocks.ts" };
    const tree = outlineOf(
      report({
        modules: [
          module("", "Net", range),
          module("stem", "Linear", range, { parameters: 1000, outputShape: ["N", 4] }),
          module("blocks", "ModuleList", range),
          module("blocks.0", "Block", range),
          module("blocks.0.conv", "Conv2d", elsewhere),
          module("blocks.0.body.norm", "BatchNorm2d", range),
        ],
      }),
      FILE,
    );
    const plain = (nodes: readonly OutlineNode[]): unknown =>
      nodes.map(({ name, detail, children }) => [name, detail, plain(children)]);
    assert.deepEqual(plain(tree), [
      ["stem", "Linear → [N, 4] · 1,000", []],
      ["blocks", "ModuleList", [["0", "Block", [["body.norm", "BatchNorm2d", []]]]]],
    ]);
  });
});
