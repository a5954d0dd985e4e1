import type { Backend } from "../backends/backend";
import { assembleCpu } from "../backends/wasm/cpu";
import { kernelsOfHost } from "./kernels";
import type { Task } from "./messages";
import { gatherThreads } from "./threads";

/**
 * The kernels that are fastest on this machine, or typed-array loops where none are right; its name says which, and why.
 * @param threads how many it is to have, 0 for as many as the machine has cores: for work that lasts, starting them takes a moment
 * @param warn told, in words for the user, of what goes wrong later without being the end of the work
 */
export async function createCpuBackend(
  { storage }: Pick<Task, "storage">,
  threads = 1,
  warn: (message: string) => void = () => undefined,
): Promise<Backend> {
  const gathering = threads === 1 ? undefined : gatherThreads(threads);
  const selection = await kernelsOfHost(storage);
  return assembleCpu(selection, await gathering, () => performance.now(), warn);
}
