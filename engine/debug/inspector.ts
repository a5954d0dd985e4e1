import type { NdArray } from "../graph/array";
import { isFiniteFloat } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import { type Module, moduleType } from "../nn/module";
import type { Fields } from "../data/dataset";
import type { FindingEvent } from "../train/events";
import type { Armed, Binder, Breakpoints, Watched } from "./breakpoints";
import { type Episode, type Scene } from "./episode";
import {
  type Names,
  type TensorValue,
  booleanValue,
  evaluateCondition,
  evaluateExpression,
  formatMessage,
  tensorValue,
} from "./expressions";
import { type Frame, framesAt, gradientName } from "./frames";
import type { DebugGraph } from "./graph";
import { type Listing, backwardListing, lineOfStep } from "./listing";
import { namesAt } from "./names";
import type { PlaceIndex } from "./places";
import { type Player, type Stop, isOfChanged, notFinite } from "./player";
import type { Position } from "./position";
import type { DebugEvent, FrameRecord } from "./requests";
import { References } from "./variables/items";
import { watchedNodes } from "./watches";

/** A program at a standstill (or about to run): what can be seen, and what breakpoints mean there. */
export interface Inspector {
  readonly breakpoints: Breakpoints;
  readonly player: Player;
  /** Of the program as it was traced first: what breakpoints are bound to. */
  graph: DebugGraph | undefined;
  /** Where it stands; undefined while it runs and where it cannot. */
  readonly scene: Scene | undefined;
  /** Of the stop before, for comparing. */
  readonly previous: Scene | undefined;
  readonly stop: Stop | undefined;
  readonly references: References;
  /** Why the program cannot be run. */
  problem:
    | {
        readonly message: string;
        readonly places: readonly { readonly file: string; readonly line: number; readonly column: number }[];
      }
    | undefined;
  /** The finding that stopped it. */
  finding: FindingEvent | undefined;
  readonly options: InspectorOptions;
  stand(scene: Scene, stop: Stop): void;
  standWithout(stop: Stop): void;
  goOn(): void;
  frames(): readonly Frame[];
  frameRecords(): FrameRecord[];
  names(frame: number | null): Names;
  /** What an expression gave at the stop before; undefined where it gave no tensor. */
  before(expression: string): TensorValue | undefined;
  binder(): Binder;
  /** @param back whether the program goes back to it: then nothing is printed */
  decide(armed: Armed, scene: Scene, back: boolean): boolean;
  /** Whether an exception filter is on, and its condition holds. */
  wants(filter: string, scene: Scene): boolean;
  addTarget(position: Position): number;
  targetOf(id: number): Position | undefined;
  listingOf(graph: DebugGraph): Listing;
  fileOf(file: string, places: PlaceIndex): string;
  watched(graph: DebugGraph, dataId: string): Watched[];
  firstNotFinite(episode: Episode, breathe: () => Promise<void>): Promise<{ index: number; stop: Stop }>;
}

export interface InspectorOptions {
  readonly breakpoints: Breakpoints;
  readonly player: Player;
  readonly emit: (event: DebugEvent) => void;
  readonly binderOf: (graph: DebugGraph) => Binder;
  readonly model: () => Module | undefined;
  /** What the data says of its fields. */
  readonly fields: () => Fields | undefined;
  /** Puts a value in a node's place. */
  readonly put: (node: Tensor, value: NdArray) => void;
  readonly kept: () => {
    readonly bytes: number;
    readonly bound: number;
    readonly earliest: number;
    readonly loss: number | undefined;
  };
}

