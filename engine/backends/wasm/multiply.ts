import {
  i32Const,
  localGet,
  localSet,
  moduleBytes,
  op,
  repeatWhile,
  simd,
  vectorMemory,
  vectorOp,
  zeroVector,
} from "./matrix-module";

/**
 * Rows and vectors of columns of C that one pass over k computes in registers: 4×2 vectors of sums, 2 of B and 1 of
 * A stay within the 16 registers of x64.
 */
export const TILE_ROWS = 4;
const VECTORS = 2;
const VECTOR_BYTES = 16;

/** The elements of a module's matrices and the instructions on vectors of them. */
export interface LaneFormat {
  readonly bytes: number;
  readonly splat: number;
  readonly multiply: number;
  readonly add: number;
}

export const SINGLE: LaneFormat = { bytes: 4, splat: simd.load32Splat, multiply: simd.f32x4Mul, add: simd.f32x4Add };
export const DOUBLE: LaneFormat = { bytes: 8, splat: simd.load64Splat, multiply: simd.f64x2Mul, add: simd.f64x2Add };

/** Columns of the tile. */
export function tileColumns({ bytes }: LaneFormat): number {
  return (VECTORS * VECTOR_BYTES) / bytes;
}

/**
 * C = A·B of packed panels: `run(rows, columns, depth, a, b, c)`, addresses in bytes.
 * A: strips of TILE_ROWS rows, [depth, TILE_ROWS] each; B: strips of the tile's columns,
 * [depth, columns] each; C: dense rows. Rows and columns are multiples of the tile, none is 0.
 * Each element of C is summed from 0 in the order of depth, every product and sum rounded to the format.
 */
export function multiplyModule(format: LaneFormat, pages: number): Uint8Array<ArrayBuffer> {
  const [rows, columns, depth, a, b, c] = [0, 1, 2, 3, 4, 5];
  const [rowBytes, atA, atB, atC, left, steps] = [6, 7, 8, 9, 10, 11];
  const vectors = 12;
  const vectorOfB = (j: number): number => vectors + j;
  const splat = vectors + VECTORS;
  const sum = (i: number, j: number): number => splat + 1 + i * VECTORS + j;
  const tileRows = range(TILE_ROWS);
  const tileVectors = range(VECTORS);

  const step = [
    ...tileVectors.flatMap((j) => [
      ...localGet(atB),
      ...vectorMemory(simd.load, j * VECTOR_BYTES),
      ...localSet(vectorOfB(j)),
    ]),
    ...tileRows.flatMap((i) => [
      ...localGet(atA),
      ...vectorMemory(format.splat, i * format.bytes),
      ...localSet(splat),
      ...tileVectors.flatMap((j) => [
        ...localGet(sum(i, j)),
        ...localGet(splat),
        ...localGet(vectorOfB(j)),
        ...vectorOp(format.multiply),
        ...vectorOp(format.add),
        ...localSet(sum(i, j)),
      ]),
    ]),
    ...increase(atA, i32Const(TILE_ROWS * format.bytes)),
    ...increase(atB, i32Const(VECTORS * VECTOR_BYTES)),
    ...countDown(steps, 1),
  ];
  const tile = [
    ...tileRows.flatMap((i) => tileVectors.flatMap((j) => [...zeroVector(), ...localSet(sum(i, j))])),
    ...localGet(b),
    ...localSet(atB),
    ...localGet(depth),
    ...localSet(steps),
    ...repeatWhile(step),
    ...tileRows.flatMap((i) => [
      ...tileVectors.flatMap((j) => [
        ...localGet(atC),
        ...localGet(sum(i, j)),
        ...vectorMemory(simd.store, j * VECTOR_BYTES),
      ]),
      ...increase(atC, localGet(rowBytes)),
    ]),
    ...countDown(left, TILE_ROWS),
  ];
  // The pointers have run to the end of their strips, which is where the next ones start.
  const strip = [
    ...localGet(a),
    ...localSet(atA),
    ...localGet(c),
    ...localSet(atC),
    ...localGet(rows),
    ...localSet(left),
    ...repeatWhile(tile),
    ...localGet(atB),
    ...localSet(b),
    ...increase(c, i32Const(VECTORS * VECTOR_BYTES)),
    ...countDown(columns, tileColumns(format)),
  ];
  const code = [
    ...localGet(columns),
    ...i32Const(format.bytes),
    op.i32Mul,
    ...localSet(rowBytes),
    ...repeatWhile(strip),
  ];
  return moduleBytes({ parameters: 6, integers: 6, vectors: VECTORS + 1 + TILE_ROWS * VECTORS, code }, pages);
}

function increase(local: number, by: readonly number[]): number[] {
  return [...localGet(local), ...by, op.i32Add, ...localSet(local)];
}

/** Subtracts from a local and leaves the rest on the stack. */
function countDown(local: number, by: number): number[] {
  return [...localGet(local), ...i32Const(by), op.i32Sub, op.localTee, local];
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}
