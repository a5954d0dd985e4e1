/** `npm run package`: builds and packs dist/backstep-VERSION.vsix, for every platform. A warning is a failure. */
import { spawn } from "node:child_process";
import { readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";
import { PlainError, ensureInstalled, fail, root } from "./ensure.mjs";
import { extensionFolder } from "./stage.mjs";

const limitBytes = 3_000_000;

/** Packs what is new since the last time. Wants the packages installed. Resolves to the package's path. */
export async function packExtension() {
  await build();
  const manifest = join(extensionFolder, "package.json");
  const staged = statSync(manifest, { throwIfNoEntry: false });
  if (staged === undefined) throw new PlainError("extension/main.ts is missing, so there is no extension to pack");
  const file = join(root, "dist", `backstep-${JSON.parse(readFileSync(manifest, "utf8")).version}.vsix`);
  const packed = statSync(file, { throwIfNoEntry: false });
  if (packed === undefined || packed.mtimeMs <= staged.mtimeMs) await pack(file);
  const { size } = statSync(file);
  if (size > limitBytes) {
    throw new PlainError(`${relative(root, file)} takes ${size} bytes, more than the ${limitBytes} we allow ourselves`);
  }
  return file;
}

async function pack(file) {
  const partial = `${file}.${process.pid}`;
  rmSync(partial, { force: true });
  const vsce = join(root, "node_modules", "@vscode", "vsce", "vsce");
  // Relative links in the README stay: they lead to files of the package.
  const args = ["package", "--no-yarn", "--no-rewrite-relative-links", "--allow-missing-repository", "--out", partial];
  const { code, output } = await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vsce, ...args], { cwd: extensionFolder, stdio: ["ignore", "pipe", "pipe"] });
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
    const file = await packExtension();
    console.log(`${relative(root, file)}  ${(statSync(file).size / 1000).toFixed(0)} kB`);
  } catch (error) {
    fail(error);
  }
}
