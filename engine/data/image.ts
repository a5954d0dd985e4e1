/** Resampling of images: one bilinear pass whatever the number of geometric changes. */

/** Size of an image in memory: planes (channels) one after the other, rows from the top. */
export interface ImageSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Where an output pixel takes its value from, coordinates relative to the image's centre, y down:
 * (x, y) ↦ (a·x + b·y + e, c·x + d·y + f), plus a displacement for each pixel where there is one.
 */
export interface Geometry {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
  readonly dx: Float32Array | null;
  readonly dy: Float32Array | null;
}

export function identity(dx: Float32Array | null = null, dy: Float32Array | null = null): Geometry {
  return { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0, dx, dy };
}

/** Adds a change after those in `g`: the changed image's pixel (x, y) shows what was at (a·x + b·y + e, c·x + d·y + f). */
export function addChange(g: Geometry, a: number, b: number, c: number, d: number, e: number, f: number): void {
  const { a: ga, b: gb, c: gc, d: gd } = g;
  g.a = ga * a + gb * c;
  g.b = ga * b + gb * d;
  g.e += ga * e + gb * f;
  g.c = gc * a + gd * c;
  g.d = gc * b + gd * d;
  g.f += gc * e + gd * f;
}

/**
 * Samples `source` bilinearly into `out` (another array of the same size). Pixels outside count as `fill`.
 * A geometry that only moves by whole pixels copies exactly.
 */
export function warp(out: Float32Array, source: Float32Array, size: ImageSize, g: Geometry, fill = 0): void {
  const { channels, height, width } = size;
  const plane = height * width;
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  for (let row = 0, pixel = 0; row < height; row++) {
    const y = row - cy;
    for (let column = 0; column < width; column++, pixel++) {
      const x = column - cx;
      let sx = g.a * x + g.b * y + g.e + cx;
      let sy = g.c * x + g.d * y + g.f + cy;
      if (g.dx !== null && g.dy !== null) {
        sx += g.dx[pixel];
        sy += g.dy[pixel];
      }
      const left = Math.floor(sx);
      const top = Math.floor(sy);
      const right = sx - left;
      const down = sy - top;
      const inside = left >= 0 && top >= 0 && left + 1 < width && top + 1 < height;
      for (let channel = 0; channel < channels; channel++) {
        const start = channel * plane;
        let v00 = fill;
        let v01 = fill;
        let v10 = fill;
        let v11 = fill;
        const at = start + top * width + left;
        if (inside) {
          v00 = source[at];
          v01 = source[at + 1];
          v10 = source[at + width];
          v11 = source[at + width + 1];
        } else if (left >= -1 && top >= -1 && left < width && top < height) {
          if (top >= 0 && left >= 0) v00 = source[at];
          if (top >= 0 && left + 1 < width) v01 = source[at + 1];
          if (top + 1 < height && left >= 0) v10 = source[at + width];
          if (top + 1 < height && left + 1 < width) v11 = source[at + width + 1];
        }
        out[start + pixel] = (v00 * (1 - right) + v01 * right) * (1 - down) + (v10 * (1 - right) + v11 * right) * down;
      }
    }
  }
}

/** A Gaussian's weights at 0, 1 … ⌈3σ⌉ pixels, so that the whole symmetric kernel sums to 1. */
export function gaussianWeights(sigma: number): Float64Array {
  const weights = Float64Array.from({ length: Math.ceil(3 * sigma) + 1 }, (_, i) =>
    Math.exp((-i * i) / (2 * sigma * sigma)),
  );
  const sum = weights.reduce((total, weight, i) => total + (i === 0 ? weight : 2 * weight), 0);
  return weights.map((weight) => weight / sum);
}

/** Blurs one plane in place, zeros outside; `scratch` is as long as the plane. */
export function blur(
  field: Float32Array,
  scratch: Float32Array,
  height: number,
  width: number,
  weights: Float64Array,
): void {
  // Each pass writes its result transposed, so that two passes blur both axes and end where they began.
  blurRowsTransposed(scratch, field, height, width, weights);
  blurRowsTransposed(field, scratch, width, height, weights);
}

function blurRowsTransposed(
  out: Float32Array,
  field: Float32Array,
  height: number,
  width: number,
  weights: Float64Array,
): void {
  const reach = weights.length - 1;
  // Zeros at both ends spare the inner loop every test.
  const padded = new Float64Array(width + 2 * reach);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) padded[reach + column] = field[row * width + column];
    for (let column = 0; column < width; column++) {
      const centre = reach + column;
      let sum = weights[0] * padded[centre];
      for (let i = 1; i <= reach; i++) sum += weights[i] * (padded[centre - i] + padded[centre + i]);
      out[column * height + row] = sum;
    }
  }
}
