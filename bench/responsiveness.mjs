/**
 * How late the extension host's thread comes while models train in the editor at full speed:
 * `node bench/responsiveness.mjs`. Runs inside a real VS Code with the panel open; takes about two minutes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../scripts/build.mjs";
import { bundleHostTests, runInHost } from "../scripts/editor/in-host.mjs";
import { ensureInstalled, fail, root } from "../scripts/ensure.mjs";
import { extensionFolder } from "../scripts/stage.mjs";

try {
  await ensureInstalled();
  await build();
  const source = join(root, "test", "in-host", "responsiveness.bench.ts");
  for (const [workspace, bundles] of await bundleHostTests([source])) {
    await runInHost({ leg: "current", workspace, bundles, extension: extensionFolder });
  }
  const results = JSON.parse(readFileSync(join(root, "out", "bench", "responsiveness.json"), "utf8"));
  for (const [what, figures] of Object.entries(results)) {
    const texts = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)}`);
    console.log(`${what.padEnd(12)} ${texts.join("  ")}  (ms)`);
  }
  process.exit(0);
} catch (error) {
  fail(error);
}
