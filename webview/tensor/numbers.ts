/** Numbers of a tensor in words: in a cell, at full precision, and as text to copy. Pure. */
import { formatNumber } from "../format";
import type { LookOf, TensorPicture } from "./protocol";
import { indexOf, type Cell } from "./slicing";

/** As many digits as are needed to tell the number from all others. */
export function fullNumber(value: number): string {
  if (!Number.isFinite(value) || value === 0) return Object.is(value, -0) ? "−0" : formatNumber(value);
  return String(value).replace(/^-/, "−").replace("e+", "e");
}

/** The number with as many digits as fit into so many characters; "" where not even two do. */
export function cellText(value: number, characters: number): string {
  for (const digits of [4, 3, 2]) {
    const text = formatNumber(value, digits);
    if (text.length <= characters) return text;
  }
  return "";
}

/** What the cells are elements of, as the debugger reads it where it can: `h`, `h.grad`, `∂softmax/∂logits`. */
export function nameOf({ expression, title }: TensorPicture, of: LookOf): string {
  if (of === "value") return expression;
  return of === "gradient" ? `${enclosed(expression)}.grad` : title;
}

/** `h[3, 17]`. */
export function cellName(picture: TensorPicture, of: LookOf, cell: Cell): string {
  const [name, index] = [nameOf(picture, of), indexOf(picture, cell)];
  return index.length === 0 ? name : `${of === "gradient" ? name : enclosed(name)}[${index.join(", ")}]`;
}

/** What is more than a path of names is put into parentheses. */
function enclosed(expression: string): string {
  return /^[\p{L}_$][\p{L}\d_$.]*(\[[\d, ]*\])*$/u.test(expression) ? expression : `(${expression})`;
}

/** `[64, 128] float32`. */
export function shapeText({ shape, dtype }: Pick<TensorPicture, "shape" | "dtype">): string {
  return `[${shape.join(", ")}] ${dtype}`;
}

/** Rows of values at full precision, separated by commas: numbers as programs read them. */
export function asCsv({ rows, columns, values }: TensorPicture): string {
  return linesOf(rows.count, columns.count, (i) => String(values[i]), ",");
}

/** The same for people: a heading, then columns of one width. */
export function asText(picture: TensorPicture, of: LookOf): string {
  const { rows, columns, values } = picture;
  const texts = Array.from(values, (value) => formatNumber(value).replace("−", "-"));
  const width = Math.max(0, ...texts.map(({ length }) => length));
  const part =
    rows.count < rows.size || columns.count < columns.size
      ? `, from ${cellName(picture, of, [rows.first, columns.first])} to ${cellName(picture, of, [rows.first + rows.count - 1, columns.first + columns.count - 1])}`
      : "";
  const body = linesOf(rows.count, columns.count, (i) => texts[i].padStart(width), "  ");
  return `${nameOf(picture, of)} ${shapeText(picture)}${part}\n${body}`;
}

function linesOf(rows: number, columns: number, text: (i: number) => string, between: string): string {
  const lines = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => text(row * columns + column)).join(between),
  );
  return lines.map((line) => `${line}\n`).join("");
}
