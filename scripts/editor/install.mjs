/**
 * Installs the editors of the tests under .cache/editor/: VS Code's own server out of the npm package `code-server` (its
 * wrapper is not used), once in the newest version and once in the oldest that package.json's `engines.vscode` allows.
 * Every step leaves a stamp, so that an interrupted installation goes on where it stopped.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { PlainError, ensureInstalled, fail, npm, root, takeTurn } from "../ensure.mjs";
import { ensureProgram } from "./system.mjs";

const run = promisify(execFile);
const folder = join(root, ".cache", "editor");
const standIns = join(root, "scripts", "editor", "stand-ins");

/**
 * The legs of the tests. `node` is the version that the server of this VS Code is made for, from npm too; without one the
 * Node at hand serves. `omit`: dependencies of features that are switched off, loaded on demand only.
 */
export const editors = {
  current: {
    version: "1.139.1",
    package: "code-server@4.139.1",
    node: "24.21.0",
    omit: ["@devcontainers/cli", "@github/copilot-sdk", "@microsoft/mxc-sdk"],
  },
  floor: { version: "1.100.3", package: "code-server@4.100.3", omit: [] },
};

/**
 * Resolves to where the editor of a leg lies: `{ version, node, server }`, the program to run and its main file.
 * @param {keyof typeof editors} leg
 */
export async function ensureEditor(leg) {
  const editor = editors[leg];
  const place = join(folder, `vscode-${editor.version}-${process.platform}-${process.arch}`);
  const result = {
    version: editor.version,
    node: editor.node === undefined ? process.execPath : join(nodeFolder(editor.node), "bin", "node"),
    server: join(place, "out", "server-main.js"),
  };
  const wanted = recipe(editor);
  const stamp = join(place, ".backstep-install");
  const isThere = () => existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && existsSync(result.node);
  if (isThere()) return result;

  if (process.platform !== "linux") {
    throw new PlainError(
      "the VS Code server of the tests runs on Linux only; here use a desktop VS Code (`code` on PATH)",
    );
  }
  const release = await takeTurn("installing-editor");
  try {
    if (isThere()) return result;
    process.stderr.write(
      `Installing the server of VS Code ${editor.version} into .cache/editor (only the first time) …\n`,
    );
    const started = Date.now();
    if (editor.node !== undefined) await installNode(editor.node);
    await installServer(editor, place);
    writeFileSync(stamp, wanted);
    process.stderr.write(`Installed in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
  } finally {
    release();
  }
  return result;
}

/** Debian's Chromium, or another that is there. */
export function ensureChromium() {
  return ensureProgram("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
}

/**
 * Variables with which Vulkan finds SwiftShader, which computes on the CPU what graphics cards do, and which Chromium's package brings
 * along, and with which a library finds Vulkan itself.
 */
export async function softwareAdapter() {
  const folders = [dirname(realpathSync(await ensureChromium())), "/usr/lib/chromium", "/usr/lib64/chromium"];
  const folder = folders.find((each) => existsSync(join(each, ADAPTER)));
  if (folder === undefined) throw new PlainError(`this Chromium comes without ${ADAPTER}, which tests of the GPU need`);
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return { VK_ICD_FILENAMES: join(folder, ADAPTER), LD_LIBRARY_PATH: libraries };
}

const ADAPTER = "vk_swiftshader_icd.json";

/** What an installation depends on. */
function recipe(editor) {
  const hash = createHash("sha256").update(JSON.stringify(editor));
  for (const file of readdirSync(standIns).sort()) hash.update(readFileSync(join(standIns, file)));
  return hash.digest("hex");
}

function nodeFolder(version) {
  return join(folder, `node-${version}-${process.platform}-${process.arch}`);
}

async function installNode(version) {
  const place = nodeFolder(version);
  if (existsSync(place)) return;
  await unpack(`node-${process.platform}-${process.arch}@${version}`, place, ["package/bin", "package/LICENSE"]);
}

async function installServer({ package: name, omit }, place) {
  const partial = `${place}.partial`;
  /** Does a step unless an earlier, interrupted run did it. */
  const once = async (step, work) => {
    const done = `${partial}.${step}`;
    if (existsSync(partial) && existsSync(done)) return;
    await work();
    writeFileSync(done, "");
  };
  await once("unpacked", async () => {
    for (const left of leftovers(partial)) rmSync(left);
    // The built-in assistant would ask for an account and a network.
    await unpack(name, partial, ["package/lib/vscode"], 3, ["package/lib/vscode/extensions/copilot"]);
    omitDependencies(join(partial, "package.json"), omit);
  });
  const install = ["install", "--omit=dev", "--ignore-scripts"];
  await once("server", () => npm(install, partial));
  await once("extensions", () => npm(install, join(partial, "extensions")));
  standIn(join(partial, "node_modules", "@vscode", "spdlog"), "spdlog.cjs");
  const terminals = join(partial, "node_modules", "node-pty");
  if (!existsSync(join(terminals, "prebuilds"))) standIn(terminals, "node-pty.cjs");
  await linkRipgrep(partial);
  rmSync(place, { recursive: true, force: true });
  renameSync(partial, place);
  for (const left of leftovers(partial)) rmSync(left);
}

function leftovers(partial) {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => path.startsWith(`${partial}.`));
}

/** Unpacks a package of the registry, or the part of it that `members` names, into a folder that then exists as a whole. */
async function unpack(name, place, members, strip = 1, exclude = []) {
  const temporary = join(folder, "unpacking");
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(join(temporary, "content"), { recursive: true });
  await npm(["pack", name, "--pack-destination", temporary], temporary);
  const [archive] = readdirSync(temporary).filter((file) => file.endsWith(".tgz"));
  const options = [`--strip-components=${strip}`, ...exclude.map((path) => `--exclude=${path}`)];
  await run("tar", ["-xzf", join(temporary, archive), "-C", join(temporary, "content"), ...options, ...members]);
  rmSync(place, { recursive: true, force: true });
  renameSync(join(temporary, "content"), place);
  rmSync(temporary, { recursive: true, force: true });
}

function omitDependencies(manifestFile, names) {
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
  for (const name of names) delete manifest.dependencies[name];
  writeFileSync(manifestFile, JSON.stringify(manifest, undefined, 2));
}

/** Puts a module of scripts/editor/stand-ins/ in the place of one in C++, so that no compiler is wanted. */
function standIn(module, file) {
  const manifest = JSON.parse(readFileSync(join(module, "package.json"), "utf8"));
  const main = join(module, manifest.main ?? "index.js");
  copyFileSync(join(standIns, file), main.endsWith(".js") ? main : `${main}.js`);
}

async function linkRipgrep(server) {
  const place = join(server, "node_modules", "@vscode", "ripgrep");
  if (!existsSync(place)) return; // newer versions bring the program with them
  mkdirSync(join(place, "bin"), { recursive: true });
  rmSync(join(place, "bin", "rg"), { force: true });
  symlinkSync(await ensureProgram("ripgrep", "rg"), join(place, "bin", "rg"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
    for (const leg of Object.keys(editors)) console.log(JSON.stringify(await ensureEditor(leg)));
    console.log(await ensureChromium());
  } catch (error) {
    fail(error);
  }
}
