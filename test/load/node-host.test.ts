import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createNodeHost } from "../../engine/host/node-host";
import { loadModule } from "../../engine/load/modules";

const FILES: Readonly<Record<string, string>> = {
  "models/main.nn.ts": `import { one } from "./helpers";
import esm from "esm-only";
import { deep } from "@scope/pkg/sub/deep";
import { old } from "old-cjs";
import { join } from "node:path";
import data from "../data.json";
import { v } from "./dotted.v1";
export default [one, esm, deep, old, join("a", "b"), data.n, v];`,
  "models/helpers/index.ts": "export const one: number = 1;",
  "models/dotted.v1.ts": "export const v = 'v1';",
  "data.json": '{ "n": 5 }',
  "node_modules/esm-only/package.json":
    '{ "name": "esm-only", "type": "module", "exports": { ".": { "types": "./x.d.ts", "import": "./main.js" } } }',
  "node_modules/esm-only/main.js": "export default 'esm';",
  "node_modules/@scope/pkg/package.json":
    '{ "name": "@scope/pkg", "exports": { "./sub/*": [{ "import": "./src/*.mjs" }] } }',
  "node_modules/@scope/pkg/src/deep.mjs": "export const deep = 'deep';",
  "node_modules/old-cjs/package.json": '{ "name": "old-cjs", "main": "lib.js" }',
  "node_modules/old-cjs/lib.js": "module.exports = { old: 'cjs' };",
  "models/missing.nn.ts": 'import { a } from "./nope";\nimport b from "@no/such/package";\n[a, b];',
  "models/folder.nn.ts": 'import "./helpers.ts";',
};

describe("cli/node-host", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "backstep-host-"));
    for (const [name, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("loads local files and packages of all kinds", async () => {
    const { exports, problems } = await loadModule(join(folder, "models/main.nn.ts"), createNodeHost({}));
    assert.deepEqual(problems, []);
    assert.deepEqual(exports?.default, [1, "esm", "deep", "cjs", join("a", "b"), 5, "v1"]);
  });
  it("says what it looked for", async () => {
    const { problems } = await loadModule(join(folder, "models/missing.nn.ts"), createNodeHost({}));
    assert.deepEqual(
      problems.map(({ code, message, range }) => [code, message, range.line]),
      [
        [
          "import",
          `Cannot find './nope' (looked for ${join(folder, "models/nope")}, also with .ts, .nn.ts, .js, .json and as a folder)`,
          1,
        ],
        [
          "import",
          "Cannot find the package '@no/such/package'; install it with `npm install @no/such` in the model's folder",
          2,
        ],
      ],
    );
  });
  it("says so when the entry is missing or a folder", async () => {
    const host = createNodeHost({});
    const missing = await loadModule(join(folder, "no.nn.ts"), host);
    assert.equal(missing.problems[0].message, `Cannot find ${join(folder, "no.nn.ts")}`);
    const directory = await loadModule(join(folder, "models"), host);
    assert.match(directory.problems[0].message, /^Cannot read .*models: .*directory/);
  });
});
