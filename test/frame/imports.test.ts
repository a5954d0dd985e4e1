import assert from "node:assert/strict";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { ESLint } from "eslint";

const root = process.cwd();

/** The import rule's messages for a text as if it stood in `file`, under the project's own configuration. */
async function messages(file: string, code: string): Promise<string[]> {
  const eslint = new ESLint({
    cwd: root,
    // The files do not exist, so there are no types; rules that want them stay out.
    overrideConfig: { files: ["**/*.ts"], languageOptions: { parserOptions: { projectService: false } } },
    ruleFilter: ({ ruleId }) => ruleId === "rooms/import-direction" || ruleId === "no-restricted-globals",
  });
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  return result.messages.map((each) => each.message);
}

describe("lint: which way the doors open", function () {
  this.timeout(60_000);

  const right: [file: string, code: string][] = [
    ["engine/graph/a.ts", `import "./b";`],
    ["engine/kernel/a.ts", `import { x } from "../graph/b"; export { x };`],
    ["engine/ops/a.ts", `import type { X } from "../kernel"; export type Y = X;`],
    ["engine/backends/js/a.ts", `import "../contract"; import "../../kernel/b";`],
    ["engine/load/a.ts", `import { parse } from "@babel/parser"; parse("");`],
    ["engine/nn/a.ts", `import "../autodiff/b"; import "../plan/b"; import "../formats/b"; import "../ops/b";`],
    ["engine/train/a.ts", `import "../data/b"; import "../metrics/b"; import "../optim/b";`],
    ["engine/debug/a.ts", `import "../diagnose/b"; import "../train/b";`],
    ["engine/cli/a.ts", `import "node:fs"; import "../dap/b"; import "../index"; process.exit();`],
    ["engine/index.ts", `export * from "./export/b"; export * from "./graph/b"; export * from "./api/b";`],
    ["engine/api/a.ts", `export * from "../debug/b"; export * from "../index";`],
    ["extension/host/a.ts", `import "vscode"; import "node:fs"; import "../../engine/index"; import "../main";`],
    ["extension/panel/a.ts", `import "../../webview/protocol"; import "../../engine/host-protocol";`],
    ["webview/protocol.ts", `import "../engine/api/view";`],
    ["engine/host/a.ts", `import "node:fs"; import "../view/b"; import "../index"; process.exit();`],
    ["webview/views/a.ts", `import "../protocol"; import "./b"; window.close();`],
    ["examples/a.nn.ts", `import { Module } from "backstep"; import "./helper"; export default Module;`],
    ["test/graph/a.test.ts", `import "../../engine/cli/b"; import "../../engine/graph/b"; import "node:fs";`],
  ];
  for (const [file, code] of right) {
    it(`allows in ${file}: ${code}`, async () => assert.deepEqual(await messages(file, code), []));
  }

  const wrong: [file: string, code: string, message: RegExp][] = [
    ["engine/graph/a.ts", `import "../kernel/b";`, /"\.\.\/kernel\/b": kernel\/ stands to the right of graph\//],
    [
      "engine/kernel/a.ts",
      `import type { X } from "../ops"; export type Y = X;`,
      /ops\/ stands to the right of kernel\//,
    ],
    ["engine/ops/a.ts", `import "../backends/js/b";`, /ops\/ and backends\/ stand side by side/],
    ["engine/ops/a.ts", `export { grad } from "../autodiff/b";`, /autodiff\/ stands to the right of ops\//],
    ["engine/ops/a.ts", `export * from "../export/b";`, /export\/ stands to the right of ops\//],
    ["engine/autodiff/a.ts", `import "../plan/b";`, /side by side/],
    ["engine/nn/a.ts", `await import("../train/b");`, /train\/ stands to the right of nn\//],
    ["engine/nn/a.ts", `export type S = import("../optim/b").S;`, /nn\/ and optim\/ stand side by side/],
    ["engine/train/a.ts", `import "../debug/b";`, /debug\/ stands to the right of train\//],
    ["engine/export/a.ts", `import "../view/b";`, /side by side/],
    ["engine/debug/a.ts", `import "../cli/b";`, /cli\/ stands to the right of debug\//],
    ["engine/nn/a.ts", `import "../index";`, /only host\/ and cli\/ may import the engine's public face/],
    ["engine/nn/a.ts", `import "backstep";`, /only host\/ and cli\/ may import the engine's public face/],
    ["engine/nn/a.ts", `import "../../extension/b";`, /imports nothing from extension\//],
    ["engine/cli/a.ts", `import "../../webview/protocol";`, /imports nothing from webview\//],
    ["engine/nn/a.ts", `import "../shelf/b";`, /engine\/shelf\/ has no place in the order of rooms/],
    ["engine/shelf/a.ts", `import "../nn/b";`, /engine\/shelf\/ has no place in the order of rooms/],
    ["engine/index.ts", `export * from "./cli/b";`, /public face leaves out cli\//],
    ["engine/formats/a.ts", `import "node:fs";`, /runs without Node too/],
    ["engine/formats/a.ts", `import "fs/promises";`, /runs without Node too/],
    ["engine/index.ts", `import "node:path";`, /runs without Node too/],
    ["engine/view/a.ts", `import type { Uri } from "vscode"; export type U = Uri;`, /knows nothing of VS Code/],
    ["engine/cli/a.ts", `import "vscode";`, /only extension\/ imports vscode/],
    ["engine/data/a.ts", `export const home = process.env.HOME;`, /'process'.*hand in what it needs/],
    ["engine/view/a.ts", `document.title = "";`, /'document'/],
    ["engine/formats/a.ts", `export const b = Buffer.from("");`, /'Buffer'/],
    ["extension/main.ts", `import "../engine/train/b";`, /public face/],
    ["extension/main.ts", `import "../webview/store";`, /nothing from webview\/ but webview\/protocol/],
    ["webview/store.ts", `import "../engine/index";`, /its own files only/],
    ["webview/store.ts", `import "../engine/api/view";`, /its own files only/],
    ["webview/protocol.ts", `import "../engine/index";`, /its own files only/],
    ["webview/store.ts", `import "../extension/main";`, /its own files only/],
    ["webview/store.ts", `import "node:fs";`, /runs in a page/],
    ["examples/a.nn.ts", `import "../engine/index";`, /an example imports "backstep"/],
    ["engine/nn/a.ts", `import "../../../elsewhere/b";`, /outside the repository/],
  ];
  for (const [file, code, expected] of wrong) {
    it(`reports in ${file}: ${code}`, async () => {
      const found = await messages(file, code);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0], expected);
    });
  }

  it("lets no file switch a rule off for itself", async () => {
    const off = `/* eslint-disable */ import "../kernel/b"; // eslint-disable-line`;
    const found = await messages("engine/graph/a.ts", off);
    assert.ok(
      found.some((message) => message.includes("kernel/ stands to the right")),
      found.join("\n"),
    );
  });
});

describe("the engine's modules", function () {
  this.timeout(60_000);

  /** The files that `entry` pulls in, each with the files it imports; types are gone by then. */
  async function moduleGraph(entry: string, platform: "browser" | "node"): Promise<Map<string, string[]>> {
    const { metafile } = await esbuild.build({
      absWorkingDir: root,
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      platform,
      format: "esm",
      outdir: "out",
      logLevel: "silent",
    });
    const inputs = Object.entries(metafile.inputs);
    return new Map(inputs.map(([file, { imports }]) => [file, imports.map((each) => each.path)]));
  }

  it("import each other without a cycle", async () => {
    const modules = await moduleGraph("engine/host/worker.ts", "node");
    const done = new Set<string>();
    const path: string[] = [];
    const cycles: string[] = [];
    const visit = (file: string): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file) || path.includes(file)) return;
      path.push(file);
      for (const next of modules.get(file) ?? []) if (next.startsWith("engine/")) visit(next);
      path.pop();
      done.add(file);
    };
    for (const file of modules.keys()) if (file.startsWith("engine/")) visit(file);
    assert.ok(done.size > 10, "the bundle holds the engine");
    assert.deepEqual(cycles, []);
  });

  it("build for a page: nothing of Node is behind the public face", async () => {
    // For a browser esbuild cannot resolve a Node builtin and fails, whichever dependency asks for it.
    const modules = await moduleGraph("engine/index.ts", "browser");
    assert.ok(modules.size > 10, "the bundle holds the engine");
  });
});
