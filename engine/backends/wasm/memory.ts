import type { ElementType } from "../../kernel/kernel";
import { valuesAt } from "../js/array-kernel";
import type { Buffer, Values } from "../backend";
import { ALIGNMENT, BYTES, STATUS, aligned } from "./code";

/** The part of the platform's WebAssembly used here; the engine core's types know no platform. */
export interface WasmPlatform {
  readonly validate: (bytes: Uint8Array<ArrayBuffer>) => boolean;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports?: object) => { readonly exports: object };
  readonly Memory: new (given: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
}

export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

export function wasmPlatform(): WasmPlatform | undefined {
  return (globalThis as { readonly WebAssembly?: WasmPlatform }).WebAssembly;
}

export const PAGE_BYTES = 65_536;
/** Four GiB, all that 32-bit addresses reach. */
export const MAXIMUM_PAGES = 65_536;
const INITIAL_PAGES = 16;

/** One memory for all that a backend holds: buffers, and what its code needs beside them. */
export class Arena {
  readonly memory: WasmMemory;
  /** Free stretches in order of address; neighbours are one. */
  private free: { start: number; bytes: number }[] = [];
  private end: number = STATUS.end;
  private limit: number;
  /** To what it may grow. */
  private readonly maximum: number;

  /** @throws where the platform has no such memory */
  constructor(
    platform: WasmPlatform,
    readonly shared: boolean,
  ) {
    ({ memory: this.memory, maximum: this.maximum } = createMemory(platform, shared));
    this.limit = this.memory.buffer.byteLength;
  }

  /** Address of so many bytes, all 0 or not. @throws when the memory is spent */
  take(bytes: number): number {
    const size = Math.max(ALIGNMENT, aligned(bytes));
    const at = this.free.findIndex((stretch) => stretch.bytes >= size);
    if (at >= 0) {
      const stretch = this.free[at];
      const { start } = stretch;
      stretch.start += size;
      stretch.bytes -= size;
      if (stretch.bytes === 0) this.free.splice(at, 1);
      return start;
    }
    const start = this.end;
    this.reserve(start + size + ALIGNMENT);
    this.end = start + size;
    return start;
  }

  give(start: number, bytes: number): void {
    const size = Math.max(ALIGNMENT, aligned(bytes));
    const at = this.free.findIndex((stretch) => stretch.start > start);
    const index = at < 0 ? this.free.length : at;
    this.free.splice(index, 0, { start, bytes: size });
    for (const left of [index, index - 1]) {
      const [a, b] = [this.free[left], this.free[left + 1]] as const;
      if (!a || !b || a.start + a.bytes !== b.start) continue;
      a.bytes += b.bytes;
      this.free.splice(left + 1, 1);
    }
    const last = this.free.at(-1);
    if (last && last.start + last.bytes === this.end) {
      this.end = last.start;
      this.free.pop();
    }
  }

  /** Bytes in use. */
  get used(): number {
    return this.end - STATUS.end - this.free.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  private reserve(bytes: number): void {
    if (bytes <= this.limit) return;
    const missing = Math.ceil((bytes - this.limit) / PAGE_BYTES);
    // Some more than asked for, so that it does not grow step by step.
    const generous = Math.min(Math.max(missing, this.limit / PAGE_BYTES / 4), this.maximum - this.limit / PAGE_BYTES);
    for (const pages of [Math.floor(generous), missing]) {
      if (pages < missing) continue;
      try {
        this.memory.grow(pages);
        this.limit = this.memory.buffer.byteLength;
        return;
      } catch {
        // Less, then.
      }
    }
    const [needed, held, most] = [
      Math.ceil(bytes / MIB),
      Math.floor(this.limit / MIB),
      this.maximum * (PAGE_BYTES / MIB),
    ];
    const reason =
      needed > most
        ? `and there can be no more than ${most} MiB`
        : `of which the system gives no more than ${held} MiB`;
    throw new Error(
      `Out of memory: the program needs ${needed} MiB, ${reason}. Take a smaller batch or a smaller model.`,
    );
  }
}

const MIB = 2 ** 20;

/** Of the greatest size that the platform gives: some set all of it aside at once. */
function createMemory(platform: WasmPlatform, shared: boolean): { memory: WasmMemory; maximum: number } {
  for (let maximum = MAXIMUM_PAGES; ; maximum /= 2) {
    try {
      const memory = new platform.Memory({ initial: INITIAL_PAGES, maximum, ...(shared ? { shared: true } : {}) });
      if (shared && !isShared(memory)) throw new TypeError("the platform shares no memory between threads");
      return { memory, maximum };
    } catch (error) {
      // A system with less for us is none to train on.
      if (maximum <= LEAST_MAXIMUM_PAGES || error instanceof TypeError) throw error;
    }
  }
}

/** 256 MiB. */
const LEAST_MAXIMUM_PAGES = 4096;

/** Platforms that know no shared memory make one that is not. */
function isShared({ buffer }: WasmMemory): boolean {
  return Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";
}

/** A stretch of an arena's memory, its own or a part of another one's. */
export class WasmBuffer implements Buffer {
  readonly address: number;
  private view: Values | undefined;
  private isHeld: boolean;

  constructor(
    readonly arena: Arena,
    readonly type: ElementType,
    readonly size: number,
    address?: number,
  ) {
    this.isHeld = address === undefined;
    this.address = address ?? arena.take(size * BYTES[type]);
  }

  /** As they stand in memory now; not to be kept, since memory may move when it grows. */
  get values(): Values {
    const { buffer } = this.arena.memory;
    if (this.view?.buffer !== buffer) this.view = valuesAt(this.type, buffer, this.address, this.size);
    return this.view;
  }

  release(): void {
    if (this.isHeld) this.arena.give(this.address, this.size * BYTES[this.type]);
    this.isHeld = false;
  }
}
