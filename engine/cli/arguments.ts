import { parseArgs } from "node:util";
import type { Device } from "../host/messages";

/** What the user asked for on the command line. */
export type Command =
  CheckCommand | TrainCommand | TraceCommand | DapCommand | { readonly kind: "help" } | { readonly kind: "version" };

export interface CheckCommand {
  readonly kind: "check";
  readonly files: readonly string[];
  readonly json: boolean;
  readonly timeLimit: number;
}

export interface TrainCommand {
  readonly kind: "train";
  readonly file: string;
  readonly json: boolean;
  readonly timeLimit: number;
  readonly epochs: number | undefined;
  readonly seed: number | undefined;
  readonly device: Device;
  readonly threads: number | undefined;
  readonly maxSteps: number | undefined;
  readonly out: string | undefined;
  readonly resume: string | undefined;
}

export interface TraceCommand {
  readonly kind: "trace";
  readonly file: string;
  readonly json: boolean;
  readonly timeLimit: number;
  readonly seed: number | undefined;
  readonly maxElements: number;
}

/** Speaks the Debug Adapter Protocol; the client says what to launch. */
export interface DapCommand {
  readonly kind: "dap";
  readonly timeLimit: number;
}

/** Wrong usage: one line on stderr, exit 2. */
export class UsageError extends Error {}

/** Seconds that a model file's top level may take. */
const DEFAULT_TIME_LIMIT = 10;
const DEFAULT_MAX_ELEMENTS = 65_536;

export const HELP = `Usage: backstep <command> [options]

Commands:
  check FILE…    Check shapes and gradient paths of model files without running them
  train FILE     Train the model that the file exports by default
  trace FILE     Run one iteration (or a free program) and print every node, forward and backward
  dap            Speak the Debug Adapter Protocol on standard input and output, for editors

Options:
  --json             Machine-readable output, one JSON object a line
  --time-limit S     Seconds that a file's top-level code may take (default ${DEFAULT_TIME_LIMIT})
  --help, --version

train:
  --epochs N         Passes over the data, instead of the file's
  --max-steps N      Stop after this many updates
  --seed N           Seed of all randomness, instead of the file's
  --device NAME      Where to compute: cpu (default), or webgpu for the graphics card
  --threads N        How many compute (default 0: as many as the machine has cores, up to 8)
  --out DIR          Write checkpoint.safetensors, checkpoint.json and metrics.jsonl there
  --resume PATH      Go on from a checkpoint (a file, or a folder that --out wrote)

trace:
  --seed N
  --max-elements N   Leave out the values of tensors with more elements (default ${DEFAULT_MAX_ELEMENTS})
`;

const FLAGS = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
  "time-limit": { type: "string" },
  epochs: { type: "string" },
  "max-steps": { type: "string" },
  seed: { type: "string" },
  device: { type: "string" },
  threads: { type: "string" },
  out: { type: "string" },
  resume: { type: "string" },
  "max-elements": { type: "string" },
} as const;

type FlagName = keyof typeof FLAGS;

const ALLOWED: Readonly<Record<"check" | "train" | "trace" | "dap", readonly FlagName[]>> = {
  check: ["json", "time-limit"],
  train: ["json", "time-limit", "epochs", "max-steps", "seed", "device", "threads", "out", "resume"],
  trace: ["json", "time-limit", "seed", "max-elements"],
  dap: ["time-limit"],
};

/** @throws UsageError that says what is wrong and what is possible. */
export function parseCommand(argv: readonly string[]): Command {
  let parsed;
  try {
    parsed = parseArgs({ args: joinNegatives(argv), options: FLAGS, allowPositionals: true });
  } catch (error) {
    const [first] = (error instanceof Error ? error.message : String(error)).split(/\.(?:\s|$)|\n/);
    throw new UsageError(`${first}; see backstep --help`);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };
  const [command, ...files] = positionals;
  if (command === undefined)
    throw new UsageError("no command given; use check, train, trace or dap (see backstep --help)");
  if (command !== "check" && command !== "train" && command !== "trace" && command !== "dap") {
    throw new UsageError(`there is no command ${command}; use check, train, trace or dap (see backstep --help)`);
  }
  for (const flag of Object.keys(values)) {
    if (!ALLOWED[command].includes(flag as FlagName))
      throw new UsageError(`${command} has no option --${flag}; see backstep --help`);
  }
  const timeLimit = numberOption("time-limit", values["time-limit"], { above: 0 }) ?? DEFAULT_TIME_LIMIT;
  if (command === "dap") {
    if (files.length > 0)
      throw new UsageError(`dap takes no file, got ${files.join(" ")}: the client says what to launch`);
    return { kind: "dap", timeLimit };
  }
  if (files.includes("")) throw new UsageError(`${command} needs the path of a model file, got ""`);
  if (files.length === 0) throw new UsageError(`${command} needs a model file: backstep ${command} model.nn.ts`);
  const json = values.json ?? false;
  if (command === "check") return { kind: "check", files, json, timeLimit };
  if (files.length > 1)
    throw new UsageError(`${command} takes one model file, got ${files.length}: ${files.join(" ")}`);
  const [file] = files;
  const seed = numberOption("seed", values.seed, { whole: true, least: 0 });
  if (command === "trace") {
    const maxElements =
      numberOption("max-elements", values["max-elements"], { whole: true, least: 0 }) ?? DEFAULT_MAX_ELEMENTS;
    return { kind: "trace", file, json, timeLimit, seed, maxElements };
  }
  return {
    kind: "train",
    file,
    json,
    timeLimit,
    seed,
    epochs: numberOption("epochs", values.epochs, { whole: true, least: 0 }),
    maxSteps: numberOption("max-steps", values["max-steps"], { whole: true, least: 0 }),
    device: deviceOption(values.device),
    threads: numberOption("threads", values.threads, { whole: true, least: 0 }),
    out: pathOption("out", values.out),
    resume: pathOption("resume", values.resume),
  };
}

/** `--epochs -1` as `--epochs=-1`, so that the number is what is wrong, not the way of writing it. */
function joinNegatives(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (const text of argv) {
    const before = joined.at(-1);
    if (/^-\d/.test(text) && before?.startsWith("--") && !before.includes("=")) joined[joined.length - 1] += `=${text}`;
    else joined.push(text);
  }
  return joined;
}

function pathOption(name: string, path: string | undefined): string | undefined {
  if (path !== undefined && path.trim() === "") throw new UsageError(`--${name} needs a path, got ""`);
  return path;
}

function deviceOption(device: string | undefined): Device {
  if (device === undefined || device === "cpu") return "cpu";
  if (device === "webgpu") return device;
  throw new UsageError(`--device must be cpu or webgpu, got ${device}`);
}

function numberOption(
  name: string,
  text: string | undefined,
  bounds: { readonly whole?: boolean; readonly least?: number; readonly above?: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? NaN : Number(text);
  const fits =
    Number.isFinite(value) &&
    (!bounds.whole || Number.isSafeInteger(value)) &&
    value >= (bounds.least ?? -Infinity) &&
    value > (bounds.above ?? -Infinity);
  if (fits) return value;
  const bound = bounds.above === undefined ? `≥ ${bounds.least ?? 0}` : `> ${bounds.above}`;
  throw new UsageError(`--${name} must be a ${bounds.whole ? "whole " : ""}number ${bound}, got "${text}"`);
}
