/**
 * Builds the parts of the product, each only where its entry exists and only when an input changed. As a program:
 * `node scripts/build.mjs [PART…]`.
 *
 *   cli          engine/cli/main.ts, engine/host/worker.ts and thread.ts → out/cli/, with the engine's data files
 *   host         engine/host/worker.ts and thread.ts → dist/, with the engine's data files
 *   extension    extension/main.ts → dist/extension.cjs, with the shelf of models as templates
 *   panel        webview/main.tsx → dist/panel.js, dist/panel.css
 *   tensor       webview/tensor/main.tsx → dist/tensor.js, dist/tensor.css
 *   types        the declarations behind engine/index.ts → dist/types/
 *   typesPlugin  extension/types-plugin/index.ts → dist/types-plugin/
 *   folder       all that a user installs → out/extension/ (stage.mjs)
 */
import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, write } from "./bundle.mjs";
import { writeDeclarations } from "./declarations.mjs";
import { PlainError, ensureInstalled, fail, root } from "./ensure.mjs";
import { stageExtension } from "./stage.mjs";

export const cli = join(root, "out", "cli", "backstep.mjs");
export const assets = join(root, "engine", "data", "assets");

const cliMain = "engine/cli/main.ts";
const worker = "engine/host/worker.ts";
/** The host starts it beside itself. */
const threadEntry = { in: join(root, "engine", "host", "thread.ts"), out: "thread" };

/** By name: `needs` (files without which there is nothing to build), `inputs` (files and folders), `make`. */
const parts = {
  cli: { needs: [cliMain], inputs: ["engine", "package.json"], make: buildCli },
  host: { needs: [worker], inputs: ["engine", "package.json"], make: buildHost },
  extension: {
    needs: ["extension/main.ts"],
    inputs: ["engine", "extension", "webview", "examples", "package.json"],
    make: buildExtension,
  },
  panel: { needs: ["webview/main.tsx"], inputs: ["webview", "engine"], make: () => buildPage("main.tsx", "panel") },
  tensor: {
    needs: ["webview/tensor/main.tsx"],
    inputs: ["webview", "engine"],
    make: () => buildPage(join("tensor", "main.tsx"), "tensor"),
  },
  types: { needs: ["engine/index.ts"], inputs: ["engine"], make: () => writeDeclarations(join(root, "dist", "types")) },
  typesPlugin: { needs: ["extension/types-plugin/index.ts"], inputs: ["extension"], make: buildTypesPlugin },
  folder: {
    needs: ["extension/main.ts"],
    inputs: ["dist", "media", "package.json", ".vscodeignore", "README.md", "CHANGELOG.md", "LICENSE"],
    make: stageExtension,
  },
};

/** Files that every part depends on. */
const common = ["package-lock.json", "tsconfig.json", "scripts"];

/**
 * Builds what is out of date. Wants the packages installed. Returns the names of the parts that it built.
 * @param {readonly (keyof typeof parts)[]} names
 */
export async function build(names = Object.keys(parts)) {
  const built = [];
  for (const name of names) {
    if (!Object.hasOwn(parts, name)) {
      throw new PlainError(`there is no part ${name} to build; the parts are ${Object.keys(parts).join(", ")}`);
    }
    const { needs, inputs, make } = parts[name];
    if (needs.some((file) => !existsSync(join(root, file)))) continue;
    const stampFile = join(root, ".cache", "build", name);
    const stamp = fingerprint([...common, ...inputs]);
    if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp && isThere(name)) continue;
    await make();
    write(stampFile, stamp);
    built.push(name);
  }
  return built;
}

/** What tells that nobody removed the results. */
function isThere(name) {
  const results = {
    cli: "out/cli/backstep.mjs",
    host: "dist/host.mjs",
    extension: "dist/extension.cjs",
    panel: "dist/panel.js",
    tensor: "dist/tensor.js",
    types: "dist/types/index.d.ts",
    typesPlugin: "dist/types-plugin/index.js",
    folder: "out/extension/package.json",
  };
  return existsSync(join(root, results[name]));
}

