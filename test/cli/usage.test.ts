/** Wrong usage and missing files: one clear line on stderr, nothing on stdout, exit 2. */
import assert from "node:assert/strict";
import { backstep } from "../support/cli";
import { temporaryFolder } from "../support/folder";

const example = "examples/xor.nn.ts";

/** Arguments, and what the line says: the culprit and what is possible. */
const WRONG: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [[], /no command given; use check, train, trace or dap/],
  [["teach", example], /no command teach; use check, train, trace or dap/],
  [["check"], /check needs a model file/],
  [["check", ""], /check needs the path of a model file/],
  [["check", "nowhere.nn.ts"], /^backstep: nowhere\.nn\.ts: there is no such file/],
  [["train", "nowhere.nn.ts"], /^backstep: nowhere\.nn\.ts: there is no such file/],
  [["trace", "examples/xor.nn.ts/model.nn.ts"], /there is no such file/],
  [["train", "examples"], /^backstep: examples: this is a folder, a model file is needed/],
  [["check", "examples"], /^backstep: examples: this is a folder/],
  [["train", example, example], /train takes one model file, got 2/],
  [["check", "--epochs", "3", example], /check has no option --epochs/],
  [["trace", "--out", "x", example], /trace has no option --out/],
  [["train", example, "--epohcs", "3"], /Unknown option '--epohcs'/],
  [["train", example, "--epochs"], /'--epochs <value>' argument missing/],
  [["train", example, "--epochs", "-1"], /--epochs must be a whole number ≥ 0, got "-1"/],
  [["train", example, "--epochs=two"], /--epochs must be a whole number ≥ 0, got "two"/],
  [["train", example, "--max-steps", "1.5"], /--max-steps must be a whole number ≥ 0, got "1\.5"/],
  [["train", example, "--seed", "-7"], /--seed must be a whole number ≥ 0, got "-7"/],
  [["train", example, "--seed", ""], /--seed must be a whole number/],
  [["train", example, "--device", "tpu"], /--device must be cpu or webgpu, got tpu/],
  [["train", example, "--threads", "1.5"], /--threads must be a whole number ≥ 0, got "1.5"/],
  [["train", example, "--json=yes"], /'--json' does not take an argument/],
  [["train", example, "--out", ""], /--out needs a path/],
  [["train", example, "--resume", "nowhere"], /nowhere: there is no such file/],
  [["check", example, "--time-limit", "0"], /--time-limit must be a number > 0, got "0"/],
  [["dap", example], /dap takes no file, got examples\/xor\.nn\.ts: the client says what to launch/],
  [["dap", "--seed", "1"], /dap has no option --seed/],
  [["dap", "--time-limit", "-1"], /--time-limit must be a number > 0, got "-1"/],
  [["trace", example, "--max-elements", "many"], /--max-elements must be a whole number ≥ 0, got "many"/],
];

describe("wrong usage", () => {
  for (const [args, says] of WRONG) {
    it(`backstep ${args.map((arg) => (arg === "" ? '""' : arg)).join(" ")}`, async () => {
      const { code, stdout, stderr } = await backstep(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
      assert.match(stderr, /^backstep: [^\n]+\n$/, "one line");
      assert.equal(stdout, "");
    });
  }

  it("goes on to the other files of a check", async () => {
    const { code, stdout, stderr } = await backstep("check", "--json", "nowhere.nn.ts", example);
    assert.equal(code, 2);
    assert.match(stderr, /nowhere/);
    assert.equal((JSON.parse(stdout) as { file: string }).file, example);
  });
});

describe("help and version", () => {
  for (const args of [["--help"], ["-h"], ["train", "--help"]]) {
    it(args.join(" "), async () => {
      const { code, stdout, stderr } = await backstep(...args);
      assert.deepEqual([code, stderr], [0, ""]);
      for (const word of ["check", "train", "trace", "--json", "--epochs", "--resume"])
        assert.ok(stdout.includes(word), word);
    });
  }

  it("--version", async () => assert.match((await backstep("--version")).stdout, /^\d+\.\d+\.\d+\n$/));
});

describe("paths", () => {
  const folder = temporaryFolder();

  it("may have spaces, other alphabets and links in them", async () => {
    const model =
      "import { iris, Linear, crossEntropy, sgd, training } from 'backstep'; import { width } from './größe';\nexport default training({ model: new Linear(width, 3), data: iris(), loss: crossEntropy, optimizer: sgd({ learningRate: 0.1 }) });\n";
    folder.write("a b/größe.ts", "export const width: number = 4;\n");
    const file = folder.write("a b/模型 one.nn.ts", model);
    const { code, stdout, stderr } = await backstep("check", "--json", file);
    assert.deepEqual([code, stderr], [0, ""]);
    const report = JSON.parse(stdout) as { file: string; parameters: number };
    assert.deepEqual([report.file, report.parameters], [file, 15]);
  });
});
