import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { backstep, jsonLines } from "../support/cli";

/** The README's model files: blocks of TypeScript that begin with a file name. */
const text = readFileSync("README.md", "utf8");
const files = new Map(
  [...text.matchAll(/^```ts\n\/\/ (\S+\.nn\.ts)\n([^]*?)^```$/gm)].map(([block, name]) => [
    name,
    block.slice("```ts\n".length, -"```".length),
  ]),
);

/** Exported for the engine's own hosts; nothing that a model file needs. */
const inner = new Set([
  "freezeParameters",
  "isBias",
  "isBuiltIn",
  "isContainer",
  "isTrained",
  "modulePath",
  "moduleSite",
  "moduleType",
  "nameModel",
  "randomSource",
  "symbol",
  "unfreezeParameters",
]);

interface Report {
  readonly issues: readonly {
    readonly code: string;
    readonly line: number;
    readonly column: number;
    readonly message: string;
  }[];
  readonly layers: readonly { readonly name: string; readonly line: number }[];
}

describe("the README", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "backstep-readme-"));
    for (const [name, code] of files) writeFileSync(join(folder, name), code);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);

  it("has model files, and they type-check", () => {
    assert.ok(files.size >= 6, [...files.keys()].join());
    const { config } = ts.readConfigFile("tsconfig.json", (file) => ts.sys.readFile(file)) as {
      config: { compilerOptions: Record<string, unknown> };
    };
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, process.cwd());
    const program = ts.createProgram([...files.keys()].map(path), {
      ...options,
      noEmit: true,
      types: [join(process.cwd(), "node_modules/@types/node")],
      paths: { backstep: [join(process.cwd(), "engine/index.ts")] },
    });
    const found = [...files.keys()]
      .flatMap((name) => program.getSemanticDiagnostics(program.getSourceFile(path(name))))
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
    assert.deepEqual(found, []);
  }).timeout(120_000);

  it("shows model files that check clean, but for the broken one", async () => {
    const clean = [...files.keys()].filter((name) => name !== "broken.nn.ts");
    const finished = await backstep("check", "--json", ...clean.map(path));
    const issues = jsonLines<Report>(finished).map((report) => report.issues);
    assert.deepEqual(
      issues,
      clean.map(() => []),
    );
    assert.equal(finished.code, 0, finished.stderr);
  }).timeout(60_000);

  it("quotes the messages of the broken one word for word", async () => {
    const finished = await backstep("check", "--json", path("broken.nn.ts"));
    assert.equal(finished.code, 1);
    const [{ issues }] = jsonLines<Report>(finished);
    const quoted = issues.map(
      ({ line, column, message, code }) => `broken.nn.ts:${line}:${column}: error: ${message} [${code}]\n`,
    );
    assert.equal(quoted.length, 3);
    assert.ok(text.includes(quoted.join("")), quoted.join(""));
  }).timeout(60_000);

  it("gives the lines of the quick tour's table of layers", async () => {
    const { stdout } = await backstep("check", path("digits.nn.ts"));
    const table = stdout.slice(stdout.indexOf("line"), stdout.indexOf("\n\n", stdout.indexOf("line")));
    assert.ok(text.includes(table), table);
  }).timeout(60_000);

  it("quotes the trace of the cosine program", async () => {
    const { stdout } = await backstep("trace", path("cosine.nn.ts"));
    const begin = text.indexOf("forward\n  line 4");
    assert.ok(begin > 0);
    const quoted = text.slice(begin, text.indexOf("```", begin)).split("\n");
    for (const line of quoted.filter((each) => each.trim() !== "…")) assert.ok(stdout.includes(line), line);
  }).timeout(60_000);

  it("says what the programs by hand print", async () => {
    const { stdout } = await backstep("train", path("by-hand.nn.ts"));
    assert.match(stdout, /^accuracy (1|0\.9\d*)\n$/);
  }).timeout(60_000);

  it("names every dependency and every export", async () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      dependencies: object;
      devDependencies: object;
    };
    const development = text.slice(text.indexOf("\n## Development"));
    const unnamed = Object.keys({ ...dependencies, ...devDependencies }).filter(
      (name) => !development.includes(`\`${name}\``),
    );
    assert.deepEqual(unnamed, []);
    const words = new Set(text.match(/[A-Za-z_]\w*/g));
    const exported = Object.keys(await import("../../engine/index"));
    assert.deepEqual(
      exported.filter((name) => !words.has(name) && !inner.has(name)),
      [],
    );
  });
});
