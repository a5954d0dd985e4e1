import { isFiniteFloat } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import type { Armed, Breakpoints, Binder } from "./breakpoints";
import { type Episode, type Scene } from "./episode";
import { beginningOfFrame, framesAt } from "./frames";
import { isOnlyLookedAt } from "./looked-at";
import { type Position, arriveAt, beginAt, nodeAt, stepBack, stepInto, stepOut, stepOver } from "./position";
import type { Direction, Move, Stopped } from "./requests";
import type { Values } from "./values";

/** Why the program stands still. */
export type Stop = Omit<Stopped, "kind" | "direction">;

/** What to do next, also beyond the end of an episode. */
export type Intent =
  | { readonly kind: "run" }
  | { readonly kind: "reverse" }
  /** To the last statement of the episode before. */
  | { readonly kind: "back"; readonly granularity: Move["granularity"] }
  /** Stops at the first opportunity. */
  | { readonly kind: "stop"; readonly stop: Stop; readonly granularity?: Move["granularity"] }
  | { readonly kind: "restart" }
  /** Nothing is wanted any more: the run ends, or goes on without a debugger. */
  | { readonly kind: "leave" };

/** How an episode was left: `done` from the stop behind its end, where it stood already. */
export type Left = "end" | "begin" | "done" | "restart" | "leave";

export interface PlayerOptions {
  readonly breakpoints: Breakpoints;
  readonly binder: (episode: Episode) => Binder;
  /** Whether an armed breakpoint stops, which may print, count, and look at values. */
  readonly decide: (armed: Armed, scene: Scene, back: boolean) => boolean;
  /** Whether an exception filter is on, and its condition holds. */
  readonly wants: (filter: string, scene: Scene) => boolean;
  /** Called at each stop; resolves with what to do next. */
  readonly wait: (scene: Scene, stop: Stop) => Promise<Move>;
  /** Called now and then: lets messages in. */
  readonly breathe: () => Promise<void>;
  /** Milliseconds. */
  readonly now: () => number;
  /** Where a target of an earlier request is. */
  readonly targetOf: (id: number) => Position | undefined;
}

/** Moves through one episode after the other as it is told. */
export interface Player {
  intent: Intent;
  pauseRequested: boolean;
  /** The last stop at a problem. */
  problem: { readonly episode: Episode; readonly index: number } | undefined;
  /** @param over the run has left the episode: going back leaves it at once, so that the run comes back to it first */
  play(episode: Episode, entry: "start" | "end" | Position, over?: boolean): Promise<Left>;
}

/** What a step may take to compute what it passes; the rest is computed when it is looked at, or meanwhile. */
const PATIENCE_MS = 25;
/** What looking for numbers that are none may take before a stop; what it does not come to, the training's end of the iteration finds. */
const LOOK_MS = 200;
/** Steps between two breaths. */
const BREATH_STEPS = 16;

