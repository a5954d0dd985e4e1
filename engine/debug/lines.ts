import { type Range, rangeKey } from "../graph/site";
import { type PlaceIndex, type Stops, placeKey, stopsOver } from "./places";

/** Where something happens in the text, in any of the graphs that a program has made so far: a breakpoint is on one line, whichever of them comes next. */
export interface Lines {
  /** Takes note of a graph's places. @returns whether there is anything new among them */
  add(places: PlaceIndex): boolean;
  /** The line that a breakpoint is on, with what happens there in all graphs. */
  find(file: string, line: number): LineFound;
  /** What happens there in one graph. */
  stopsIn(places: PlaceIndex, file: string, found: LineFound): readonly Stops[];
  knows(file: string): boolean;
}

export interface LineFound {
  /** In any graph; none where the line has no operation on it or near it. */
  readonly stops: readonly Stops[];
  readonly line: number;
  /** Whether calls begin on the line that was asked for. */
  readonly exact: boolean;
  /** Where the line belongs to a call that begins above it. */
  readonly over: Range | undefined;
}

/** How far below a line without an operation a breakpoint moves. */
const REACH = 6;

export function createLines(): Lines {
  const known = new Map<string, Stops[]>();
  const seen = new WeakSet<PlaceIndex>();
  const keys = new Set<string>();
  return {
    add(places) {
      if (seen.has(places)) return false;
      seen.add(places);
      let isNew = false;
      for (const [key, list] of places) {
        for (const stops of list) {
          const own = `${key} ${rangeKey(stops.range)} ${stops.direction} ${stops.begins}`;
          if (keys.has(own)) continue;
          keys.add(own);
          isNew = true;
          known.set(key, [...(known.get(key) ?? []), stops]);
        }
      }
      return isNew;
    },
    find(file, line) {
      const here = known.get(placeKey(file, line));
      if (here) return { stops: here, line, exact: true, over: undefined };
      const over = stopsOver(known, file, line);
      if (over.length > 0)
        return { stops: over.map((stop) => ({ ...stop, begins: true })), line, exact: false, over: over[0].range };
      for (let at = line + 1; at <= line + REACH; at++) {
        const below = known.get(placeKey(file, at));
        if (below) return { stops: below, line: at, exact: false, over: undefined };
      }
      return { stops: [], line, exact: false, over: undefined };
    },
    stopsIn(places, file, { line, over }) {
      if (!over) return places.get(placeKey(file, line)) ?? [];
      const key = rangeKey(over);
      return (places.get(placeKey(over.file, over.line)) ?? []).flatMap((stop) =>
        rangeKey(stop.range) === key ? [{ ...stop, begins: true }] : [],
      );
    },
    knows: (file) => [...known.keys()].some((key) => key.startsWith(`${file}:`)),
  };
}
