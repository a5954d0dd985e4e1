/** esbuild with errors that a person can read. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { PlainError, root } from "./ensure.mjs";

/**
 * Bundles and writes the files. Wants the packages installed.
 * @param {import("esbuild").BuildOptions} options
 * @returns the paths of the files written
 */
export async function bundle(options) {
  const esbuild = await import("esbuild");
  let result;
  try {
    result = await esbuild.build({ absWorkingDir: root, bundle: true, logLevel: "silent", ...options, write: false });
  } catch (error) {
    if (!error.errors) throw error;
    const messages = await esbuild.formatMessages(error.errors, { kind: "error", color: false });
    throw new PlainError(`the build failed\n${messages.join("")}`);
  }
  for (const file of result.outputFiles) write(file.path, file.contents);
  return result.outputFiles.map(({ path }) => path);
}

/** Through a rename, so that a program started meanwhile never reads half a file. */
export function write(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, contents);
  renameSync(partial, path);
}
