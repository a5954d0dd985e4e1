import type { Elements, Precision } from "../js/array-kernel";
import type { MatrixProduct } from "../js/matrix-product";
import { DOUBLE, SINGLE, TILE_ROWS, multiplyModule, tileColumns } from "./multiply";

// Sizes of the packed blocks, chosen for caches of 32 KiB (a strip of B) and 1 MiB (all of them);
// multiples of the tile. Blocks of doubles have half the rows and columns, so that B takes the same bytes.
const BLOCK_K = 384;
const BLOCK_M = { single: 128, double: 64 } as const;
const BLOCK_N = { single: 384, double: 192 } as const;
const PAGE = 0x10000;

/**
 * Products of matrices of floats by WASM with 128-bit vectors; undefined where the platform lacks them. Elements are
 * summed in order of k in runs of BLOCK_K, then run by run: up to that length as a plain loop would, to the last bit.
 */
export function createWasmProduct(precision: Precision = "single"): MatrixProduct | undefined {
  const [format, Floats] = precision === "single" ? [SINGLE, Float32Array] : [DOUBLE, Float64Array];
  const tile = tileColumns(format);
  const blockM = BLOCK_M[precision];
  const blockN = BLOCK_N[precision];
  const sizeA = blockM * BLOCK_K;
  const sizeB = BLOCK_K * blockN;
  const sizeC = blockM * blockN;
  const wasm = instantiate(multiplyModule(format, Math.ceil(((sizeA + sizeB + sizeC) * format.bytes) / PAGE)));
  if (!wasm) return undefined;
  const { run, memory } = wasm;
  const panelsA = new Floats(memory.buffer, 0, sizeA);
  const panelsB = new Floats(memory.buffer, panelsA.byteLength, sizeB);
  const block = new Floats(memory.buffer, panelsA.byteLength + panelsB.byteLength, sizeC);

  return (m, n, k, a, b, c, accumulate) => {
    if (k === 0 && !accumulate) {
      for (let i = 0; i < m; i++) c.data.fill(0, c.offset + i * c.rowStride, c.offset + i * c.rowStride + n);
    }
    for (let p0 = 0; p0 < k; p0 += BLOCK_K) {
      const depth = Math.min(BLOCK_K, k - p0);
      for (let j0 = 0; j0 < n; j0 += blockN) {
        const columns = Math.min(blockN, n - j0);
        const startB = b.offset + p0 * b.rowStride + j0 * b.columnStride;
        pack(panelsB, tile, b.data, startB, columns, b.columnStride, depth, b.rowStride);
        for (let i0 = 0; i0 < m; i0 += blockM) {
          const rows = Math.min(blockM, m - i0);
          const startA = a.offset + i0 * a.rowStride + p0 * a.columnStride;
          pack(panelsA, TILE_ROWS, a.data, startA, rows, a.rowStride, depth, a.columnStride);
          const width = roundUp(columns, tile);
          run(roundUp(rows, TILE_ROWS), width, depth, panelsA.byteOffset, panelsB.byteOffset, block.byteOffset);
          const target = c.offset + i0 * c.rowStride + j0;
          copyBlock(block, width, rows, columns, c.data, target, c.rowStride, accumulate || p0 > 0);
        }
      }
    }
  };
}

/**
 * Copies `lines` lines of `depth` elements in strips of `tile` lines, [depth, tile] each. What the last
 * strip lacks keeps what was there: it only reaches sums that are not read.
 */
function pack(
  panels: Float32Array | Float64Array,
  tile: number,
  data: Elements,
  start: number,
  lines: number,
  lineStride: number,
  depth: number,
  depthStride: number,
): void {
  for (let line = 0; line < lines; line += tile) {
    const width = Math.min(tile, lines - line);
    let from = start + line * lineStride;
    let to = line * depth;
    if (depthStride === 1) {
      // Lines are dense: read along them.
      for (let i = 0; i < width; i++) {
        for (let p = 0; p < depth; p++) panels[to + p * tile] = data[from + p];
        from += lineStride;
        to++;
      }
    } else if (width === tile) {
      // By hand in fours, which each tile holds a whole number of: V8 does not unroll.
      for (let p = 0; p < depth; p++) {
        for (let i = 0; i < tile; i += 4) {
          const source = from + i * lineStride;
          panels[to + i] = data[source];
          panels[to + i + 1] = data[source + lineStride];
          panels[to + i + 2] = data[source + 2 * lineStride];
          panels[to + i + 3] = data[source + 3 * lineStride];
        }
        from += depthStride;
        to += tile;
      }
    } else {
      for (let p = 0; p < depth; p++) {
        for (let i = 0; i < width; i++) panels[to + i] = data[from + i * lineStride];
        from += depthStride;
        to += tile;
      }
    }
  }
}

function copyBlock(
  block: Float32Array | Float64Array,
  width: number,
  rows: number,
  columns: number,
  c: Elements,
  target: number,
  rowStride: number,
  add: boolean,
): void {
  for (let i = 0; i < rows; i++) {
    const from = i * width;
    const to = target + i * rowStride;
    if (add) for (let j = 0; j < columns; j++) c[to + j] += block[from + j];
    else if (columns > 64) c.set(block.subarray(from, from + columns), to);
    else for (let j = 0; j < columns; j++) c[to + j] = block[from + j];
  }
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

/** The part of the platform's WebAssembly used here; the engine core's types know no platform. */
interface WasmPlatform {
  readonly validate: (bytes: Uint8Array<ArrayBuffer>) => boolean;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

interface MultiplyExports {
  readonly run: (rows: number, columns: number, depth: number, a: number, b: number, c: number) => void;
  readonly memory: { readonly buffer: ArrayBuffer };
}

function instantiate(bytes: Uint8Array<ArrayBuffer>): MultiplyExports | undefined {
  const platform = (globalThis as { readonly WebAssembly?: WasmPlatform }).WebAssembly;
  try {
    if (!platform?.validate(bytes)) return undefined;
    return new platform.Instance(new platform.Module(bytes)).exports as MultiplyExports;
  } catch {
    // A content security policy, or no memory left.
    return undefined;
  }
}
