/** The live checker: what a host that stays does with file after file, and with those that harm it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LiveChecker } from "../../engine/api/host";
import { ask, liveChecker } from "../support/live";

const model = (inputs = 8, extra = ""): string => `
import { Linear, Module, adam, crossEntropy, custom, relu, training, type Tensor } from "backstep";
${extra}
class Net extends Module {
  hidden = new Linear(8, 16);
  output = new Linear(${inputs === 8 ? 16 : inputs}, 3);
  forward(x: Tensor) {
    return this.output(relu(this.hidden(x)));
  }
}
export default training({
  model: new Net(),
  data: custom({
    length: 4,
    inputs: { shape: [8], dtype: "float32" },
    targets: { shape: [], dtype: "int32", classes: 3 },
    get: () => ({ inputs: new Float32Array(8), targets: 0 }),
  }),
  loss: crossEntropy,
  optimizer: adam(),
});
`;

describe("the live checker", function () {
  this.timeout(60_000);
  let folder: string;
  let live: LiveChecker;
  const file = (name = "model.nn.ts"): string => join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "backstep-live-"));
    live = liveChecker(5);
  });
  afterEach(() => {
    live.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("tells shapes, costs, totals and the network of a text that is on no disk", async () => {
    const { result } = await ask(live, { file: file(), texts: { [file()]: model() }, network: true });
    const { report, whole, network } = result;
    assert.equal(whole, true);
    assert.deepEqual(report.issues, []);
    assert.deepEqual(
      report.calls
        .filter(({ range }) => range.line > 4)
        .map(({ name, outputs, parameters, multiplyAdds }) => [name, outputs, parameters, multiplyAdds]),
      [
        // 16·3 weights and 3 biases; 8·16 and 16.
        ["output", [["N", 3]], 51, 48],
        ["relu", [["N", 16]], 0, 0],
        ["hidden", [["N", 16]], 144, 128],
        ["crossEntropy", [[]], 0, 0],
      ],
    );
    assert.equal(report.totals.parameters, 195);
    assert.deepEqual(report.files, [file()]);
    assert.deepEqual(
      network?.diagram.columns.map(({ shape, problem }) => [shape, problem]),
      [
        ["[N, 8]", null],
        ["[N, 16]", null],
        ["[N, 3]", null],
      ],
    );
  });

  it("marks what does not fit in the network, which stays whole", async () => {
    const { result } = await ask(live, { file: file(), texts: { [file()]: model(7) }, network: true });
    const { diagram } = result.network ?? assert.fail("no network");
    assert.deepEqual(
      diagram.columns.map(({ name, problem }) => [name, problem !== null]),
      [
        ["input", false],
        ["hidden", false],
        ["output", true],
      ],
    );
    assert.deepEqual(
      diagram.links.map(({ from, to }) => [from, to]),
      [
        [0, 1],
        [1, 2],
      ],
    );
  });

  it("points at the layer that made the wrong size", async () => {
    const { result } = await ask(live, { file: file(), texts: { [file()]: model(7) } });
    const [issue] = result.report.issues;
    assert.equal(issue.code, "linear-inputs");
    assert.deepEqual(
      issue.related?.map(({ message, range }) => [message, range.line, range.column, range.endColumn]),
      // The 16 of `new Linear(8, 16)`.
      [["hidden (Linear) makes this size: outputs = 16", 5, 26, 28]],
    );
  });

  it("reads imported files as editors hold them", async () => {
    writeFileSync(file("sizes.ts"), "export const inputs = 7;");
    const text = model(7).replace("7, 3", "inputs, 3");
    const texts = { [file()]: `import { inputs } from "./sizes";${text}` };
    const saved = await ask(live, { file: file(), texts });
    assert.deepEqual(
      saved.result.report.issues.map(({ code }) => code),
      ["linear-inputs"],
    );
    const edited = { ...texts, [file("sizes.ts")]: "export const inputs = 16;" };
    const { result } = await ask(live, { file: file(), texts: edited });
    assert.deepEqual(result.report.issues, []);
    assert.deepEqual(result.report.files, [file(), file("sizes.ts")]);
  });

  it("says of a text that cannot be read that it is not whole, with what is wrong", async () => {
    const cases: readonly (readonly [text: string, code: string])[] = [
      [model().replace("return", "return ((("), "syntax"],
      [`import { gone } from "./gone"; gone();${model()}`, "import"],
      [model().replaceAll("relu", "rellu"), "export"],
      [model(8, "throw new Error('too early');"), "program"],
      [model().replace("return this", "throw new Error('in forward'); return this"), "program"],
    ];
    for (const [text, code] of cases) {
      const { result } = await ask(live, { file: file(), texts: { [file()]: text } });
      assert.equal(result.whole, false, code);
      assert.ok(
        result.report.issues.some((issue) => issue.code === code),
        `${code}: ${JSON.stringify(result.report.issues)}`,
      );
    }
  });

  it("reads five million characters, and says of as many brackets that they are too deep", async () => {
    const long = `${model()}\nconst text = "${"x".repeat(5e6)}";`;
    assert.deepEqual((await ask(live, { file: file(), texts: { [file()]: long } })).result.report.issues, []);
    const { result } = await ask(live, { file: file(), texts: { [file()]: "(".repeat(5e6) } });
    assert.equal(result.whole, false);
    assert.match(result.report.issues[0].message, /nested too deeply/);
  });

  it("ends a host that loops for ever, says so, and checks on", async () => {
    await assert.rejects(
      ask(live, { file: file(), texts: { [file()]: model(8, "for (;;);") } }),
      /its top-level code did not finish within 5 s; look for an endless loop/,
    );
    await assert.rejects(ask(live, { file: file(), texts: { [file()]: "process.exit(3);" } }), /process\.exit/);
    const { result } = await ask(live, { file: file(), texts: { [file()]: model() } });
    assert.deepEqual(result.report.issues, []);
  });

  it("does not let a text that is wanted no more keep the next one waiting", async () => {
    let heard = 0;
    const first = live.check(
      { file: file(), texts: { [file()]: model(8, "for (;;);") }, network: false, prediction: false },
      { checked: () => heard++, failed: () => heard++ },
    );
    first.abandon();
    const { result } = await ask(live, { file: file(), texts: { [file()]: model() } });
    assert.deepEqual(result.report.issues, []);
    assert.equal(heard, 0);
  });

  it("is not harmed by what a text leaves behind", async () => {
    const extra = "setInterval(() => { throw new Error('later'); }, 1); Promise.reject(new Error('nobody'));";
    for (let i = 0; i < 5; i++) {
      const { result } = await ask(live, { file: file(), texts: { [file()]: model(8, extra) } });
      assert.equal(result.whole, true);
    }
    const { result } = await ask(live, { file: file(), texts: { [file()]: model() } });
    assert.deepEqual(result.report.issues, []);
  });

  it("answers each of many files that are asked for at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        ask(live, {
          file: file(`${i}.nn.ts`),
          texts: { [file(`${i}.nn.ts`)]: model(i % 2 ? 7 : 8) },
          prediction: true,
        }),
      ),
    );
    assert.deepEqual(
      answers.map(({ result }) => result.report.issues.length),
      answers.map((_, i) => i % 2),
    );
  });
});

describe("the predicted gradient flow", function () {
  this.timeout(60_000);
  let live: LiveChecker;
  before(() => (live = liveChecker()));
  after(() => live.close());

  const deep = (depth: number, activation: string, initializer = ""): string => `
import { Linear, Module, Sequential, ${activation}, adam, crossEntropy, custom, initializers, training, type Tensor } from "backstep";
class Net extends Module {
  all = new Sequential(
    ...Array.from({ length: ${depth} }, () => [new Linear(16, 16${initializer}), new ${activation}()]).flat(),
    new Linear(16, 3),
  );
  forward(x: Tensor) {
    return this.all(x);
  }
}
export default training({
  model: new Net(),
  data: custom({
    length: 4,
    inputs: { shape: [16], dtype: "float32" },
    targets: { shape: [], dtype: "int32", classes: 3 },
    get: () => ({ inputs: new Float32Array(16), targets: 0 }),
  }),
  loss: crossEntropy,
  optimizer: adam(),
});
`;
  const he = ", { initializer: initializers.heNormal() }";

  const cases: readonly (readonly [what: string, text: string, codes: readonly string[]])[] = [
    ["a shallow network", deep(2, "ReLU", he), []],
    ["a deep network with He weights", deep(30, "ReLU", he), []],
    // σ' ≤ 1/4 and weights within ±1/4: each layer leaves a seventh of the gradient.
    ["a deep network of sigmoids", deep(12, "Sigmoid"), ["predicted-vanishing"]],
    [
      "weights that are far too large",
      deep(12, "ReLU", ", { initializer: initializers.normal(0, 3) }"),
      ["predicted-exploding"],
    ],
    [
      "biases that no input overcomes",
      deep(1, "ReLU", ", { biasInitializer: initializers.constant(-100) }"),
      ["predicted-dead"],
    ],
    ["tanh far out", deep(1, "Tanh", ", { biasInitializer: initializers.constant(50) }"), ["predicted-saturated"]],
  ];
  for (const [what, text, codes] of cases)
    it(`of ${what}: ${codes.join(", ") || "nothing to say"}`, async () => {
      const file = join(tmpdir(), "model.nn.ts");
      const { prediction } = await ask(live, { file, texts: { [file]: text }, prediction: true });
      assert.equal(prediction?.skipped, null);
      assert.deepEqual(
        prediction.issues.map(({ code }) => code),
        codes,
        JSON.stringify(prediction, null, 1),
      );
    });

  it("has the figures of the formula for one linear layer", async () => {
    // cost = mean(W·x) over 8 outputs of N examples: ∂cost/∂output is 1/(8N) everywhere, its norm √(8N)/(8N).
    const file = join(tmpdir(), "model.nn.ts");
    const text = deep(1, "ReLU")
      .replace(/\.\.\.Array[^\n]*\n/, "")
      .replace("loss: crossEntropy", "loss: (y: Tensor) => y.mean()")
      .replace("new Linear(16, 3)", "new Linear(16, 8)");
    const { prediction } = await ask(live, { file, texts: { [file]: text }, prediction: true });
    const n = prediction?.batch ?? 0;
    assert.ok(n >= 2);
    assert.ok(Math.abs((prediction?.layers[0].outputGradient ?? 0) - Math.sqrt(8 * n) / (8 * n)) < 1e-6);
  });
});
