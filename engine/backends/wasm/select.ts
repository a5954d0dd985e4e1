import type { Kernel } from "../../kernel/kernel";
import type { Backend, Prepared } from "../backend";
import { createJsBackend } from "../js/index";
import { ModuleWriter } from "./assembler/module";
import type { Target } from "./code";
import { createWasmBackend } from "./index";
import { type WasmPlatform, wasmPlatform } from "./memory";
import { createTrial, firstWrong, runTrial } from "./select-check";

/**
 * Which kernels the machine runs fastest: those that the platform takes are tried on a small program first, whose results must
 * be those of the JavaScript backend, and what is right is measured.
 */

export type KernelName = "plain SIMD" | "relaxed SIMD" | "256-bit SIMD";

export const KERNELS: Readonly<Record<KernelName, Target>> = {
  "plain SIMD": { fused: false, wide: false },
  "relaxed SIMD": { fused: true, wide: false },
  "256-bit SIMD": { fused: true, wide: true },
};

export interface Selection {
  /** undefined: none is right here, and the JavaScript backend is to be used. */
  readonly kernels: KernelName | undefined;
  /** GFLOP/s on one thread of those that were measured. */
  readonly speeds: Speeds;
  /** Why others cannot be used, for people. */
  readonly reasons: readonly string[];
  /** The same of those that failed when they were tried. */
  readonly faults: readonly string[];
}

/** GFLOP/s. */
export type Speeds = Readonly<Partial<Record<KernelName, number>>>;

/** What a selection found out by trying. */
export interface RememberedKernels {
  readonly kernels: KernelName;
  readonly speeds: Speeds;
  readonly faults: readonly string[];
}

export interface SelectOptions {
  /** Milliseconds. */
  readonly now: () => number;
  /** Milliseconds that the clock tells apart, where that is much: browsers blur it. */
  readonly clockStep?: number;
  /** Whether the compiler was told to make 256-bit operations of pairs; it does not by itself. */
  readonly wide: boolean;
  /**
   * Has code optimised when it is compiled, or (again) when it is used much. Pairs are made by the optimiser alone, and this part of it
   * is experimental: what is checked must be what will run.
   */
  readonly optimiseAtOnce?: (atOnce: boolean) => void;
  /** Why kernels that cannot be used here cannot, as the host knows it. */
  readonly lacking?: Readonly<Partial<Record<KernelName, string>>>;
  /** What was chosen on this machine before: measured anew only if it fails now. */
  readonly remembered?: RememberedKernels | undefined;
  /** Makes the backend to be tried; for tests. */
  readonly create?: (target: Target) => Backend | undefined;
}

