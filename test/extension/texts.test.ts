import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { shortRate, rateEdit } from "../../extension/commands/rate-edit";
import { deviceTable, deviceVerdict, gradientTable, rateTable } from "../../extension/commands/report-text";
import { freeName, nameProblem, newText, templatesOf, withEnding } from "../../extension/commands/templates";
import { duration, progressText } from "../../extension/format";
import { inOneLine, problemsIn } from "../../extension/host/failures";
import { createPrintLog } from "../../extension/host/print-log";
import { lensLine, trainsSomething } from "../../extension/language/lens-line";
import { panelHtml } from "../../extension/panel/html";
import { readMessage, readState } from "../../extension/panel/messages";

describe("extension: the comparison of devices", () => {
  const figures = (cpu: number | null, gpu: number | null, lacking: string | null = null) =>
    [
      { device: "cpu", name: "WebAssembly", lacking: null, milliseconds: cpu },
      { device: "webgpu", name: lacking === null ? "webgpu: a card" : null, lacking, milliseconds: gpu },
    ] as const;
  const cases = [
    [figures(10, 2), "The GPU trains it 5.0 times as fast as the CPU.", "webgpu"],
    [figures(0.5, 2), "The CPU trains it 4.0 times as fast as the GPU.", "cpu"],
    [figures(2, 2.1), "The CPU and the GPU are about equally fast.", null],
    [figures(2, null, "no adapter: none"), "There is the CPU alone: no adapter: none.", "cpu"],
    [figures(null, null), "Nothing was measured.", null],
  ] as const;
  for (const [devices, text, best] of cases) it(text, () => assert.deepEqual(deviceVerdict(devices), { text, best }));

  it("has a row for each, with examples a second where a batch has a size", () => {
    const table = deviceTable("a.nn.ts", figures(10, 2), 64);
    assert.match(table, /\| CPU \| 10 ms \| 6400 \| WebAssembly \|/);
    assert.match(table, /\| GPU \| 2 ms \| 32000 \| webgpu: a card \|/);
    assert.match(deviceTable("a.nn.ts", figures(10, null, "none"), null), /\| GPU \|  \|  \| none \|/);
  });
});

describe("extension: failures of hosts", () => {
  const model = "/w/a.nn.ts";
  const cases: readonly [failure: string, problems: readonly (readonly [string, number, number, string])[]][] = [
    ["/w/a.nn.ts:3:7: too wide", [["/w/a.nn.ts", 3, 7, "too wide"]]],
    ["/w/a.nn.ts: there is no default export", [[model, 1, 1, "there is no default export"]]],
    ["the loss: 3:7: odd", [[model, 1, 1, "the loss: 3:7: odd"]]],
    [
      "/w/a.nn.ts:3:7: one\n/w/b.ts:9:1: two",
      [
        ["/w/a.nn.ts", 3, 7, "one"],
        ["/w/b.ts", 9, 1, "two"],
      ],
    ],
    ["/w/a.nn.ts:3:7: one\nand more", [["/w/a.nn.ts", 3, 7, "one\nand more"]]],
    ["C:\\w\\a.nn.ts:3:7: one", [["C:\\w\\a.nn.ts", 3, 7, "one"]]],
    ["", []],
  ];
  for (const [failure, problems] of cases) {
    it(JSON.stringify(failure), () => {
      assert.deepEqual(
        problemsIn(failure, model).map(({ file, line, column, message }) => [file, line, column, message]),
        problems,
      );
    });
  }

  it("in one line name files without their folders", () => {
    assert.equal(inOneLine("/w/x/a.nn.ts:3:7: too wide\n/w/b.ts:1:1: b"), "a.nn.ts:3:7: too wide (and 1 more)");
    assert.equal(inOneLine(""), "it ended without a message");
  });
});

