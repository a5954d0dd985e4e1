/** Bytes under construction, with the number formats of the WebAssembly binary format. */
export class Bytes {
  private data = new Uint8Array(256);
  private view = new DataView(this.data.buffer);
  private length = 0;

  byte(value: number): this {
    this.reserve(1);
    this.data[this.length++] = value;
    return this;
  }

  /** LEB128, up to 32 bits. */
  unsigned(value: number): this {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  /** LEB128, 32 bits with a sign. */
  signed(value: number): this {
    let rest = value;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      // The last byte's bit 6 is the sign of all that follows.
      if (rest === (low & 0x40 ? -1 : 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  signedBig(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if (rest === (low & 0x40 ? -1n : 0n)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  float32(value: number): this {
    this.reserve(4);
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
    return this;
  }

  float64(value: number): this {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
    return this;
  }

  int32(value: number): this {
    this.reserve(4);
    this.view.setInt32(this.length, value, true);
    this.length += 4;
    return this;
  }

  /** UTF-8 with its length; names here are ASCII. */
  text(value: string): this {
    this.unsigned(value.length);
    for (let i = 0; i < value.length; i++) this.byte(value.charCodeAt(i));
    return this;
  }

  append(other: Bytes | Uint8Array): this {
    const from = other instanceof Bytes ? other.data.subarray(0, other.length) : other;
    this.reserve(from.length);
    this.data.set(from, this.length);
    this.length += from.length;
    return this;
  }

  /** With its length before it. */
  sized(other: Bytes): this {
    return this.unsigned(other.length).append(other);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.data.slice(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.data.length) return;
    const grown = new Uint8Array(Math.max(this.data.length * 2, this.length + more));
    grown.set(this.data);
    this.data = grown;
    this.view = new DataView(grown.buffer);
  }
}
