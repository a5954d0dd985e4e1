import type { Tensor } from "../graph/tensor";
import { parseExpression } from "./expressions";
import type { DebugGraph } from "./graph";
import { type PlaceIndex, type Stops, callsNamed, placeKey, stopsOver } from "./places";
import { type Position, arriveAt } from "./position";
import {
  type BoundBreakpoint,
  type DataBreakpoint,
  type Direction,
  EXCEPTION_FILTERS,
  type ExceptionFilter,
  type FunctionBreakpoint,
  type SourceBreakpoint,
} from "./requests";
import { whyNeverWritten } from "./watches";

/** A breakpoint as it was set, with when it was reached. */
export interface Breakpoint {
  readonly id: number;
  readonly kind: "source" | "function" | "data";
  readonly condition: string | undefined;
  readonly hitCondition: HitCondition | undefined;
  readonly logMessage: string | undefined;
  /** Of data breakpoints: what is watched. */
  readonly dataId: string | undefined;
  /** Counted only where there is a hit condition. */
  readonly hits: Hits;
  /** Why it can never be told whether it stops. */
  readonly problem: string | undefined;
  /** Whether the user has been told that its condition could not be told. */
  told: boolean;
}

/** The moments at which a breakpoint was reached, in the order of the program: who goes back and forth does not count twice. */
export interface Hits {
  /** How often it was reached up to this moment, which is one of them from now on. */
  count(iteration: number, position: Position): number;
  clear(): void;
}

function createHits(): Hits {
  const moments: (readonly [iteration: number, index: number, depth: number])[] = [];
  return {
    count(iteration, { index, depth }) {
      const moment = [iteration, index, depth] as const;
      let [low, high] = [0, moments.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        const order = moment.reduce((sign, each, i) => sign || each - moments[middle][i], 0);
        if (order === 0) return middle + 1;
        if (order > 0) low = middle + 1;
        else high = middle;
      }
      moments.splice(low, 0, moment);
      return low + 1;
    },
    clear() {
      moments.length = 0;
    },
  };
}

/** A breakpoint in an episode's order: it is reached when the program comes to this position. */
export interface Armed {
  readonly breakpoint: Breakpoint;
  readonly position: Position;
  readonly direction: Direction;
  /** Of data breakpoints: the node whose value has just come about, and what it replaces. */
  readonly written?: { readonly node: Tensor; readonly before: Tensor | undefined };
}

/** All breakpoints of a session; what they mean in a graph is found once for each graph. */
export interface Breakpoints {
  setSource(file: string, breakpoints: readonly SourceBreakpoint[], bind: Binder): BoundBreakpoint[];
  setFunctions(breakpoints: readonly FunctionBreakpoint[], bind: Binder): BoundBreakpoint[];
  setData(breakpoints: readonly DataBreakpoint[], bind: Binder): BoundBreakpoint[];
  setFilters(filters: readonly ExceptionFilter[]): BoundBreakpoint[];
  filter(name: string): ExceptionFilter | undefined;
  /** What is armed in a graph, by the index of its step. */
  armedIn(bind: Binder): ReadonlyMap<number, readonly Armed[]>;
  resetHits(): void;
}

/** A graph with what breakpoints can be bound to. */
export interface Binder {
  readonly graph: DebugGraph;
  readonly places: PlaceIndex;
  /** For a line of a generated text, the step that it stands for and its line. */
  readonly listed: (file: string, line: number) => { readonly index: number; readonly line: number } | undefined;
  /** The file's own name for a path that may be written differently. */
  readonly fileOf: (file: string) => string;
  /** What a data breakpoint watches. */
  readonly watched: (dataId: string) => readonly Watched[];
}

export interface Watched {
  readonly node: Tensor;
  readonly before: Tensor | undefined;
}

interface Source extends SourceBreakpoint {
  readonly file: string;
}

type Entry = Breakpoint &
  (
    | { readonly kind: "source"; readonly given: Source }
    | { readonly kind: "function"; readonly given: FunctionBreakpoint }
    | { readonly kind: "data"; readonly given: DataBreakpoint }
  );

/** How far below a line without an operation a breakpoint moves. */
const REACH = 6;

