import type { ElementType } from "../../kernel/kernel";
import type { Buffer } from "../backend";
import { type GpuBuffer, type GpuDevice, USAGE } from "./gpu";

/** Buffers begin at multiples of it and are padded to it: whole vectors may be read and written at their ends. */
const ALIGNMENT = 64;
/** New memory comes in so many bytes at least. */
const SMALLEST_BANK = 16 * 1024 * 1024;

export const BYTES: Readonly<Record<ElementType, number>> = { float32: 4, int32: 4, bool: 1 };

/** A large buffer of the device, of which many small ones are parts: kernels then bind one or two of them whole. */
export interface Bank {
  readonly buffer: GpuBuffer;
  readonly size: number;
  /** Free stretches, by place. */
  free: { readonly offset: number; readonly size: number }[];
}

/** Bytes in a bank. */
export interface Block {
  readonly bank: Bank;
  readonly offset: number;
  readonly size: number;
}

/** The device's memory in banks. */
export class Banks {
  private readonly banks: Bank[] = [];
  /** Bytes in use. */
  used = 0;

  constructor(private readonly device: GpuDevice) {}

  /** @throws where the device has no buffers of this size */
  take(bytes: number): Block {
    const size = Math.max(ALIGNMENT, aligned(bytes));
    for (const bank of this.banks) {
      const block = takeFrom(bank, size);
      if (block) return this.counted(block);
    }
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const most = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / ALIGNMENT) * ALIGNMENT;
    if (size > most)
      throw new Error(
        `out of GPU memory: one tensor or step needs ${megabytes(size)} MB, this adapter has buffers of up to ` +
          `${megabytes(most)} MB; use a smaller batch, or the CPU`,
      );
    const total = this.banks.reduce((sum, bank) => sum + bank.size, 0);
    const bankSize = Math.min(most, Math.max(size, SMALLEST_BANK, aligned(total)));
    const buffer = this.device.createBuffer({
      size: bankSize,
      usage: USAGE.storage | USAGE.copySource | USAGE.copyTarget,
    });
    const bank: Bank = { buffer, size: bankSize, free: [{ offset: 0, size: bankSize }] };
    this.banks.push(bank);
    return this.counted(takeFrom(bank, size) as Block);
  }

  give({ bank, offset, size }: Block): void {
    this.used -= size;
    const free = [...bank.free, { offset, size }].sort((a, b) => a.offset - b.offset);
    bank.free = [];
    for (const each of free) {
      const last = bank.free.at(-1);
      if (last && last.offset + last.size === each.offset)
        bank.free[bank.free.length - 1] = { offset: last.offset, size: last.size + each.size };
      else bank.free.push(each);
    }
  }

  destroy(): void {
    for (const { buffer } of this.banks.splice(0)) buffer.destroy();
  }

  private counted(block: Block): Block {
    this.used += block.size;
    return block;
  }
}

/** Memory of the backend: a block of its own, or a part of another one's. */
export class GpuMemory implements Buffer {
  constructor(
    readonly banks: Banks,
    readonly type: ElementType,
    readonly size: number,
    /** Where it lies, in bytes. */
    readonly bank: Bank,
    readonly offset: number,
    private block: Block | undefined,
  ) {}

  get bytes(): number {
    return this.size * BYTES[this.type];
  }

  release(): void {
    if (this.block) this.banks.give(this.block);
    this.block = undefined;
  }
}

export function aligned(bytes: number, to = ALIGNMENT): number {
  return Math.ceil(bytes / to) * to;
}

function takeFrom(bank: Bank, size: number): Block | undefined {
  const at = bank.free.findIndex((each) => each.size >= size);
  if (at < 0) return undefined;
  const { offset, size: found } = bank.free[at];
  if (found === size) bank.free.splice(at, 1);
  else bank.free[at] = { offset: offset + size, size: found - size };
  return { bank, offset, size };
}

function megabytes(bytes: number): string {
  return Math.ceil(bytes / 1e6).toLocaleString("en-US");
}