export function createPlayer(options: PlayerOptions): Player {
  const { breakpoints, binder, decide, wants, wait, breathe, now, targetOf } = options;
  const player: Player = { intent: { kind: "run" }, pauseRequested: false, problem: undefined, play };
  /** The step at which the program stood when it made a number that is none: it does not stop there twice. */
  let excused: { readonly episode: Episode; readonly index: number } | undefined;
  let standing: Scene | undefined;

  /** @returns where it stops and why; undefined at the end */
  async function forward(
    episode: Episode,
    from: Position,
    arrived: boolean,
    until: Position | undefined,
    reason: Stop,
  ): Promise<Hit | undefined> {
    const { steps } = episode.graph;
    // What the training's own program computes tells of its problems itself: a step over much of it need not wait for all values.
    const alone = !episode.graph.training?.step || episode.values.changed.size > 0;
    const deadline = now() + PATIENCE_MS;
    const eager = (): boolean => alone || (until !== undefined && now() < deadline);
    const end = until ?? { index: steps.length, depth: Infinity };
    for (let index = from.index; ; index++) {
      const here = index === from.index;
      const position = here ? from : arriveAt(steps, index);
      // What begins with the step at which it stands, but further in, is yet to come.
      const behind = here && !arrived ? from.depth : -1;
      const ahead = index === end.index ? end.depth : Infinity;
      const hit = reached(within(armedAt(episode, index), behind, ahead), episode, false);
      if (hit) return hit;
      if (index >= end.index) break;
      if (player.pauseRequested) return { position, stop: PAUSED };
      if (eager() && !isOnlyLookedAt(episode.graph, steps[index].node)) {
        const problem = compute({ episode, position });
        if (problem) return { position, stop: problem };
      }
      if (index % BREATH_STEPS === 0) await breathe();
    }
    return until && until.index < steps.length ? { position: until, stop: reason } : undefined;
  }

  /** As they are now: they may be set and cleared while it runs. */
  const armedAt = (episode: Episode, index: number): readonly Armed[] =>
    breakpoints.armedIn(binder(episode)).get(index) ?? [];

  /** @param list all at one step; the outermost that stop come first, on the way back last */
  function reached(list: readonly Armed[], episode: Episode, back: boolean): Hit | undefined {
    const depths = [...new Set(list.map(({ position }) => position.depth))].sort((a, b) => (back ? b - a : a - b));
    for (const depth of depths) {
      const hits = list.filter(
        (armed) => armed.position.depth === depth && decide(armed, { episode, position: armed.position }, back),
      );
      if (hits.length > 0) return hitOf(hits, episode);
    }
    return undefined;
  }

  function reachedAt(episode: Episode, { index, depth }: Position): Hit | undefined {
    return reached(within(armedAt(episode, index), depth - 1, depth), episode, false);
  }

  function hitOf(hits: readonly Armed[], episode: Episode): Hit {
    const [{ position, direction, breakpoint, written }] = hits;
    const ids = hits.map((hit) => hit.breakpoint.id);
    if (breakpoint.kind === "data") {
      const text = `${breakpoint.dataId ?? written?.node.name ?? "A value"} was written`;
      return {
        position,
        stop: { reason: "data breakpoint", description: `${text}, ${direction}`, text, breakpoints: ids },
      };
    }
    const kind = breakpoint.kind === "function" ? "function breakpoint" : "breakpoint";
    return {
      position,
      stop: {
        reason: kind,
        description: breakpointText(episode, position, direction, kind),
        text: null,
        breakpoints: ids,
      },
    };
  }

  /** @param arrived from what comes after the episode */
  async function backward(episode: Episode, from: Position, arrived: boolean): Promise<Hit | undefined> {
    const { steps } = episode.graph;
    for (let index = Math.min(from.index, steps.length); index >= 0; index--) {
      const here = index === from.index;
      const ahead = here && !arrived ? from.depth - 1 : Infinity;
      const hit = reached(within(armedAt(episode, index), -1, ahead), episode, true);
      if (hit) return hit;
      if (player.pauseRequested) return { position: here ? from : arriveAt(steps, index), stop: PAUSED };
      if (index % BREATH_STEPS === 0) await breathe();
    }
    return undefined;
  }

  /** Computes a step; the problem if there is one worth a stop. */
  function compute(scene: Scene): Stop | undefined {
    const { episode, position } = scene;
    const { graph, values } = episode;
    const { index } = position;
    const { node } = graph.steps[index];
    if (excused?.episode === episode && excused.index === index) return undefined;
    try {
      const { data, dtype } = values.of(node);
      // What was put there is no result of it.
      if (values.changed.has(node)) return undefined;
      // Whoever writes an infinite constant means it.
      if (dtype !== "float32" || node.inputs.length === 0 || data.every(isFiniteFloat)) return undefined;
      if (node.inputs.some((input) => isBad(values, input) && !isFirstUse(episode, input, index))) return undefined;
      return wants("not-finite", scene) ? notFinite(node.name ?? node.op, data, isOfChanged(values, node)) : undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { reason: "exception", description: "The operation failed", text: message, breakpoints: [] };
    }
  }

  /** What comes up between two steps that were passed without computing them, as far as a moment allows to look. */
  async function problemBefore(episode: Episode, from: number, to: number): Promise<Hit | undefined> {
    const deadline = now() + LOOK_MS;
    for (let index = from; index < to && now() < deadline; index++) {
      const position = arriveAt(episode.graph.steps, index);
      const stop = compute({ episode, position });
      if (stop) return { position, stop };
      await breathe();
    }
    return undefined;
  }

  /**
   * While it stands: has everything that lies behind at hand, as if it had just been computed, and then what comes next, so that the next
   * step need not wait for it, the training's own iteration among it. As far as memory allows.
   */
  async function settle({ episode, position }: Scene): Promise<void> {
    const isLeft = (): boolean => standing?.episode !== episode || standing.position !== position;
    let more = true;
    try {
      for (const { node } of episode.graph.steps) {
        if (episode.values.known(node) || isOnlyLookedAt(episode.graph, node)) continue;
        await breathe();
        if (episode.values.full || isLeft()) break;
        episode.values.of(node);
        more = more && episode.ahead?.() === true;
      }
      while (more && !isLeft()) {
        await breathe();
        more = !isLeft() && episode.ahead?.() === true;
      }
    } catch {
      // Whoever looks at it is told, or the training when it comes to it.
    }
  }

  async function play(episode: Episode, entry: "start" | "end" | Position, over = false): Promise<Left> {
    const { steps } = episode.graph;
    let position: Position =
      entry === "start" ? beginAt(steps, 0) : entry === "end" ? { index: steps.length, depth: 0 } : entry;
    let arrived = entry === "start" || entry === "end";
    /** Of a move within the episode: where it leads, stopping at what is in between. */
    let heading: Heading | undefined;

    const stand = async (at: Position, stop: Stop): Promise<void> => {
      position = at;
      if (stop.reason === "exception") player.problem = excused = { episode, index: at.index };
      else if (excused && (excused.episode !== episode || excused.index !== at.index)) excused = undefined;
      arrived = false;
      player.pauseRequested = false;
      player.intent = { kind: "run" };
      const scene = { episode, position };
      const waiting = wait(scene, stop);
      // Meanwhile: who looks at values next has them at hand.
      standing = scene;
      void settle(scene);
      const move = await waiting;
      standing = undefined;
      // Told to end while it stood still.
      if (isLeaving(player)) return;
      const next = follow(move, scene, targetOf);
      // The rest of the episode is done before what comes after it.
      if ("to" in next) heading = next;
      else player.intent = next;
    };
    for (;;) {
      const { intent } = player;
      if (intent.kind === "leave" || intent.kind === "restart") return intent.kind;
      if (heading) {
        const { to, stop, granularity } = heading;
        heading = undefined;
        if (position.index >= steps.length && to.index >= steps.length) return "done";
        const ahead = isAfter(to, position) && stop.reason === "step";
        const hit = ahead ? await forward(episode, position, false, to, stop) : { position: to, stop };
        if (hit) await stand(hit.position, hit.stop);
        else {
          position = { index: steps.length, depth: 0 };
          player.intent = { kind: "stop", stop, granularity };
          return "end";
        }
        continue;
      }
      switch (intent.kind) {
        case "stop": {
          if (intent.granularity === "node" && position.index === 0) position = nodeAt(steps, 0);
          // Who steps into an iteration may come to a breakpoint there.
          const stepped = intent.stop === STEPPED && arrived && entry === "start";
          const hit = stepped ? reachedAt(episode, position) : undefined;
          await stand(position, hit?.stop ?? intent.stop);
          break;
        }
        case "run": {
          const from = position.index;
          const hit = await forward(episode, position, arrived, undefined, STEPPED);
          if (!hit) return "end";
          // Where one looks, numbers that are none on the way there come first.
          const problem = await problemBefore(episode, from, hit.position.index);
          await stand(problem?.position ?? hit.position, problem?.stop ?? hit.stop);
          break;
        }
        case "reverse": {
          if (over) return "begin";
          const hit = await backward(episode, position, arrived);
          if (!hit) return "begin";
          await stand(hit.position, hit.stop);
          break;
        }
        case "back": {
          if (over) return "begin";
          const target = stepBack(steps, position, intent.granularity);
          if (!target) return "begin";
          await stand(target, STEPPED);
          break;
        }
        default:
          intent satisfies never;
      }
    }
  }

  return player;
}

