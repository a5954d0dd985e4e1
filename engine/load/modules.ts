/**
 * A model file and everything it imports: read, parsed, linked, run.
 *
 * Nothing here throws for what the user wrote. All files are parsed and all their imports
 * checked before any of them runs, so that one load reports all such problems.
 */
import type { Range } from "../graph/site";
import { createCallIndex } from "./call-index";
import type { LoadHost } from "./host";
import { linkProblems, readImport } from "./link";
import { parse, type SyntaxProblem } from "./parse";
import { compileProblem, describeThrown } from "./problem";
import type { Dependency, LoadedModule, LoadProblem, ReadyModule } from "./records";
import { createSiteTracker, type SiteTracker } from "./sites";
import { strip, type ExportCell, type Stripped } from "./strip";
import { createLineTable, type LineTable } from "./text";

export type { LoadProblem } from "./records";

/** What the source says about a file's exports, for messages that point at them. */
export interface ModuleFacts {
  /** The range of each exported name where it is declared (or listed). */
  readonly exports: ReadonlyMap<string, Range>;
  /** The range of the default export: the expression, or the name of the class or function. */
  readonly defaultExport: Range | undefined;
}

export interface LoadResult {
  /** The entry's exports (`default` among them); `undefined` when there are problems. */
  readonly exports: Readonly<Record<string, unknown>> | undefined;
  /** Every file of the user's that was read, the entry first. */
  readonly files: readonly string[];
  readonly problems: readonly LoadProblem[];
  /** The text of each of those files, as positions count in it. */
  readonly sources: ReadonlyMap<string, string>;
  /** Facts about the files that could be parsed. */
  readonly facts: ReadonlyMap<string, ModuleFacts>;
}

/**
 * Loads and runs `entry` (a path that `host` understands).
 *
 * @param tracker gets every file before it runs, so that operations find their sites; install its `source` before.
 */
export async function loadModule(
  entry: string,
  host: LoadHost,
  tracker: SiteTracker = createSiteTracker(),
): Promise<LoadResult> {
  const load: Load = { host, tracker, modules: new Map(), sources: new Map(), facts: new Map(), problems: [] };
  const root = await readModule(load, entry, [], startOf(entry));
  if (root && load.problems.length === 0) load.problems.push(...linkProblems(load.modules.values()));
  const exports = root && load.problems.length === 0 && (await run(load, root)) ? root.exports : undefined;
  return {
    exports,
    files: [...load.sources.keys()],
    problems: load.problems,
    sources: load.sources,
    facts: load.facts,
  };
}

interface Load {
  readonly host: LoadHost;
  readonly tracker: SiteTracker;
  readonly modules: Map<string, LoadedModule>;
  readonly sources: Map<string, string>;
  readonly facts: Map<string, ModuleFacts>;
  readonly problems: LoadProblem[];
}

/**
 * Reads a file and what it imports, depth first.
 *
 * @param importers the chain of files from the entry to the one that imports this file
 * @param from where it is imported
 */
async function readModule(
  load: Load,
  file: string,
  importers: readonly string[],
  from: Range,
): Promise<LoadedModule | undefined> {
  const known = load.modules.get(file);
  if (known) return known;
  if (load.sources.has(file)) return undefined; // It has a problem that is already reported.
  const text = await readText(load, file, from);
  if (text === undefined) return undefined;
  load.sources.set(file, text);

  const { tree, error } = parse(text, /\.m?js$/.test(file) ? "javascript" : "typescript");
  if (error) {
    load.problems.push(syntaxProblem(file, error));
    return undefined;
  }
  load.tracker.addFile(file, createCallIndex(file, text, tree));
  const stripped = strip(text, tree);
  load.problems.push(...stripped.problems.map((problem) => syntaxProblem(file, problem)));
  const lines = createLineTable(text);
  load.facts.set(file, factsOf(file, lines, stripped));

  const dependencies = new Map<string, Dependency>();
  for (const { specifier, start, end } of [...stripped.imports, ...stripped.reExports]) {
    if (dependencies.has(specifier)) continue;
    const dependency = await readDependency(load, specifier, [...importers, file], lines.range(file, start, end));
    if (dependency) dependencies.set(specifier, dependency);
  }
  const module: LoadedModule = { kind: "source", file, lines, stripped, dependencies, exports: undefined };
  load.modules.set(file, module);
  return module;
}

