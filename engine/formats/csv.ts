/**
 * CSV tables (RFC 4180 and its usual dialects) into numeric columns and label columns.
 *
 * Rows are turned into numbers as they are parsed, so that a large table never lies in memory as text cells.
 */

import { parse } from "csv-parse/browser/esm/sync";
import { FormatError } from "./error";
import type { Place } from "./error";
import { plainArray } from "./plain";
import type { PlainArray } from "./plain";

/** A column by its name in the header, or by its index from 0 (negative: from the end, −1 is the last). */
export type ColumnKey = string | number;

/** How a label column becomes class indices. */
export interface LabelColumn {
  readonly column: ColumnKey;
  /** The categories in the order of their indices. Default: those found, sorted (as numbers where all are numbers). */
  readonly categories?: readonly string[];
  /** `"index"`: the cells are class indices already (whole numbers from 0) and are kept. Default `"category"`. */
  readonly as?: "category" | "index";
}

export interface CsvOptions {
  /** Whether the first row names the columns. Default: it does when none of its cells is a number. */
  readonly header?: boolean;
  /** One character, default a comma. */
  readonly delimiter?: string;
  /** Lines that begin with this character are skipped. Default: none. */
  readonly comment?: string;
  /** The numeric columns, in the order wanted. Default: every column that is no label. */
  readonly features?: readonly ColumnKey[];
  /** The label columns. Default: none. */
  readonly labels?: readonly (ColumnKey | LabelColumn)[];
  /** `"keep"` reads a missing number as NaN and a missing label as −1, and lists them. Default `"error"`. */
  readonly missing?: "error" | "keep";
  /** Default `"float32"`. */
  readonly dtype?: "float32" | "float64";
}

export interface CsvTable {
  readonly rows: number;
  /** The names of `features`' columns (`column 1`, `column 2` … without a header). */
  readonly featureNames: readonly string[];
  /** Shape [rows, features]. */
  readonly features: PlainArray<"float32" | "float64">;
  readonly labels: readonly CsvLabels[];
  /** The missing cells, where `missing: "keep"` admitted any. */
  readonly missing: readonly MissingCell[];
}

export interface CsvLabels {
  readonly name: string;
  /** Shape [rows]; −1 for a missing cell. */
  readonly indices: PlainArray<"int32">;
  /** The text of each index; for `as: "index"` the numbers from 0 to the largest. */
  readonly categories: readonly string[];
}

/** An empty cell, or one that says NaN, NA, null, none or ?. */
export interface MissingCell {
  /** From 1. */
  readonly line: number;
  readonly column: string;
  readonly text: string;
}

/**
 * Reads a CSV table in UTF-8.
 * @param file name for messages
 * @throws FormatError, with its line, for a row of another length than the first, a broken quote, a cell that is no number
 * or a missing one (unless `missing: "keep"`), an unknown column or category, or a table without rows.
 * @throws RangeError for an impossible option.
 */
export function readCsv(bytes: Uint8Array, options: CsvOptions = {}, file = "data.csv"): CsvTable {
  checkOptions(options);
  const reader = new RowReader(file, options);
  const start = skipByteOrderMark(bytes, file);
  const lines = new LineFinder(bytes, start, options.comment);
  const body = bytes.subarray(start);
  try {
    parse(body, {
      delimiter: options.delimiter ?? ",",
      comment: options.comment ?? null,
      comment_no_infix: true,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: maximumRow,
      on_record: (cells: string[], context) => {
        reader.add(cells, () => lines.next());
        lines.end = start + context.bytes;
        return null;
      },
    });
  } catch (error) {
    if (error instanceof FormatError || !(error instanceof Error) || !("code" in error)) throw error;
    throw syntaxError(String(error.code), { line: lines.next() }, error.message, file);
  }
  return reader.finish();
}

/** Longest row, in characters: an unclosed quote must not swallow a whole file. */
const maximumRow = 2 ** 24;

