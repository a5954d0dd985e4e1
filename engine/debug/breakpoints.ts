import type { Tensor } from "../graph/tensor";
import { messageProblem, parseExpression } from "./expressions";
import type { DebugGraph } from "./graph";
import { type LineFound, type Lines, createLines } from "./lines";
import { type PlaceIndex, type Stops, callsNamed } from "./places";
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

/** @param onChange told of a breakpoint that means something else since more of the program is known */
export function createBreakpoints(
  passes: "all" | Direction,
  onChange: (breakpoint: BoundBreakpoint) => void = () => undefined,
): Breakpoints {
  const lines = createLines();
  /** What was said of each breakpoint last. */
  const told = new Map<number, BoundBreakpoint>();
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
    lines.add(bind.places);
    const made =
      entry.problem === undefined
        ? describe(entry, bind, lines, passes)
        : { id: entry.id, verified: false, message: entry.problem };
    told.set(entry.id, made);
    return made;
  };
  /** A program of several graphs shows only with the later ones what all lines do. */
  const learn = (bind: Binder): void => {
    const isNew = lines.add(bind.places);
    if (isNew) cache = new WeakMap();
    for (const entry of entries) {
      const before = told.get(entry.id);
      if (entry.problem !== undefined || !before || (before.verified && !isNew)) continue;
      const now = describe(entry, bind, lines, passes);
      // What this graph has nothing of is still there in others.
      if (!now.verified || (before.verified && now.line === before.line && now.message === before.message)) continue;
      if (before.verified && entry.kind !== "source") continue;
      told.set(entry.id, now);
      onChange(now);
    }
  };

  return {
    setSource(file, list, bind) {
      const path = bind.fileOf(file);
      const fresh = list.map((given): Entry => ({
        ...withMessage(common(ids++, given), given.logMessage),
        kind: "source",
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
      learn(bind);
      const armed = new Map<number, Armed[]>();
      for (const entry of entries) {
        if (entry.problem !== undefined) continue;
        for (const each of positionsOf(entry, bind, lines, passes)) {
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

function withMessage(breakpoint: Omit<Breakpoint, "kind">, logMessage: string | undefined): Omit<Breakpoint, "kind"> {
  const problem = breakpoint.problem ?? (logMessage === undefined ? undefined : messageProblem(logMessage));
  return { ...breakpoint, logMessage, problem };
}

type Found = Omit<Armed, "breakpoint">;

function positionsOf(entry: Entry, bind: Binder, lines: Lines, passes: "all" | Direction): Found[] {
  const { graph, places } = bind;
  switch (entry.kind) {
    case "source": {
      const { file, line } = entry.given;
      const listed = bind.listed(file, line);
      if (listed) return [atStep(graph, listed.index)];
      const found = lines.find(file, line);
      return lines.stopsIn(places, file, found).filter(isMeant(entry.given, found, passes));
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
        const { direction } = graph.steps[index];
        return [{ position: behind(graph, index), direction, written }];
      });
    default:
      return entry satisfies never;
  }
}

/** Which of what happens on its line a breakpoint means. */
function isMeant(
  { column, mode }: Source,
  { stops, exact }: LineFound,
  passes: "all" | Direction,
): (stop: Stops) => boolean {
  const pass = mode ?? passes;
  // A column means one of several calls on the line, if it stands on one.
  const wanted = column === undefined || !exact ? undefined : nearest(stops, column);
  return ({ direction, range, begins }) =>
    (pass === "all" || direction === pass) && (wanted === undefined ? begins : range.column === wanted);
}

/** When a step is done: the program stands before the next one; after the last still in what has just been done. */
function behind({ steps }: DebugGraph, index: number): Position {
  return index + 1 < steps.length ? arriveAt(steps, index + 1) : { index: index + 1, depth: 1 };
}

/** Where the last call before a column begins; undefined where none does. */
function nearest(stops: readonly Stops[], column: number): number | undefined {
  const before = stops.map(({ range }) => range.column).filter((each) => each <= column);
  return before.length > 0 ? Math.max(...before) : undefined;
}

function atStep({ steps }: DebugGraph, index: number): Found {
  return { position: { index, depth: steps[index].levels.length - 1 }, direction: steps[index].direction };
}

function describe(entry: Entry, bind: Binder, lines: Lines, mode: "all" | Direction): BoundBreakpoint {
  const { id } = entry;
  const passesOf = (stops: readonly { readonly direction: Direction }[]): string =>
    [...new Set(stops.map(({ direction }) => direction))].join(" and ");
  if (entry.kind === "source") {
    const { file, line } = entry.given;
    const listed = bind.listed(file, line);
    if (listed) {
      const own = bind.graph.steps[listed.index].levels.findLast(({ isOwnLine }) => isOwnLine)?.site;
      const message = own && { message: `Stops in the function's own backward, at its line ${own.line}` };
      return { id, verified: true, line: listed.line, ...message };
    }
    const found = lines.find(file, line);
    const { stops, line: at } = found;
    if (stops.length === 0) return { id, verified: false, message: noOperation(lines, file) };
    const meant = stops.filter(isMeant(entry.given, found, mode));
    if (meant.length === 0) {
      return {
        id,
        verified: false,
        message: `This line is passed ${passesOf(stops)} only; the breakpoint asks for ${entry.given.mode ?? "another pass"}`,
      };
    }
    return { id, verified: true, line: at, message: `Stops ${passesOf(meant)}` };
  }
  const found = positionsOf(entry, bind, lines, mode);
  if (found.length > 0) return { id, verified: true, message: `Stops ${passesOf(found)}` };
  const what = entry.kind === "function" ? entry.given.name : entry.given.dataId;
  return {
    id,
    verified: false,
    message:
      entry.kind === "function"
        ? `No module, layer or operation is called ${what}; use a path (hidden, layers[0]), a class (Linear) or an operation (softmax), * for any characters, [*] for any index`
        : whyNeverWritten(what, bind.watched(what)),
  };
}

function noOperation(lines: Lines, file: string): string {
  return lines.knows(file)
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
