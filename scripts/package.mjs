/**
 * `npm run package`: builds and packs dist/backstep-VERSION.vsix, for every platform. A warning is a failure.
 *
 *   --target=linux-x64,win32-x64   packages for these, with WebGPU for them, beside it: dist/backstep-TARGET-VERSION.vsix
 *   --target=all                   for each that there is
 */
import { spawn } from "node:child_process";
import { readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { PlainError, ensureInstalled, fail, root } from "./ensure.mjs";
import { extensionFolder, stageExtension, targets } from "./stage.mjs";

const limitBytes = 3_000_000;
/** With WebGPU: Windows brings two compilers of shaders along. */
const targetLimitBytes = 18_000_000;

/** Packs what is new since the last time. Wants the packages installed. Resolves to the package's path. */
export async function packExtension() {
  await build();
  const manifest = join(extensionFolder, "package.json");
  const staged = statSync(manifest, { throwIfNoEntry: false });
  if (staged === undefined) throw new PlainError("extension/main.ts is missing, so there is no extension to pack");
  const file = join(root, "dist", `backstep-${JSON.parse(readFileSync(manifest, "utf8")).version}.vsix`);
  const packed = statSync(file, { throwIfNoEntry: false });
  if (packed === undefined || packed.mtimeMs <= staged.mtimeMs) await pack(file);
  checkSize(file, limitBytes);
  return file;
}

/** Packs for one platform what {@link packExtension} has built. Resolves to the package's path. */
async function packTarget(target) {
  if (!Object.hasOwn(targets, target)) {
    throw new PlainError(`--target=${target}: no such platform; there are ${Object.keys(targets).join(", ")}, and all`);
  }
  const folder = join(root, "out", `extension-${target}`);
  await stageExtension({ target, folder });
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = join(root, "dist", `backstep-${target}-${version}.vsix`);
  await pack(file, folder, ["--target", target]);
  checkSize(file, targetLimitBytes);
  return file;
}

function checkSize(file, limit) {
  const { size } = statSync(file);
  if (size > limit)
    throw new PlainError(`${relative(root, file)} takes ${size} bytes, more than the ${limit} we allow ourselves`);
}

async function pack(file, folder = extensionFolder, more = []) {
  const partial = `${file}.${process.pid}`;
  rmSync(partial, { force: true });
  const vsce = join(root, "node_modules", "@vscode", "vsce", "vsce");
  // Relative links in the README stay: they lead to files of the package.
  const args = [
    "package",
    "--no-yarn",
    "--no-rewrite-relative-links",
    "--allow-missing-repository",
    "--out",
    partial,
    ...more,
  ];
  const { code, output } = await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vsce, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ code: exitCode, output: said }));
  });
  if (code !== 0 || /\b(WARN|WARNING|ERROR)\b/.test(output)) {
    rmSync(partial, { force: true });
    throw new PlainError(`vsce is not content with the package\n${output.trim()}`);
  }
  renameSync(partial, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
    const { values } = parseArgs({ options: { target: { type: "string", default: "" } } });
    const wanted = values.target === "all" ? Object.keys(targets) : values.target.split(",").filter(Boolean);
    const tell = (file) => console.log(`${relative(root, file)}  ${(statSync(file).size / 1000).toFixed(0)} kB`);
    tell(await packExtension());
    for (const target of wanted) tell(await packTarget(target));
  } catch (error) {
    fail(error);
  }
}
