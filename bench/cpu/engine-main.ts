/** What is bundled for the process that runs Backstep's engine. */
import { createCpuBackend } from "../../engine/host/cpu";
import { setVectorFlags } from "../../engine/host/vector-flags";
import { type Contestant, load } from "./engine";
import type { ArrayValues, Workload } from "./workloads";

export { randomShapes } from "./shapes";
export { arraysOf, workloads } from "./workloads";

export interface ContestantOptions {
  readonly statistics?: boolean;
  /** Threads of the engine. */
  readonly threads: number;
}

type Loader = (
  workload: Workload,
  arrays: ReadonlyMap<string, ArrayValues>,
) => Promise<Contestant & { readonly info: string }>;

/** Loads workloads on the backend that an engine host in a process of its own would take on this machine, each on a fresh one. */
export async function createLoader({ statistics, threads }: ContestantOptions): Promise<Loader> {
  setVectorFlags();
  return async (workload, arrays) => {
    const backend = await createCpuBackend({}, threads);
    return { ...load(workload, arrays, { backend, statistics }), info: backend.name };
  };
}