const missingTexts = new Set(["", "nan", "na", "n/a", "#n/a", "null", "none", "?"]);

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function checkOptions(options: CsvOptions): void {
  for (const [name, value] of [["delimiter", options.delimiter] as const, ["comment", options.comment] as const]) {
    if (value !== undefined && (value.length !== 1 || /["\r\n]/.test(value))) {
      throw new RangeError(
        `${name} is ${JSON.stringify(value)}: give one character that is neither a quote nor a line break`,
      );
    }
  }
}

function skipByteOrderMark(bytes: Uint8Array, file: string): number {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new FormatError(file, { byte: 0 }, "the text is UTF-16", "Save the table as UTF-8");
  }
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function syntaxError(code: string, place: Place, message: string, file: string): FormatError {
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
    case "CSV_MAX_RECORD_SIZE":
      return new FormatError(
        file,
        place,
        "a quote in the row that begins here is never closed, or the row is endless",
        'Close the quote; write a quote inside a cell as ""',
      );
    case "INVALID_OPENING_QUOTE":
    case "CSV_INVALID_CLOSING_QUOTE":
      return new FormatError(
        file,
        place,
        "a quote stands in the middle of a cell of the row that begins here",
        'Quote the whole cell and write a quote inside it as ""; check the delimiter',
      );
    default:
      return new FormatError(file, place, `the row cannot be read (${message})`, "Check the delimiter and the quotes");
  }
}

/** Finds the line on which the next row begins. It counts only when asked, and never counts a byte twice. */
class LineFinder {
  /** Byte after the last row read. */
  end: number;
  private position = 0;
  private line = 1;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    private readonly comment: string | undefined,
  ) {
    this.end = start;
  }

  next(): number {
    this.advance(this.end);
    // Blank and comment lines before the row belong to no row.
    for (;;) {
      const byte = this.bytes[this.position];
      if (byte === 10 || byte === 13) this.advance(this.position + 1);
      else if (byte !== undefined && String.fromCharCode(byte) === this.comment) {
        let stop = this.position;
        while (stop < this.bytes.length && this.bytes[stop] !== 10 && this.bytes[stop] !== 13) stop++;
        this.advance(stop);
      } else return this.line;
    }
  }

  private advance(to: number): void {
    for (; this.position < to; this.position++) {
      const byte = this.bytes[this.position];
      // A CR LF pair counts once, at its LF.
      if (byte === 10 || (byte === 13 && this.bytes[this.position + 1] !== 10)) this.line++;
    }
  }
}

interface LabelState {
  readonly index: number;
  readonly options: LabelColumn;
  readonly texts: string[];
  readonly lines: Map<string, number>;
}

/** Takes the rows one by one; `finish` gives the table. */
class RowReader {
  private names: readonly string[] | undefined;
  private named = false;
  private features: number[] = [];
  private labels: LabelState[] = [];
  private values: Float32Array | Float64Array;
  private rows = 0;
  private readonly missing: MissingCell[] = [];
  private firstMissing: MissingCell | undefined;

  constructor(
    private readonly file: string,
    private readonly options: CsvOptions,
  ) {
    this.values = options.dtype === "float64" ? new Float64Array(1024) : new Float32Array(1024);
  }

  add(cells: readonly string[], line: () => number): void {
    if (this.names === undefined) {
      this.named = this.options.header ?? !cells.some((cell) => numberPattern.test(cell));
      this.names = cells.map((cell, index) => (this.named ? cell : `column ${index + 1}`));
      this.chooseColumns(this.names, line);
      if (this.named) return;
    }
    if (cells.length !== this.names.length) {
      throw new FormatError(
        this.file,
        { line: line() },
        `the row has ${cells.length} cells, the first row ${this.names.length}`,
        "Complete the row, quote a cell that holds the delimiter, or check the delimiter",
      );
    }
    for (const [position, index] of this.features.entries()) {
      this.put(this.rows * this.features.length + position, this.number(cells[index], index, line));
    }
    for (const label of this.labels) this.addLabel(label, cells[label.index], line);
    this.rows++;
  }

  finish(): CsvTable {
    const { names } = this;
    if (names === undefined || this.rows === 0) {
      throw new FormatError(
        this.file,
        undefined,
        names === undefined ? "the table is empty" : "the table has a header but no rows",
        "Check the path; without a header, say header: false",
      );
    }
    const labels = this.labels.map((label) => this.finishLabel(label, names[label.index]));
    if (this.firstMissing !== undefined && this.options.missing !== "keep") {
      const { line, column, text } = this.firstMissing;
      const others = this.missing.length > 1 ? ` (and ${this.missing.length - 1} more cells after it)` : "";
      throw new FormatError(
        this.file,
        { line, column },
        `${text === "" ? "the cell is empty" : `the cell says ${JSON.stringify(text)}`}${others}`,
        'Fill the cells or leave the rows out, or read them as NaN with missing: "keep"',
      );
    }
    const shape = [this.rows, this.features.length];
    const data = this.values.slice(0, this.rows * this.features.length);
    return {
      rows: this.rows,
      featureNames: this.features.map((index) => names[index]),
      features: data instanceof Float64Array ? plainArray(shape, "float64", data) : plainArray(shape, "float32", data),
      labels,
      missing: this.missing,
    };
  }

  private chooseColumns(names: readonly string[], line: () => number): void {
    this.labels = (this.options.labels ?? []).map((key) => {
      const options = typeof key === "object" ? key : { column: key };
      return { index: this.find(options.column, names, line), options, texts: [], lines: new Map<string, number>() };
    });
    const labelled = new Set(this.labels.map((label) => label.index));
    this.features =
      this.options.features?.map((key) => this.find(key, names, line)) ??
      [...names.keys()].filter((index) => !labelled.has(index));
  }

