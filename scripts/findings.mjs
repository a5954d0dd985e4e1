/**
 * What the findings are worth: trains the trainings of test/diagnose, healthy and faulty ones, and prints for each what
 * was found, then recall, right causes and false alarms.
 *
 *   node scripts/findings.mjs                    all sets, two seeds each
 *   node scripts/findings.mjs given --seeds=1    one set: given, own, holdout or second
 *   node scripts/findings.mjs RF07 --long        trainings whose id has this in it, with messages
 *   node scripts/findings.mjs --shelf            the examples of the repository instead: none may be warned of
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, root } from "./ensure.mjs";

await ensureInstalled();
const esbuild = await import("esbuild");
const shelf = process.argv.includes("--shelf");
const outfile = join(root, "out", "findings", shelf ? "shelf.mjs" : "table.mjs");
await esbuild.build({
  absWorkingDir: root,
  entryPoints: [join(root, "test", "diagnose", "support", shelf ? "shelf.ts" : "table.ts")],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  logLevel: "error",
});
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
