/**
 * Model files that cannot be trained: each ends with one clear message that names the file and the place, an exit code of the
 * contract, and never with a stack of the engine's.
 */
import assert from "node:assert/strict";
import { backstep, jsonLines, type Finished } from "../support/cli";
import { temporaryFolder } from "../support/folder";

const HEAD = `import { Linear, Module, crossEntropy, fromArrays, item, minimize, sgd, tensor, training, variable, type Tensor } from "backstep";
const data = fromArrays({ inputs: [[0, 1], [1, 0], [1, 1]], targets: [0, 1, 1], classes: 2 });
class Model extends Module { layer = new Linear(2, 2); forward(x: Tensor) { return this.layer(x); } }
const rest = { data, loss: crossEntropy, optimizer: sgd({ learningRate: 0.1 }), epochs: 1 };
`;
/** A model whose forward is `body`. */
const forward = (body: string, kind = ""): string =>
  `class Own extends Module { layer = new Linear(2, 2);\n${kind}forward(x: Tensor): Tensor {\n${body}\nreturn this.layer(x); } }\nexport default training({ model: new Own(), ...rest });`;

interface Mistake {
  readonly code: string;
  /** In the message of `train`, after the file. */
  readonly says: RegExp;
  /** In the message of `check`, if it is found there; `null` where check has nothing to say. */
  readonly check?: RegExp | null;
  readonly limit?: number;
}

