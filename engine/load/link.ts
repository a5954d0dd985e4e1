/** Checks that every imported name exists, and reads it. */
import type { Dependency, LoadedModule, LoadProblem } from "./records";
import { nearestName } from "./suggest";

/** A problem for every name that a module imports (or passes on) and that is not there. */
export function linkProblems(modules: Iterable<LoadedModule>): LoadProblem[] {
  const problems: LoadProblem[] = [];
  for (const { file, lines, stripped, dependencies } of modules) {
    for (const { specifier, names } of [...stripped.imports, ...stripped.reExports]) {
      const from = dependencies.get(specifier);
      if (!from) continue;
      for (const { imported, start, end } of names ?? []) {
        if (provides(from, imported)) continue;
        const message = describeMissing(specifier, imported, valueNames(from));
        problems.push({ code: "export", message, range: lines.range(file, start, end) });
      }
    }
  }
  return problems;
}

/** The value of a name; `"*"` is the whole module. `undefined` for what is only a type. */
export function readImport(from: Dependency, name: string): unknown {
  const exports = from.exports ?? {};
  if (name === "*") return exports;
  if (Object.hasOwn(exports, name)) return exports[name];
  return from.kind === "ready" ? fromDefault(exports, name) : undefined;
}

/** Whether a module has an export of this name, be it only a type (then it is `undefined` when it runs). */
function provides(from: Dependency, name: string): boolean {
  if (name === "*") return true;
  if (from.kind === "ready") return Object.hasOwn(from.exports, name) || fromDefault(from.exports, name) !== undefined;
  const { exports, typeExports, reExports } = from.stripped;
  if (typeExports.has(name) || exports.some((own) => own.name === name)) return true;
  return reExports.some(({ specifier, names }) => {
    if (names) return names.some(({ exported }) => exported === name);
    const next = from.dependencies.get(specifier);
    return name !== "default" && next !== undefined && provides(next, name);
  });
}

/** Node finds only some of the names of a CommonJS package; the others are fields of its default export. */
function fromDefault(exports: Readonly<Record<string, unknown>>, name: string): unknown {
  const whole = exports.default;
  const hasFields = (typeof whole === "object" && whole !== null) || typeof whole === "function";
  return hasFields ? (whole as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The names that have values, as a message lists them. */
function valueNames(from: Dependency): string[] {
  if (from.kind === "ready") return Object.keys(from.exports);
  const { exports, reExports } = from.stripped;
  const names = new Set(exports.map(({ name }) => name));
  for (const { specifier, names: passedOn } of reExports) {
    const next = from.dependencies.get(specifier);
    const all =
      passedOn?.map(({ exported }) => exported) ?? (next ? valueNames(next).filter((n) => n !== "default") : []);
    for (const name of all) names.add(name);
  }
  return [...names];
}

/** More names than this are not worth listing. */
const LISTED = 12;

function describeMissing(specifier: string, name: string, names: readonly string[]): string {
  const missing =
    name === "default" ? `'${specifier}' has no default export` : `'${specifier}' has no export named '${name}'`;
  const near = nearestName(name, names);
  if (near !== undefined) return `${missing}; did you mean '${near}'?`;
  if (names.length === 0) return `${missing}; it exports nothing`;
  if (names.length > LISTED) return missing;
  return `${missing}; it exports ${[...names].sort().join(", ")}`;
}
