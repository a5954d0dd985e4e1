import { type Backend, type Buffer, type Dispatch, DispatchError, type Prepared, type Values } from "../backend";
import type { ElementType } from "../../kernel/kernel";
import type { GpuTarget, KernelCode, Operands, Pass, Place } from "./code";
import { type GpuDevice, MAP_READ, USAGE } from "./gpu";
import { codeOf } from "./kernels";
import { Banks, type Bank, GpuMemory, aligned } from "./memory";
import { Pipelines, type Shape } from "./pipelines";

export interface WebGpuBackendOptions {
  /** What it says of itself. */
  readonly name?: string;
  readonly target?: Partial<GpuTarget>;
}

export interface WebGpuBackend extends Backend {
  /** Bytes of the device's memory in use. */
  readonly bytes: number;
  /** Settles with the reason when the device is gone. */
  readonly lost: Promise<string>;
  /** Waits for what was submitted, then gives the device back. */
  destroy(): Promise<void>;
}

/** Words of the status: whether a kernel failed (2 + its number), and for what value. */
const STATUS_BYTES = 64;

/**
 * The GPU by way of WebGPU. What is prepared together is one command buffer; memory is few large buffers, of which a kernel binds
 * those that its operands lie in. Whoever reads waits, nobody else.
 */
export function createWebGpuBackend(device: GpuDevice, options: WebGpuBackendOptions = {}): WebGpuBackend {
  const { limits } = device;
  const target: GpuTarget = {
    invocations: limits.maxComputeInvocationsPerWorkgroup,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    subgroups: device.features.has("subgroups"),
    workgroups: limits.maxComputeWorkgroupsPerDimension,
    software: false,
    ...options.target,
  };
  const banks = new Banks(device);
  const pipelines = new Pipelines(device);
  const status = banks.take(STATUS_BYTES);
  device.queue.writeBuffer(status.bank.buffer, status.offset, new Uint8Array(STATUS_BYTES));
  const context: Context = { device, target, banks, pipelines, status, failures: new Map(), count: 0 };
  const of = (buffer: Buffer): GpuMemory => memoryOf(banks, buffer);
  return {
    name: options.name ?? "webgpu",
    get bytes() {
      return banks.used;
    },
    lost: device.lost.then(({ reason, message }) => message || reason),
    allocate: (type, size) => {
      const block = banks.take(size * (type === "bool" ? 1 : 4));
      return new GpuMemory(banks, type, size, block.bank, block.offset, block);
    },
    part: (whole, offset, type, size) => {
      const { bank, offset: start } = of(whole);
      return new GpuMemory(banks, type, size, bank, start + offset, undefined);
    },
    release: (buffer) => {
      of(buffer).release();
    },
    prepare: (dispatches) => prepare(dispatches, context),
    write(buffer, data) {
      checkSize(buffer, data.length);
      const { bank, offset } = of(buffer);
      if (data.length > 0) device.queue.writeBuffer(bank.buffer, offset, bytesOf(buffer.type, data));
    },
    copy(from, to) {
      checkSize(to, from.size);
      if (from.size === 0) return;
      const [source, goal] = [of(from), of(to)];
      const size = aligned(source.bytes, 4);
      const encoder = device.createCommandEncoder();
      if (source.bank !== goal.bank) {
        encoder.copyBufferToBuffer(source.bank.buffer, source.offset, goal.bank.buffer, goal.offset, size);
        device.queue.submit([encoder.finish()]);
        return;
      }
      // A buffer cannot be copied to itself.
      const between = device.createBuffer({ size, usage: USAGE.copySource | USAGE.copyTarget });
      encoder.copyBufferToBuffer(source.bank.buffer, source.offset, between, 0, size);
      encoder.copyBufferToBuffer(between, 0, goal.bank.buffer, goal.offset, size);
      device.queue.submit([encoder.finish()]);
      between.destroy();
    },
    read: (buffer) => read(of(buffer), context),
    async destroy() {
      await device.queue.onSubmittedWorkDone();
      banks.destroy();
      device.destroy();
    },
  };
}