interface Hit {
  readonly position: Position;
  readonly stop: Stop;
}

function isBad(values: Values, node: Tensor): boolean {
  return !values.of(node).data.every(isFiniteFloat);
}

/** Whether numbers that are none are in what the user put in the place of an input. */
export function isOfChanged(values: Values, { inputs }: Tensor): boolean {
  return inputs.some((input) => values.changed.has(input) && isBad(values, input));
}

/** Numbers that are none and that the user put somewhere come up where they first do harm; others where they were made. */
function isFirstUse({ graph, values }: Episode, put: Tensor, index: number): boolean {
  if (!values.changed.has(put)) return false;
  return !graph.steps.slice(0, index).some(({ node }) => node.inputs.includes(put) && isBad(values, node));
}

/** Those of a step that lie further in than one level and not further than another. */
function within(list: readonly Armed[], outer: number, inner: number): readonly Armed[] {
  return list.filter(({ position: { depth } }) => depth > outer && depth <= inner);
}

function isAfter(a: Position, b: Position): boolean {
  return a.index > b.index || (a.index === b.index && a.depth > b.depth);
}

interface Heading {
  readonly to: Position;
  readonly stop: Stop;
  readonly granularity?: Move["granularity"];
}

function isLeaving({ intent }: Player): boolean {
  return intent.kind === "leave";
}

