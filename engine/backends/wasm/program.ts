import type { FunctionWriter } from "./assembler/function";
import { type MemoryImport, ModuleWriter } from "./assembler/module";
import { type KernelCode, type Phase, STATUS, aligned } from "./code";
import { type Team, meetingFunction } from "./team";

/** A kernel's code with where its buffers are; undefined code is done by the platform, by number. */
export interface Call {
  readonly code: KernelCode | undefined;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Addresses that a module's code needs beside its buffers. */
export interface Layout {
  /** Bytes that the phases of a kernel share. */
  readonly shared: number;
  /** Bytes that each thread has for itself. */
  readonly scratch: number;
}

/** What is left in the status beside the number of a call that failed. */
export const FAILED = 2;

/** Work of less than this is not worth sharing. */
const WORTH_SHARING_NS = 15_000;

export function layoutOf(calls: readonly Call[]): Layout {
  const most = (bytes: (code: KernelCode) => number): number =>
    aligned(Math.max(0, ...calls.map(({ code }) => (code ? bytes(code) : 0))));
  return {
    shared: most(({ shared }) => shared ?? 0),
    scratch: most(({ phases }) => Math.max(0, ...phases.map(({ scratch }) => scratch ?? 0))),
  };
}

/** Nanoseconds that one thread takes for what several could do. */
export function shareableWork(calls: readonly Call[]): number {
  return calls.reduce(
    (sum, { code }) =>
      sum + (code?.phases ?? []).reduce((part, phase) => part + (isShareable(phase) ? phase.work : 0), 0),
    0,
  );
}

function isShareable({ pieces, work }: Phase): boolean {
  return pieces > 1 && work >= WORTH_SHARING_NS;
}

export interface Placement {
  readonly shared: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

/**
 * A module of one function `run(from, to, thread, threads)`: does the calls from ≤ i < to, each thread its part; all threads
 * call it with the same range. Calls without code are `env.foreign(i)`, by thread 0. Of a call that failed, FAILED + its number is left in
 * the status.
 */
export function writeProgram(
  calls: readonly Call[],
  placement: Placement,
  memory: MemoryImport,
  team: Team | undefined,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleWriter(memory);
  const foreign = module.import("foreign", { parameters: ["i32"] });
  const meeting = team && meetingFunction(module, team);
  const callees = calls.map(({ code, inputs, outputs }) =>
    (code?.phases ?? []).map((phase) => phaseFunction(module, phase, inputs.length, outputs.length)),
  );
  const run = module.function({ parameters: ["i32", "i32", "i32", "i32"] }, (f) => {
    const [from, to, thread, threads] = f.parameters;
    const scratch = f.local("i32");
    f.i32(placement.scratch).get(thread).i32(placement.scratchBytes).op("i32.mul", "i32.add").set(scratch);
    /** Whether work has been shared since all threads last met. */
    const state = { apart: false, aloneDone: false };
    const meet = (): void => {
      if (meeting) f.get(thread).get(threads).call(meeting);
    };
    const alone = (body: () => void): void => {
      if (!team) body();
      else f.get(thread).op("i32.eqz").if(body);
    };
    calls.forEach((call, i) => {
      // Each call may be the first of a range: what was done before it is over for every thread by then.
      f.block((skip) => {
        f.get(from).i32(i).op("i32.gt_s").leaveIf(skip);
        f.get(to).i32(i).op("i32.le_s").leaveIf(skip);
        if (!call.code) {
          meetIfApart(state, meet);
          alone(() => f.i32(i).call(foreign));
          state.aloneDone = true;
          return;
        }
        const { code } = call;
        code.phases.forEach((phase, at) => {
          const isShared = team !== undefined && isShareable(phase);
          if (isShared ? state.apart || state.aloneDone : state.apart) meet();
          const invoke = (bounds: () => void): void => {
            for (const address of [...call.inputs, ...call.outputs, placement.shared]) f.i32(address);
            f.get(scratch);
            bounds();
            f.call(callees[i][at]);
          };
          if (isShared) {
            invoke(() => {
              part(
                f,
                phase.pieces,
                () => f.get(thread),
                () => f.get(threads),
              );
              part(
                f,
                phase.pieces,
                () => f.get(thread).i32(1).op("i32.add"),
                () => f.get(threads),
              );
            });
            state.apart = true;
            state.aloneDone = false;
          } else {
            alone(() => {
              invoke(() => f.i32(0).i32(phase.pieces));
            });
            state.apart = false;
            state.aloneDone = true;
          }
        });
        if (code.failure) {
          // The first that failed, for whoever reads it afterwards.
          f.i32(0).memory("i32.load", STATUS.failed).i32(1).op("i32.eq");
          f.if(() =>
            f
              .i32(0)
              .i32(FAILED + i)
              .memory("i32.store", STATUS.failed),
          );
        }
      });
    });
    meet();
  });
  module.export("run", run);
  return module.bytes();
}

function meetIfApart(state: { apart: boolean }, meet: () => void): void {
  if (state.apart) meet();
  state.apart = false;
}

/** pieces · at / of, rounded down. */
function part(f: FunctionWriter, pieces: number, at: () => void, of: () => void): void {
  f.i32(pieces);
  at();
  f.op("i32.mul");
  of();
  f.op("i32.div_u");
}

function phaseFunction(
  module: ModuleWriter,
  phase: Phase,
  inputs: number,
  outputs: number,
): { readonly index: number } {
  const count = inputs + outputs + 4;
  return module.once(`${phase.key}/${inputs}/${outputs}`, { parameters: new Array<"i32">(count).fill("i32") }, (f) => {
    const given = f.parameters;
    phase.write(
      f,
      {
        inputs: given.slice(0, inputs),
        outputs: given.slice(inputs, inputs + outputs),
        shared: given[count - 4],
        scratch: given[count - 3],
        from: given[count - 2],
        to: given[count - 1],
      },
      module,
    );
  });
}