describe("extension: a learning rate put into the file", () => {
  const cases: readonly [name: string, text: string, current: number, result: string | undefined][] = [
    ["a literal", "adam({ learningRate: 0.1 })", 0.1, "adam({ learningRate: 3e-3 })"],
    [
      "another way to write it",
      "adam({ learningRate: 1e-1, beta1: 0.9 })",
      0.1,
      "adam({ learningRate: 3e-3, beta1: 0.9 })",
    ],
    ["separators", "adam({ learningRate: 1_0 })", 10, "adam({ learningRate: 3e-3 })"],
    [
      "a comment with the same",
      "// learningRate: 0.1,\nadam({ learningRate: 0.1 })",
      0.1,
      "// learningRate: 0.1,\nadam({ learningRate: 3e-3 })",
    ],
    ["twice", "sgd({ learningRate: 0.1 }); sgd({ learningRate: 0.1 })", 0.1, undefined],
    [
      "two, of which one is meant",
      "sgd({ learningRate: 0.2 }); sgd({ learningRate: 0.1 })",
      0.1,
      "sgd({ learningRate: 0.2 }); sgd({ learningRate: 3e-3 })",
    ],
    ["a product", "adam({ learningRate: 0.1 * 2 })", 0.2, undefined],
    ["a variable", "adam({ learningRate })", 0.1, undefined],
    ["no options", "optimizer: adam(),", 0.001, "optimizer: adam({ learningRate: 3e-3 }),"],
    ["no optimiser at all", "export default 3;", 0.001, undefined],
  ];
  for (const [name, text, current, result] of cases) {
    it(name, () => {
      const edit = rateEdit(text, current, 0.003);
      assert.equal(edit && text.slice(0, edit.start) + edit.text + text.slice(edit.end), result);
    });
  }
  for (const [rate, text] of [
    [0.003, "3e-3"],
    [0.05, "0.05"],
    [0.0123, "0.012"],
    [1, "1"],
    [10, "10"],
    [6.71e-5, "6.7e-5"],
  ] as const) {
    it(`writes ${rate} as ${text}`, () => assert.equal(shortRate(rate), text));
  }
});