export function createInspector(options: InspectorOptions): Inspector {
  const { breakpoints, player, emit, binderOf, model } = options;
  const listings = new WeakMap<DebugGraph, Listing>();
  let scene: Scene | undefined;
  let previous: Scene | undefined;
  let stop: Stop | undefined;
  let references = new References();
  let frames: readonly Frame[] | undefined;
  const targets = new Map<number, Position>();
  let targetIds = 1;

  const requireScene = (): Scene => {
    if (!scene)
      throw new Error(
        inspector.problem
          ? "There are no values: the program did not begin"
          : "The program is running; pause it to look at its values",
      );
    return scene;
  };

  const inspector: Inspector = {
    breakpoints,
    player,
    options,
    graph: undefined,
    problem: undefined,
    finding: undefined,
    get scene() {
      return scene;
    },
    get previous() {
      return previous;
    },
    get stop() {
      return stop;
    },
    get references() {
      return references;
    },
    stand(at, why) {
      [scene, stop, references, frames] = [at, why, new References(), undefined];
      targets.clear();
    },
    standWithout(why) {
      stop = why;
    },
    goOn() {
      previous = scene ?? previous;
      [scene, stop, frames] = [undefined, undefined, undefined];
      inspector.finding = undefined;
    },
    frames: () => (frames ??= framesAt(requireScene())),
    frameRecords() {
      if (inspector.problem && !scene) return problemFrames(inspector.problem);
      const at = requireScene();
      return inspector.frames().map((frame, id) => recordOf(inspector, at, frame, id));
    },
    names(frame) {
      const at = requireScene();
      const list = inspector.frames();
      const chosen = list[frame ?? 0] ?? list[0];
      return namesAt(at, chosen);
    },
    before(expression) {
      if (!previous) return undefined;
      try {
        const value = evaluateExpression(expression, namesAt(previous, framesAt(previous)[0]));
        return value.kind === "tensor" ? value : undefined;
      } catch {
        // It was not there yet.
        return undefined;
      }
    },
    binder() {
      const graph = scene?.episode.graph ?? inspector.graph;
      if (!graph) return NOTHING;
      return binderOf(graph);
    },
    decide: (armed, at, back) => decide(armed, at, emit, back),
    wants(name, at) {
      const filter = breakpoints.filter(name);
      if (!filter) return false;
      const { condition } = filter;
      if (!condition?.trim()) return true;
      const holding = holds(condition, namesAt(at, framesAt(at)[0]), emit, {});
      return holding === true || holding === "wrong";
    },
    addTarget(position) {
      targets.set(targetIds, position);
      return targetIds++;
    },
    targetOf: (id) => targets.get(id),
    listingOf(graph) {
      const known = listings.get(graph);
      if (known) return known;
      const made = model();
      const listing = backwardListing(graph, made ? { title: moduleType(made) } : {});
      listings.set(graph, listing);
      return listing;
    },
    fileOf(file, places) {
      for (const key of places.keys()) {
        const known = key.slice(0, key.lastIndexOf(":"));
        if (samePath(known, file)) return known;
      }
      return file;
    },
    watched: watchedNodes,
    async firstNotFinite(episode, breathe) {
      const { steps } = episode.graph;
      /** Where the numbers that a node has from others went wrong first. */
      const origins = new Map<Tensor, number>();
      for (const [index, { node, kind }] of steps.entries()) {
        if (index % 16 === 0) await breathe();
        if (kind === "arrived") continue;
        const { data, dtype } = episode.values.of(node);
        // An infinite constant may be meant, as in a mask of −∞; what the user put there is found where it is used.
        if (episode.values.changed.has(node)) continue;
        if (dtype !== "float32" || node.inputs.length === 0 || data.every(isFiniteFloat)) continue;
        const origin = Math.min(index, ...node.inputs.map((input) => origins.get(input) ?? index));
        origins.set(node, origin);
        if (data.some(Number.isNaN)) return problemAt(episode, origin);
      }
      const { output, training } = episode.graph;
      const results = [output, ...(training?.assignments.values() ?? [])].flatMap((node) => origins.get(node) ?? []);
      if (results.length > 0) return problemAt(episode, Math.min(...results));
      const loss = steps.findIndex(({ node }) => node === episode.graph.output);
      const text =
        "The training's float32 numbers became NaN or infinite here, the debugger's float64 numbers did not: they are too large or too small for float32.";
      return {
        index: Math.max(0, loss),
        stop: { reason: "exception", description: "NaN or infinity in float32", text, breakpoints: [] },
      };
    },
  };
  return inspector;
}

function problemAt(episode: Episode, index: number): { index: number; stop: Stop } {
  const { values } = episode;
  const { node } = episode.graph.steps[index];
  const name = gradientName({ episode, position: { index, depth: 0 } }, node) ?? node.name ?? node.op;
  return { index, stop: notFinite(name, values.of(node).data, isOfChanged(values, node)) };
}

/** Before a program is traced nothing can be bound. */
const NOTHING: Binder = {
  graph: {
    steps: [],
    indexOf: new Map(),
    nodes: [],
    adjoints: new Map(),
    contributions: new Map(),
    parameters: new Map(),
    pass: undefined,
    training: undefined,
    place: undefined,
    output: undefined as never,
  },
  places: new Map(),
  listed: () => undefined,
  fileOf: (file) => file,
  watched: () => [],
};

/** Whether an armed breakpoint stops: its condition, its count, or a message instead. */
function decide(
  { breakpoint, position, written }: Armed,
  scene: Scene,
  emit: (event: DebugEvent) => void,
  back: boolean,
): boolean {
  const frames = framesAt({ ...scene, position });
  const base = namesAt({ ...scene, position }, frames[0]);
  const names: Names = written ? withWritten(base, scene, written) : base;
  const place = scene.episode.graph.steps[position.index]?.levels[position.depth]?.site;
  const where = place ? { file: place.file, line: place.line, column: place.column } : {};
  if (breakpoint.condition !== undefined) {
    const holding = holds(breakpoint.condition, names, breakpoint.told ? () => undefined : emit, where);
    breakpoint.told ||= typeof holding === "string";
    // One that is wrong must not be passed over in silence; one that asks for what is yet to come does not hold.
    if (holding === false || holding === "early" || (holding === "wrong" && !stopsAlways(breakpoint))) return false;
  } else if (written?.before && breakpoint.kind === "data" && isSame(scene, written)) return false;
  const { hitCondition, hits, logMessage } = breakpoint;
  if (hitCondition && !hitCondition.holds(hits.count(scene.episode.iteration, position))) return false;
  if (logMessage === undefined) return true;
  if (!back) emit({ kind: "output", category: "console", text: `${formatMessage(logMessage, names)}\n`, ...where });
  return false;
}

