import type { GpuTarget } from "./code";
import type { Gpu, GpuAdapter, GpuDevice } from "./gpu";

export interface FoundDevice {
  readonly device: GpuDevice;
  /** What the adapter is called, for people. */
  readonly adapter: string;
  readonly target: Partial<GpuTarget>;
}

/** Features that are used where they are. */
const FEATURES = ["subgroups", "shader-f16", "timestamp-query"];
/** Limits of which all that the adapter has is asked for. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/**
 * The fastest device of a platform.
 * @returns why there is none, otherwise
 */
export async function requestDevice(gpu: Gpu | undefined): Promise<FoundDevice | string> {
  if (!gpu) return "no WebGPU on this platform";
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return "no adapter: the system's graphics driver offers none";
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  return { device, adapter: nameOf(adapter), target: { software: isSoftware(adapter) } };
}

function nameOf({ info }: GpuAdapter): string {
  if (!info) return "unknown adapter";
  const { vendor, architecture, device, description } = info;
  return description || device || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
}

/** Adapters that compute on the CPU. */
function isSoftware({ info }: GpuAdapter): boolean {
  return /swiftshader|llvmpipe|lavapipe|basic render/i.test(
    `${info?.architecture} ${info?.device} ${info?.description}`,
  );
}
