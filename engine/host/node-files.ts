import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { DataFiles } from "../data/dataset";

/** Reads data files relative to the model file's folder, and the assets that ship with the engine. */
export function createNodeFiles(modelFile: string, assets: string): DataFiles {
  return {
    read: (path) => readBytes(isAbsolute(path) ? path : resolve(dirname(modelFile), path), path),
    asset: (name) => readBytes(join(assets, name), name),
  };
}

async function readBytes(path: string, shown: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new Error(describeFileError(error, shown, path));
  }
}

/** `data.csv: there is no such file (looked for /models/data.csv)`. */
export function describeFileError(error: unknown, shown: string, path: string): string {
  const code = (error as { code?: unknown } | null)?.code;
  const place = shown === path ? "" : ` (${path})`;
  switch (code) {
    case "ENOENT":
      return `${shown}: there is no such file${shown === path ? "" : ` (looked for ${path})`}`;
    case "EISDIR":
      return `${shown}: this is a folder, a file is needed${place}`;
    case "EACCES":
    case "EPERM":
      return `${shown}: permission denied${place}`;
    case "ENOSPC":
      return `${shown}: the disk is full${place}`;
    case "EROFS":
      return `${shown}: the file system is read-only${place}`;
    case "ENOTDIR":
    case "EEXIST":
      return `${shown}: a part of the path is a file, not a folder${place}`;
    default:
      return `${shown}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * Writes a file whole or not at all: a temporary file beside it, flushed to disk, then renamed over it. What was there
 * before stays until the new one is complete.
 */
export async function writeAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Error(describeFileError(error, path, path));
  }
}

/** Makes a folder and those around it. (Node's own `recursive` never returns on some special file systems.) */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isFolder(at)); at = dirname(at)) {
    missing.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of missing) {
    try {
      await mkdir(folder);
    } catch (error) {
      // Another run may have made it meanwhile.
      if (!(await isFolder(folder))) throw new Error(describeFileError(error, path, folder));
    }
  }
}

export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
