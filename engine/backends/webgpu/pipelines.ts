import type { Pass } from "./code";
import { type GpuBuffer, type GpuDevice, STAGE_COMPUTE } from "./gpu";
import { ELEMENT_FUNCTIONS } from "./wgsl/elements";
import { NUMBER_FUNCTIONS } from "./wgsl/math";

/** What a pass binds, beside its text. */
export interface Shape {
  readonly banks: number;
  /** How many operands are inputs, and which lies in which bank. */
  readonly arrangement: string;
  readonly vectors: boolean;
  /** Of the uniform that holds the operands' places. */
  readonly words: number;
}

export interface Bindings {
  readonly uniform: GpuBuffer;
  readonly uniformBytes: number;
  readonly buffers: readonly GpuBuffer[];
  /** The pass's text. */
  readonly write: () => string;
}

/** Pipelines by what their text depends on, each compiled once for a device. */
export class Pipelines {
  private readonly known = new Map<string, object>();
  private readonly layouts = new Map<number, { readonly group: object; readonly pipeline: object }>();
  private readonly groups = new WeakMap<GpuBuffer, Map<string, object>>();
  private readonly ids = new WeakMap<GpuBuffer, number>();
  private nextId = 0;

  constructor(private readonly device: GpuDevice) {}

  of(pass: Pass, shape: Shape, bindings: Bindings): { readonly pipeline: object; readonly group: object } {
    const layout = this.layoutOf(shape.banks);
    return {
      pipeline: this.pipelineOf(pass, shape, layout.pipeline, bindings),
      group: this.groupOf(layout.group, bindings),
    };
  }

  private pipelineOf(pass: Pass, shape: Shape, layout: object, { write }: Bindings): object {
    const { banks, arrangement, vectors, words } = shape;
    const key = `${pass.key} ${arrangement}`;
    const found = this.known.get(key);
    if (found) return found;
    const element = vectors ? "vec4<u32>" : "u32";
    const memory = Array.from(
      { length: banks },
      (_, i) => `@group(0) @binding(${i + 1}) var<storage, read_write> m${i}: array<${element}>;`,
    );
    const enabled = (pass.features ?? []).map((feature) => `enable ${feature};\n`).join("");
    const code = `${enabled}struct Places { at: array<vec4<u32>, ${words / 4}> }
@group(0) @binding(0) var<uniform> places: Places;
${memory.join("\n")}
${NUMBER_FUNCTIONS}${ELEMENT_FUNCTIONS}${write()}`;
    const module = this.device.createShaderModule({ code });
    const pipeline = this.device.createComputePipeline({ layout, compute: { module, entryPoint: "main" } });
    this.known.set(key, pipeline);
    return pipeline;
  }

  private layoutOf(banks: number): { readonly group: object; readonly pipeline: object } {
    const found = this.layouts.get(banks);
    if (found) return found;
    const group = this.device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: STAGE_COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true } },
        ...Array.from({ length: banks }, (_, i) => ({
          binding: i + 1,
          visibility: STAGE_COMPUTE,
          buffer: { type: "storage" as const },
        })),
      ],
    });
    const made = { group, pipeline: this.device.createPipelineLayout({ bindGroupLayouts: [group] }) };
    this.layouts.set(banks, made);
    return made;
  }

  /** Groups of one uniform, which ends with what was prepared together. */
  private groupOf(layout: object, { uniform, uniformBytes, buffers }: Bindings): object {
    const groups = this.groups.get(uniform) ?? new Map<string, object>();
    this.groups.set(uniform, groups);
    const key = buffers.map((buffer) => this.idOf(buffer)).join();
    const found = groups.get(key);
    if (found) return found;
    const group = this.device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: uniform, size: uniformBytes } },
        ...buffers.map((buffer, i) => ({ binding: i + 1, resource: { buffer } })),
      ],
    });
    groups.set(key, group);
    return group;
  }

  private idOf(buffer: GpuBuffer): number {
    const id = this.ids.get(buffer) ?? this.nextId++;
    this.ids.set(buffer, id);
    return id;
  }
}
