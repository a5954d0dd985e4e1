import assert from "node:assert/strict";
import type { Values } from "../../../engine/backends/backend";
import { ModuleWriter } from "../../../engine/backends/wasm/assembler/module";
import { type KernelCode, STATUS, type Target, aligned } from "../../../engine/backends/wasm/code";
import { codeOf } from "../../../engine/backends/wasm/kernels";
import { PAGE_BYTES, wasmPlatform } from "../../../engine/backends/wasm/memory";
import type { ElementType, Kernel } from "../../../engine/kernel/kernel";
import type { Dice, Input } from "../support";

const PLAIN_TARGET: Target = { fused: false, wide: false };
/** Between buffers: what is written there was written by mistake. */
const GUARD_BYTES = 64;
const GUARD = 0xa5;

type Phase = (...addresses: number[]) => void;

/**
 * Runs a kernel's own code as several threads might: the pieces of each phase in random stretches and in random order, on
 * buffers and scratch memory full of rubbish. Asserts that nothing is written beside the output and its padding.
 *
 * @returns the output, and what the code says if it failed
 */
export function runPieces(
  kernel: Kernel,
  inputs: readonly Input[],
  output: { readonly type: ElementType; readonly size: number },
  dice: Dice,
  machine: Target = PLAIN_TARGET,
): { readonly values: Values; readonly failure: string | undefined } {
  const typed = { kernel, inputs: inputs.map(({ type }) => type), outputs: [output.type] };
  const code = codeOf(typed, machine);
  assert.ok(code, `${kernel.kind} has code of its own`);

  let end: number = STATUS.end;
  const place = (bytes: number): { readonly address: number; readonly end: number } => {
    const address = end;
    end = address + Math.max(64, aligned(bytes)) + GUARD_BYTES;
    return { address, end: end - GUARD_BYTES };
  };
  const values = inputs.map(valuesOf);
  const sources = values.map(({ byteLength }) => place(byteLength));
  const target = place(output.size * (output.type === "bool" ? 1 : 4));
  const shared = place(code.shared ?? 0);
  const scratch = place(Math.max(0, ...code.phases.map((phase) => phase.scratch ?? 0)));

  const { buffer, phases } = instantiate(code, inputs.length, end);
  const bytes = new Uint8Array(buffer);
  bytes.fill(GUARD, STATUS.end);
  values.forEach((data, i) => {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sources[i].address);
  });
  phases.forEach((phase, at) => {
    for (const [from, to] of stretches(code.phases[at].pieces, dice)) {
      bytes.fill(dice.whole(0, 255), scratch.address, scratch.end);
      phase(...sources.map(({ address }) => address), target.address, shared.address, scratch.address, from, to);
    }
  });

  for (const { end: last } of [...sources, target, shared, scratch])
    assert.ok(
      bytes.subarray(last, last + GUARD_BYTES).every((byte) => byte === GUARD),
      "writes stay inside",
    );
  values.forEach((data, i) => {
    const now = bytes.subarray(sources[i].address, sources[i].address + data.byteLength);
    assert.deepEqual(now, new Uint8Array(data.buffer, data.byteOffset, data.byteLength), "inputs stay as they are");
  });
  const status = new Int32Array(buffer, 0, STATUS.end / 4);
  const failed = status[STATUS.failed / 4] !== 0;
  return {
    values: viewOf(buffer, output, target.address).slice(),
    failure: failed ? code.failure?.(status[STATUS.value / 4]) : undefined,
  };
}

function instantiate(code: KernelCode, inputs: number, size: number): { buffer: ArrayBufferLike; phases: Phase[] } {
  const platform = wasmPlatform();
  assert.ok(platform);
  const pages = Math.ceil(size / PAGE_BYTES);
  const module = new ModuleWriter({ pages, maximum: pages, shared: false });
  code.phases.forEach((phase, at) => {
    assert.ok(Number.isInteger(phase.pieces) && phase.pieces >= 1, "at least one piece");
    assert.ok(Number.isFinite(phase.work));
    const count = inputs + 5;
    const callee = module.function({ parameters: new Array<"i32">(count).fill("i32") }, (f) => {
      const given = f.parameters;
      const [shared, scratch, from, to] = given.slice(inputs + 1);
      const outputs = given.slice(inputs, inputs + 1);
      phase.write(f, { inputs: given.slice(0, inputs), outputs, shared, scratch, from, to }, module);
    });
    module.export(String(at), callee);
  });
  const memory = new platform.Memory({ initial: pages, maximum: pages });
  const instance = new platform.Instance(new platform.Module(module.bytes()), { env: { memory } });
  const exported = instance.exports as Readonly<Record<string, Phase>>;
  return { buffer: memory.buffer, phases: code.phases.map((_, at) => exported[at]) };
}

/** Divides 0…pieces into a few parts, in random order. */
function stretches(pieces: number, dice: Dice): (readonly [from: number, to: number])[] {
  const cuts = Array.from({ length: dice.whole(0, 4) }, () => dice.whole(0, pieces));
  const edges = [0, ...cuts.sort((a, b) => a - b), pieces];
  const parts = edges.slice(1).map((to, i) => [edges[i], to] as const);
  return parts
    .map((part) => ({ part, order: dice.uniform() }))
    .sort((a, b) => a.order - b.order)
    .map(({ part }) => part);
}

function valuesOf({ type, data }: Input): Values {
  if (type === "float32") return Float32Array.from(data);
  return type === "int32" ? Int32Array.from(data) : Uint8Array.from(data);
}

function viewOf(
  buffer: ArrayBufferLike,
  { type, size }: { readonly type: ElementType; readonly size: number },
  at: number,
): Values {
  if (type === "float32") return new Float32Array(buffer, at, size);
  return type === "int32" ? new Int32Array(buffer, at, size) : new Uint8Array(buffer, at, size);
}