/** What a move means at a scene. */
function follow(move: Move, scene: Scene, targetOf: PlayerOptions["targetOf"]): Heading | Intent {
  const { episode, position } = scene;
  const { steps } = episode.graph;
  const end: Position = { index: steps.length, depth: 0 };
  switch (move.how) {
    case "over":
      return { to: stepOver(steps, position, move.granularity) ?? end, stop: STEPPED, granularity: move.granularity };
    case "into": {
      const target = move.target === undefined ? undefined : targetOf(move.target);
      const { granularity } = move;
      return { to: target ?? stepInto(steps, position, granularity) ?? end, stop: STEPPED, granularity };
    }
    case "out":
      return { to: stepOut(steps, position) ?? end, stop: STEPPED };
    case "back":
      return { kind: "back", granularity: move.granularity };
    case "restartFrame": {
      const frames = framesAt(scene);
      const stop = { ...STEPPED, description: "At the beginning of the frame" };
      return { to: beginningOfFrame(scene, frames[move.frame ?? 0] ?? frames[0]), stop };
    }
    case "target":
      return {
        to: targetOf(move.target ?? -1) ?? position,
        stop: { ...STEPPED, reason: "goto", description: "Brought here" },
      };
    case "continue":
      return { kind: "run" };
    case "reverse":
      return { kind: "reverse" };
    case "restart":
      return { kind: "restart" };
    default:
      return move.how satisfies never;
  }
}

export const STEPPED: Stop = { reason: "step", description: "Stepped", text: null, breakpoints: [] };
const PAUSED: Stop = { reason: "pause", description: "Paused", text: null, breakpoints: [] };

function breakpointText(episode: Episode, position: Position, direction: Direction, kind: string): string {
  const site = episode.graph.steps[position.index]?.levels[position.depth]?.site;
  const what = kind === "breakpoint" ? "Breakpoint" : "Function breakpoint";
  const line = site ? ` line ${site.line}` : "";
  switch (direction) {
    case "forward":
      return `${what}, forward:${line}`;
    case "backward":
      return `${what}, backward: the gradient comes back through${line || " here"}`;
    case "update":
      return `${what}, update:${line}`;
    default:
      return direction satisfies never;
  }
}

/** @param put whether it comes of what the user put in the place of an input */
export function notFinite(name: string, data: ArrayLike<number>, put: boolean): Stop {
  const bad = Array.from(data).find((x) => !isFiniteFloat(x)) ?? NaN;
  const what = Number.isNaN(bad) ? "NaN" : Math.abs(bad) === Infinity ? String(bad) : `${bad}, too large for float32`;
  return {
    reason: "exception",
    description: `${what} comes up in ${name}`,
    text: put
      ? `${name} gives ${what} because of a value that you changed.`
      : `${name} gives ${what} though what it is made of is finite. Ask "Why is this NaN?" for the element and its inputs.`,
    breakpoints: [],
  };
}
