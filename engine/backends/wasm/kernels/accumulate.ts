import type { Combine, ElementType } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";

/** Bytes of a value that is not finished yet, in memory. */
export const PARTIAL_BYTES = 8;

/** Sums and products of float32 in double precision, or largest and smallest as they are: four neighbouring ones in a vector. */
export class Accumulator {
  private readonly isWide: boolean;
  /** Lanes 0 and 1, lanes 2 and 3; or all four in the first, and in the second all bits of a lane that has seen a NaN. */
  readonly parts: readonly Local[];

  constructor(
    private readonly f: FunctionWriter,
    private readonly combine: Combine,
  ) {
    this.isWide = isWide(combine);
    this.parts = [0, 1].map(() => f.local("v128"));
  }

  /** To the neutral element. */
  reset(): void {
    const { f, combine } = this;
    this.parts.forEach((part, i) => {
      if (this.isWide) f.f64x2(combine === "sum" ? 0 : 1);
      else f.f32x4(i === 0 ? neutralFloat(combine) : 0);
      f.set(part);
    });
  }

  /** Takes in four numbers from the stack. @param lanes those that count */
  add(lanes = 4): void {
    const { f, combine } = this;
    const value = f.local("v128");
    if (lanes < 4) keepLanes(f, combine, lanes);
    if (this.isWide) {
      const operation = combine === "sum" ? "f64x2.add" : "f64x2.mul";
      f.set(value);
      f.get(this.parts[0]).get(value).op("f64x2.promote_low_f32x4", operation).set(this.parts[0]);
      f.get(this.parts[1]).get(value).get(value).shuffle32([2, 3, 2, 3]).op("f64x2.promote_low_f32x4", operation);
      f.set(this.parts[1]);
    } else {
      // One instruction each, where f32x4.max takes several to keep a NaN.
      f.set(value)
        .get(this.parts[0])
        .get(value)
        .op(combine === "maximum" ? "f32x4.pmax" : "f32x4.pmin");
      f.set(this.parts[0]).get(this.parts[1]).get(value).get(value).op("f32x4.ne", "v128.or").set(this.parts[1]);
    }
    f.release(value);
  }

  /** Combines another one into this one. */
  join(other: Accumulator): void {
    const { f, combine } = this;
    this.parts.forEach((part, i) => {
      const operation = this.isWide || i === 0 ? vectorOperation(combine) : "v128.or";
      f.get(part).get(other.parts[i]).op(operation).set(part);
    });
  }

  /** Leaves one number of all four on the stack: an f64 or f32. */
  total(): void {
    const { f, combine } = this;
    const [first] = this.parts;
    if (this.isWide) {
      f.get(first).get(this.parts[1]).op(vectorOperation(combine)).set(first);
      f.get(first).lane("f64x2.extract_lane", 0).get(first).lane("f64x2.extract_lane", 1);
    } else {
      this.settle();
      f.get(first).get(first).get(first).shuffle32([2, 3, 2, 3]).op(vectorOperation(combine)).set(first);
      f.get(first).lane("f32x4.extract_lane", 0).get(first).lane("f32x4.extract_lane", 1);
    }
    f.op(scalarOperation(combine));
  }

  /** Leaves the four as float32 on the stack. */
  vector(): void {
    const { f } = this;
    if (!this.isWide) {
      this.settle();
      f.get(this.parts[0]);
      return;
    }
    f.get(this.parts[0]).op("f32x4.demote_f64x2_zero").get(this.parts[1]).op("f32x4.demote_f64x2_zero");
    f.shuffle32([0, 1, 4, 5]);
  }

  /** Stores the four, unfinished, at the address in a local. */
  storePartials(address: Local, offset: number): void {
    const { f } = this;
    if (this.isWide)
      this.parts.forEach((part, i) => {
        f.get(address)
          .get(part)
          .memory("v128.store", offset + i * 16);
      });
    else {
      this.settle();
      for (let lane = 0; lane < 4; lane++)
        f.get(address)
          .get(this.parts[0])
          .lane("f32x4.extract_lane", lane)
          .memory("f32.store", offset + lane * PARTIAL_BYTES);
    }
  }

  /** All bits of a lane make a NaN of it. */
  private settle(): void {
    const { f } = this;
    f.get(this.parts[0]).get(this.parts[1]).op("v128.or").set(this.parts[0]);
  }

  release(): void {
    this.f.release(...this.parts);
  }
}

/** Whether numbers are kept in double precision until they are finished. */
export function isWide(combine: Combine): boolean {
  return combine === "sum" || combine === "product";
}

export function scalarOperation(combine: Combine): "f64.add" | "f64.mul" | "f32.max" | "f32.min" {
  return SCALAR[combine];
}

const SCALAR = { sum: "f64.add", product: "f64.mul", maximum: "f32.max", minimum: "f32.min" } as const;

/** Stores a finished number: address and number are on the stack. */
export function storeTotal(f: FunctionWriter, combine: Combine, output: ElementType): void {
  if (output === "bool") {
    if (isWide(combine)) f.f64(0).op("f64.ne");
    else f.f32(0).op("f32.ne");
    f.memory("i32.store8");
    return;
  }
  if (isWide(combine)) f.op("f32.demote_f64");
  f.memory("f32.store");
}

function vectorOperation(combine: Combine): "f64x2.add" | "f64x2.mul" | "f32x4.max" | "f32x4.min" {
  return VECTOR[combine];
}

const VECTOR = { sum: "f64x2.add", product: "f64x2.mul", maximum: "f32x4.max", minimum: "f32x4.min" } as const;

/** Of the vector on the stack keeps the first lanes; the others, fewer than four, take the neutral element. */
export function keepLanes(f: FunctionWriter, combine: Combine, lanes: number): void {
  f.f32x4(neutralFloat(combine))
    .i32x4(...LANE_MASKS[lanes - 1])
    .op("v128.bitselect");
}

export function neutralFloat(combine: Combine): number {
  return combine === "sum" ? 0 : combine === "product" ? 1 : combine === "maximum" ? -Infinity : Infinity;
}

/** All bits of the first one, two and three lanes. */
const LANE_MASKS = [
  [-1, 0, 0, 0],
  [-1, -1, 0, 0],
  [-1, -1, -1, 0],
] as const;