/** Whether it stops whenever its condition holds: messages and counts would come again and again. */
function stopsAlways({ logMessage, hitCondition }: Armed["breakpoint"]): boolean {
  return logMessage === undefined && hitCondition === undefined;
}

/** Whether a condition holds; `early` where it asks for what has no value yet, `wrong` where it cannot be told at all. */
function holds(
  condition: string,
  names: Names,
  emit: (event: DebugEvent) => void,
  where: { readonly file?: string; readonly line?: number; readonly column?: number },
): boolean | "early" | "wrong" {
  try {
    return evaluateCondition(condition, names);
  } catch (error) {
    const text = `The condition ${condition} cannot be told: ${messageOf(error)}\n`;
    emit({ kind: "output", category: "stderr", text, ...where });
    return /\bnot (?:computed )?yet\b/.test(text) ? "early" : "wrong";
  }
}

/** `value` is what was written, `before` what was there. */
function withWritten(names: Names, { episode }: Scene, { node, before }: Watched): Names {
  return {
    ...names,
    lookup: (name) => {
      if (name === "value") return tensorValue(episode.values.of(node), node);
      if (name === "before" && before) return tensorValue(episode.values.of(before), before);
      if (name === "changed") return booleanValue(!before || !isSame({ episode }, { node, before }));
      return names.lookup(name);
    },
  };
}

function isSame({ episode }: Pick<Scene, "episode">, { node, before }: Watched): boolean {
  if (!before) return false;
  const [a, b] = [episode.values.of(node).data, episode.values.of(before).data];
  return a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The name of the generated text. */
export const LISTING = "backward pass";

/** Editors write drive letters and separators their own way. */
function samePath(a: string, b: string): boolean {
  const plain = (path: string): string =>
    path.replace(/\\/g, "/").replace(/^([a-z]):/, (_, drive: string) => `${drive.toUpperCase()}:`);
  return plain(a) === plain(b);
}

function recordOf(inspector: Inspector, { episode, position }: Scene, frame: Frame, id: number): FrameRecord {
  const step = episode.graph.steps[position.index];
  const node = step?.node.id ?? 0;
  const module = moduleIdOf(frame, step?.levels ?? []);
  const common = {
    id,
    name: frame.name,
    kind: frame.kind,
    direction: frame.direction,
    module,
    node,
    canRestart: !frame.pending || position.index < episode.graph.steps.length,
  };
  if (standsInListing(frame)) {
    const line = lineOfStep(inspector.listingOf(episode.graph), position.index);
    if (line !== undefined)
      return { ...common, file: LISTING, generated: true, line, column: 1, endLine: line, endColumn: 1 };
  }
  const { site } = frame;
  return site
    ? {
        ...common,
        file: site.file,
        generated: false,
        line: site.line,
        column: site.column,
        endLine: site.endLine,
        endColumn: site.endColumn,
      }
    : { ...common, file: null, generated: false, line: 0, column: 0, endLine: 0, endColumn: 0 };
}

/** What no line of the user's says: contributions to gradients, and what the optimiser does to a parameter. */
function standsInListing({ kind, direction, pending, level }: Frame): boolean {
  return (
    kind === "contribution" || (direction === "update" && pending && level !== undefined && level.kind !== "update")
  );
}

function moduleIdOf(frame: Frame, levels: readonly { readonly kind: string; readonly name: string }[]): string | null {
  const around = levels
    .slice(0, frame.pending ? frame.depth + 1 : frame.depth)
    .findLast(({ kind }) => kind === "module");
  return around ? around.name || MODEL : null;
}

/** The id of the model itself among the modules. */
export const MODEL = "(model)";

function problemFrames({ message, places }: NonNullable<Inspector["problem"]>): FrameRecord[] {
  const name = message.split("\n")[0].slice(0, 120);
  return places.map(({ file, line, column }, id) => ({
    id,
    name: id === 0 ? name : "called from here",
    kind: "root",
    direction: "forward",
    file,
    generated: false,
    line,
    column,
    endLine: line,
    endColumn: column,
    module: null,
    node: 0,
    canRestart: false,
  }));
}
