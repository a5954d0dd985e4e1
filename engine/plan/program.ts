import { type Backend, type Buffer, DispatchError, type Values } from "../backends/backend";
import type { Tensor } from "../graph/tensor";
import type { Plan } from "./plan";

/** A plan with memory and compiled kernels of one backend: runs as often as one likes. */
export interface Program {
  /** Gives a leaf its value; ignored for leaves the plan does not need. */
  write(leaf: Tensor, data: ArrayLike<number>): void;
  run(): void;
  /** The same kernel by kernel, for whoever wants to breathe in between or give up. */
  runInSteps(): Iterable<void>;
  /** The value of one of the plan's outputs after {@link run}. */
  read(output: Tensor): Promise<Values>;
  /** Copies an output into a buffer, e.g. new parameters over the old ones. */
  copyTo(output: Tensor, target: Buffer): void;
  /** Gives its memory back; it runs no more. Leaves that it shares stay. */
  dispose(): void;
  readonly plan: Plan;
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
  const owned = new Array<Buffer>(plan.slots.length);
  const foreign = new Set<Buffer>();
  for (const [leaf, slot] of plan.leaves) {
    const given = shared.get(leaf);
    if (!given) continue;
    owned[slot] = given;
    foreign.add(given);
  }
  plan.slots.forEach((slot, i) => (owned[i] ??= backend.allocate(slot.type, slot.size)));
  for (const [leaf, slot] of plan.leaves) {
    if (leaf.op === "constant") backend.write(owned[slot], leaf.attributes.data as Float64Array);
  }
  const prepared = backend.prepare(
    plan.instructions.map(({ kernel, inputs, outputs }) => ({
      kernel,
      inputs: inputs.map((slot) => owned[slot]),
      outputs: outputs.map((slot) => owned[slot]),
    })),
  );
  const runPart = (from: number, to: number): void => {
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
    return owned[slot];
  };
  return {
    plan,
    write: (leaf, data) => {
      const slot = plan.leaves.get(leaf);
      if (slot !== undefined) backend.write(owned[slot], data);
    },
    run: () => {
      runPart(0, plan.instructions.length);
    },
    *runInSteps() {
      for (let i = 0; i < plan.instructions.length; i++) yield runPart(i, i + 1);
    },
    read: (output) => backend.read(bufferOf(output)),
    dispose: () => {
      prepared.dispose();
      for (const buffer of owned) if (!foreign.has(buffer)) backend.release(buffer);
    },
    copyTo: (output, target) => backend.copy(bufferOf(output), target),
  };
}

/** Adds the user's place to an error of a kernel, such as an index out of range. */
function placed({ message }: DispatchError, node: Tensor): Error {
  return node.site
    ? new Error(`${node.site.file}:${node.site.line}:${node.site.column}: ${node.op}: ${message}`)
    : new Error(`${node.op}: ${message}`);
}
