import type { Backend } from "../backends/backend";
import { createCpuBackend } from "./cpu";
import { createGpuBackend } from "./gpu";
import type { TrainTask } from "./messages";

/** What the task wants to compute on, or else the CPU, with a note that says why. */
export async function createBackend(
  task: Pick<TrainTask, "device" | "threads" | "storage">,
  note: (message: string) => void,
): Promise<Backend> {
  if (task.device === "webgpu") {
    const gpu = await createGpuBackend();
    if (typeof gpu !== "string") return gpu;
    note(`computing on the CPU: ${gpu}`);
  }
  return createCpuBackend(task, task.threads ?? 0, note);
}
