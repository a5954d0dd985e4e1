import type { Backend } from "../backends/backend";
import { createJsBackend } from "../backends/js";
import { type WasmBackendOptions, createWasmBackend } from "../backends/wasm";
import { KERNELS, describeSelection } from "../backends/wasm/select";
import { kernelsOfHost } from "./kernels";
import type { Task } from "./messages";
import { type GatheredThreads, gatherThreads } from "./threads";

/**
 * The kernels that are fastest on this machine, or typed-array loops where none are right; its name says which, and why.
 * @param threads how many it is to have, 0 for as many as the machine has cores: for work that lasts, starting them takes a moment
 */
export async function createCpuBackend({ storage }: Pick<Task, "storage">, threads = 1): Promise<Backend> {
  const gathering = threads === 1 ? NO_THREADS : gatherThreads(threads);
  const selection = await kernelsOfHost(storage);
  const { others, start, reasons } = await gathering;
  const { kernels } = selection;
  if (!kernels) return createJsBackend({ name: describeSelection(selection, 1) });
  const target = KERNELS[kernels];
  const now = (): number => performance.now();
  const create = (more: Pick<WasmBackendOptions, "threads">, count: number, why: readonly string[]): Backend =>
    createWasmBackend({ target, name: describeSelection(selection, count, why), ...more }) ??
    createJsBackend({ name: describeSelection({ ...selection, kernels: undefined }, 1, why) });
  if (others === 0) return create({}, 1, reasons);
  try {
    return create({ threads: { others, start, now } }, others + 1, reasons);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return create({}, 1, [...reasons, `memory cannot be shared by threads: ${problem}`]);
  }
}

const NO_THREADS: Pick<GatheredThreads, "others" | "reasons" | "start"> = {
  others: 0,
  reasons: [],
  start: () => {
    throw new Error("internal: no threads were gathered");
  },
};
