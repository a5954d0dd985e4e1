/** What the benchmarks need first: the peers' packages, the engine's bundle, and the arrays of the workloads in files. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { npm, root } from "../../scripts/ensure.mjs";

const benchFolder = fileURLToPath(new URL("..", import.meta.url));
const outFolder = join(root, "out", "bench");

/** Installs the peers that package.json of this folder pins, unless they are there. */
export async function installPeers() {
  const { dependencies } = JSON.parse(readFileSync(join(benchFolder, "package.json"), "utf8"));
  const isThere = Object.entries(dependencies).every(([name, version]) => {
    const file = join(benchFolder, "node_modules", name, "package.json");
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).version === version;
  });
  if (isThere) return;
  process.stderr.write("Installing the libraries to compare with into bench/node_modules (about 310 MB) …\n");
  await npm(["install", "--no-package-lock", "--ignore-scripts"], benchFolder);
}

/** Bundles the engine as it stands. @returns the bundle's path and what it exports */
export async function bundleEngine() {
  const { build } = await import("esbuild");
  mkdirSync(outFolder, { recursive: true });
  const bundle = join(outFolder, "engine.mjs");
  await build({
    absWorkingDir: root,
    entryPoints: [
      { in: join(benchFolder, "cpu", "engine-main.ts"), out: "engine" },
      // The engine's other threads, which it looks for beside itself.
      { in: join(root, "engine", "host", "thread.ts"), out: "thread" },
    ],
    outdir: outFolder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: true,
    logLevel: "error",
  });
  return { bundle, ...(await import(pathToFileURL(bundle).href)) };
}

/** Writes a workload's arrays one after the other, four bytes an element. @returns the file, and how to remove it */
export function writeArrays(workload, arraysOf) {
  const file = join(outFolder, `${workload.name}.bin`);
  const parts = Array.from(arraysOf(workload).values(), (values) => Buffer.from(values.buffer));
  writeFileSync(file, Buffer.concat(parts));
  return { file, remove: () => rmSync(file, { force: true }) };
}
