import type { Callee, FunctionWriter } from "./assembler/function";
import type { ModuleWriter } from "./assembler/module";

export interface Team {
  /** Address of two words by which the threads of a run meet: how many wait, and how often they have met. */
  readonly meeting: number;
  /** Address of a word that is not 0 once a thread was lost: one of {@link SILENT} or the thread's number. */
  readonly lost: number;
  /** Seconds without a sign of the others after which the first thread gives them up. */
  readonly patience: number;
}

/** In the place of a thread's number: one of the others, it is not known which, did not come to a meeting. */
export const SILENT = -1;

/** Looks at the meeting's word so often before the system is asked to wait: as long as what one thread does alone between two meetings may take. */
const SPINS = 40000;
/** A wait is cut into such pieces, and the pieces are counted: a machine that slept for hours has waited one of them. */
const SECOND_NS = 1_000_000_000n;

/**
 * `meet(thread, threads)`: returns when as many threads have called it. Traps in every thread that comes to a meeting, or waits at one,
 * once a thread was lost: what the others would go on with would be wrong.
 */
export function meetingFunction(module: ModuleWriter, { meeting, lost, patience }: Team): Callee {
  const [waiting, met] = [meeting, meeting + 4];
  /** `rest(before)`: sleeps until the next meeting is over, or a second has passed; the latter is TIMED_OUT. */
  // A function of its own: the first compiler of V8 (11.3, Node 20) loses what other variables hold while one waits.
  const rest = module.once("rest", { parameters: ["i32"], results: ["i32"] }, (f) => {
    f.i32(0).get(f.parameters[0]).i64(SECOND_NS).memory("memory.atomic.wait32", met);
  });
  return module.once("meet", { parameters: ["i32", "i32"] }, (f) => {
    const [thread, threads] = f.parameters;
    const before = f.local("i32");
    const left = f.local("i32");
    const isOver = (): FunctionWriter => f.i32(0).memory("i32.atomic.load", met).get(before).op("i32.ne");
    const endIfLost = (): FunctionWriter =>
      f
        .i32(0)
        .memory("i32.atomic.load", lost)
        .if(() => f.op("unreachable"));
    f.block((done) => {
      f.get(threads).i32(1).op("i32.le_s").leaveIf(done);
      endIfLost();
      f.i32(0).memory("i32.atomic.load", met).set(before);
      f.i32(0).i32(1).memory("i32.atomic.rmw.add", waiting).i32(1).op("i32.add").get(threads).op("i32.eq");
      f.if(() => {
        // The last one: the count is for the next meeting before anybody can come to it.
        f.i32(0).i32(0).memory("i32.atomic.store", waiting);
        f.i32(0).i32(1).memory("i32.atomic.rmw.add", met).op("drop");
        f.i32(0).i32(-1).memory("memory.atomic.notify", met).op("drop").leave(done);
      });
      f.i32(SPINS).set(left);
      f.loop((again) => {
        isOver().leaveIf(done);
        f.get(left).i32(1).op("i32.sub").tee(left).leaveIf(again);
      });
      f.i32(patience).set(left);
      f.loop((again) => {
        isOver().leaveIf(done);
        endIfLost();
        f.get(before).call(rest).i32(TIMED_OUT).op("i32.ne").leaveIf(again);
        // The others wait for the first as long as it takes: without it all end anyway.
        f.get(thread).leaveIf(again);
        f.get(left).i32(1).op("i32.sub").tee(left).leaveIf(again);
        isOver().leaveIf(done);
        f.i32(0).i32(SILENT).memory("i32.atomic.store", lost);
        f.leave(again);
      });
    });
  });
}

/** What `memory.atomic.wait32` says then. */
const TIMED_OUT = 2;
