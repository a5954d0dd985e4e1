import type { Elements } from "./array-kernel";

/** A matrix inside an array: element (i, j) is data[offset + i·rowStride + j·columnStride]. */
export interface Matrix {
  readonly data: Elements;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * C = A·B, or C += A·B; A is m×k, B k×n, C m×n with dense columns.
 * The one piece of matrix work that `matmul` and `convolution` rest on; a faster one may take its place.
 */
export type MatrixProduct = (
  m: number,
  n: number,
  k: number,
  a: Matrix,
  b: Matrix,
  c: { readonly data: Elements; readonly offset: number; readonly rowStride: number },
  accumulate: boolean,
) => void;

// Sizes of the blocks that stay in cache while they are used; multiples of the 2×2 tile.
const BLOCK_K = 512;
const BLOCK_M = 64;
const BLOCK_N = 256;

/**
 * Blocked product with packed panels, in double precision inside a block of k. Panels hold two rows of
 * A (two columns of B) side by side, so that the innermost loop reads both in order; doubles because
 * V8 computes in them and would convert each float again and again.
 */
export function createMatrixProduct(): MatrixProduct {
  const panelsA = new Float64Array(BLOCK_M * BLOCK_K);
  const panelsB = new Float64Array(BLOCK_N * BLOCK_K);
  return (m, n, k, a, b, c, accumulate) => {
    if (k === 0 && !accumulate) {
      for (let i = 0; i < m; i++) c.data.fill(0, c.offset + i * c.rowStride, c.offset + i * c.rowStride + n);
    }
    for (let p0 = 0; p0 < k; p0 += BLOCK_K) {
      const depth = Math.min(BLOCK_K, k - p0);
      const add = accumulate || p0 > 0;
      for (let j0 = 0; j0 < n; j0 += BLOCK_N) {
        const columns = Math.min(BLOCK_N, n - j0);
        const startB = b.offset + p0 * b.rowStride + j0 * b.columnStride;
        packPairs(panelsB, b.data, startB, columns, b.columnStride, depth, b.rowStride);
        for (let i0 = 0; i0 < m; i0 += BLOCK_M) {
          const rows = Math.min(BLOCK_M, m - i0);
          const startA = a.offset + i0 * a.rowStride + p0 * a.columnStride;
          packPairs(panelsA, a.data, startA, rows, a.rowStride, depth, a.columnStride);
          multiplyPanels(
            panelsA,
            panelsB,
            rows,
            columns,
            depth,
            c.data,
            c.offset + i0 * c.rowStride + j0,
            c.rowStride,
            add,
          );
        }
      }
    }
  };
}

/** Copies `lines` lines of `depth` elements, interleaved in pairs; an odd last line is paired with zeros. */
function packPairs(
  panels: Float64Array,
  data: Elements,
  start: number,
  lines: number,
  lineStride: number,
  depth: number,
  depthStride: number,
): void {
  let to = 0;
  let line = 0;
  for (; line + 1 < lines; line += 2) {
    let from = start + line * lineStride;
    for (let p = 0; p < depth; p++) {
      panels[to] = data[from];
      panels[to + 1] = data[from + lineStride];
      to += 2;
      from += depthStride;
    }
  }
  if (line < lines) {
    let from = start + line * lineStride;
    for (let p = 0; p < depth; p++) {
      panels[to] = data[from];
      panels[to + 1] = 0;
      to += 2;
      from += depthStride;
    }
  }
}

function multiplyPanels(
  panelsA: Float64Array,
  panelsB: Float64Array,
  rows: number,
  columns: number,
  depth: number,
  c: Elements,
  offsetC: number,
  rowStride: number,
  add: boolean,
): void {
  for (let j = 0; j < columns; j += 2) {
    for (let i = 0; i < rows; i += 2) {
      let a = i * depth;
      let b = j * depth;
      let c00 = 0;
      let c01 = 0;
      let c10 = 0;
      let c11 = 0;
      for (let p = 0; p < depth; p++) {
        const a0 = panelsA[a];
        const a1 = panelsA[a + 1];
        const b0 = panelsB[b];
        const b1 = panelsB[b + 1];
        c00 += a0 * b0;
        c01 += a0 * b1;
        c10 += a1 * b0;
        c11 += a1 * b1;
        a += 2;
        b += 2;
      }
      const at = offsetC + i * rowStride + j;
      const lower = i + 1 < rows;
      const right = j + 1 < columns;
      c[at] = add ? c[at] + c00 : c00;
      if (right) c[at + 1] = add ? c[at + 1] + c01 : c01;
      if (lower) c[at + rowStride] = add ? c[at + rowStride] + c10 : c10;
      if (lower && right) c[at + rowStride + 1] = add ? c[at + rowStride + 1] + c11 : c11;
    }
  }
}
