/**
 * Thirty well-known architectures as model files: nothing may be said of them, every shape in them is known, and they have the
 * parameters, the multiply-adds and the output that their papers' layer sizes give. Each says so itself, with the derivation:
 *
 *     // parameters: 61706 = conv1 6*(1*25 + 1) + …
 *     // multiply-adds: 416520 = conv1 28*28*6*25 + …
 *     // output: [N, 10]
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type CheckReport, type LiveChecker, type PlainShape, startHost } from "../../engine/api/host";
import { ask, liveChecker } from "../support/live";

interface Expected {
  readonly parameters: Derived;
  /** Of the forward and the loss, for one example. */
  readonly multiplyAdds: Derived;
  /** Of the model: its first tensor, which metrics look at. */
  readonly output: string;
}

interface Derived {
  readonly value: number;
  /** Sum of products over the layers, each with its name before it. */
  readonly derivation: string;
}

const folder = join("test", "fixtures", "architectures");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".nn.ts"))
  .sort();

describe("check of well-known architectures", () => {
  it("has thirty of them", () => {
    assert.equal(files.length, 30);
  });

  for (const name of files) {
    describe(name, () => {
      const expected = readExpected(join(folder, name));
      let report: CheckReport;
      before(async function () {
        this.timeout(60_000);
        report = await check(join(folder, name));
      });

      it("has no issue", () => {
        const issues = report.issues.map(({ code, message, range }) => `${range?.line ?? "?"}: ${message} [${code}]`);
        assert.deepEqual(issues, []);
      });

      it("has derivations that give its numbers", () => {
        for (const { value, derivation } of [expected.parameters, expected.multiplyAdds]) {
          assert.equal(calculate(derivation), value, derivation);
        }
      });

      it(`has ${expected.parameters.value} parameters`, () => {
        assert.equal(report.parameters, expected.parameters.value);
        assert.equal(report.totals.parameters, expected.parameters.value);
      });

      it(`takes ${expected.multiplyAdds.value} multiply-adds`, () => {
        assert.equal(report.totals.multiplyAdds, expected.multiplyAdds.value);
      });

      it(`puts out ${expected.output}`, () => {
        const [model] = report.modules;
        assert.equal(model.path, "");
        assert.equal(printShape(model.outputShape), expected.output);
      });

      it("has no unknown shape", () => {
        assert.ok(report.calls.length > 0);
        const unknown = report.calls.filter((call) =>
          [...call.inputs, ...call.outputs, ...call.shapes].some((shape) => printShape(shape).includes("?")),
        );
        assert.deepEqual(
          unknown.map(({ name: call, range }) => `${range.line}: ${call}`),
          [],
        );
      });
    });
  }
});

async function check(file: string): Promise<CheckReport> {
  let report: CheckReport | undefined;
  const host = startHost({
    kind: "thread",
    script: pathToFileURL(join(process.cwd(), "out", "cli", "worker.mjs")),
    task: { kind: "check", file, timeLimit: 30 },
    onMessage: (message) => {
      if (message.kind === "report") report = message.report;
    },
  });
  const end = await host.ended;
  assert.ok(report, `the check of ${file} ended without a report: ${JSON.stringify(end)}`);
  return report;
}

function readExpected(file: string): Expected {
  const text = readFileSync(file, "utf8");
  const derived = (what: string): Derived => {
    const line = new RegExp(`^// ${what}: (\\d+) = (.+)$`, "m").exec(text);
    assert.ok(line, `${file} does not derive its ${what}`);
    return { value: Number(line[1]), derivation: line[2] };
  };
  const output = /^\/\/ output: (\[.*\])$/m.exec(text);
  assert.ok(output, `${file} does not say its output`);
  return { parameters: derived("parameters"), multiplyAdds: derived("multiply-adds"), output: output[1] };
}

function printShape(shape: PlainShape): string {
  return shape === null ? "?" : `[${shape.join(", ")}]`;
}

/** The value of sums and products of whole numbers, with parentheses; words between them are names. */
function calculate(derivation: string): number {
  const tokens = derivation.replace(/[A-Za-z]\w*/g, "").match(/\d+|[^\s\d]/g) ?? [];
  let next = 0;
  const list = (separator: string, item: () => number, join: (a: number, b: number) => number): number => {
    let value = item();
    while (tokens[next] === separator) {
      next++;
      value = join(value, item());
    }
    return value;
  };
  const sum = (): number => list("+", product, (a, b) => a + b);
  const product = (): number => list("*", factor, (a, b) => a * b);
  const factor = (): number => {
    const token = tokens[next++];
    if (token !== "(") {
      assert.match(token ?? "the end", /^\d+$/, `no number in ${derivation}`);
      return Number(token);
    }
    const value = sum();
    assert.equal(tokens[next++], ")", derivation);
    return value;
  };
  const value = sum();
  assert.equal(next, tokens.length, derivation);
  return value;
}

describe("the predicted gradient flow of well-known architectures", function () {
  this.timeout(120_000);
  let live: LiveChecker;
  before(() => (live = liveChecker(60)));
  after(() => live.close());

  for (const name of files)
    it(`says nothing of ${name}`, async () => {
      const file = resolve(folder, name);
      const { prediction } = await ask(live, { file, prediction: true });
      assert.deepEqual(
        prediction?.issues.map(({ code, message }) => `${code}: ${message}`),
        [],
      );
    });
});
