import assert from "node:assert/strict";
import { posix } from "node:path";
import { createNodeHost } from "../../engine/host/node-host";
import { currentSite, setSiteSource, type Site } from "../../engine/graph/site";
import { candidatePaths, isPathSpecifier, type LoadHost } from "../../engine/load/host";
import { loadModule, type LoadResult } from "../../engine/load/modules";
import { createSiteTracker } from "../../engine/load/sites";

type Files = Readonly<Record<string, string>>;

/** A host whose files are those of a record, and whose one package is `tool`. */
function memoryHost(files: Files): LoadHost {
  const builtin = { relu: (x: number) => Math.max(0, x), linear: 1, site: () => currentSite() };
  return {
    ...createNodeHost(builtin),
    readText: async (path) => files[path],
    async resolve(specifier, fromFile) {
      if (specifier === "tool" || specifier === "broken") return { kind: "package", specifier, location: specifier };
      if (!isPathSpecifier(specifier)) return { kind: "missing", message: `no package ${specifier}` };
      const path = candidatePaths(posix.join(posix.dirname(fromFile), specifier)).find((name) => name in files);
      return path === undefined ? { kind: "missing", message: `no file ${specifier}` } : { kind: "file", path };
    },
    async importPackage({ specifier }) {
      if (specifier === "broken") throw new TypeError("bad package");
      return { default: { legacy: 3 }, tool: 2 };
    },
  };
}

function load(files: Files): Promise<LoadResult> {
  return loadModule("/w/main.nn.ts", memoryHost(files));
}

/** `code file:line:column message`. */
function describeProblems({ problems }: LoadResult): string[] {
  return problems.map(({ code, message, range }) => `${code} ${range.file}:${range.line}:${range.column} ${message}`);
}

