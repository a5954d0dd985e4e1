import { type WebGpuBackend, createWebGpuBackend } from "../backends/webgpu";
import { requestDevice } from "../backends/webgpu/adapter";
import type { Gpu } from "../backends/webgpu/gpu";

/** The package that brings WebGPU to Node. It is not part of every installation, and nothing else of it is ever used. */
const BINDING = "webgpu";

interface Binding {
  create(options: readonly string[]): Gpu;
  readonly globals: Readonly<Record<string, unknown>>;
}

/**
 * The GPU through Dawn, in a process that is the engine's alone: a driver may bring its process down.
 *
 * @returns why there is none, otherwise
 */
export async function createGpuBackend(): Promise<WebGpuBackend | string> {
  // Electron's Node forbids memory that others own, which is how Dawn hands out what is read.
  if ("electron" in process.versions) return "the editor's own Node cannot use the GPU";
  let binding: Binding;
  try {
    binding = (await import(BINDING)) as Binding;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    return missing
      ? "this installation has no WebGPU for Node"
      : `WebGPU for Node could not be loaded: ${textOf(error)}`;
  }
  const gpu = binding.create([]);
  // Whoever collects it while it is in use crashes the process.
  Object.assign(globalThis, { backstepGpu: gpu });
  try {
    const found = await requestDevice(gpu);
    if (typeof found === "string") return found;
    const { device, adapter, target } = found;
    // Work that is under way when a process ends crashes it.
    process.once("exit", () => {
      device.destroy();
    });
    return createWebGpuBackend(device, { name: `webgpu: ${adapter}`, target });
  } catch (error) {
    return `the GPU could not be started: ${textOf(error)}`;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
