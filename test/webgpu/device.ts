import type { GpuTarget } from "../../engine/backends/webgpu/code";
import { requestDevice, type FoundDevice } from "../../engine/backends/webgpu/adapter";
import { createWebGpuBackend, type WebGpuBackend } from "../../engine/backends/webgpu";
import type { Gpu } from "../../engine/backends/webgpu/gpu";

/** Dawn for Node. Its own types want those of a browser's. */
const PACKAGE = "webgpu";

interface Dawn {
  readonly create: (options: readonly string[]) => Gpu;
}

let found: Promise<FoundDevice> | undefined;

/**
 * The GPU of this machine, or one in software: all tests share the device, so that none may destroy it.
 *
 * @param target code as for another adapter, which this one can run, too
 * @throws where there is none: tests that need one must not pass without it
 */
export async function gpuBackend(target: Partial<GpuTarget> = {}): Promise<WebGpuBackend> {
  found ??= findDevice();
  const { device, adapter, target: own } = await found;
  return createWebGpuBackend(device, { name: `webgpu: ${adapter}`, target: { ...own, ...target } });
}

async function findDevice(): Promise<FoundDevice> {
  const { create } = (await import(PACKAGE)) as Dawn;
  const gpu = create([]);
  // Whoever collects it while it is in use crashes the process.
  Object.assign(globalThis, { gpuOfTests: gpu });
  const answer = await requestDevice(gpu);
  if (typeof answer === "string")
    throw new Error(
      `tests of WebGPU need an adapter, be it one in software: ${answer}. ` +
        "VK_ICD_FILENAMES may name the vk_swiftshader_icd.json of a Chromium.",
    );
  const { device } = answer;
  // Work that is under way when a process ends crashes it.
  process.once("exit", () => {
    device.destroy();
  });
  // What the device finds wrong with code or calls fails the test that is running.
  const events = device as unknown as EventTarget;
  events.addEventListener("uncapturederror", (event) => {
    const { error } = event as unknown as { readonly error: { readonly message: string } };
    setImmediate(() => {
      throw new Error(`the GPU says: ${error.message}`);
    });
  });
  return answer;
}
