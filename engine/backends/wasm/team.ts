import type { Callee, FunctionWriter } from "./assembler/function";
import type { ModuleWriter } from "./assembler/module";

/** Addresses of two words by which the threads of a run meet: how many wait, and how often they have met. */
export interface Team {
  readonly waiting: number;
  readonly met: number;
}

/** Looks at the meeting's word so often before the system is asked to wait: some tens of microseconds. */
const SPINS = 4000;

/** `meet(threads)`: returns when as many threads have called it. */
export function meetingFunction(module: ModuleWriter, { waiting, met }: Team): Callee {
  return module.once("meet", { parameters: ["i32"] }, (f) => {
    const [threads] = f.parameters;
    const before = f.local("i32");
    const spins = f.local("i32");
    const isOver = (): FunctionWriter => f.i32(0).memory("i32.atomic.load", met).get(before).op("i32.ne");
    f.block((done) => {
      f.get(threads).i32(1).op("i32.le_s").leaveIf(done);
      f.i32(0).memory("i32.atomic.load", met).set(before);
      f.i32(0).i32(1).memory("i32.atomic.rmw.add", waiting).i32(1).op("i32.add").get(threads).op("i32.eq");
      f.if(() => {
        // The last one: the count is for the next meeting before anybody can come to it.
        f.i32(0).i32(0).memory("i32.atomic.store", waiting);
        f.i32(0).i32(1).memory("i32.atomic.rmw.add", met).op("drop");
        f.i32(0).i32(-1).memory("memory.atomic.notify", met).op("drop").leave(done);
      });
      f.i32(SPINS).set(spins);
      f.loop((again) => {
        isOver().leaveIf(done);
        f.get(spins).i32(1).op("i32.sub").tee(spins).leaveIf(again);
      });
      f.loop((again) => {
        isOver().leaveIf(done);
        f.i32(0).get(before).i64(-1n).memory("memory.atomic.wait32", met).op("drop").leave(again);
      });
    });
  });
}
