import { isAbsolute, join } from "node:path";
import type { Direction } from "../../engine/api/debug";

/** What a debug configuration of ours says, and what is wrong with it. Without `vscode`. */

export const DEBUG_TYPE = "backstep";

export const PASSES = ["all", "forward", "backward", "update"] as const satisfies readonly ("all" | Direction)[];

/** As launch.json may hold it: nobody has looked at the values. */
export interface Configuration {
  type: string;
  name: string;
  request: string;
  [key: string]: unknown;
}

/** The user's settings, for what a configuration leaves out. */
export interface DebugDefaults {
  readonly passes: (typeof PASSES)[number];
  /** MiB. */
  readonly historyLimit: number;
}

/** What the editor offers for a model: one beginning each. */
export function offersFor(program: string, name: string): Configuration[] {
  const launch = (title: string, more: Record<string, unknown> = {}): Configuration => ({
    type: DEBUG_TYPE,
    request: "launch",
    name: title,
    program,
    ...more,
  });
  return [
    launch(`Debug ${name}`),
    launch(`Debug ${name}, stop on entry`, { stopOnEntry: true }),
    launch(`Debug ${name}, stop at the first finding`, { stopAtFinding: true }),
  ];
}

export const attachOffer: Configuration = { type: DEBUG_TYPE, request: "attach", name: "Attach to a training" };

/** Whether VS Code asks for a configuration where the user has written none. */
export function isEmpty({ type, request, name }: Partial<Configuration>): boolean {
  return !type && !request && !name;
}

type Kind = "boolean" | "whole" | "positive" | "path" | "passes";

/** Attributes of a launch, as package.json describes them for launch.json. */
const ATTRIBUTES: Readonly<Record<string, Kind>> = {
  program: "path",
  stopOnEntry: "boolean",
  stopAtIteration: "whole",
  stopAtFinding: "boolean",
  passes: "passes",
  historyLimit: "positive",
  epochs: "positive",
  seed: "whole",
  maxSteps: "positive",
  overfit: "boolean",
  resume: "path",
  keepWeightsOf: "path",
};

const FITS: Readonly<Record<Kind, { readonly fits: (value: unknown) => boolean; readonly words: string }>> = {
  boolean: { fits: (value) => typeof value === "boolean", words: "true or false" },
  whole: { fits: (value) => Number.isSafeInteger(value) && Number(value) >= 0, words: "a whole number from 0" },
  positive: { fits: (value) => Number.isSafeInteger(value) && Number(value) >= 1, words: "a whole number from 1" },
  path: { fits: (value) => typeof value === "string" && value !== "", words: "a path" },
  passes: { fits: (value) => PASSES.some((each) => each === value), words: `one of ${PASSES.join(", ")}` },
};

/** What the user has to mend, in a sentence; null where nothing is wrong. */
export function problemOf(configuration: Configuration): string | null {
  const { request, program } = configuration;
  if (request !== "launch" && request !== "attach")
    return `"request" is ${shown(request)}; it must be "launch" (debug a model) or "attach" (to a training that goes on).`;
  if (request === "attach") return null;
  if (typeof program !== "string" || program === "")
    return `"program" is ${shown(program)}; it must be the path of a model file, such as "\${file}".`;
  for (const [name, kind] of Object.entries(ATTRIBUTES)) {
    const value = configuration[name];
    if (value === undefined || FITS[kind].fits(value)) continue;
    return `"${name}" is ${shown(value)}; it must be ${FITS[kind].words}.`;
  }
  return null;
}

/**
 * A sound configuration with whole paths, and with the user's settings for what it leaves out.
 * @param folder what relative paths are relative to
 */
export function completed<T extends Configuration>(given: T, defaults: DebugDefaults, folder: string | undefined): T {
  const paths = Object.keys(ATTRIBUTES).filter(
    (name) => ATTRIBUTES[name] === "path" && typeof given[name] === "string",
  );
  return {
    ...defaults,
    ...given,
    ...Object.fromEntries(paths.map((name) => [name, absolute(String(given[name]), folder)])),
  };
}

export function absolute(path: string, folder: string | undefined): string {
  return isAbsolute(path) || folder === undefined ? path : join(folder, path);
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