/** A CommonJS dependency may call require, which an ES module lacks. */
const requireInModules =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** Names stay as they are written: the engine shows those of classes, and stack traces stay readable. */
const packed = { minifyWhitespace: true, minifySyntax: true, legalComments: "none" };

/** Bundles for Node. */
function node(format) {
  const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
  return {
    platform: "node",
    target: "node20",
    format,
    sourcemap: true,
    define: { BACKSTEP_VERSION: JSON.stringify(version) },
    ...(format === "esm" ? { outExtension: { ".js": ".mjs" } } : {}),
  };
}

async function buildCli() {
  const entryPoints = [{ in: join(root, cliMain), out: "backstep" }];
  if (existsSync(join(root, worker))) entryPoints.push({ in: join(root, worker), out: "worker" }, threadEntry);
  const hashbang = readFileSync(join(root, cliMain), "utf8").startsWith("#!") ? "" : "#!/usr/bin/env node\n";
  const banner = { js: `${hashbang}${requireInModules}` };
  await bundle({ ...node("esm"), entryPoints, outdir: join(root, "out", "cli"), banner });
  chmodSync(cli, 0o755);
  copyAssets(join(root, "out", "cli", "assets"));
}

async function buildHost() {
  const entryPoints = [{ in: join(root, worker), out: "host" }, threadEntry];
  await bundle({
    ...node("esm"),
    ...packed,
    entryPoints,
    outdir: join(root, "dist"),
    banner: { js: requireInModules },
  });
  copyAssets(join(root, "dist", "assets"));
}

async function buildExtension() {
  await bundle({
    ...node("cjs"),
    ...packed,
    entryPoints: [join(root, "extension", "main.ts")],
    outfile: join(root, "dist", "extension.cjs"),
    external: ["vscode"],
  });
  copyTemplates(join(root, "dist", "templates"));
}

/** The shelf of models is what "New Model from Template" offers. */
function copyTemplates(to) {
  rmSync(to, { recursive: true, force: true });
  const shelf = join(root, "examples");
  for (const name of readdirSync(shelf)) {
    if (name.endsWith(".nn.ts")) cpSync(join(shelf, name), join(to, name));
  }
}

/** A page of a webview: one script and one style sheet of that name. */
async function buildPage(entry, name) {
  await bundle({
    ...packed,
    entryPoints: [{ in: join(root, "webview", entry), out: name }],
    outdir: join(root, "dist"),
    platform: "browser",
    // The Chromium of the oldest VS Code we support.
    target: "chrome132",
    format: "iife",
    sourcemap: true,
    minifyIdentifiers: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { "process.env.NODE_ENV": '"production"' },
  });
}

/** tsserver loads plugins of an extension from its node_modules only: stage.mjs puts it there. */
async function buildTypesPlugin() {
  await bundle({
    ...node("cjs"),
    ...packed,
    sourcemap: false,
    entryPoints: [join(root, "extension", "types-plugin", "index.ts")],
    outfile: join(root, "dist", "types-plugin", "index.js"),
  });
}

function copyAssets(to) {
  if (!existsSync(assets)) return;
  rmSync(to, { recursive: true, force: true });
  cpSync(assets, to, { recursive: true });
}

/** Changes when any input is added, removed or edited: names, sizes and times, so that it costs milliseconds. */
function fingerprint(inputs) {
  const hash = createHash("sha256");
  for (const input of inputs) {
    const path = join(root, input);
    const status = statSync(path, { throwIfNoEntry: false });
    hash.update(`${input} ${status?.isFile() ? `${status.mtimeMs} ${status.size}` : ""}\n`);
    if (!status?.isDirectory()) continue;
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? {};
      hash.update(`${file} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
    const names = process.argv.slice(2);
    const built = await build(names.length > 0 ? names : undefined);
    if (process.stdout.isTTY) console.log(built.length > 0 ? `built ${built.join(", ")}` : "nothing changed");
  } catch (error) {
    fail(error);
  }
}
