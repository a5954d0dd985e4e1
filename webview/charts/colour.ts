/** Colours as numbers: reading CSS, and ramps whose lightness rises evenly, so that they also read without hue. */

/** Each from 0 to 1. */
export interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  readonly alpha: number;
}

/** Reads `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb(…)` and `rgba(…)`, which is all that VS Code writes; undefined for others. */
export function parseColour(css: string): Colour | undefined {
  const text = css.trim().toLowerCase();
  const hex = /^#([0-9a-f]{3,8})$/.exec(text)?.[1];
  if (hex && hex.length !== 5 && hex.length !== 7) {
    const digits = hex.length < 6 ? [...hex].map((digit) => digit + digit) : (hex.match(/../g) ?? []);
    const [red, green, blue, alpha = 255] = digits.map((pair) => parseInt(pair, 16));
    return { red: red / 255, green: green / 255, blue: blue / 255, alpha: alpha / 255 };
  }
  const parts = /^rgba?\(([^)]*)\)$/
    .exec(text)?.[1]
    ?.split(/[\s,/]+/)
    .filter(Boolean);
  if (!parts || parts.length < 3) return undefined;
  const read = (part: string, whole: number): number => parseFloat(part) / (part.endsWith("%") ? 100 : whole);
  const [red, green, blue] = parts.map((part) => read(part, 255));
  const alpha = parts[3] === undefined ? 1 : read(parts[3], 1);
  return [red, green, blue, alpha].every(Number.isFinite) ? { red, green, blue, alpha } : undefined;
}

export function cssOf({ red, green, blue, alpha }: Colour): string {
  const byte = (part: number): number => Math.round(clamp(part) * 255);
  return `rgba(${byte(red)}, ${byte(green)}, ${byte(blue)}, ${Math.round(alpha * 1000) / 1000})`;
}

export function withAlpha(colour: Colour, alpha: number): Colour {
  return { ...colour, alpha };
}

/** Perceptual lightness from 0 (black) to 1 (white), as OKLab has it. */
export function lightness(colour: Colour): number {
  return toOklab(colour).l;
}

/**
 * A sequential ramp: hue and chroma of the anchors from first to last, but a lightness that runs evenly from `from` to `to`
 * whatever the anchors' own is. Even lightness is what makes a ramp readable in all themes and to the colour-blind.
 */
export function ramp(anchors: readonly Colour[], from: number, to: number, steps = 256): readonly Colour[] {
  const points = anchors.map(toOklab);
  return Array.from({ length: steps }, (_, step) => {
    const t = steps === 1 ? 0 : step / (steps - 1);
    const at = t * (points.length - 1);
    const left = Math.min(Math.floor(at), Math.max(points.length - 2, 0));
    const [a, b] = [points[left], points[Math.min(left + 1, points.length - 1)]];
    const mix = at - left;
    return fromOklab({ l: from + (to - from) * t, a: a.a + (b.a - a.a) * mix, b: a.b + (b.b - a.b) * mix });
  });
}

/** Colours as the words of an `ImageData` on a little-endian machine, which all that run VS Code are. */
export function packed(colours: readonly Colour[]): Uint32Array {
  const byte = (part: number): number => Math.round(clamp(part) * 255);
  return Uint32Array.from(
    colours,
    ({ red, green, blue, alpha }) => ((byte(alpha) << 24) | (byte(blue) << 16) | (byte(green) << 8) | byte(red)) >>> 0,
  );
}

interface Oklab {
  readonly l: number;
  readonly a: number;
  readonly b: number;
}

/** Björn Ottosson, "A perceptual color space for image processing" (2020). */
function toOklab({ red, green, blue }: Colour): Oklab {
  const [r, g, b] = [red, green, blue].map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {
    l: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    a: 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    b: 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  };
}

/** Chroma that no screen has at this lightness is taken back until it fits. */
function fromOklab(lab: Oklab): Colour {
  for (let chroma = 1; chroma > 0; chroma -= 0.05) {
    const [red, green, blue] = linear({ l: lab.l, a: lab.a * chroma, b: lab.b * chroma });
    if ([red, green, blue].every((part) => part > -0.001 && part < 1.001)) return encoded(red, green, blue);
  }
  const [red, green, blue] = linear({ l: lab.l, a: 0, b: 0 });
  return encoded(red, green, blue);
}

function linear({ l, a, b }: Oklab): [number, number, number] {
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

function encoded(...parts: [number, number, number]): Colour {
  const [red, green, blue] = parts.map((part) => {
    const positive = clamp(part);
    return positive <= 0.0031308 ? positive * 12.92 : 1.055 * positive ** (1 / 2.4) - 0.055;
  });
  return { red, green, blue, alpha: 1 };
}

function clamp(part: number): number {
  return Math.min(Math.max(part, 0), 1);
}
