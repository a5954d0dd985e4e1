/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt, to about 1e-15 absolute.
 *
 * Below 2.5 the Taylor-type series 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!! (all terms positive, no
 * cancellation); above, Laplace's continued fraction for erfc (Abramowitz & Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const t = Math.abs(x);
  if (!(t < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  const scale = Math.exp(-t * t) / Math.sqrt(Math.PI);
  if (t < 2.5) {
    let term = t;
    let sum = t;
    for (let n = 1; term > sum * 1e-17 && n < 200; n++) {
      term *= (2 * t * t) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * 2 * scale * sum;
  }
  let fraction = t;
  for (let n = 80; n >= 1; n--) fraction = t + n / 2 / fraction;
  return Math.sign(x) * (1 - scale / fraction);
}

/** Nearest integer, halves to the even one, as IEEE 754, PyTorch and WGSL round. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x - Math.trunc(x)) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
