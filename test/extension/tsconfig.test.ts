import assert from "node:assert/strict";
import ts from "typescript";
import { parseJsonc } from "../../extension/language/jsonc";
import { newTsconfig, pathsEdit } from "../../extension/language/tsconfig";

const TARGET = "./.backstep/types/index.d.ts";

/** What TypeScript itself makes of a configuration. */
function parsed(text: string): { compilerOptions?: Record<string, unknown> } {
  const { config, error } = ts.parseConfigFileTextToJson("tsconfig.json", text) as { config: object; error?: object };
  assert.equal(error, undefined, text);
  return config;
}

describe("extension: the paths entry in tsconfig.json", () => {
  const cases: readonly { name: string; text: string; entry?: string; kind?: "edit" | "extends" }[] = [
    { name: "an empty object", text: "{}" },
    { name: "no compilerOptions", text: '{\n  "include": ["src"] // ours\n}\n' },
    { name: "empty compilerOptions", text: '{ "compilerOptions": {} }' },
    {
      name: "options with comments",
      text: '{\n  // strict\n  "compilerOptions": {\n    "strict": true /* yes */ // always\n  }\n}\n',
    },
    { name: "a comma at the end", text: '{\n  "compilerOptions": {\n    "strict": true, // always\n  },\n}\n' },
    { name: "tabs", text: '{\n\t"compilerOptions": {\n\t\t"strict": true\n\t}\n}\n' },
    { name: "other paths", text: '{ "compilerOptions": { "paths": { "~/*": ["./src/*"] } } }' },
    { name: "empty paths", text: '{ "compilerOptions": { "paths": {} } }' },
    {
      name: "another entry for the module",
      text: '{ "compilerOptions": { "paths": { "backstep": ["./old.d.ts"] } } }',
    },
    {
      name: "a base folder",
      text: '{ "compilerOptions": { "baseUrl": "./src/app" } }',
      entry: "../../.backstep/types/index.d.ts",
    },
    { name: "the folder itself as base", text: '{ "compilerOptions": { "baseUrl": "." } }' },
    { name: "a text that looks like a comment", text: '{ "compilerOptions": { "outDir": "http://x/*y" } }' },
    { name: "another configuration extended", text: '{ "extends": "./base.json" }', kind: "extends" },
    {
      name: "one extended, and paths of its own",
      text: '{ "extends": "./base.json", "compilerOptions": { "paths": {} } }',
    },
  ];
  for (const { name, text, entry = TARGET, kind = "edit" } of cases) {
    it(`${name}: TypeScript finds the entry, and everything else as it was`, () => {
      const answer = pathsEdit(text, "backstep", TARGET);
      assert.equal(answer.kind, kind);
      assert.ok(answer.kind === "edit" || answer.kind === "extends");
      const { start, end, text: replacement } = answer.edit;
      const result = text.slice(0, start) + replacement + text.slice(end);
      const before = parsed(text);
      const paths = { ...(before.compilerOptions?.paths as object | undefined), backstep: [entry] };
      assert.deepEqual(parsed(result), { ...before, compilerOptions: { ...before.compilerOptions, paths } });
      for (const comment of text.match(/\/\/ .*|\/\*.*?\*\//g) ?? []) assert.ok(result.includes(comment), comment);
      assert.equal(pathsEdit(result, "backstep", TARGET).kind, "present");
    });
  }

  for (const text of ["", "[]", "{", '{ "a": }', '{ "a": 1 } x', "'a'"]) {
    it(`leaves what it cannot read: ${JSON.stringify(text)}`, () => {
      assert.equal(pathsEdit(text, "backstep", TARGET).kind, "unreadable");
    });
  }

  it("makes a configuration that TypeScript accepts", () => {
    const { options, errors } = ts.parseJsonConfigFileContent(
      parsed(newTsconfig("backstep", TARGET)),
      { ...ts.sys, readDirectory: () => ["a.ts"] },
      "/w",
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(options.paths, { backstep: [TARGET] });
  });

  it("reads every value where it stands", () => {
    const text = '/* a */ { "x": [1, -2.5e3, true, null, "\\"\\u0041"], } // end';
    const node = parseJsonc(text);
    assert.ok(node?.kind === "object");
    const [{ value }] = node.properties;
    assert.ok(value.kind === "array");
    assert.deepEqual(
      value.items.map((item) => (item.kind === "value" ? item.value : undefined)),
      [1, -2500, true, null, '"A'],
    );
    assert.deepEqual(
      value.items.map(({ start, end }) => text.slice(start, end)),
      ["1", "-2.5e3", "true", "null", '"\\"\\u0041"'],
    );
  });
});