/** @param importers the chain of files that ends with the importing one */
async function readDependency(
  load: Load,
  specifier: string,
  importers: readonly string[],
  range: Range,
): Promise<Dependency | undefined> {
  const { host, problems } = load;
  if (specifier === "backstep") return { kind: "ready", exports: host.builtin };
  const report = (message: string): undefined => void problems.push({ code: "import", message, range });
  const resolved = await host.resolve(specifier, importers[importers.length - 1]);
  switch (resolved.kind) {
    case "missing":
      return report(resolved.message);
    case "package":
      try {
        return { kind: "ready", exports: await host.importPackage(resolved) };
      } catch (error) {
        return report(`'${specifier}' cannot be loaded: ${describeThrown(error)}`);
      }
    case "file": {
      const { path } = resolved;
      const first = importers.indexOf(path);
      if (first >= 0) {
        const cycle = [...importers.slice(first), path].map((file) => shortName(file, importers)).join(" → ");
        return report(`These files import each other: ${cycle}. Move what both need into a file of its own`);
      }
      if (path.endsWith(".json")) return readJson(load, path, range);
      return readModule(load, path, importers, range);
    }
  }
}

async function readJson(load: Load, file: string, from: Range): Promise<ReadyModule | undefined> {
  const text = await readText(load, file, from);
  if (text === undefined) return undefined;
  load.sources.set(file, text);
  try {
    const value = JSON.parse(text) as unknown;
    const named = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
    return { kind: "ready", exports: { ...named, default: value } };
  } catch (error) {
    load.problems.push({ code: "import", message: `${file} is not valid JSON: ${describeThrown(error)}`, range: from });
    return undefined;
  }
}

async function readText(load: Load, file: string, from: Range): Promise<string | undefined> {
  try {
    const text = await load.host.readText(file);
    // Editors do not count a byte order mark as a column.
    if (text !== undefined) return text.replace(/^\uFEFF/, "");
    load.problems.push({ code: "import", message: `Cannot find ${file}`, range: from });
  } catch (error) {
    load.problems.push({ code: "import", message: `Cannot read ${file}: ${describeThrown(error)}`, range: from });
  }
  return undefined;
}

/** Runs a module after those it imports, each once. False when one threw; the problem is then recorded. */
async function run(load: Load, module: LoadedModule): Promise<boolean> {
  if (module.exports) return true;
  for (const dependency of module.dependencies.values()) {
    if (dependency.kind === "source" && !(await run(load, dependency))) return false;
  }
  const { stripped, file } = module;
  const parameters = [stripped.exportsName];
  const cell: ExportCell = {};
  const values: unknown[] = [cell];
  for (const { specifier, names } of stripped.imports) {
    const from = module.dependencies.get(specifier);
    for (const { imported, local } of names) {
      parameters.push(local);
      values.push(from && readImport(from, imported));
    }
  }
  let start;
  try {
    start = load.host.compile(stripped.code, parameters, file);
  } catch (error) {
    load.problems.push(compileProblem(error, file, load.sources.get(file) ?? ""));
    return false;
  }
  const { stackTraceLimit } = Error;
  // The engine's own frames must not push the user's off the stack.
  Error.stackTraceLimit = Math.max(stackTraceLimit, 100);
  try {
    await start(...values);
  } catch (error) {
    const range = load.tracker.userFrames(error)[0] ?? startOf(file);
    load.problems.push({ code: "program", message: describeThrown(error), range });
    return false;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  module.exports = collectExports(module, cell);
  return true;
}

function collectExports(module: LoadedModule, cell: ExportCell): Record<string, unknown> {
  const exports: Record<string, unknown> = {};
  for (const { specifier, names } of module.stripped.reExports) {
    const from = module.dependencies.get(specifier);
    if (!from) continue;
    if (names) {
      for (const { imported, exported } of names) exports[exported] = readImport(from, imported);
    } else {
      const { default: _, ...all } = from.exports ?? {};
      Object.assign(exports, all);
    }
  }
  Object.assign(exports, cell.n);
  if ("d" in cell) exports.default = cell.d;
  return exports;
}

function factsOf(file: string, lines: LineTable, stripped: Stripped): ModuleFacts {
  const exports = new Map(stripped.exports.map(({ name, start, end }) => [name, lines.range(file, start, end)]));
  for (const { names } of stripped.reExports) {
    for (const { exported, start, end } of names ?? []) exports.set(exported, lines.range(file, start, end));
  }
  return { exports, defaultExport: exports.get("default") };
}

function syntaxProblem(file: string, { message, line, column, endLine, endColumn }: SyntaxProblem): LoadProblem {
  return { code: "syntax", message, range: { file, line, column, endLine, endColumn } };
}

function startOf(file: string): Range {
  return { file, line: 1, column: 1, endLine: 1, endColumn: 1 };
}

/** A path without the folder that all these files share. */
function shortName(file: string, files: readonly string[]): string {
  const folder = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  let shared = folder(file);
  for (const other of files) {
    while (shared !== "" && !other.startsWith(shared)) shared = folder(shared.slice(0, -1));
  }
  return file.slice(shared.length);
}