describe("load/modules", () => {
  describe("runs", () => {
    const cases: [string, Files, Record<string, unknown>][] = [
      ["one file", { "main.nn.ts": "export default 1 as number; export const a = 2;" }, { default: 1, a: 2 }],
      ["the engine", { "main.nn.ts": 'import { relu } from "backstep"; export default relu(-1);' }, { default: 0 }],
      ["top-level await", { "main.nn.ts": "export default await Promise.resolve(1);" }, { default: 1 }],
      [
        "local files, in all spellings",
        {
          "main.nn.ts": `import { a } from "./a"; import b from "./b.js"; import { c } from "./c.nn"; import d from "./d.json";
import { e } from "./e"; import * as f from "../f.ts"; import { k } from "./d.json";
export default [a, b, c, d.k, e, f.f, f.default, k];`,
          "a.ts": "export const a: number = 1;",
          "b.ts": "export default 2;",
          "c.nn.ts": "const c = 3; export { c };",
          "d.json": '{ "k": 4 }',
          "e/index.ts": "export function e() {} ; e.toString = () => 'e';",
          "../f.ts": "export const f = 6; export default 7;",
        },
        { default: [1, 2, 3, 4, "e", 6, 7, 4] },
      ],
      [
        "each file once",
        {
          "main.nn.ts": 'import "./a"; import "./b"; import { log } from "./log"; export default log;',
          "a.ts": 'import { log } from "./log"; log.push("a");',
          "b.ts": 'import "./a"; import { log } from "./log"; log.push("b");',
          "log.ts": "export const log: string[] = ['log'];",
        },
        { default: ["log", "a", "b"] },
      ],
      [
        "re-exports",
        {
          "main.nn.ts": 'export * from "./a"; export * as all from "./a"; export { a as default, type T } from "./a";',
          "a.ts": "export const a = 1; export default 2; export type T = 1;",
        },
        { a: 1, all: { a: 1, default: 2 }, default: 1 },
      ],
      [
        "imports that are only types",
        {
          "main.nn.ts": 'import { T, U } from "./a"; import { V } from "nowhere"; let t: T, v: V; export { U };',
          "a.ts": "export interface T {} export type U = T;",
        },
        { U: undefined },
      ],
      [
        "a type that leads back",
        {
          "main.nn.ts": 'import { a } from "./a"; export interface M {} export default a;',
          "a.ts": 'import { M } from "./main.nn"; let m: M; export const a = 1;',
        },
        { default: 1 },
      ],
      [
        "packages, names of CommonJS included",
        { "main.nn.ts": 'import t, { tool, legacy } from "tool"; export default [t, tool, legacy];' },
        { default: [{ legacy: 3 }, 2, 3] },
      ],
      ["a byte order mark", { "main.nn.ts": "\uFEFFexport default 1;" }, { default: 1 }],
      ["a last line that is a comment", { "main.nn.ts": "export const a = 1; // end" }, { a: 1 }],
      [
        "names that clash with nothing",
        { "main.nn.ts": "const $ = 1, module = 2; export { $, module };" },
        { $: 1, module: 2 },
      ],
      [
        "strict code",
        { "main.nn.ts": "export default (function (this: unknown) { return this })();" },
        { default: undefined },
      ],
    ];
    for (const [what, files, exports] of cases) {
      it(what, async () => {
        const result = await load(absolute(files));
        assert.deepEqual(describeProblems(result), []);
        assert.deepEqual(comparable(result.exports), exports);
      });
    }
  });

  describe("reports", () => {
    const cases: [string, Files, string[]][] = [
      ["a missing entry", {}, ["import /w/main.nn.ts:1:1 Cannot find /w/main.nn.ts"]],
      ["a syntax error", { "main.nn.ts": "let a =\n  ;" }, ["syntax /w/main.nn.ts:2:3 Unexpected ';'"]],
      [
        "all files' syntax errors",
        { "main.nn.ts": 'import "./a"; import "./b"; enum C {}', "a.ts": "(", "b.ts": "let b b" },
        [
          "syntax /w/main.nn.ts:1:29 enum is not supported; write an `as const` object instead",
          "syntax /w/a.ts:1:2 Unexpected the end of the file",
          "syntax /w/b.ts:1:6 Expected ';' or a new line before 'b'",
        ],
      ],
      [
        "what only V8 refuses",
        { "main.nn.ts": "let a = 1;\nlet b = /(?<n>a)(?<n>b)/;" },
        ["syntax /w/main.nn.ts:2:9 Invalid regular expression: /(?<n>a)(?<n>b)/: Duplicate capture group name"],
      ],
      [
        "what only V8 refuses, on the first line",
        { "main.nn.ts": "let b = /(?<n>a)(?<n>b)/;" },
        ["syntax /w/main.nn.ts:1:9 Invalid regular expression: /(?<n>a)(?<n>b)/: Duplicate capture group name"],
      ],
      [
        "a missing file and a missing package",
        { "main.nn.ts": 'import { a } from "./a";\nimport "p"; a;' },
        ["import /w/main.nn.ts:1:19 no file ./a", "import /w/main.nn.ts:2:8 no package p"],
      ],
      [
        "a package that throws",
        { "main.nn.ts": 'import "broken";' },
        ["import /w/main.nn.ts:1:8 'broken' cannot be loaded: TypeError: bad package"],
      ],
      [
        "missing names",
        {
          "main.nn.ts":
            'import { foo, bra, type T } from "./a"; import b from "./a"; import { reLu } from "backstep"; [foo, bra, b, reLu];',
          "a.ts": "export const bar = 1; export const baz = 2;",
        },
        [
          "export /w/main.nn.ts:1:10 './a' has no export named 'foo'; it exports bar, baz",
          "export /w/main.nn.ts:1:15 './a' has no export named 'bra'; did you mean 'bar'?",
          "export /w/main.nn.ts:1:48 './a' has no default export; it exports bar, baz",
          "export /w/main.nn.ts:1:71 'backstep' has no export named 'reLu'; did you mean 'relu'?",
        ],
      ],
      [
        "a missing name that is passed on",
        { "main.nn.ts": 'export { x } from "./a";', "a.ts": 'export * from "./b";', "b.ts": "" },
        ["export /w/main.nn.ts:1:10 './a' has no export named 'x'; it exports nothing"],
      ],
      [
        "a cycle",
        {
          "main.nn.ts": 'import { a } from "./lib/a"; a;',
          "lib/a.ts": 'import { b } from "./b"; export const a = b;',
          "lib/b.ts": '\nimport { a } from "./a"; export const b = a;',
        },
        [
          "import /w/lib/b.ts:2:19 These files import each other: lib/a.ts → lib/b.ts → lib/a.ts. Move what both need into a file of its own",
        ],
      ],
      [
        "a throw",
        { "main.nn.ts": 'const a: number = 1;\n  throw new RangeError("a is " + a);' },
        ["program /w/main.nn.ts:2:9 RangeError: a is 1"],
      ],
      ["a throw on the first line", { "main.nn.ts": "throw new Error('no');" }, ["program /w/main.nn.ts:1:7 no"]],
      [
        "a throw after an await",
        { "main.nn.ts": "await 1;\n(null as any).x;" },
        ["program /w/main.nn.ts:2:1 TypeError: Cannot read properties of null (reading 'x')"],
      ],
      [
        "a throw in an imported file",
        { "main.nn.ts": 'import "./a";', "a.ts": "function f(): void {\n  throw new Error('no');\n}\nf();" },
        ["program /w/a.ts:2:9 no"],
      ],
      ["what is thrown but no error", { "main.nn.ts": "throw 'up';" }, ['program /w/main.nn.ts:1:1 threw "up"']],
      ["bad JSON", { "main.nn.ts": 'import d from "./d.json"; d;', "d.json": "{" }, ["import /w/main.nn.ts:1:15"]],
    ];
    for (const [what, files, expected] of cases) {
      it(what, async () => {
        const result = await load(absolute(files));
        const found = describeProblems(result);
        if (what === "bad JSON") assert.match(found[0], /^import \/w\/main.nn.ts:1:15 \/w\/d.json is not valid JSON: /);
        else assert.deepEqual(found, expected);
        assert.equal(result.exports, undefined);
      });
    }
  });

  it("tells which files it read, their text and where their exports are", async () => {
    const files = absolute({
      "main.nn.ts": 'import { a } from "./a";\nexport default Object.is(a, 1);\nexport const [p, q] = [1, 2];',
      "a.ts": "export function a() {}",
    });
    const { files: read, sources, facts } = await load(files);
    assert.deepEqual(read, ["/w/main.nn.ts", "/w/a.ts"]);
    assert.deepEqual(Object.fromEntries(sources), files);
    const main = facts.get("/w/main.nn.ts");
    assert.deepEqual(main?.defaultExport, { file: "/w/main.nn.ts", line: 2, column: 16, endLine: 2, endColumn: 31 });
    assert.deepEqual([...(main?.exports.keys() ?? [])], ["default", "p", "q"]);
    assert.equal(facts.get("/w/a.ts")?.exports.get("a")?.column, 17);
  });

  it("gives operations their site, on the first line too", async () => {
    const text =
      'import { site } from "backstep"; const a: unknown = site();\nclass M { f(): unknown { const b = site(); return b } }\nexport default [a, new M().f()];';
    const tracker = createSiteTracker();
    const before = setSiteSource(tracker.source);
    try {
      const { exports } = await loadModule("/w/main.nn.ts", memoryHost(absolute({ "main.nn.ts": text })), tracker);
      const sites = exports?.default as Site[];
      assert.deepEqual(
        sites.map(({ line, column, endColumn, variable }) => [line, column, endColumn, variable]),
        [
          [1, 53, 59, "a"],
          [2, 36, 42, "b"],
        ],
      );
    } finally {
      setSiteSource(before);
    }
  });
});

function absolute(files: Files): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [posix.join("/w", name), text]));
}

/** Functions by what they say of themselves. */
function comparable(exports: LoadResult["exports"]): unknown {
  const plain = (value: unknown): unknown =>
    typeof value === "function" ? String(value) : Array.isArray(value) ? value.map(plain) : value;
  return exports && Object.fromEntries(Object.entries(exports).map(([name, value]) => [name, plain(value)]));
}
