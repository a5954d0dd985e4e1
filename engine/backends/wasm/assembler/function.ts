import { Bytes } from "./bytes";
import {
  ATOMIC,
  type Access,
  LANE,
  LANE_MEMORY,
  type LaneAccess,
  type LaneOperation,
  MEMORY,
  PLAIN,
  type Plain,
  SATURATING,
  VECTOR,
  VECTOR_MEMORY,
} from "./opcodes";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

export const TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** A parameter or local variable of a function. */
export interface Local {
  readonly index: number;
  readonly type: ValueType;
}

/** A function of the module under construction, to be called. */
export interface Callee {
  readonly index: number;
}

const NO_RESULT = 0x40;

/**
 * Writes the body of one function, instruction by instruction, as a stack machine takes them: operands first.
 * Every method returns the writer, so that short sequences read as one line.
 */
export class FunctionWriter {
  readonly parameters: readonly Local[];
  private readonly locals: Local[] = [];
  /** Locals that are free to be used again. */
  private readonly idle: Local[] = [];
  private readonly code = new Bytes();
  /** Vectors that never change, by their bytes, and the code that sets them. */
  private readonly constants = new Map<string, Local>();
  private readonly prologue = new Bytes();
  /** Open blocks, for branches by distance. */
  private depth = 0;

  constructor(
    parameters: readonly ValueType[],
    readonly results: readonly ValueType[] = [],
  ) {
    this.parameters = parameters.map((type, index) => ({ index, type }));
  }

  /** A variable, 0 at the function's start where none was released before: set it before use. */
  local(type: ValueType): Local {
    const at = this.idle.findIndex((each) => each.type === type);
    if (at >= 0) return this.idle.splice(at, 1)[0];
    const made = { index: this.parameters.length + this.locals.length, type };
    this.locals.push(made);
    return made;
  }

  /** Gives variables back that are not needed any more. */
  release(...locals: readonly Local[]): this {
    this.idle.push(...locals);
    return this;
  }

  get(local: Local): this {
    this.code.byte(0x20).unsigned(local.index);
    return this;
  }

  set(local: Local): this {
    this.code.byte(0x21).unsigned(local.index);
    return this;
  }

  tee(local: Local): this {
    this.code.byte(0x22).unsigned(local.index);
    return this;
  }

  i32(value: number): this {
    this.code.byte(0x41).signed(value | 0);
    return this;
  }

  /** @param value between −2³¹ and 2³¹, or use the other form */
  i64(value: bigint): this {
    this.code.byte(0x42).signedBig(value);
    return this;
  }

  f32(value: number): this {
    this.code.byte(0x43).float32(value);
    return this;
  }

  f64(value: number): this {
    this.code.byte(0x44).float64(value);
    return this;
  }

  /** The same float32 in four lanes. */
  f32x4(value: number): this {
    return this.constant((bytes) => [0, 1, 2, 3].forEach(() => bytes.float32(value)));
  }

  /** The same int32 in four lanes. */
  i32x4(...lanes: readonly [number] | readonly [number, number, number, number]): this {
    return this.constant((bytes) => [0, 1, 2, 3].forEach((i) => bytes.int32(lanes[lanes.length === 1 ? 0 : i] ?? 0)));
  }

  /** The same float64 in two lanes. */
  f64x2(value: number): this {
    return this.constant((bytes) => bytes.float64(value).float64(value));
  }

  /**
   * A vector's constants are variables set at the function's start: inside of loops newer compilers would make them anew each
   * time, from general registers, which takes longer than what is computed with them.
   */
  private constant(write: (bytes: Bytes) => void): this {
    const bytes = new Bytes();
    write(bytes);
    const value = bytes.take();
    const key = value.join();
    let local = this.constants.get(key);
    if (!local) {
      local = { index: this.parameters.length + this.locals.length, type: "v128" };
      this.locals.push(local);
      this.constants.set(key, local);
      this.prologue.byte(0xfd).unsigned(12).append(value).byte(0x21).unsigned(local.index);
    }
    return this.get(local);
  }

  /** Any instructions without immediates, one after the other. */
  op(...names: readonly Plain[]): this {
    for (const name of names) {
      if (name in PLAIN) this.code.byte(PLAIN[name as keyof typeof PLAIN]);
      else if (name in SATURATING) this.code.byte(0xfc).unsigned(SATURATING[name as keyof typeof SATURATING]);
      else this.code.byte(0xfd).unsigned(VECTOR[name as keyof typeof VECTOR]);
    }
    return this;
  }