interface Context {
  readonly device: GpuDevice;
  readonly target: GpuTarget;
  readonly banks: Banks;
  readonly pipelines: Pipelines;
  readonly status: { readonly bank: Bank; readonly offset: number };
  /** What says what went wrong in a dispatch, by the number in the status. */
  readonly failures: Map<number, Failure>;
  /** Dispatches so far, over all that was prepared. */
  count: number;
}

interface Failure {
  readonly index: number;
  readonly prepared: () => Prepared;
  readonly failure: KernelCode["failure"];
}

/** A pass with what is bound for it. */
interface Step {
  readonly pipeline: object;
  readonly group: object;
  readonly places: number;
  readonly workgroups: readonly [number, number, number];
}

function prepare(dispatches: readonly Dispatch[], context: Context): Prepared {
  const { device, target, banks, pipelines } = context;
  const codes = dispatches.map(({ kernel, inputs, outputs }) =>
    codeOf({ kernel, inputs: inputs.map(typeOf), outputs: outputs.map(typeOf) }, target),
  );
  const sharedBytes = Math.max(0, ...codes.map(({ shared }) => shared ?? 0));
  const shared = sharedBytes > 0 ? banks.take(sharedBytes) : undefined;
  const passes = codes.reduce((sum, code) => sum + code.passes.length, 0);
  const words = Math.max(...dispatches.map(wordsOf), 4);
  const stride = aligned(words * 4, device.limits.minUniformBufferOffsetAlignment);
  const places = new Uint32Array((stride / 4) * Math.max(1, passes));
  const uniform = device.createBuffer({ size: places.byteLength, usage: USAGE.uniform | USAGE.copyTarget });
  const numbers: number[] = [];
  let pass = 0;
  const steps = dispatches.map((dispatch, i): Step[] => {
    const { inputs, outputs } = dispatch;
    const number = ++context.count;
    numbers.push(number);
    context.failures.set(number, { index: i, prepared: () => prepared, failure: codes[i].failure });
    const memories: Memory[] = [...inputs, ...outputs].map((buffer) => memoryOf(banks, buffer));
    return codes[i].passes.map((each) => {
      const layout = layoutOf(each, memories, {
        inputs: inputs.length,
        words: wordsOf(dispatch),
        shared,
        status: context.status,
      });
      const at = (stride / 4) * pass;
      const unit = each.vectors ? 16 : 4;
      layout.operands.forEach(({ offset }, operand) => (places[at + operand] = offset / unit));
      places[at + wordsOf(dispatch) - 1] = number;
      const { pipeline, group } = pipelines.of(each, layout.shape, {
        uniform,
        uniformBytes: words * 4,
        buffers: layout.banks.map(({ buffer }) => buffer),
        write: () => each.write(layout.texts),
      });
      return { pipeline, group, places: stride * pass++, workgroups: each.workgroups };
    });
  });
  device.queue.writeBuffer(uniform, 0, places);
  const prepared: Prepared = {
    run(from, to) {
      const encoder = device.createCommandEncoder();
      const encoding = encoder.beginComputePass();
      let last: object | undefined;
      for (let i = from; i < to; i++)
        for (const { pipeline, group, places: offset, workgroups } of steps[i]) {
          if (pipeline !== last) encoding.setPipeline(pipeline);
          last = pipeline;
          encoding.setBindGroup(0, group, [offset]);
          encoding.dispatchWorkgroups(...workgroups);
        }
      encoding.end();
      device.queue.submit([encoder.finish()]);
    },
    dispose() {
      uniform.destroy();
      if (shared) banks.give(shared);
      for (const number of numbers) context.failures.delete(number);
    },
  };
  return prepared;
}

interface Memory {
  readonly bank: Bank;
  readonly offset: number;
}

interface PassLayout {
  /** In the order of their numbers in the uniform. */
  readonly operands: readonly Memory[];
  /** In the order of their bindings. */
  readonly banks: readonly Bank[];
  readonly shape: Shape;
  readonly texts: Operands;
}

/** Words of the uniform: a place for each operand, what the passes share and the status, and the number of the dispatch. */
function wordsOf({ inputs, outputs }: Dispatch): number {
  return aligned(inputs.length + outputs.length + 3, 4);
}

