/** A part of a text, and what is to stand there instead. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Where a model file says its learning rate, if it says it once and as a number; in `adam()` without options, where it would
 * say it. Undefined where it cannot be told: then the user has to.
 */
export function rateEdit(text: string, current: number, wanted: number): TextEdit | undefined {
  const literals = [
    ...text.matchAll(
      /\b(learningRate\s*:\s*)(\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?=\s*[,}\r\n])/g,
    ),
  ]
    .filter((match) => !inComment(text, match.index))
    .map((match) => ({ start: match.index + match[1].length, literal: match[2] }));
  const same = literals.filter(({ literal }) => Number(literal.replaceAll("_", "")) === current);
  if (same.length === 1) {
    const [{ start, literal }] = same;
    return { start, end: start + literal.length, text: shortRate(wanted) };
  }
  if (literals.length > 0 || /\blearningRate\b/.test(text)) return undefined;
  const bare = [...text.matchAll(/\boptimizer\s*:\s*[A-Za-z]\w*\(\s*\)/g)].filter(
    (match) => !inComment(text, match.index),
  );
  if (bare.length !== 1) return undefined;
  const end = bare[0].index + bare[0][0].length;
  const start = text.lastIndexOf("(", end);
  return { start, end, text: `({ learningRate: ${shortRate(wanted)} })` };
}

/** `3e-3`, `0.05`: as one writes it in code. */
export function shortRate(rate: number): string {
  const value = Number(rate.toPrecision(2));
  const plain = String(value);
  const [mantissa, exponent] = value.toExponential().split("e");
  return value < 0.01 || value >= 1000 ? `${mantissa}e${Number(exponent)}` : plain;
}

function inComment(text: string, index: number): boolean {
  const line = text.slice(text.lastIndexOf("\n", index) + 1, index);
  return /\/\/|^\s*\*|\/\*/.test(line);
}