export function createBreakpoints(passes: "all" | Direction): Breakpoints {
  let ids = 1;
  let entries: Entry[] = [];
  // Who never says which ones gets those that are on by themselves.
  let filters: readonly ExceptionFilter[] = EXCEPTION_FILTERS.filter(({ on }) => on);
  let cache = new WeakMap<DebugGraph, ReadonlyMap<number, readonly Armed[]>>();

  const replace = (stays: (entry: Entry) => boolean, fresh: readonly Entry[]): void => {
    // A breakpoint that is set again as it was keeps its count.
    const before = entries.filter((entry) => !stays(entry));
    entries = [...entries.filter(stays), ...fresh];
    entries = entries.map((entry) => {
      const same = fresh.includes(entry)
        ? before.find((other) => JSON.stringify(other.given) === JSON.stringify(entry.given))
        : undefined;
      return same ? { ...entry, hits: same.hits } : entry;
    });
    cache = new WeakMap();
  };
  const bound = (entry: Entry, bind: Binder): BoundBreakpoint => {
    if (entry.problem !== undefined) return { id: entry.id, verified: false, message: entry.problem };
    return describe(entry, positionsOf(entry, bind, passes), bind);
  };

  return {
    setSource(file, list, bind) {
      const path = bind.fileOf(file);
      const fresh = list.map((given): Entry => ({
        ...common(ids++, given),
        kind: "source",
        logMessage: given.logMessage,
        given: { ...given, file: path },
      }));
      replace((entry) => entry.kind !== "source" || entry.given.file !== path, fresh);
      return fresh.map((entry) => bound(entry, bind));
    },
    setFunctions(list, bind) {
      const fresh = list.map((given): Entry => ({ ...common(ids++, given), kind: "function", given }));
      replace(({ kind }) => kind !== "function", fresh);
      return fresh.map((entry) => bound(entry, bind));
    },
    setData(list, bind) {
      const fresh = list.map((given): Entry => ({
        ...common(ids++, given),
        kind: "data",
        dataId: given.dataId,
        given,
      }));
      replace(({ kind }) => kind !== "data", fresh);
      return fresh.map((entry) => bound(entry, bind));
    },
    setFilters(list) {
      filters = list;
      return list.map(() => ({ id: ids++, verified: true }));
    },
    filter: (name) => filters.find(({ filter }) => filter === name),
    armedIn(bind) {
      const known = cache.get(bind.graph);
      if (known) return known;
      const armed = new Map<number, Armed[]>();
      for (const entry of entries) {
        if (entry.problem !== undefined) continue;
        for (const each of positionsOf(entry, bind, passes)) {
          const list = armed.get(each.position.index) ?? [];
          list.push({ ...each, breakpoint: entry });
          armed.set(each.position.index, list);
        }
      }
      cache.set(bind.graph, armed);
      return armed;
    },
    resetHits() {
      for (const { hits } of entries) hits.clear();
    },
  };
}

function common(
  id: number,
  given: { readonly condition?: string; readonly hitCondition?: string },
): Omit<Breakpoint, "kind"> {
  const text = (words: string | undefined): string | undefined => (words?.trim() ? words : undefined);
  const [hit, condition] = [text(given.hitCondition), text(given.condition)];
  const hitCondition = hit === undefined ? undefined : parseHitCondition(hit);
  return {
    id,
    condition,
    hitCondition,
    problem: hitCondition?.problem ?? (condition === undefined ? undefined : conditionProblem(condition)),
    told: false,
    logMessage: undefined,
    dataId: undefined,
    hits: createHits(),
  };
}

type Found = Omit<Armed, "breakpoint">;

function positionsOf(entry: Entry, bind: Binder, passes: "all" | Direction): Found[] {
  const { graph, places } = bind;
  switch (entry.kind) {
    case "source": {
      const { file, line, column, mode = passes } = entry.given;
      const listed = bind.listed(file, line);
      if (listed) return [atStep(graph, listed.index)];
      const { stops, exact } = stopsFor(places, file, line);
      // A column means one of several calls on the line, if it stands on one.
      const wanted = column === undefined || !exact ? undefined : nearest(stops, column);
      return stops.filter(
        ({ direction, range, begins }) =>
          (mode === "all" || direction === mode) && (wanted === undefined ? begins : range.column === wanted),
      );
    }
    case "function": {
      const [, pass, name] = /^(?:(forward|backward|update):)?(.*)$/s.exec(entry.given.name.trim()) ?? [
        "",
        undefined,
        "",
      ];
      const mode = pass ?? passes;
      return callsNamed(graph, name).filter(({ direction }) => mode === "all" || direction === mode);
    }
    case "data":
      return bind.watched(entry.given.dataId).flatMap((written) => {
        const index = graph.indexOf.get(written.node);
        if (index === undefined) return [];
        // When the step is done: the program stands before the next one.
        return [{ position: arriveAt(graph.steps, index + 1), direction: graph.steps[index].direction, written }];
      });
    default:
      return entry satisfies never;
  }
}

