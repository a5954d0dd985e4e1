/** The {@link LoadHost} of Node: files, `node_modules`, and scripts whose stack positions are the source's. */
import { readFile, stat } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import { dirname, resolve as joinPath } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Script } from "node:vm";
import { candidatePaths, isPathSpecifier, type LoadHost, type ModuleFunction, type ResolvedModule } from "../load/host";
import { findPackageEntry } from "./package-entry";

/**
 * @param builtin the exports of `"backstep"`
 * @param overlay texts of files, by absolute path, that count instead of what is on the disk
 */
export function createNodeHost(
  builtin: Readonly<Record<string, unknown>>,
  overlay: ReadonlyMap<string, string> = new Map(),
): LoadHost {
  return {
    builtin,
    readText: async (path) => overlay.get(path) ?? readText(path),
    resolve: (specifier, fromFile) => resolve(specifier, fromFile, overlay),
    async importPackage({ location }) {
      return (await import(location)) as Record<string, unknown>;
    },
    compile,
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

type Overlay = ReadonlyMap<string, string>;

async function resolve(specifier: string, fromFile: string, overlay: Overlay): Promise<ResolvedModule> {
  if (isPathSpecifier(specifier)) return resolvePath(specifier, fromFile, overlay);
  if (isBuiltin(specifier)) return { kind: "package", specifier, location: specifier };
  const entry = (await findPackageEntry(specifier, dirname(fromFile))) ?? requireEntry(specifier, fromFile);
  if (entry === undefined) {
    const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
    const message = `Cannot find the package '${specifier}'; install it with \`npm install ${name}\` in the model's folder`;
    return { kind: "missing", message };
  }
  return { kind: "package", specifier, location: pathToFileURL(entry).href };
}

async function resolvePath(specifier: string, fromFile: string, overlay: Overlay): Promise<ResolvedModule> {
  const written = specifier.startsWith("file:") ? fileURLToPath(specifier) : specifier;
  const candidates = candidatePaths(joinPath(dirname(fromFile), written));
  for (const path of candidates) if (overlay.has(path) || (await isFile(path))) return { kind: "file", path };
  const also = candidates.length > 1 ? ", also with .ts, .nn.ts, .js, .json and as a folder" : "";
  return { kind: "missing", message: `Cannot find '${specifier}' (looked for ${candidates[0]}${also})` };
}

/** What CommonJS finds: `#imports`, packages without `package.json`, folders on NODE_PATH. */
function requireEntry(specifier: string, fromFile: string): string | undefined {
  try {
    return createRequire(fromFile).resolve(specifier);
  } catch {
    return undefined;
  }
}

function compile(code: string, parameters: readonly string[], file: string): ModuleFunction {
  const head = `(async function(${parameters.join(",")}){"use strict";`;
  const script = new Script(`${head}${code}\n})`, { filename: file, columnOffset: -head.length });
  return script.runInThisContext() as ModuleFunction;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
