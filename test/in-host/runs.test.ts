import assert from "node:assert/strict";
import { Uri, commands, languages, workspace, type Extension } from "vscode";
import type { BackstepApi } from "../../extension/main";
import { activated, folder, until } from "./support";

/** A training that goes on until it is stopped. */
const endless = `import { Linear, Module, linearData, mse, sgd, training, type Tensor } from "backstep";

class Line extends Module {
  line = new Linear(2, 1);

  forward(x: Tensor) {
    return this.line(x);
  }
}

export default training({
  model: new Line(),
  data: linearData({ weights: [3, -2], bias: 1, noise: 0.1, count: 200 }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.01 }),
  epochs: 1_000_000,
});
`;

describe("runs", () => {
  let api: BackstepApi;
  const made: Uri[] = [];
  before(async () => (api = ((await activated()) as unknown as Extension<BackstepApi>).exports));
  after(async () => {
    await commands.executeCommand("workbench.action.closeAllEditors");
    for (const uri of made) await workspace.fs.delete(uri).then(undefined, () => undefined);
  });

  async function model(name: string, text: string): Promise<Uri> {
    const uri = Uri.joinPath(folder(), name);
    await workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    made.push(uri);
    return uri;
  }
  const newest = (uri: Uri): ReturnType<BackstepApi["runs"]>[number] | undefined =>
    api.runs().find(({ path }) => path === uri.fsPath);
  const state = (uri: Uri): string | undefined => newest(uri)?.summary.state;

  it("train a model to its end, and keep a checkpoint and a history", async () => {
    const uri = Uri.joinPath(folder(), "xor.nn.ts");
    await commands.executeCommand("backstep.train", uri);
    await until("the training has ended", () => state(uri) === "ended");
    const run = newest(uri);
    assert.equal(run?.end?.reason, "epochs");
    assert.equal(run?.summary.accuracy, 1);
    await until("it can be resumed", () => newest(uri)?.summary.resumable);
    const files = await workspace.fs.readDirectory(Uri.file(run?.folder ?? ""));
    const names = files.map(([name]) => name);
    for (const name of ["run.json", "history.json", "checkpoint.safetensors", "metrics.jsonl"])
      assert.ok(names.includes(name), `${name} in ${names.join(", ")}`);
  });

  it("pause, resume and stop, two at once, each its own", async () => {
    const first = await model("first.nn.ts", endless);
    const second = await model("second.nn.ts", endless);
    await commands.executeCommand("backstep.train", first);
    await commands.executeCommand("backstep.train", second);
    await until(
      "both train",
      () => (newest(first)?.summary.epochs ?? 0) > 2 && (newest(second)?.summary.epochs ?? 0) > 2,
    );
    await commands.executeCommand("backstep.pause", first);
    await until("the first one waits", () => state(first) === "paused");
    assert.equal(state(second), "running");
    await commands.executeCommand("backstep.resume", first);
    await until("the first one goes on", () => state(first) === "running");
    await commands.executeCommand("backstep.stop", first);
    await until("the first one has ended", () => state(first) === "ended");
    assert.equal(newest(first)?.end?.reason, "interrupted");
    assert.equal(state(second), "running");
    await commands.executeCommand("backstep.stop", second);
    await until("the second one has ended", () => state(second) === "ended");
  });

  it("go on from where they were stopped", async () => {
    const uri = await model("goes-on.nn.ts", endless);
    await commands.executeCommand("backstep.train", uri);
    await until("it trains", () => (newest(uri)?.summary.epochs ?? 0) > 2);
    await commands.executeCommand("backstep.stop", uri);
    await until("it can be resumed", () => newest(uri)?.summary.resumable);
    const { id, epochs } = newest(uri)?.summary ?? { id: "", epochs: 0 };
    await commands.executeCommand("backstep.runs.continue", { run: id });
    await until("it has gone further", () => (newest(uri)?.summary.epochs ?? 0) > epochs + 2);
    assert.equal(newest(uri)?.summary.id, id);
    await commands.executeCommand("backstep.stop", uri);
    await until("it has ended", () => state(uri) === "ended");
  });

  it("go on when their file is deleted", async () => {
    const uri = await model("deleted.nn.ts", endless);
    await commands.executeCommand("backstep.train", uri);
    await until("it trains", () => (newest(uri)?.summary.epochs ?? 0) > 2);
    await workspace.fs.delete(uri);
    const before = newest(uri)?.summary.epochs ?? 0;
    await until("it trains on", () => (newest(uri)?.summary.epochs ?? 0) > before + 2);
    await commands.executeCommand("backstep.stop", uri);
    await until("it has ended", () => state(uri) === "ended");
    assert.ok(newest(uri)?.summary.resumable !== undefined);
  });

  const bad: readonly {
    name: string;
    text: string;
    settings?: Record<string, number>;
    failure: RegExp;
    line?: number;
  }[] = [
    { name: "throws", text: 'const x = 1;\nthrow new Error("not today");\n', failure: /not today/, line: 1 },
    { name: "loops for ever", text: "while (true);\n", settings: { "engine.timeLimit": 2 }, failure: /endless loop/ },
    {
      name: "fills all memory",
      text: "const all: number[][] = [];\nwhile (true) all.push(new Array<number>(1e6).fill(1.5));\n",
      settings: { "engine.memoryLimit": 256 },
      failure: /out of memory/,
    },
    {
      name: "ends its host",
      text: 'import process from "node:process";\nprocess.exit(3);\n',
      failure: /process\.exit\(3\)/,
    },
    { name: "has no default export", text: "export const x = 1;\n", failure: /no default export/ },
  ];
  bad.forEach(({ name, text, settings = {}, failure, line }, i) => {
    it(`of a file that ${name} fail with the reason; another run is unharmed`, async () => {
      const other = await model(`other-${i}.nn.ts`, endless);
      await commands.executeCommand("backstep.train", other);
      await until("the other one trains", () => (newest(other)?.summary.epochs ?? 0) > 2);
      const configuration = workspace.getConfiguration("backstep");
      for (const [key, value] of Object.entries(settings)) await configuration.update(key, value);
      const uri = await model(`bad-${i}.nn.ts`, text);
      await commands.executeCommand("backstep.train", uri);
      await until("it has failed", () => state(uri) === "failed");
      assert.match(newest(uri)?.failure ?? "", failure);
      const problem = await until("the reason stands in the file", () =>
        languages.getDiagnostics(uri).find(({ message }) => failure.test(message)),
      );
      if (line !== undefined) assert.equal(problem.range.start.line, line);
      for (const key of Object.keys(settings)) await configuration.update(key, undefined);
      const before = newest(other)?.summary.epochs ?? 0;
      await until("the other one trains on", () => (newest(other)?.summary.epochs ?? 0) > before + 2);
      await commands.executeCommand("backstep.stop", other);
      await until("the other one has ended", () => state(other) === "ended");
    });
  });

  it("train in a process of their own when told so", async () => {
    const configuration = workspace.getConfiguration("backstep");
    await configuration.update("engine.host", "process");
    try {
      const uri = await model("process.nn.ts", endless);
      await commands.executeCommand("backstep.train", uri);
      await until("it trains", () => (newest(uri)?.summary.epochs ?? 0) > 2);
      await commands.executeCommand("backstep.stop", uri);
      await until("it has ended", () => state(uri) === "ended");
      assert.equal(newest(uri)?.end?.reason, "interrupted");
    } finally {
      await configuration.update("engine.host", undefined);
    }
  });
});
