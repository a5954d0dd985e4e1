/** Places for the circles and edges of a network diagram. Pure. */
import type { DiagramColumn, DiagramLink, NetworkDiagram } from "../protocol";
import type { Point } from "./network-layout";

export interface PlacedUnit extends Point {
  /** Position in its column; null for the sign that stands for those left out. */
  readonly index: number | null;
  /** `x₂`. */
  readonly label: string;
}

export interface PlacedColumn {
  /** The same for the same column before and after an edit of the model. */
  readonly key: string;
  readonly column: DiagramColumn;
  readonly x: number;
  readonly units: readonly PlacedUnit[];
  /** Ends of the circles, for the frame around the column. */
  readonly top: number;
  readonly bottom: number;
}

export interface PlacedWeight {
  readonly from: Point;
  readonly to: Point;
  /** Element of the weight matrix; null where it is not known. */
  readonly value: number | null;
  /** `hidden.weight[2, 1]`. */
  readonly name: string | null;
  /** Where the label of the edge stands, if there is room for it. */
  readonly label: Point | null;
}

export interface PlacedLink {
  readonly link: DiagramLink;
  readonly weights: readonly PlacedWeight[];
  /** For a link that passes over columns: one curve instead of an edge for each weight. */
  readonly arc: string | null;
  /** Where the name of the weight stands. */
  readonly title: Point;
}

export interface DiagramLayout {
  readonly width: number;
  readonly height: number;
  readonly columns: readonly PlacedColumn[];
  readonly links: readonly PlacedLink[];
}

export const RADIUS = 15;
const ROW = 44;
/** Circles of one column; of more units the first and last are drawn. */
const MOST_CIRCLES = 8;
const FIRST = 5;
const LAST = 2;
/** Of a network with more columns than this, fewer circles: ten thousand edges cannot be drawn while one pans. */
const MANY_COLUMNS = 40;
const FIRST_OF_MANY = 2;
const LAST_OF_MANY = 1;
/** Letters that a circle holds. */
const LONGEST_LABEL = 5;
/** Room above the circles for what the column is called. */
const HEADER = 74;
const FOOTER = 34;
const MARGIN = 56;
const NARROW = 150;
const WIDE = 250;
/** Edges between two columns up to which each has its label. */
const MOST_LABELS = 40;
/** Of the narrower of the two columns: more lines would cross the labels. */
const MOST_CROSSING = 3;

export function layoutDiagram({ columns, links }: NetworkDiagram): DiagramLayout {
  const circles = columns.map(({ units }) => circlesOf(units, columns.length > MANY_COLUMNS));
  const tallest = Math.max(1, ...circles.map((list) => list.length));
  const adjacent = new Map(links.filter(({ from, to }) => to === from + 1).map((link) => [link.to, link]));
  const middle = HEADER + (tallest * ROW) / 2;
  let x = MARGIN;
  const keys = columnKeys(columns);
  const placed = columns.map((column, at): PlacedColumn => {
    const link = adjacent.get(at);
    if (at > 0) x += link && isLabelled(circles[link.from].length, circles[at].length) ? WIDE : NARROW;
    const top = middle - (circles[at].length * ROW) / 2;
    const units = circles[at].map((index, row) => ({
      x,
      y: top + (row + 0.5) * ROW,
      index,
      label: index === null ? "⋮" : unitLabel(column, index),
    }));
    return {
      ...{ key: keys[at], column, x, units, top: top + ROW / 2 - RADIUS },
      bottom: top + circles[at].length * ROW - ROW / 2 + RADIUS,
    };
  });
  const arcs = links.filter(({ from, to }) => to !== from + 1).length;
  return {
    width: x + MARGIN,
    height: HEADER + tallest * ROW + FOOTER + (arcs > 0 ? 40 : 0),
    columns: placed,
    links: links.map((link) => placeLink(link, placed, HEADER + tallest * ROW + FOOTER)),
  };
}

function columnKeys(columns: readonly DiagramColumn[]): string[] {
  const seen = new Map<string, number>();
  return columns.map(({ name }) => {
    const number = (seen.get(name) ?? 0) + 1;
    seen.set(name, number);
    return number === 1 ? `column ${name}` : `column ${name} ${number}`;
  });
}

function circlesOf(units: number, many: boolean): (number | null)[] {
  const [first, last] = many ? [FIRST_OF_MANY, LAST_OF_MANY] : [FIRST, LAST];
  if (units <= (many ? first + last + 1 : MOST_CIRCLES)) return Array.from({ length: units }, (_, i) => i);
  const beginning = Array.from({ length: first }, (_, i) => i);
  return [...beginning, null, ...Array.from({ length: last }, (_, i) => units - last + i)];
}

/** `h₂`; of a long name the first letter, since the column says the whole. */
function unitLabel({ variable, units }: DiagramColumn, index: number): string {
  const number = units === 1 ? "" : subscript(index + 1);
  const whole = `${variable}${number}`;
  return whole.length <= LONGEST_LABEL ? whole : `${[...variable][0]}${number}`;
}

function isLabelled(from: number, to: number): boolean {
  return from * to <= MOST_LABELS && Math.min(from, to) <= MOST_CROSSING;
}

function placeLink(link: DiagramLink, columns: readonly PlacedColumn[], below: number): PlacedLink {
  const [from, to] = [columns[link.from], columns[link.to]];
  if (link.to !== link.from + 1) {
    const path = `M${from.x},${from.bottom + 22} C${from.x + 40},${below + 20} ${to.x - 40},${below + 20} ${to.x},${to.bottom + 22}`;
    return { link, weights: [], arc: path, title: { x: (from.x + to.x) / 2, y: below + 14 } };
  }
  const labelled = isLabelled(from.units.length, to.units.length);
  const fansOut = to.units.length >= from.units.length;
  const weights = to.units.flatMap((target) =>
    from.units.flatMap((source): PlacedWeight[] => {
      if (target.index === null || source.index === null) return [];
      const ends = trimmed(source, target);
      const name = link.weight === null ? null : `${link.weight}[${target.index}, ${source.index}]`;
      // Labels stand where the lines have parted, those of neighbouring lines one behind the other.
      const at = fansOut ? 0.78 - 0.2 * source.index : 0.22 + 0.2 * target.index;
      const label = labelled ? { x: mix(ends.from.x, ends.to.x, at), y: mix(ends.from.y, ends.to.y, at) } : null;
      return [{ ...ends, value: link.values?.[target.index]?.[source.index] ?? null, name, label }];
    }),
  );
  return { link, weights, arc: null, title: { x: (from.x + to.x) / 2, y: HEADER - 58 } };
}

/** From the edge of one circle to that of the other. */
function trimmed(from: Point, to: Point): { from: Point; to: Point } {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = RADIUS / length;
  return {
    from: { x: mix(from.x, to.x, part), y: mix(from.y, to.y, part) },
    to: { x: mix(to.x, from.x, part), y: mix(to.y, from.y, part) },
  };
}

function mix(a: number, b: number, part: number): number {
  return a + (b - a) * part;
}

/** `₁₂`. */
export function subscript(number: number): string {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");
}