interface Around {
  /** How many of the operands are inputs. */
  readonly inputs: number;
  readonly words: number;
  readonly shared: Memory | undefined;
  readonly status: Memory;
}

/** Which buffers a pass binds: those that its operands lie in, each once. */
function layoutOf(pass: Pass, memories: readonly Memory[], { inputs, words, shared, status }: Around): PassLayout {
  const operands = [...memories];
  const sharedAt = shared ? operands.push(shared) - 1 : -1;
  const statusAt = operands.push(status) - 1;
  const banks: Bank[] = [];
  const bankOf = operands.map(({ bank }) => {
    const at = banks.indexOf(bank);
    return at >= 0 ? at : banks.push(bank) - 1;
  });
  const place = (operand: number): Place => ({
    memory: `m${bankOf[operand]}`,
    start: `places.at[${operand >> 2}][${operand & 3}]`,
  });
  const texts: Operands = {
    input: (i) => place(i),
    output: (i) => place(inputs + i),
    shared: () => place(sharedAt),
    fail(value) {
      if (pass.vectors) throw new Error("internal: only passes that write words can fail");
      const { memory, start } = place(statusAt);
      const number = `places.at[${(words - 1) >> 2}][${(words - 1) & 3}]`;
      return `if (${memory}[${start}] == 0u) { ${memory}[${start}] = ${number}; ${memory}[${start} + 1u] = bitcast<u32>(${value}); }`;
    },
  };
  return {
    operands,
    banks,
    shape: {
      banks: banks.length,
      arrangement: `${inputs} of ${bankOf.join()}`,
      vectors: pass.vectors ?? false,
      words,
    },
    texts,
  };
}

async function read(memory: GpuMemory, context: Context): Promise<Values> {
  const { device, status } = context;
  const size = aligned(memory.bytes, 4);
  const staging = device.createBuffer({ size: size + 8, usage: USAGE.mapRead | USAGE.copyTarget });
  const encoder = device.createCommandEncoder();
  if (size > 0) encoder.copyBufferToBuffer(memory.bank.buffer, memory.offset, staging, 0, size);
  encoder.copyBufferToBuffer(status.bank.buffer, status.offset, staging, size, 8);
  device.queue.submit([encoder.finish()]);
  try {
    await staging.mapAsync(MAP_READ);
  } catch (error) {
    throw new Error(
      `the GPU did not answer: ${error instanceof Error && error.message ? error.message : "it was lost"}`,
      {
        cause: error,
      },
    );
  }
  const bytes = staging.getMappedRange().slice(0);
  staging.unmap();
  staging.destroy();
  const [failed, value] = new Int32Array(bytes, size, 2);
  if (failed !== 0) {
    device.queue.writeBuffer(status.bank.buffer, status.offset, new Uint8Array(8));
    const known = context.failures.get(failed);
    const message = known?.failure?.(value) ?? `a kernel failed with ${value}`;
    throw new DispatchError(known?.index ?? 0, message, known?.prepared());
  }
  if (memory.type === "float32") return new Float32Array(bytes, 0, memory.size);
  if (memory.type === "int32") return new Int32Array(bytes, 0, memory.size);
  return new Uint8Array(bytes, 0, memory.size);
}

function memoryOf(banks: Banks, buffer: Buffer): GpuMemory {
  if (buffer instanceof GpuMemory && buffer.banks === banks) return buffer;
  throw new Error("internal: a buffer of another backend was given to this one");
}

/** As typed arrays take numbers in, padded to whole words. */
function bytesOf(type: ElementType, data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  if (type === "bool") {
    const bytes = new Uint8Array(aligned(data.length, 4));
    for (let i = 0; i < data.length; i++) bytes[i] = Number(data[i] !== 0);
    return bytes;
  }
  if (type === "float32" && data instanceof Float32Array && data.buffer instanceof ArrayBuffer)
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const values = type === "float32" ? new Float32Array(data.length) : new Int32Array(data.length);
  values.set(data);
  return new Uint8Array(values.buffer);
}

const typeOf = ({ type }: Buffer): ElementType => type;

function checkSize(buffer: Buffer, size: number): void {
  if (buffer.size !== size) throw new Error(`internal: ${size} values do not fit a buffer of ${buffer.size}`);
}
