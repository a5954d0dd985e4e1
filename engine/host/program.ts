import { resolve } from "node:path";
import * as backstep from "../index";
import { reachable } from "../graph/order";
import type { Issue } from "../graph/issue";
import { formatRange, setSiteSource, type Range } from "../graph/site";
import { Tensor, userCall } from "../graph/tensor";
import { type ScopedCall, Trace, enterTrace } from "../graph/trace";
import { type LoadResult, loadModule } from "../load/modules";
import { createSiteTracker } from "../load/sites";
import { Parameter } from "../nn/parameter";
import { Training } from "../train/training";
import type { Origin } from "./failure";
import { createNodeHost } from "./node-host";

/** A model file after its top level has run. */
export interface LoadedProgram {
  readonly file: string;
  readonly loaded: LoadResult;
  /** What the top level built. */
  readonly trace: Trace;
  /** Module calls of the top level. */
  readonly calls: readonly ScopedCall[];
  readonly training: Training | undefined;
  /** Problems of loading and issues of the top level's own nodes. */
  readonly issues: readonly Issue[];
  readonly locate: (error: unknown) => readonly Range[];
}

/**
 * Loads a model file and installs the way its calls are found, which stays for all that is built from it.
 *
 * @param texts what files hold in the editor, by path, where that is not what is on the disk
 */
export async function loadProgram(
  path: string,
  texts: ReadonlyMap<string, string> = new Map(),
): Promise<LoadedProgram> {
  const file = resolve(path);
  const tracker = createSiteTracker();
  locateUser = (error) => tracker.userFrames(error);
  setSiteSource(tracker.source);
  const trace = new Trace(true);
  enterTrace(trace);
  const calls: ScopedCall[] = [];
  trace.onModuleCall = (call) => calls.push(call);
  const overlay = new Map([...texts].map(([name, text]) => [resolve(name), text]));
  const loaded = await loadModule(file, createNodeHost(userFace, overlay), tracker);
  const problems: Issue[] = loaded.problems.map(({ code, message, range }) => ({
    code,
    // The classes of the engine's own errors tell the user nothing.
    message: message.replace(/^(?:DataError|FormatError): /, ""),
    range,
    severity: "error",
  }));
  const main = loaded.exports?.default;
  return {
    file,
    loaded,
    trace,
    calls,
    training: main instanceof Training ? main : undefined,
    issues: [...problems, ...trace.issues],
    locate: locateUser,
  };
}

/** The user's places in a thrown value's stack, also while the file is still loading. */
export let locateUser: (error: unknown) => readonly Range[] = () => [];

/** Where an error that user code caused may have come from. */
export function originOf({ file, loaded, training, locate }: LoadedProgram): Origin {
  return { file, files: loaded.files, fallback: training?.site, locate };
}

/** The result of a free program: its default export, else its last exported scalar, else the last scalar that it made and did not use. */
export function programResult(program: LoadedProgram): Tensor | undefined {
  const exports = Object.values(program.loaded.exports ?? {}).filter((value) => value instanceof Tensor);
  const main = program.loaded.exports?.default;
  if (main instanceof Tensor) return main;
  const used = new Set(program.trace.nodes.flatMap((node) => node.inputs));
  const sinks = program.trace.nodes.filter(
    (node) => !used.has(node) && node.inputs.length > 0 && node.dtype === "float32",
  );
  return exports.at(-1) ?? sinks.filter((node) => node.knownShape?.length === 0).at(-1) ?? sinks.at(-1);
}

/** What a free program's result is differentiated by: variables and parameters; without any, the constants that the user named. */
export function wantedIn(output: Tensor): Tensor[] {
  const nodes = reachable([output]);
  const variables = nodes.filter((node) => node instanceof Parameter && node.trainable);
  if (variables.length > 0) return variables;
  return nodes.filter((node) => node.op === "constant" && node.dtype === "float32" && node.name !== undefined);
}

/** Why a file cannot be trained, with what to do. */
export function noTraining(program: LoadedProgram): string {
  const { exports, facts } = program.loaded;
  const range = facts.get(program.file)?.defaultExport;
  const place = range ? formatRange(range) : program.file;
  const hint = "write `export default training({ model, data, loss, optimizer })`";
  if (!exports || !("default" in exports)) return `${place}: there is no default export to train; ${hint}`;
  const value = exports.default;
  return `${place}: the default export is ${kindOf(value)}, no training; ${hint}`;
}

/** A default export that nothing can be done with; classes, models and helpers are for other files to import. */
export function strayExport(program: LoadedProgram): Issue[] {
  const { exports, facts } = program.loaded;
  const value = exports?.default;
  const usable = value instanceof Training || value instanceof Tensor || typeof value === "function";
  if (!exports || !("default" in exports) || usable) return [];
  const message = `the default export is ${kindOf(value)}; export a training to train, or a tensor to trace`;
  return [{ code: "no-training", severity: "warning", message, range: facts.get(program.file)?.defaultExport }];
}

function kindOf(value: unknown): string {
  if (value instanceof Tensor) return "a tensor (use `backstep trace` for it)";
  if (value instanceof backstep.Module) return "a model without its training";
  if (value instanceof Promise) return "a promise (write `await` in front of it)";
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "function")
    return /^class\b/.test(Function.prototype.toString.call(value)) ? `the class ${value.name}` : "a function";
  return typeof value === "object" ? "an object" : `the ${typeof value} ${JSON.stringify(value)}`;
}

/** The exports of "backstep" with every plain function marked as a user's call, so that its result gets the variable's name. */
function asUserSees(exports: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(exports).map(([name, value]) => {
      if (typeof value !== "function" || /^class\b/.test(Function.prototype.toString.call(value))) return [name, value];
      const call = (...inputs: unknown[]): unknown =>
        userCall(() => (value as (...inputs: unknown[]) => unknown)(...inputs), { name, given: inputs });
      return [name, Object.assign(Object.defineProperty(call, "name", { value: name }), value)];
    }),
  );
}

const userFace = asUserSees(backstep);
