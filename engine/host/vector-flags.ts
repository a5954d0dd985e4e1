import v8 from "node:v8";
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import type { KernelName } from "../backends/wasm/select";

/** V8's flags that help kernels. They hold for a whole process, and so are for processes that are the engine's alone. */

/** What this thread may use beside that which the platform takes without flags. */
export interface VectorSupport {
  /** Whether the compiler makes 256-bit operations of pairs of 128-bit ones. */
  readonly wide: boolean;
  /** Why what is not there is not there, for people. */
  readonly lacking: Readonly<Partial<Record<KernelName, string>>>;
}

/**
 * Sets the flags, before anything is compiled; threads that are started later know of it. Setting them from within needs no
 * knowledge of the program that runs Node, as its command line would: that program refuses to start with a flag it does not know.
 */
export function setVectorFlags(): void {
  if (needsRelaxedFlag() && !isRefused(RELAXED)) v8.setFlagsFromString(RELAXED);
  if (lackOfWide() !== undefined) return;
  v8.setFlagsFromString(WIDE);
  setEnvironmentData(DATA_KEY, true);
}

export function vectorSupport(): VectorSupport {
  const wide = getEnvironmentData(DATA_KEY) === true || process.execArgv.includes(WIDE);
  const elsewhere = "need the engine in a process of its own";
  return {
    wide: wide && lackOfWide() === undefined,
    lacking: {
      "relaxed SIMD": lackOfRelaxed(elsewhere),
      "256-bit SIMD": `256-bit kernels ${lackOfWide() ?? elsewhere}`,
    },
  };
}

/** @param atOnce whether what is compiled from now on is optimised at once, or (V8's default) when it is used much */
export function optimiseAtOnce(atOnce: boolean): void {
  v8.setFlagsFromString(atOnce ? "--no-liftoff" : "--liftoff");
}

const RELAXED = "--experimental-wasm-relaxed-simd";
const WIDE = "--experimental-wasm-revectorize";
const DATA_KEY = "backstep.wideVectors";

/** V8 11.3, which is Node 20, has relaxed SIMD behind a flag, later versions have it without. */
function needsRelaxedFlag(): boolean {
  const [major, minor] = version();
  return major === 11 && minor < 4;
}

function lackOfRelaxed(elsewhere: string): string {
  if (!needsRelaxedFlag()) return "this platform has no relaxed SIMD";
  return `relaxed SIMD kernels ${isRefused(RELAXED) ? `are switched off by ${RELAXED.replace("--", "--no-")}` : elsewhere}`;
}

/** Up to V8 12 the flag exists, and makes nothing faster. @returns undefined where 256-bit kernels are possible */
function lackOfWide(): string | undefined {
  if (process.arch !== "x64") return "need an x64 processor";
  if (version()[0] < 13) return "electron" in process.versions ? "need a newer version of the editor" : "need Node 24";
  // V8 writes a message to stderr when it is given a flag that it was built without.
  const { variables } = process.config as { readonly variables: Readonly<Record<string, unknown>> };
  const isBuilt = variables.v8_enable_wasm_simd256_revec === 1;
  if (!isBuilt) return "are not part of this build of Node";
  return isRefused(WIDE) ? `are switched off by ${WIDE.replace("--", "--no-")}` : undefined;
}

/** Whether whoever started Node switched the flag off; what they want is not undone. */
function isRefused(flag: string): boolean {
  return process.execArgv.some((each) => each.replaceAll("_", "-") === flag.replace("--", "--no-"));
}

function version(): readonly [major: number, minor: number] {
  const [major, minor] = process.versions.v8.split(".").map(Number);
  return [major, minor];
}
