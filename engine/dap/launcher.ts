import type { DebugEvent, DebugOptions, DebugRuntime } from "../debug/requests";
import {
  type Fields,
  RequestError,
  optionalChoice,
  optionalFlag,
  optionalPositive,
  optionalText,
  optionalWhole,
  textOf,
} from "./fields";

/** Starts what is debugged: the command line and the extension each know how. */
export interface Launcher {
  /** Rejects with an Error for the user where nothing can be started. `listener` may hear before this resolves. */
  launch(args: LaunchArguments, listener: (event: DebugEvent) => void): Promise<Debuggee>;
  /** Joins a training that runs already. */
  attach(args: AttachArguments, listener: (event: DebugEvent) => void): Promise<Debuggee>;
}

export interface Debuggee extends DebugRuntime {
  /** Saves and ends. */
  terminate(): Promise<void>;
  /** Ends at once. */
  kill(): void;
  /** For the user: what is debugged. */
  readonly description?: string;
}

/** What a launch configuration says. */
export interface LaunchArguments extends DebugOptions {
  /** Path of the model file. */
  readonly program: string;
  readonly epochs?: number;
  readonly seed?: number;
  readonly maxSteps?: number;
  /** Trains on the first batch alone. */
  readonly overfit?: boolean;
  /** A checkpoint, or a folder with one. */
  readonly resume?: string;
  /** Runs without stopping anywhere. */
  readonly noDebug?: boolean;
  /** Seconds that the file's top-level code may take. */
  readonly timeLimit?: number;
  /** MiB that the program may fill. */
  readonly memoryLimit?: number;
  /** Where relative paths begin. */
  readonly cwd?: string;
}

export interface AttachArguments {
  /** A training's name. */
  readonly run?: string;
  /** The training of this model file. */
  readonly program?: string;
}

/** Which passes breakpoints may be told to stop in: of a launch, and of a breakpoint. */
export const PASSES = ["all", "forward", "backward", "update"] as const;

/** @throws RequestError that says which field is wrong. */
export function readLaunchArguments(fields: Fields, path: (text: string) => string): LaunchArguments {
  const optionalPath = (name: string): string | undefined => {
    const text = optionalText(fields, name);
    return text === undefined ? undefined : path(text);
  };
  if (textOf(fields, "program").trim() === "") throw new RequestError("program must be the path of a model file");
  const args: LaunchArguments = {
    program: path(textOf(fields, "program")),
    cwd: optionalPath("cwd"),
    noDebug: optionalFlag(fields, "noDebug"),
    stopOnEntry: optionalFlag(fields, "stopOnEntry"),
    stopAtIteration: optionalWhole(fields, "stopAtIteration", 0),
    stopAtFinding: optionalFlag(fields, "stopAtFinding"),
    passes: optionalChoice(fields, "passes", PASSES),
    historyLimit: optionalPositive(fields, "historyLimit"),
    keepWeightsOf: optionalText(fields, "keepWeightsOf"),
    epochs: optionalWhole(fields, "epochs", 0),
    seed: optionalWhole(fields, "seed", 0),
    maxSteps: optionalWhole(fields, "maxSteps", 0),
    overfit: optionalFlag(fields, "overfit"),
    resume: optionalPath("resume"),
    timeLimit: optionalPositive(fields, "timeLimit"),
    memoryLimit: optionalPositive(fields, "memoryLimit"),
  };
  // Left out rather than undefined: they may cross processes.
  return Object.fromEntries(
    Object.entries(args).filter(([, value]) => value !== undefined),
  ) as unknown as LaunchArguments;
}

export function readAttachArguments(fields: Fields, path: (text: string) => string): AttachArguments {
  const run = optionalText(fields, "run");
  const program = optionalText(fields, "program");
  return { ...(run !== undefined && { run }), ...(program !== undefined && { program: path(program) }) };
}

/** How the debugged program begins, of what a launch says. */
export function debugOptions(args: LaunchArguments): DebugOptions {
  const { stopAtIteration, passes, historyLimit, keepWeightsOf } = args;
  if (args.noDebug) return { historyLimit, keepWeightsOf };
  const { stopOnEntry, stopAtFinding } = args;
  return { stopOnEntry, stopAtIteration, stopAtFinding, passes, historyLimit, keepWeightsOf };
}
