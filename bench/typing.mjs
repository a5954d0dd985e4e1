/**
 * How soon the editor answers a key, and what senseless edits leave behind: `node bench/typing.mjs [--edits 10000]`. Runs inside a real
 * VS Code; takes about ten minutes, less with fewer edits.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../scripts/build.mjs";
import { bundleHostTests, runInHost } from "../scripts/editor/in-host.mjs";
import { ensureInstalled, fail, root } from "../scripts/ensure.mjs";
import { extensionFolder } from "../scripts/stage.mjs";

try {
  const at = process.argv.indexOf("--edits");
  if (at > 0) process.env.BACKSTEP_EDITS = process.argv[at + 1];
  await ensureInstalled();
  await build();
  const source = join(root, "test", "in-host", "typing.bench.ts");
  let failed = 0;
  for (const [workspace, bundles] of await bundleHostTests([source])) {
    const result = await runInHost({ leg: "current", workspace, bundles, extension: extensionFolder });
    failed += result.failed;
  }
  const results = JSON.parse(readFileSync(join(root, "out", "bench", "typing.json"), "utf8"));
  for (const [what, figures] of Object.entries(results)) {
    const texts = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)}`);
    console.log(`${what.padEnd(40)} ${texts.join("  ")}`);
  }
  console.log("Times in milliseconds, with the pause of 40 ms after the last key.");
  process.exit(failed === 0 ? 0 : 1);
} catch (error) {
  fail(error);
}
