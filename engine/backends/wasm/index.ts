import { type Backend, type Buffer, type Dispatch, DispatchError, type Prepared } from "../backend";
import type { ElementType } from "../../kernel/kernel";
import { type ArraysKernel, createSingleKernels } from "../js/index";
import { ModuleWriter } from "./assembler/module";
import { type KernelCode, STATUS, type Target } from "./code";
import { codeOf } from "./kernels";
import { Arena, MAXIMUM_PAGES, PAGE_BYTES, WasmBuffer, type WasmPlatform, wasmPlatform } from "./memory";
import { createWasmProduct } from "./matrix-product";
import { type Call, FAILED, layoutOf, shareableWork, writeProgram } from "./program";
import { type Crew, type CrewOptions, createCrew, teamFor } from "./crew";

export interface WasmBackendOptions {
  /** What it says of itself. */
  readonly name?: string;
  readonly target?: Target;
  /** Kernels that are left to the JavaScript backend, by what they are for: to compare with. */
  readonly foreign?: (dispatch: Dispatch) => boolean;
  /** Other threads to share the work with; the platform must have shared memory. */
  readonly threads?: Omit<CrewOptions, "warn">;
  /** Told what went wrong, in words for the user, where the work goes on in another way; without it such faults are thrown. */
  readonly warn?: (message: string) => void;
}

export interface WasmBackend extends Backend {
  /** Those that can run now: the others take a moment to start. */
  readonly threads: number;
  /** Memory in use. */
  readonly bytes: number;
}

const PLAIN_TARGET: Target = { fused: false, wide: false };

/**
 * The CPU through WebAssembly with 128-bit vectors: all that is prepared together becomes one module on one memory. What has
 * no code of its own here is done by the JavaScript backend's kernels on the same memory. Undefined where the platform has no
 * such WebAssembly: use `createJsBackend` there.
 * @throws where there is no memory for it, or nothing may be compiled
 */
export function createWasmBackend(options: WasmBackendOptions = {}): WasmBackend | undefined {
  const platform = wasmPlatform();
  if (!platform || !hasVectors(platform)) return undefined;
  const target = options.target ?? PLAIN_TARGET;
  const { threads: given, warn = () => undefined } = options;
  const isShared = given !== undefined && given.others > 0;
  const arena = new Arena(platform, isShared);
  const crew = isShared ? createCrew(arena.memory, { ...given, warn }) : undefined;
  let kernels: ForeignKernels | undefined;
  // Not before they are needed: they have a memory of their own, of which each takes much of the address space.
  const foreign: ForeignKernels = (...given) => {
    kernels ??= createSingleKernels({ floatProduct: createWasmProduct() });
    return kernels(...given);
  };
  return {
    name: options.name ?? "wasm",
    get threads() {
      return crew?.count ?? 1;
    },
    get bytes() {
      return arena.used;
    },
    allocate: (type, size) => new WasmBuffer(arena, type, size),
    part: (whole, offset, type, size) => new WasmBuffer(arena, type, size, of(arena, whole).address + offset),
    release: (buffer) => {
      of(arena, buffer).release();
    },
    prepare: (dispatches) => prepare(dispatches, { platform, arena, target, foreign, crew, options }),
    write(buffer, data) {
      checkSize(buffer, data.length);
      const { values } = of(arena, buffer);
      if (buffer.type === "bool") for (let i = 0; i < data.length; i++) values[i] = Number(data[i] !== 0);
      else values.set(data);
    },
    copy(from, to) {
      checkSize(to, from.size);
      of(arena, to).values.set(of(arena, from).values);
    },
    read: async (buffer) => of(arena, buffer).values.slice(),
  };
}

/** @throws where the platform knows vectors, but compiles nothing: by a page's content security policy */
function hasVectors(platform: WasmPlatform): boolean {
  const writer = new ModuleWriter({ pages: 0, maximum: 1, shared: false });
  writer.function({ parameters: ["v128"], results: ["v128"] }, (f) => {
    const [x] = f.parameters;
    f.get(x).get(x).op("f32x4.add");
  });
  const bytes = writer.bytes();
  return platform.validate(bytes) && Boolean(new platform.Module(bytes));
}

/** Calling the others takes some tens of microseconds. */
const WORTH_CALLING_NS = 100_000;

type ForeignKernels = ReturnType<typeof createSingleKernels>;

interface Context {
  readonly platform: WasmPlatform;
  readonly arena: Arena;
  readonly target: Target;
  readonly foreign: ForeignKernels;
  readonly crew: Crew | undefined;
  readonly options: WasmBackendOptions;
}

