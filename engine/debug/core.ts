import type { Fields } from "../data/dataset";
import type { NdArray } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import type { Module } from "../nn/module";
import { createQuickEvaluator } from "../plan/quick";
import { type Binder, type Breakpoints, createBreakpoints } from "./breakpoints";
import { type Edits, createEdits } from "./edits";
import type { Scene } from "./episode";
import type { DebugGraph } from "./graph";
import { type Inspector, LISTING, createInspector } from "./inspector";
import { stepOfLine } from "./listing";
import { indexPlaces } from "./places";
import { type Progress, createProgress } from "./progress";
import { type Player, type Stop, STEPPED, createPlayer } from "./player";
import type { DebugEvent, DebugOptions, Move } from "./requests";
import type { StoredValues } from "../train/store";
import { type Values, createBudget, createValues } from "./values";

/** What a debugger needs from where it runs. */
export interface DebuggerEnvironment {
  readonly emit: (event: DebugEvent) => void;
  /** Lets messages in, if it is time to. */
  readonly breathe: () => Promise<void>;
  /** Told when it stands still and when it goes on. */
  readonly onRest: (resting: boolean) => void;
  /** Milliseconds. */
  readonly now: () => number;
  /** Called before the user's forward is run again, and after it. */
  readonly onUserCode: (running: boolean) => void;
  /** Values to begin with where name and shape fit. */
  readonly weights?: ReadonlyMap<string, StoredValues> | undefined;
}

/** What all that can be debugged has in common: breakpoints, a player that is told what to do, and what can be looked at. */
export interface Core {
  readonly options: DebugOptions;
  readonly environment: DebuggerEnvironment;
  readonly breakpoints: Breakpoints;
  readonly player: Player;
  readonly inspector: Inspector;
  readonly edits: Edits;
  readonly progress: Progress;
  /** Bytes for going back, beside the values of an episode. */
  readonly bound: number;
  /** Fulfilled when breakpoints are set and the program may begin. */
  readonly started: Promise<void>;
  readonly begin: () => void;
  /** Whether the program was let go. */
  detached: boolean;
  /** Takes a change: who keeps the values that outlive an episode. */
  onPut: (node: Tensor, value: NdArray) => void;
  /** What else is told of where things stand. */
  kept: () => { readonly bytes: number; readonly earliest: number; readonly loss: number | undefined };
  model: Module | undefined;
  fields: Fields | undefined;
  binderOf(graph: DebugGraph): Binder;
  valuesOf(bind: (leaf: Tensor) => NdArray | undefined): Values;
  /** Whether an episode has to be gone through step by step. */
  wantsEpisode(graph: DebugGraph): boolean;
  ready(graph: DebugGraph): void;
  /** Stands still without a scene until it is told to go on. */
  standWithout(stop: Stop): Promise<void>;
  go(move: Move): void;
  /** Wakes whoever stands still, whatever it was to do. */
  wake(): void;
}

const MIB = 2 ** 20;
const DEFAULT_HISTORY_MIB = 512;
/** Of the memory for going back, the part that holds values of the current iteration and of the last ones. */
const VALUES_SHARE = 0.5;

export function createCore(options: DebugOptions, environment: DebuggerEnvironment): Core {
  const { emit, breathe } = environment;
  const total = (options.historyLimit ?? DEFAULT_HISTORY_MIB) * MIB;
  const breakpoints = createBreakpoints(options.passes ?? "all", (breakpoint) =>
    emit({ kind: "breakpoint", breakpoint }),
  );
  const quick = createQuickEvaluator();
  const budget = createBudget(total * VALUES_SHARE);
  const binders = new WeakMap<DebugGraph, Binder>();
  let begin: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (begin = resolve));
  let resume: ((move: Move) => void) | undefined;

  const progress = createProgress(emit, environment.now);
  void started.then(() => progress.begin());
  const rest = <T>(announce: () => void, answer: (move: Move) => T): Promise<T> =>
    new Promise((resolve) => {
      environment.onRest(true);
      progress.end();
      resume = (move) => {
        resume = undefined;
        progress.begin();
        inspector.goOn();
        environment.onRest(false);
        resolve(answer(move));
      };
      announce();
    });

  const player = createPlayer({
    breakpoints,
    binder: ({ graph }) => core.binderOf(graph),
    decide: (armed, scene, back) => inspector.decide(armed, scene, back),
    wants: (filter, scene) => inspector.wants(filter, scene),
    breathe,
    now: environment.now,
    targetOf: (id) => inspector.targetOf(id),
    wait: (scene, stop) => {
      inspector.stand(scene, stop);
      return rest(
        () => emit({ kind: "stopped", direction: directionAt(scene), ...stop }),
        (move) => move,
      );
    },
  });
  if (options.stopOnEntry) player.intent = { kind: "stop", stop: ENTRY };

  const inspector = createInspector({
    breakpoints,
    player,
    emit,
    binderOf: (graph) => core.binderOf(graph),
    model: () => core.model,
    fields: () => core.fields,
    put: (node, value) => {
      const { scene } = inspector;
      if (!scene) throw new Error("Nothing can be changed while the program runs");
      core.onPut(node, value);
      scene.episode.values.put(node, value);
      emit({ kind: "invalidated" });
    },
    kept: () => ({ ...core.kept(), bound: total }),
  });

  const core: Core = {
    options,
    environment,
    breakpoints,
    player,
    inspector,
    edits: createEdits(),
    progress,
    bound: total * (1 - VALUES_SHARE),
    started,
    begin,
    detached: false,
    onPut: () => undefined,
    kept: () => ({ bytes: 0, earliest: 0, loss: undefined }),
    model: undefined,
    fields: undefined,
    binderOf(graph) {
      const known = binders.get(graph);
      if (known) return known;
      const places = indexPlaces(graph, core.model);
      const binder: Binder = {
        graph,
        places,
        listed: (file, line) => {
          const found = file === LISTING ? stepOfLine(inspector.listingOf(graph), line) : undefined;
          return found && { index: found.step, line: found.line };
        },
        fileOf: (file) => inspector.fileOf(file, places),
        watched: (dataId) => inspector.watched(graph, dataId),
      };
      binders.set(graph, binder);
      return binder;
    },
    valuesOf: (bind) => createValues(bind, budget, (node, inputs) => quick.evaluate(node, inputs), environment.now),
    wantsEpisode: (graph) =>
      player.intent.kind !== "run" || player.pauseRequested || breakpoints.armedIn(core.binderOf(graph)).size > 0,
    ready(graph) {
      inspector.graph = graph;
      emit({ kind: "ready" });
    },
    standWithout(stop) {
      inspector.standWithout(stop);
      return rest(
        () => emit({ kind: "stopped", direction: "forward", ...stop }),
        () => undefined,
      );
    },
    go(move) {
      if (!resume) throw new Error("The program is running already");
      // A wish to pause that came while it stood is fulfilled already.
      player.pauseRequested = false;
      resume(move);
    },
    wake: () => resume?.({ kind: "move", how: "continue" }),
  };
  return core;
}

function directionAt({ episode: { graph }, position }: Scene): "forward" | "backward" | "update" {
  return graph.steps.at(Math.min(position.index, graph.steps.length - 1))?.direction ?? "forward";
}

export const ENTRY: Stop = { reason: "entry", description: "Stopped on entry", text: null, breakpoints: [] };
export const BEGINNING: Stop = { ...STEPPED, description: "At the beginning: there is nothing before it" };
export const END: Stop = { ...STEPPED, description: "At the end: everything is computed" };
