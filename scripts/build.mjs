/**
 * Builds the command line: engine/cli/main.ts to out/cli/backstep.mjs, engine/cli/worker.ts (when there is one) to
 * out/cli/worker.mjs, and the engine's data files to out/cli/assets/. As a program: `node scripts/build.mjs`.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlainError, ensureInstalled, fail, root } from "./ensure.mjs";

export const cli = join(root, "out", "cli", "backstep.mjs");
export const assets = join(root, "engine", "data", "assets");

const main = join(root, "engine", "cli", "main.ts");
const worker = join(root, "engine", "cli", "worker.ts");
const stampFile = join(root, "out", "cli", ".stamp");

/** Builds unless nothing changed since the last time. Wants the packages installed. Returns whether it built. */
export async function build() {
  const stamp = fingerprint();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return false;
  await bundle();
  if (existsSync(assets)) replaceFolder(assets, join(root, "out", "cli", "assets"));
  write(stampFile, stamp);
  return true;
}

async function bundle() {
  if (!existsSync(main)) return;
  const esbuild = await import("esbuild");
  const entryPoints = [{ in: main, out: "backstep" }];
  if (existsSync(worker)) entryPoints.push({ in: worker, out: "worker" });
  const hashbang = readFileSync(main, "utf8").startsWith("#!") ? "" : "#!/usr/bin/env node\n";
  let result;
  try {
    result = await esbuild.build({
      absWorkingDir: root,
      entryPoints,
      outdir: dirname(cli),
      outExtension: { ".js": ".mjs" },
      bundle: true,
      platform: "node",
      target: "node20",
      format: "esm",
      sourcemap: true,
      define: {
        BACKSTEP_VERSION: JSON.stringify(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version),
      },
      // A CommonJS dependency may call require, which an ES module lacks.
      banner: {
        js: `${hashbang}import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`,
      },
      logLevel: "silent",
      write: false,
    });
  } catch (error) {
    if (!error.errors) throw error;
    const messages = await esbuild.formatMessages(error.errors, { kind: "error", color: false });
    throw new PlainError(`the build failed\n${messages.join("")}`);
  }
  for (const file of result.outputFiles) write(file.path, file.contents);
  chmodSync(cli, 0o755);
}

/** Through a rename, so that a program started meanwhile never reads half a file. */
function write(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, contents);
  renameSync(partial, path);
}

function replaceFolder(from, to) {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** Changes when any input is added, removed or edited: names, sizes and times, so that it costs milliseconds. */
function fingerprint() {
  const hash = createHash("sha256");
  const files = [fileURLToPath(import.meta.url), join(root, "package-lock.json"), join(root, "tsconfig.json")];
  const engine = join(root, "engine");
  if (existsSync(engine)) {
    for (const name of readdirSync(engine, { recursive: true }).sort()) files.push(join(engine, name));
  }
  for (const file of files) {
    const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? {};
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
    await build();
  } catch (error) {
    fail(error);
  }
}