interface Exports {
  readonly run: (from: number, to: number, thread: number, threads: number) => void;
}

function prepare(dispatches: readonly Dispatch[], context: Context): Prepared {
  const { platform, arena, target, foreign, options } = context;
  const buffers = dispatches.map(({ inputs, outputs }) => ({
    inputs: inputs.map((buffer) => of(arena, buffer)),
    outputs: outputs.map((buffer) => of(arena, buffer)),
  }));
  let codes = dispatches.map((dispatch): KernelCode | undefined => {
    const { kernel, inputs, outputs } = dispatch;
    if (options.foreign?.(dispatch)) return undefined;
    return codeOf({ kernel, inputs: inputs.map(typeOf), outputs: outputs.map(typeOf) }, target);
  });
  const callsOf = (given: typeof codes): Call[] =>
    given.map((code, i) => ({
      code,
      inputs: buffers[i].inputs.map(({ address }) => address),
      outputs: buffers[i].outputs.map(({ address }) => address),
    }));
  const calls = callsOf(codes);
  const layout = layoutOf(calls);
  const shared = arena.take(layout.shared);
  let crew = shareableWork(calls) >= WORTH_CALLING_NS ? context.crew : undefined;
  const scratchBytes = layout.scratch * (crew?.size ?? 1);
  const scratch = arena.take(scratchBytes);
  const compile = (given: readonly Call[]): object => {
    const pages = arena.memory.buffer.byteLength / PAGE_BYTES;
    const bytes = writeProgram(
      given,
      { shared, scratch, scratchBytes: layout.scratch },
      { pages, maximum: MAXIMUM_PAGES, shared: arena.shared },
      crew && teamFor(given),
    );
    return new platform.Module(bytes);
  };
  let module: object;
  try {
    module = compile(calls);
  } catch (error) {
    if (!options.warn) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    options.warn(`the platform does not take the kernels, JavaScript does their work, slowly: ${problem}`);
    codes = codes.map(() => undefined);
    crew = undefined;
    module = compile(callsOf(codes));
  }
  const kernels: ArraysKernel[] = [];
  dispatches.forEach(({ kernel, inputs, outputs }, i) => {
    if (!codes[i]) kernels[i] = foreign(kernel, inputs.map(typeOf), outputs.map(typeOf));
  });
  /** An exception must not go through a module on several threads: it waits until they have met. */
  let thrown: { readonly error: unknown; readonly index: number } | undefined;
  const instance = new platform.Instance(module, {
    env: {
      memory: arena.memory,
      foreign: (i: number) => {
        if (thrown) return;
        const { inputs, outputs } = buffers[i];
        try {
          kernels[i](
            inputs.map(({ values }) => values),
            outputs.map(({ values }) => values),
          );
        } catch (error) {
          thrown = { error, index: i };
        }
      },
    },
  });
  const { run } = instance.exports as Exports;
  const enlisted = crew?.enlist(module);
  let status: Int32Array | undefined;
  let isDisposed = false;
  return {
    run(from, to) {
      if (context.crew?.lost) throw context.crew.lost;
      const own = (threads: number): void => {
        run(from, to, 0, threads);
      };
      if (enlisted) enlisted.run(from, to, own);
      else own(1);
      if (thrown) {
        const { error, index } = thrown;
        thrown = undefined;
        throw new DispatchError(index, error instanceof Error ? error.message : String(error));
      }
      if (status?.buffer !== arena.memory.buffer) status = new Int32Array(arena.memory.buffer, 0, STATUS.end / 4);
      const failed = status[STATUS.failed / 4];
      if (failed === 0) return;
      status[STATUS.failed / 4] = 0;
      const value = status[STATUS.value / 4];
      throw new DispatchError(failed - FAILED, codes[failed - FAILED]?.failure?.(value) ?? `failed with ${value}`);
    },
    dispose() {
      if (isDisposed) return;
      isDisposed = true;
      arena.give(shared, layout.shared);
      arena.give(scratch, scratchBytes);
      enlisted?.drop();
    },
  };
}

function of(arena: Arena, buffer: Buffer): WasmBuffer {
  if (buffer instanceof WasmBuffer && buffer.arena === arena) return buffer;
  throw new Error("internal: a buffer of another backend was given to this one");
}

const typeOf = ({ type }: Buffer): ElementType => type;

function checkSize(buffer: Buffer, size: number): void {
  if (buffer.size !== size) throw new Error(`internal: ${size} values do not fit a buffer of ${buffer.size}`);
}