/** The first line after the head is 5. */
const MISTAKES: Readonly<Record<string, Mistake>> = {
  "a class": {
    code: "export default Model;",
    says: /:5:16: the default export is the class Model, no training; write/,
    check: null,
  },
  "a number": { code: "export default 42;", says: /:5:16: .* is the number 42, no training/, check: null },
  undefined: { code: "export default undefined;", says: /:5:16: .* is undefined, no training/, check: null },
  null: { code: "export default null;", says: /:5:16: .* is null, no training/, check: null },
  "a promise": {
    code: "export default Promise.resolve(training({ model: new Model(), ...rest }));",
    says: /:5:16: .* is a promise \(write `await` in front of it\), no training/,
    check: null,
  },
  "a model": { code: "export default new Model();", says: /:5:16: .* is a model without its training/, check: null },
  "a tensor": { code: "export default tensor(1);", says: /use `backstep trace` for it/, check: null },
  "a function": { code: "export default () => 1;", says: /is a function, no training/, check: null },
  "an object": {
    code: "export default { model: new Model(), ...rest };",
    says: /is an object, no training/,
    check: null,
  },
  "no default export": {
    code: "export const x = 1;",
    says: /there is no default export to train; write `export default/,
    check: null,
  },
  "the model's class in training": {
    code: "export default training({ model: Model as unknown as Model, ...rest });",
    says: /:5:16: training: model must be a module; this is the class itself, write new in front of it/,
  },
  "a misspelt option": {
    code: "export default training({ model: new Model(), ...rest, epoch: 3 });",
    says: /:5:16: training: there is no option epoch \(did you mean epochs\?\)/,
  },
  "a misspelt option within another": {
    code: "export default training({ model: new Model(), ...rest, earlyStopping: { patience: 3, minimumimprovement: 1 } });",
    says: /earlyStopping has no option minimumimprovement \(did you mean minimumImprovement\?\)/,
  },
  "an impossible batch size": {
    code: "export default training({ model: new Model(), ...rest, batchSize: 0 });",
    says: /batchSize must be a whole number ≥ 1 \(or "all"\), got 0/,
  },
  "a flag that is none": {
    code: 'export default training({ model: new Model(), ...rest, shuffle: "no" });',
    says: /shuffle must be true or false, got "no"/,
  },
  "an optimiser that was not called": {
    code: "export default training({ model: new Model(), ...rest, optimizer: sgd });",
    says: /optimizer must be an optimiser such as adam\(.*got the function sgd/,
  },
  "a negative learning rate": {
    code: "export default training({ model: new Model(), ...rest, optimizer: sgd({ learningRate: -1 }) });",
    says: /:5:67: sgd: learningRate must be a number above 0, got -1/,
  },
  "a throw at the top level": {
    code: '\nfunction f(): never { throw new TypeError("mine"); }\nf();',
    says: /:6:29: TypeError: mine/,
  },
  "a thrown text": { code: 'throw "just text";', says: /threw "just text"/ },
  "a throw in forward": { code: forward('throw new Error("mine");'), says: /:7:7: mine/ },
  "a throw in the loss": {
    code: 'export default training({ model: new Model(), ...rest, loss: () => { throw new Error("mine"); } });',
    says: /:5:76: mine/,
  },
  "a forward that returns nothing": {
    code: "class Own extends Module { forward(x: Tensor) { x.sum(); } }\nexport default training({ model: new Own() as never, ...rest });",
    says: /the forward of Own returned nothing; end it with `return …`/,
  },
  "an async forward": {
    code: "class Own extends Module { async forward(x: Tensor) { return x; } }\nexport default training({ model: new Own() as never, ...rest });",
    says: /:6:34: the model's forward is async/,
  },
  "an async loss": {
    code: "export default training({ model: new Model(), ...rest, loss: (async (y: Tensor) => y.sum()) as never });",
    says: /:5:62: the loss must return a tensor; it is async/,
  },
  "a loss that is a number": {
    code: "export default training({ model: new Model(), ...rest, loss: (() => 3) as never });",
    says: /the loss must return a tensor/,
  },
  "endless recursion": {
    code: forward("return this.forward(x);"),
    says: /:7:\d+: RangeError: Maximum call stack size exceeded/,
  },
  "a loop over a tensor's batch": {
    code: forward("for (let i = 0; i < x.shape[0]; i++) x = x.mul(1);"),
    says: /a loop runs over the size N/,
  },
  "a value within forward": {
    code: forward("if ((x.sum() as unknown as number) > 3) return x;"),
    says: /:7:\d+: a tensor has no plain value while the graph is built/,
  },
  "an endless loop at the top level": {
    code: "while (true) {}",
    limit: 1,
    says: /its top-level code did not finish within 1 s; look for an endless loop, or allow more with --time-limit/,
  },
  "an endless loop in forward": {
    code: forward("while (true) {}"),
    limit: 1,
    says: /its forward or its loss did not finish within 1 s/,
  },
  "process.exit at the top level": {
    code: "process.exit(3);",
    says: /the program ended itself with process\.exit\(3\)/,
  },
  "process.exit in forward": {
    code: forward("process.exit(0);"),
    says: /the program ended itself with process\.exit\(0\)/,
  },
  "a promise that nobody awaits": {
    code: 'void Promise.reject(new Error("mine"));\nexport default training({ model: new Model(), ...rest });',
    says: /:5:21: mine \(in a promise that nobody awaits\)/,
  },
  "a timer that throws": {
    code: 'setTimeout(() => { throw new Error("mine"); }, 0);\nawait new Promise((done) => setTimeout(done, 200));',
    says: /:5:26: mine/,
  },
  "an await of what never comes": {
    code: "await new Promise(() => undefined);",
    says: /waits for a promise that nothing will fulfil/,
  },
  "an array too large": {
    code: "export default new Float64Array(1e15);",
    says: /:5:16: RangeError: Invalid typed array length/,
  },
  "an export that is not there": {
    code: 'import { linaer } from "backstep"; linaer(1, 2);',
    says: /:5:10: .*linaer.*/,
  },
  "a file that is not there": {
    code: 'import { width } from "./width"; console.log(width);',
    says: /:5:23: Cannot find '.\/width'/,
  },
  "a package that is not there": {
    code: 'import x from "no-such-package-here"; console.log(x);',
    says: /npm install no-such-package-here/,
  },
  "a syntax mistake": { code: "export default 1 +;", says: /:5:19: Unexpected/ },
  "a loop's loss that is no scalar": {
    code: 'const v = variable(3);\nif ((await item(v)) > 5) throw new Error("bad " + (await item(v)));\nawait minimize(v.mul([1, 2]), sgd({ learningRate: 0.1 }));',
    says: /:7:7: minimize: the loss must be one number, but it has shape \[2\]/,
    check: /:7:\d+: the loss must be one number for the batch, but it has shape \[2\]/,
  },
};

describe("programs that cannot be trained", () => {
  const folder = temporaryFolder();

  /** Exit 1, one message that names the file first, no line of a stack. */
  function assertOneMessage({ code, stderr }: Finished, file: string, says: RegExp): void {
    assert.equal(code, 1, stderr);
    assert.match(stderr, says);
    assert.ok(stderr.includes(file), stderr);
    assert.doesNotMatch(stderr, /^\s+at |worker\.mjs|internal:/m);
    assert.match(stderr, /^backstep: [^\n]+\n$/);
  }

  for (const [what, { code, says, check = says, limit }] of Object.entries(MISTAKES)) {
    it(what, async () => {
      const file = folder.write(`${what.replaceAll(/\W+/g, "-")}.nn.ts`, HEAD + code);
      const limits = limit === undefined ? [] : ["--time-limit", String(limit)];
      assertOneMessage(await backstep("train", file, ...limits), file, says);
      const checked = await backstep("check", file, "--json", ...limits);
      const report = JSON.parse(checked.stdout) as {
        issues: { severity: string; message: string; file: string; line: number; column: number }[];
      };
      const errors = report.issues.filter(({ severity }) => severity === "error");
      if (check === null) {
        assert.deepEqual([checked.code, errors], [0, []]);
        return;
      }
      assert.equal(checked.code, 1);
      const [issue] = errors;
      assert.match(`${issue.file}:${issue.line}:${issue.column}: ${issue.message}`, check);
      assert.doesNotMatch(checked.stderr, /^\s+at |internal:/m);
    });
  }

  it("files that import each other say so", async () => {
    const file = folder.write("a.nn.ts", 'import { b } from "./b";\nexport const a = 1;\nexport default b;\n');
    folder.write("b.ts", 'import { a } from "./a.nn";\nexport const b = a;\n');
    const { code, stderr } = await backstep("train", file);
    assert.equal(code, 1);
    assert.match(stderr, /b\.ts:1:19: These files import each other: a\.nn\.ts → b\.ts → a\.nn\.ts/);
  });

  it("an empty file says that there is nothing to train or to trace", async () => {
    const file = folder.write("empty.nn.ts", "");
    assert.deepEqual((await backstep("check", file)).code, 0);
    assertOneMessage(await backstep("train", file), file, /there is no default export to train/);
    assertOneMessage(await backstep("trace", file), file, /there is nothing to trace; export a tensor by default/);
  });

  it("a program that fills the memory ends alone, with a clear message", async () => {
    const file = folder.write(
      "memory.nn.ts",
      "const all: unknown[] = [];\nwhile (true) all.push(new Array(100_000).fill({}));\n",
    );
    const { NODE_OPTIONS } = process.env;
    process.env.NODE_OPTIONS = "--max-old-space-size=128";
    const running = backstep("check", file, "--time-limit", "100");
    process.env.NODE_OPTIONS = NODE_OPTIONS ?? "";
    assertOneMessage(await running, file, /the program ran out of memory/);
  });
});

describe("what a program prints", () => {
  const folder = temporaryFolder();

  it("does not spoil --json", async () => {
    const file = folder.write(
      "loud.nn.ts",
      `${HEAD}console.log("to the log"); process.stdout.write("to stdout"); console.error("to stderr");
export default training({ model: new Model(), ...rest });`,
    );
    const trained = await backstep("train", file, "--json");
    assert.deepEqual(
      jsonLines<{ type: string }>(trained).map(({ type }) => type),
      ["start", "iteration", "epoch", "end"],
    );
    for (const text of ["to the log", "to stdout", "to stderr"]) assert.ok(trained.stderr.includes(text), text);
    assert.equal(jsonLines(await backstep("check", file, "--json")).length, 1);
    assert.ok(jsonLines<{ id: number }>(await backstep("trace", file, "--json")).every(({ id }) => id > 0));
  });

  it("goes to stdout without it", async () => {
    const file = folder.write(
      "plain.nn.ts",
      'import { item, variable } from "backstep";\nconsole.log(await item(variable(3).mul(2)));\n',
    );
    assert.deepEqual(await backstep("train", file), { code: 0, stdout: "6\n", stderr: "" });
  });
});

describe("hand-written loops", () => {
  const folder = temporaryFolder();
  const loop = `import { item, minimize, sgd, variable } from "backstep";
const x = variable(3);
const optimizer = sgd({ learningRate: 0.1 });
let rounds = 0;
while ((await item(x.mul(x))) > 0.1) {
  await minimize(x.mul(x), optimizer);
  rounds++;
}
console.log(rounds);
`;

  // x ← 0.8 x each round, from 3, until x² ≤ 0.1: ⌈log(√0.1 / 3) / log 0.8⌉ = ⌈10.08⌉ = 11.
  it("train as they say", async () =>
    assert.deepEqual(await backstep("train", folder.write("loop.nn.ts", loop)), {
      code: 0,
      stdout: "11\n",
      stderr: "",
    }));

  it("are checked without running, whichever way their condition is written", async () => {
    for (const text of [loop, loop.replace("(await item(x.mul(x))) > 0.1", "!((await item(x.mul(x))) < 0.1)")]) {
      const { code, stdout } = await backstep("check", "--json", folder.write("checked.nn.ts", text));
      assert.equal(code, 0);
      assert.deepEqual((JSON.parse(stdout) as { issues: unknown[] }).issues, []);
    }
  });

  it("tell which options mean nothing to them", async () => {
    const { code, stderr } = await backstep(
      "train",
      folder.write("options.nn.ts", loop),
      "--epochs",
      "3",
      "--out",
      folder.path("out"),
    );
    assert.equal(code, 0);
    assert.match(stderr, /so --epochs, --out had no effect/);
  });
});