  private find(key: ColumnKey, names: readonly string[], line: () => number): number {
    if (typeof key === "number") {
      const index = key < 0 ? names.length + key : key;
      if (Number.isInteger(index) && index >= 0 && index < names.length) return index;
    } else if (this.named && names.indexOf(key) >= 0 && names.indexOf(key) === names.lastIndexOf(key)) {
      return names.indexOf(key);
    }
    const twice = this.named && typeof key === "string" && names.includes(key);
    const shown = names.slice(0, 12).map((name) => JSON.stringify(name));
    const columns = this.named ? `: ${shown.join(", ")}${names.length > 12 ? ", …" : ""}` : " without names";
    throw new FormatError(
      this.file,
      { line: line() },
      twice
        ? `two columns are named ${JSON.stringify(key)}`
        : `there is no column ${JSON.stringify(key)}; the table has ${names.length} columns${columns}`,
      "Give a name from the header or an index from 0 (−1 is the last); header: true or false says whether there is a header",
    );
  }

  private number(cell: string, index: number, line: () => number): number {
    if (numberPattern.test(cell)) {
      const value = Number(cell);
      const stored = this.options.dtype === "float64" ? value : Math.fround(value);
      if (Number.isFinite(stored)) return stored;
      throw this.cellError(line(), index, `${cell} is beyond ${this.options.dtype ?? "float32"}`, "Scale the column");
    }
    if (missingTexts.has(cell.toLowerCase())) {
      this.addMissing(line(), index, cell);
      return Number.NaN;
    }
    throw this.cellError(
      line(),
      index,
      `${quoted(cell)} is no number`,
      this.rows === 0 && !this.named
        ? "If this line names the columns, say header: true; a column of categories belongs into labels"
        : "Correct the cell; a column of categories belongs into labels",
    );
  }

  private addLabel(label: LabelState, cell: string, line: () => number): void {
    label.texts.push(cell);
    // "none" or "na" may well be a category's name: only an empty label is missing.
    if (cell === "") this.addMissing(line(), label.index, cell);
    else if (!label.lines.has(cell)) {
      const found = line();
      label.lines.set(cell, found);
      if (cell.includes("\ufffd")) {
        throw this.cellError(found, label.index, `${quoted(cell)} is not valid UTF-8`, "Save the table as UTF-8");
      }
      if (label.options.as === "index" && !(/^\d{1,10}$/.test(cell) && Number(cell) < 2 ** 31)) {
        const remedy = 'Use whole numbers from 0, or as: "category"';
        throw this.cellError(found, label.index, `${quoted(cell)} is no class index`, remedy);
      }
      if (label.options.categories?.includes(cell) === false) {
        const known = label.options.categories.map((category) => JSON.stringify(category)).join(", ");
        throw this.cellError(
          found,
          label.index,
          `${quoted(cell)} is none of the categories ${known}`,
          "Correct the cell or add the category",
        );
      }
    }
  }

  private finishLabel(label: LabelState, name: string): CsvLabels {
    const found = [...label.lines.keys()];
    const asIndex = label.options.as === "index";
    const categories = asIndex ? [] : (label.options.categories ?? sortedCategories(found));
    const indexOf = new Map(categories.map((category, index) => [category, index]));
    const toIndex = (text: string): number => (text === "" ? -1 : asIndex ? Number(text) : (indexOf.get(text) ?? -1));
    return {
      name,
      indices: plainArray([this.rows], "int32", Int32Array.from(label.texts, toIndex)),
      categories: asIndex ? this.indexNames(label, found) : categories,
    };
  }

  /** "0", "1" … up to the largest index. An index far beyond the rows is a mistake and must not fill the memory. */
  private indexNames(label: LabelState, found: readonly string[]): string[] {
    let largest = "0";
    for (const text of found) if (Number(text) > Number(largest)) largest = text;
    if (Number(largest) > 1_000_000) {
      const line = label.lines.get(largest) ?? 1;
      throw this.cellError(line, label.index, `class index ${largest} is beyond 1,000,000`, 'Use as: "category"');
    }
    return found.length === 0 ? [] : Array.from({ length: Number(largest) + 1 }, (_, index) => String(index));
  }

  private addMissing(line: number, index: number, text: string): void {
    const cell = { line, column: this.columnLabel(index), text };
    this.firstMissing ??= cell;
    this.missing.push(cell);
  }

  private cellError(line: number, index: number, problem: string, remedy: string): FormatError {
    return new FormatError(this.file, { line, column: this.columnLabel(index) }, problem, remedy);
  }

  private columnLabel(index: number): string {
    return this.named && this.names !== undefined ? JSON.stringify(this.names[index]) : String(index + 1);
  }

  private put(position: number, value: number): void {
    if (position >= this.values.length) {
      const larger = this.options.dtype === "float64" ? new Float64Array(2 * position) : new Float32Array(2 * position);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[position] = value;
  }
}

/** Sorted as numbers where every category is one ("2" before "10"), else by code units, so that two files agree. */
function sortedCategories(found: readonly string[]): string[] {
  const numeric = found.every((text) => numberPattern.test(text));
  return [...found].sort((a, b) => (numeric ? Number(a) - Number(b) : 0) || (a < b ? -1 : a > b ? 1 : 0));
}

function quoted(cell: string): string {
  return JSON.stringify(cell.length > 40 ? `${cell.slice(0, 40)}…` : cell);
}