describe("extension: templates", () => {
  const shelf = readdirSync("examples")
    .filter((name) => name.endsWith(".nn.ts"))
    .map((name) => ({ name: name.replace(".nn.ts", ""), text: readFileSync(`examples/${name}`, "utf8") }));

  it("are the whole shelf, each with a title and a line of its own", () => {
    const templates = templatesOf(shelf);
    assert.deepEqual(templates.map(({ name }) => name).sort(), shelf.map(({ name }) => name).sort());
    for (const { name, title, about } of templates) {
      assert.notEqual(title, name);
      assert.match(about, /^\S.{20,}/);
    }
    assert.equal(new Set(templates.map(({ title }) => title)).size, templates.length);
  });

  it("name the new file where they named themselves", () => {
    for (const template of templatesOf(shelf)) {
      const text = newText(template, "mine.nn.ts");
      assert.doesNotMatch(text, /examples\//);
      assert.equal(text.includes("mine.nn.ts"), template.text.includes(`examples/${template.name}.nn.ts`));
    }
  });

  it("get a name that is free", () => {
    assert.equal(freeName("xor", new Set()), "xor.nn.ts");
    assert.equal(freeName("xor", new Set(["xor.nn.ts", "xor-2.nn.ts"])), "xor-3.nn.ts");
  });

  for (const [name, ending] of [
    ["a", "a.nn.ts"],
    ["a.ts", "a.nn.ts"],
    ["a.nn", "a.nn.ts"],
    [" a.nn.ts ", "a.nn.ts"],
  ] as const) {
    it(`take ${JSON.stringify(name)} for ${ending}`, () => assert.equal(withEnding(name), ending));
  }
  for (const name of ["", "  ", "a/b", "..", "a:b", "xor"]) {
    it(`refuse ${JSON.stringify(name)}`, () => assert.ok(nameProblem(name, new Set(["xor.nn.ts"]))));
  }
  it("accept an ordinary name", () => assert.equal(nameProblem("my-net.nn.ts", new Set(["xor.nn.ts"])), undefined));
});

describe("extension: small texts", () => {
  it("finds the line of the actions", () => {
    assert.equal(lensLine("// a\nimport x;\n\nexport default training({});"), 4);
    assert.equal(lensLine("// a\n\nclass A {}\n"), 3);
    assert.equal(lensLine("/*\n * a\n */\n\nconst x = 1;\n"), 5);
    assert.equal(lensLine(""), 1);
  });
  it("knows a file that trains", () => {
    assert.equal(trainsSomething("export default training({})"), true);
    assert.equal(trainsSomething("await minimize(loss, adam())"), true);
    assert.equal(trainsSomething("export default J"), false);
  });
  it("says durations and progress", () => {
    const durations = [0.52, 42.4, 61, 3600, 4800].map(duration);
    assert.deepEqual(durations, ["0.5 s", "42 s", "1 min", "1 h", "1 h 20 min"]);
    assert.deepEqual(
      [progressText(3, 12), progressText(3, Infinity), progressText(0, 12)],
      ["epoch 3/12", "epoch 3", ""],
    );
  });
  it("bounds what a model prints, and says how much was left out", () => {
    const lines: string[] = [];
    let time = 0;
    const log = createPrintLog({ info: (line) => lines.push(line), warn: (line) => lines.push(line) }, () => time);
    log("/w/a.nn.ts", `${Array.from({ length: 1000 }, (_, i) => `line ${i}`).join("\n")}\n`);
    assert.equal(lines.length, 200);
    time = 2000;
    log("/w/a.nn.ts", "again\n");
    assert.deepEqual(lines.slice(200), ["800 more lines were printed, and left out here", "a.nn.ts: again"]);
  });
});

describe("extension: reports", () => {
  it("lists every parameter of a gradient check, and says which differ", () => {
    const worst = { index: [1, 2], analytic: 0.5, numeric: 0.25 };
    const common = { shape: [2, 3], checked: 6, worst, file: "/w/a.nn.ts", line: 4 };
    const text = gradientTable("a.nn.ts", [
      { ...common, name: "hidden.weight", error: 1e-9, passed: true },
      { ...common, name: "odd|name", error: 0.25, passed: false },
    ]);
    assert.match(text, /1 of 2 gradients differ\./);
    assert.match(text, /\| agrees \| `hidden\.weight` \| 4 \| \[2, 3\] \| 6 \| 1\.0e-9 \|/);
    assert.match(text, /\| \*\*differs\*\* \| `odd\\\|name` \| .* \| 0\.5 \| 0\.25 \|/);
  });
  it("marks the suggested rate where the curve is nearest to it", () => {
    const points = [1e-4, 1e-3, 1e-2, 1e-1].map((rate, i) => ({ rate, loss: 2 - i / 2 }));
    const text = rateTable("a.nn.ts", { points, suggestion: 0.012, current: 0.5 });
    const [line] = text.split("\n").filter((each) => each.includes("**suggested**"));
    assert.match(line, /^\| 0\.01 \| 1 \|/);
    assert.match(rateTable("a", { points: [], suggestion: null, current: 1 }), /fell at no learning rate/);
  });
});

describe("extension: the panel's page", () => {
  const html = panelHtml({ cspSource: "https://c", nonce: "N", script: 's"<', style: "t", language: "en" });
  it("allows its own script, style, images and fonts only", () => {
    const [, policy] = /Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
    assert.equal(
      policy.replaceAll("&#39;", "'"),
      "default-src 'none'; style-src https://c 'nonce-N'; script-src 'nonce-N'; img-src https://c data: blob:; font-src https://c",
    );
  });
  it("tells the toolkit its nonce, and escapes what it is given", () => {
    assert.match(html, /<meta property="csp-nonce" content="N" \/>/);
    assert.match(html, /src="s&#34;&#60;"/);
  });

  const sound = [
    { type: "ready", state: null },
    { type: "show", run: "a" },
    { type: "compare", runs: ["a", "b"] },
    { type: "stop", run: "a" },
    { type: "look", ticket: 1, run: "a", look: { kind: "network" } },
    { type: "open", file: "/w/a.nn.ts", line: 3, of: "run" },
    { type: "command", command: "train" },
    { type: "problem", message: "x" },
  ];
  for (const message of sound) {
    it(`hears ${JSON.stringify(message)}`, () => assert.deepEqual(readMessage(message), message));
  }
  const odd = [
    null,
    1,
    {},
    { type: "show" },
    { type: "show", run: 1 },
    { type: "compare", runs: "a" },
    { type: "look", ticket: 1, run: "a", look: { kind: "files" } },
    { type: "open", file: "/w/a", line: "3", of: "run" },
    { type: "command", command: "workbench.action.quit" },
  ];
  for (const message of odd) {
    it(`drops ${JSON.stringify(message)}`, () => assert.equal(readMessage(message), null));
  }
  it("reads a state that is in pieces as nothing", () => {
    assert.deepEqual(readState({ run: 1, compared: "x" }), { run: null, compared: [] });
    assert.equal(readState("x"), null);
    assert.deepEqual(readMessage({ type: "ready", state: { run: "a", compared: ["b"] } }), {
      type: "ready",
      state: { run: "a", compared: ["b"] },
    });
  });
});