/** Where the last call before a column begins; undefined where none does. */
function nearest(stops: readonly Stops[], column: number): number | undefined {
  const before = stops.map(({ range }) => range.column).filter((each) => each <= column);
  return before.length > 0 ? Math.max(...before) : undefined;
}

function atStep({ steps }: DebugGraph, index: number): Found {
  return { position: { index, depth: steps[index].levels.length - 1 }, direction: steps[index].direction };
}

interface Bound {
  readonly stops: readonly Stops[];
  /** Where it is then. */
  readonly line: number;
  /** Whether calls begin on the line itself. */
  readonly exact: boolean;
}

/** What happens on the line, in a call that reaches over it, or on the next line below where something happens. */
function stopsFor(places: PlaceIndex, file: string, line: number): Bound {
  const here = places.get(placeKey(file, line));
  if (here) return { stops: here, line, exact: true };
  const over = stopsOver(places, file, line);
  if (over.length > 0) return { stops: over.map((stop) => ({ ...stop, begins: true })), line, exact: false };
  for (let at = line + 1; at <= line + REACH; at++) {
    const below = places.get(placeKey(file, at));
    if (below) return { stops: below, line: at, exact: false };
  }
  return { stops: [], line, exact: false };
}

function describe(entry: Entry, found: readonly Found[], bind: Binder): BoundBreakpoint {
  const passes = [...new Set(found.map(({ direction }) => direction))];
  const { id } = entry;
  if (entry.kind === "source") {
    const { file, line } = entry.given;
    const listed = bind.listed(file, line);
    if (listed) return { id, verified: true, line: listed.line };
    const { stops, line: at } = stopsFor(bind.places, file, line);
    if (stops.length === 0) return { id, verified: false, message: noOperation(bind, file) };
    if (found.length === 0) {
      const here = [...new Set(stops.map(({ direction }) => direction))].join(" and ");
      return {
        id,
        verified: false,
        message: `This line is passed ${here} only; the breakpoint asks for ${entry.given.mode ?? "another pass"}`,
      };
    }
    return { id, verified: true, line: at, message: `Stops ${passes.join(" and ")}` };
  }
  if (found.length > 0) return { id, verified: true, message: `Stops ${passes.join(" and ")}` };
  const what = entry.kind === "function" ? entry.given.name : entry.given.dataId;
  return {
    id,
    verified: false,
    message:
      entry.kind === "function"
        ? `No module, layer or operation is called ${what}; use a path (hidden), a class (Linear) or an operation (softmax), * for any characters`
        : whyNeverWritten(what, bind.watched(what)),
  };
}

function noOperation({ places }: Binder, file: string): string {
  const known = [...places.keys()].some((key) => key.startsWith(`${file}:`));
  return known
    ? "No layer or operation runs on this line or just below it"
    : "Nothing of this file takes part in the program that is being debugged";
}

function conditionProblem(condition: string): string | undefined {
  try {
    parseExpression(condition);
    return undefined;
  } catch (error) {
    return `The condition ${condition} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** `5`: the fifth time; `>= 5`, `> 5`, `<= 5`, `< 5`, `== 5`, `% 5` (every fifth time). */
export interface HitCondition {
  readonly holds: (hits: number) => boolean;
  /** Why it is none. */
  readonly problem: string | undefined;
}

export function parseHitCondition(text: string): HitCondition {
  const match = /^\s*(>=|<=|==?|>|<|%)?\s*(\d+)\s*$/.exec(text);
  const number = Number(match?.[2]);
  if (!match || (match[1] === "%" && number === 0)) {
    return {
      holds: () => false,
      problem: `The hit count must be like 5, >= 5, < 5 or % 5 (every fifth time), got ${text}`,
    };
  }
  const holds = HOLDS[match[1] ?? "=="];
  return { holds: (hits) => holds(hits, number), problem: undefined };
}

const HOLDS: Readonly<Record<string, (hits: number, bound: number) => boolean>> = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "==": (a, b) => a === b,
  "=": (a, b) => a === b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  "%": (a, b) => a % b === 0,
};