  /** @param offset bytes beyond the address on the stack (below the value for a store) */
  memory(name: Access, offset = 0): this {
    if (name in MEMORY) {
      const [code, align] = MEMORY[name as keyof typeof MEMORY];
      this.code.byte(code).unsigned(align);
    } else if (name in VECTOR_MEMORY) {
      const [code, align] = VECTOR_MEMORY[name as keyof typeof VECTOR_MEMORY];
      this.code.byte(0xfd).unsigned(code).unsigned(align);
    } else {
      const [code, align] = ATOMIC[name as keyof typeof ATOMIC];
      this.code.byte(0xfe).unsigned(code).unsigned(align);
    }
    this.code.unsigned(offset);
    return this;
  }

  lane(name: LaneOperation, lane: number): this {
    this.code.byte(0xfd).unsigned(LANE[name]).byte(lane);
    return this;
  }

  /** Loads into, or stores, one lane. */
  laneMemory(name: LaneAccess, lane: number, offset = 0): this {
    const [code, align] = LANE_MEMORY[name];
    this.code.byte(0xfd).unsigned(code).unsigned(align).unsigned(offset).byte(lane);
    return this;
  }

  /** Lanes of 32 bits from two vectors: 0…3 of the first, 4…7 of the second. */
  shuffle32(lanes: readonly [number, number, number, number]): this {
    this.code.byte(0xfd).unsigned(13);
    for (const lane of lanes) for (let i = 0; i < 4; i++) this.code.byte(lane * 4 + i);
    return this;
  }

  call(callee: Callee): this {
    this.code.byte(0x10).unsigned(callee.index);
    return this;
  }

  /** Copies bytes: target, source and count are on the stack. */
  copyMemory(): this {
    this.code.byte(0xfc).unsigned(10).byte(0).byte(0);
    return this;
  }

  /** Fills bytes: target, value and count are on the stack. */
  fillMemory(): this {
    this.code.byte(0xfc).unsigned(11).byte(0);
    return this;
  }

  /** Runs `body`, which may leave it early by {@link leaveIf} with the label it is given. */
  block(body: (label: Label) => void): this {
    return this.nested(0x02, body);
  }

  /** Runs `body`, which starts over by {@link leaveIf} with the label it is given. */
  loop(body: (label: Label) => void): this {
    return this.nested(0x03, body);
  }

  /** Branches to a label if what is on the stack is not 0: behind a block, to the start of a loop. */
  leaveIf({ depth }: Label): this {
    this.code.byte(0x0d).unsigned(this.depth - depth);
    return this;
  }

  leave({ depth }: Label): this {
    this.code.byte(0x0c).unsigned(this.depth - depth);
    return this;
  }

  /** Takes a condition from the stack. */
  if(yes: () => void, no?: () => void): this {
    this.code.byte(0x04).byte(NO_RESULT);
    this.depth++;
    yes();
    if (no) {
      this.code.byte(0x05);
      no();
    }
    this.depth--;
    this.code.byte(0x0b);
    return this;
  }

  /**
   * for (counter = from; counter < to; counter += step). `from` and `to` write what leaves an i32 on the stack; `to` is
   * evaluated each time, so it should be a constant or a local. Signed.
   */
  forRange(counter: Local, from: () => void, to: () => void, step: number, body: () => void): this {
    from();
    this.set(counter);
    return this.block((out) => {
      this.loop((again) => {
        this.get(counter);
        to();
        this.op("i32.ge_s").leaveIf(out);
        body();
        this.get(counter).i32(step).op("i32.add").set(counter).leave(again);
      });
    });
  }

  /** The same for a number of rounds that is known and above 0: no check before the first. */
  repeat(counter: Local, rounds: number, body: () => void): this {
    return this.i32(rounds)
      .set(counter)
      .loop((again) => {
        body();
        this.get(counter).i32(1).op("i32.sub").tee(counter).leaveIf(again);
      });
  }

  /** local += bytes. */
  advance(local: Local, by: number): this {
    return by === 0 ? this : this.get(local).i32(by).op("i32.add").set(local);
  }

  /** @returns the bytes of locals and code, as they stand in the code section. */
  bytes(): Uint8Array<ArrayBuffer> {
    const body = new Bytes();
    // One group for each run of equal types.
    const groups: [number, ValueType][] = [];
    for (const { type } of this.locals) {
      const last = groups.at(-1);
      if (last?.[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    body.unsigned(groups.length);
    for (const [count, type] of groups) body.unsigned(count).byte(TYPE_CODES[type]);
    body.append(this.prologue).append(this.code).byte(0x0b);
    return body.take();
  }

  private nested(code: number, body: (label: Label) => void): this {
    this.code.byte(code).byte(NO_RESULT);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    this.code.byte(0x0b);
    return this;
  }
}

/** An open block or loop. */
export interface Label {
  readonly depth: number;
}
