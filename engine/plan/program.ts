import { type Backend, type Buffer, DispatchError, type Values } from "../backends/backend";
import type { Tensor } from "../graph/tensor";
import type { Plan } from "./plan";

/** A plan with memory and compiled kernels of one backend: runs as often as one likes. */
export interface Program {
  /** Gives a leaf its value; ignored for leaves the plan does not need. */
  write(leaf: Tensor, data: ArrayLike<number>): void;
  run(): void;
  /** The same in steps, for whoever wants to do something else in between. */
  start(): Running;
  /** The same kernel by kernel, for whoever wants to breathe in between or give up. */
  runInSteps(): Iterable<void>;
  /** Writes the plan's assignments over their leaves, once a run is over. */
  commit(): void;
  /** The value of one of the plan's outputs after {@link run}. */
  read(output: Tensor): Promise<Values>;
  /** Copies an output into a buffer. */
  copyTo(output: Tensor, target: Buffer): void;
  /** Gives its memory back, once; it runs no more. Leaves that it shares stay. */
  dispose(): void;
  readonly plan: Plan;
}

/** A run that may be left off and gone on with, or forgotten: a new one begins from the beginning. */
export interface Running {
  /** Does one more kernel. @returns whether there was one left */
  step(): boolean;
  /** Does what is left at once. */
  finish(): void;
}

/**
 * Compiles a plan. Leaves in `shared` use the buffers given there (parameters and states that several programs
 * train); the others get buffers of their own.
 */
export function compileProgram(
  plan: Plan,
  backend: Backend,
  shared: Pick<ReadonlyMap<Tensor, Buffer>, "get"> = new Map(),
): Program {
  const own: Buffer[] = [];
  const allocate = (...given: Parameters<Backend["allocate"]>): Buffer => {
    const buffer = backend.allocate(...given);
    own.push(buffer);
    return buffer;
  };
  const buffers = new Array<Buffer>(plan.slots.length);
  for (const [leaf, slot] of plan.leaves) {
    const { type, size } = plan.slots[slot];
    buffers[slot] = shared.get(leaf) ?? allocate(type, size);
    if (leaf.op === "constant") backend.write(buffers[slot], leaf.attributes.data as Float64Array);
  }
  if (plan.scratchBytes > 0) {
    // Any type would do: it is taken for its bytes.
    const scratch = allocate("bool", plan.scratchBytes);
    plan.slots.forEach(({ type, size }, slot) => {
      const place = plan.places[slot];
      if (place !== undefined) buffers[slot] = backend.part(scratch, place, type, size);
    });
  }
  const prepared = backend.prepare(
    plan.instructions.map(({ kernel, inputs, outputs }) => ({
      kernel,
      inputs: inputs.map((slot) => buffers[slot]),
      outputs: outputs.map((slot) => buffers[slot]),
    })),
  );
  const { commitFrom } = plan;
  const runPart = (from: number, to: number): void => {
    if (from === to) return;
    try {
      prepared.run(from, to);
    } catch (error) {
      if (error instanceof DispatchError) throw placed(error, plan.instructions[error.index].node);
      throw error;
    }
  };
  const bufferOf = (output: Tensor): Buffer => {
    const slot = plan.outputs.get(output);
    if (slot === undefined) throw new Error(`internal: ${output.name ?? output.op} is no output of this plan`);
    return buffers[slot];
  };
  return {
    plan,
    write: (leaf, data) => {
      const slot = plan.leaves.get(leaf);
      if (slot !== undefined) backend.write(buffers[slot], data);
    },
    run: () => {
      runPart(0, commitFrom);
    },
    start: () => {
      let at = 0;
      return {
        step() {
          if (at === commitFrom) return false;
          runPart(at, at + 1);
          at++;
          return true;
        },
        finish() {
          runPart(at, commitFrom);
          at = commitFrom;
        },
      };
    },
    *runInSteps() {
      for (let i = 0; i < commitFrom; i++) yield runPart(i, i + 1);
    },
    commit: () => {
      runPart(commitFrom, plan.instructions.length);
    },
    read: async (output) => {
      try {
        return await backend.read(bufferOf(output));
      } catch (error) {
        if (error instanceof DispatchError && error.prepared === prepared)
          throw placed(error, plan.instructions[error.index].node);
        throw error;
      }
    },
    copyTo: (output, target) => backend.copy(bufferOf(output), target),
    dispose: () => {
      prepared.dispose();
      for (const buffer of own.splice(0)) backend.release(buffer);
    },
  };
}

/** Adds the user's place to an error of a kernel, such as an index out of range. */
function placed({ message }: DispatchError, node: Tensor): Error {
  return node.site
    ? new Error(`${node.site.file}:${node.site.line}:${node.site.column}: ${node.op}: ${message}`)
    : new Error(`${node.op}: ${message}`);
}