export async function selectKernels(options: SelectOptions): Promise<Selection> {
  const { remembered, lacking = {} } = options;
  if (!wasmPlatform()) return { kernels: undefined, speeds: {}, reasons: ["there is no WebAssembly"], faults: [] };
  const possible = possibleKernels(options.wide);
  const reasons = NAMES.flatMap((name) => (possible.includes(name) ? [] : (lacking[name] ?? [])));
  const faults: string[] = [];
  const trial = createTrial();
  const expected = await runTrial(createJsBackend({ mode: "interpret" }), trial);
  const check = async (name: KernelName): Promise<Backend | undefined> => {
    // What the compiler was told, it does to all kernels.
    if (options.wide) options.optimiseAtOnce?.(true);
    try {
      const backend = (options.create ?? createBackend)(KERNELS[name]);
      if (!backend) throw new Error("WebAssembly has no vectors here");
      const wrong = firstWrong(trial, await runTrial(backend, trial), expected);
      if (wrong === undefined) return backend;
      faults.push(`${name} is not used: its ${wrong} was wrong`);
    } catch (error) {
      faults.push(`${name} is not used: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      if (options.wide) options.optimiseAtOnce?.(false);
    }
    return undefined;
  };
  if (remembered && possible.includes(remembered.kernels) && (await check(remembered.kernels)))
    return { ...remembered, reasons };
  const right: Candidate[] = [];
  for (const name of possible) {
    // The one that was remembered has failed.
    const backend = name === remembered?.kernels ? undefined : await check(name);
    if (backend) right.push({ name, backend });
  }
  const speeds = measure(right, options.now, (options.clockStep ?? 0) * CLOCK_STEPS);
  return { kernels: fastest(speeds), speeds, reasons, faults };
}

/** Those that the platform takes. @param wide whether the compiler was told to make 256-bit operations */
export function possibleKernels(wide: boolean): KernelName[] {
  const platform = wasmPlatform();
  if (!platform) return [];
  const isRelaxed = hasRelaxedSimd(platform);
  return NAMES.filter((name) => (!KERNELS[name].fused || isRelaxed) && (!KERNELS[name].wide || wide));
}

/** One line for people: what computes, on how many threads, and why. `more` are reasons beside those of the selection. */
export function describeSelection(
  { kernels, speeds, reasons, faults }: Selection,
  threads: number,
  more: readonly string[] = [],
): string {
  const why = [...reasons, ...faults, ...more];
  if (!kernels) return `JavaScript, 1 thread${inBrackets(why)}`;
  const speed = (name: KernelName): string => String(Math.round(speeds[name] ?? 0));
  const others = NAMES.filter((name) => name !== kernels && speeds[name] !== undefined);
  const slower = others.map((name) => `${speed(name)} with ${name}`).join(", ");
  const own = `${speed(kernels)} GFLOP/s a thread${slower && `, ${slower}`}`;
  return `WebAssembly, ${kernels}, ${threads === 1 ? "1 thread" : `${threads} threads`}${inBrackets([own, ...why])}`;
}

/** The machine's vectors are used the more the later. */
const NAMES = Object.keys(KERNELS) as KernelName[];

interface Candidate {
  readonly name: KernelName;
  readonly backend: Backend;
}

/** A matrix product of this size, which fits a cache of 1 MiB. */
const SIZE = 192;
const FLOPS = 2 * SIZE ** 3;
/** For each: long enough that the compiler has optimised what it found to be used much. */
const MEASURE_MS = 15;
/** Of the clock, in each time that is taken. */
const CLOCK_STEPS = 20;
/** On slow machines. */
const LEAST_ROUNDS = 3;
/** Nearly equal figures change from one time to the next; results are to be the same to the last bit. */
const CLEARLY = 1.15;

function createBackend(target: Target): Backend | undefined {
  return createWasmBackend({ target });
}

/** Whether a module is taken that multiplies and adds in one instruction. */
function hasRelaxedSimd(platform: WasmPlatform): boolean {
  const module = new ModuleWriter({ pages: 0, maximum: 1, shared: false });
  module.function({ parameters: ["v128"], results: ["v128"] }, (f) => {
    const [x] = f.parameters;
    f.get(x).get(x).get(x).op("f32x4.relaxed_madd");
  });
  return platform.validate(module.bytes());
}

/** The best of many runs, taken in turn: what disturbs one does not favour another. @param least milliseconds to take the time of @returns GFLOP/s */
function measure(candidates: readonly Candidate[], now: () => number, least: number): Speeds {
  const contest = candidates.map(({ name, backend }) => ({ name, product: prepareProduct(backend), best: Infinity }));
  const end = now() + MEASURE_MS * contest.length;
  for (let round = 0; round < LEAST_ROUNDS || now() < end; round++) {
    for (const each of contest) {
      const began = now();
      let runs = 0;
      let took: number;
      do {
        each.product.run(0, 1);
        runs++;
        took = now() - began;
      } while (took < least);
      each.best = Math.min(each.best, took / runs);
    }
  }
  for (const { product } of contest) product.dispose();
  return Object.fromEntries(contest.map(({ name, best }) => [name, FLOPS / (best * 1e6)]));
}

function prepareProduct(backend: Backend): Prepared {
  const [a, b, c] = Array.from({ length: 3 }, () => {
    const buffer = backend.allocate("float32", SIZE ** 2);
    // Tiny and infinite numbers would take other times.
    backend.write(buffer, new Float32Array(SIZE ** 2).fill(1));
    return buffer;
  });
  const kernel: Kernel = {
    kind: "matmul",
    ...{ m: SIZE, n: SIZE, k: SIZE },
    batch: [{ a: 0, b: 0 }],
    strideA: [SIZE, 1],
    strideB: [SIZE, 1],
  };
  return backend.prepare([{ kernel, inputs: [a, b], outputs: [c] }]);
}

function fastest(speeds: Speeds): KernelName | undefined {
  let best: KernelName | undefined;
  for (const name of [...NAMES].reverse()) {
    const speed = speeds[name];
    if (speed !== undefined && (!best || speed > (speeds[best] ?? 0) * CLEARLY)) best = name;
  }
  return best;
}

function inBrackets(reasons: readonly string[]): string {
  return reasons.length > 0 ? ` (${reasons.join("; ")})` : "";
}
