import type { Checkpoint } from "../train/checkpoint";
import type { FindingEvent, TrainingEvent } from "../train/events";
import type { Instruction, Moment, Probe } from "../train/probe";
import type { RunAccess } from "../train/run-access";
import type { StoredValues } from "../train/store";
import { traceStep } from "../train/step";
import { type Core, BEGINNING, END, ENTRY } from "./core";
import type { Episode } from "./episode";
import { type DebugGraph, graphOfTraining } from "./graph";
import type { Left, Stop } from "./player";
import { createFindings, filtersOf, positionOf } from "./findings";
import type { Position } from "./position";
import { createSnapshots } from "./snapshots";
import { bindTraining, outcomeOf, storedNameOf, weightsAt } from "./training-values";

/** Steps through a training, by way of its probe. */
export interface TrainingPlayer {
  readonly probe: Probe;
  /** The training is about to begin (or, attached to, goes on): breakpoints can be bound. */
  ready(access: RunAccess, begins: boolean): void;
  /** Where it stands, with the values that one sees there. */
  checkpoint(): Promise<Checkpoint | undefined>;
  /** Takes note of what the run tells. */
  observe(event: TrainingEvent): void;
  /** Whether it stops at what the diagnosis finds, and so wants to know at once. */
  readonly awaitsFindings: boolean;
}

/** While nothing stops, a snapshot is kept after so many milliseconds or iterations. */
const SNAPSHOT_MS = 200;
const SNAPSHOT_ITERATIONS = 25;
/** Episodes whose values are kept. */
const RECENT = 3;

export function createTrainingPlayer(core: Core): TrainingPlayer {
  const { options, environment, player, breakpoints, inspector, edits, progress } = core;
  const { breathe, now } = environment;
  const snapshots = createSnapshots(core.bound);
  const graphs = new Map<number, DebugGraph>();
  let access: RunAccess | undefined;
  /** By the number of updates done with them: what is gone back to has the loss before it, not the last of all. */
  const losses = new Map<number, number>();
  let latest = 0;
  /** What stops once, the options of the beginning ask for. */
  let pending = { finding: options.stopAtFinding ?? false, iteration: options.stopAtIteration };
  const findings = createFindings(breakpoints, () => pending.finding);
  /** While an earlier iteration is computed anew: which one is wanted, and how it is entered. */
  let goal: { readonly iteration: number; readonly entry: "start" | "end" } | undefined;
  /** What was found at the end, while its iteration is come back to. */
  let awaited: FindingEvent | undefined;
  /** The first iteration of those that were changed since the run was told. */
  let changed = Infinity;
  /** The iteration from which a breakpoint is looked for backwards. */
  let searchedFrom: number | undefined;
  let lastSnapshot = { at: 0, iteration: -1 };
  /** Whether parameters begin with their initial values in full precision, as the plain evaluator has them. */
  let exact = false;
  let weights = environment.weights;
  let last: Episode | undefined;
  let moment: Moment | undefined;
  /** Episodes whose values are at hand: who goes back and forth between iterations does not wait for them again. */
  let recent: Episode[] = [];

  const keepRecent = (stays: (episode: Episode) => boolean): void => {
    for (const episode of recent) if (!stays(episode)) episode.values.forget();
    recent = recent.filter(stays);
  };
  const running = (): RunAccess => {
    if (!access) throw new Error("internal: there is no training");
    return access;
  };

  core.kept = () => ({ bytes: snapshots.bytes, earliest: snapshots.earliest, loss: losses.get(latest) });
  core.onPut = (node, value) => {
    const episode = inspector.scene?.episode;
    if (!episode) return;
    changed = Math.min(changed, episode.iteration);
    player.problem = undefined;
    if (node === episode.graph.training?.learningRate) edits.setRate(episode.iteration, value.data[0]);
    else edits.put(episode.iteration, node, value);
    snapshots.dropAfter(episode.iteration);
    keepRecent(({ iteration }) => iteration <= episode.iteration);
    for (const iteration of losses.keys()) if (iteration > episode.iteration) losses.delete(iteration);
  };

  function graphFor(size: number): DebugGraph {
    const known = graphs.get(size);
    if (known) return known;
    const { training, parts } = running();
    environment.onUserCode(true);
    try {
      const options = { training: true, examples: parts.train.length, statistics: false, locals: true };
      const graph = graphOfTraining(training, traceStep(training, parts.train.fields, { batchSize: size, ...options }));
      graphs.set(size, graph);
      return graph;
    } finally {
      environment.onUserCode(false);
    }
  }

  async function keepSnapshot(moment: Moment, dense: boolean): Promise<void> {
    const { iteration } = moment;
    const due = now() - lastSnapshot.at > SNAPSHOT_MS || iteration - lastSnapshot.iteration >= SNAPSHOT_ITERATIONS;
    if (snapshots.has(iteration) || !(dense || due || snapshots.latest < 0)) return;
    lastSnapshot = { at: now(), iteration };
    snapshots.keep(await moment.snapshot());
  }

  async function episodeOf(moment: Moment, graph: DebugGraph): Promise<Episode> {
    const known = recent.find(({ iteration }) => iteration === moment.iteration);
    if (known) return known;
    const { training } = running();
    const stored = await moment.values();
    const rate = edits.rateAt(moment.iteration) ?? moment.learningRate;
    const values = core.valuesOf(
      bindTraining({ graph, moment, stored, rate, training, exact: exact && moment.iteration === 0 }),
    );
    for (const [node, value] of edits.at(moment.iteration)) values.put(node, value);
    const episode: Episode = {
      graph,
      values,
      iteration: moment.iteration,
      epoch: moment.epoch,
      learningRate: rate,
      batch: moment.batch,
      model: training.model,
      lossBefore: losses.get(moment.iteration),
      ahead: () => runAhead(episode),
    };
    const old = recent.slice(RECENT - 1);
    recent = [episode, ...recent.slice(0, RECENT - 1)];
    // Those before it make room as soon as they would be in its way.
    for (const { values: others } of values.full ? [...recent.slice(1), ...old] : old) others.forget();
    return episode;
  }

  /** While one looks at an iteration whose outcome is the training's own, that is computed. */
  function runAhead({ iteration }: Episode): boolean {
    return moment?.iteration === iteration && !edits.changesOutcome(iteration) && moment.ahead();
  }

  /** Writes what was changed in this iteration, or from it on, where the run itself holds it. */
  function applyEdits(moment: Moment): void {
    const stored = [...edits.at(moment.iteration)].flatMap(([node, { shape, data }]) => {
      const name = storedNameOf(node, running());
      return name === undefined ? [] : [[name, { shape, data: Float32Array.from(data) }] as const];
    });
    if (stored.length > 0) moment.write(new Map(stored));
    moment.setLearningRate(edits.rateAt(moment.iteration));
  }

  function rewind(to: Checkpoint): Instruction {
    // Until the changes up to there are made again, the rate is the schedule's.
    moment?.setLearningRate(undefined);
    return { kind: "rewind", to };
  }

  /** The first moment of all, to go on from. */
  function rewindToBeginning(): Instruction {
    const first = snapshots.before(snapshots.earliest);
    if (!first) throw new Error("internal: the beginning was not kept");
    goal = { iteration: first.state.iteration, entry: "start" };
    return rewind(first);
  }

  /** What the run does after an episode was left. */
  function after(left: Left, episode: Episode): Instruction | undefined {
    switch (left) {
      case "leave":
        if (core.detached) return finish(episode);
        // What was changed is saved with the rest.
        if (moment?.iteration === episode.iteration) applyEdits(moment);
        return { kind: "stop" };
      case "restart":
        changed = Math.min(changed, edits.first ?? Infinity);
        edits.clear();
        keepRecent(() => false);
        pending = { finding: options.stopAtFinding ?? false, iteration: options.stopAtIteration };
        breakpoints.resetHits();
        findings.restart();
        player.intent = options.stopOnEntry ? { kind: "stop", stop: ENTRY } : { kind: "run" };
        return rewindToBeginning();
      case "begin": {
        const target = episode.iteration - 1;
        const to = snapshots.before(target);
        if (!to) {
          player.intent = { kind: "stop", stop: BEGINNING };
          return rewindToBeginning();
        }
        goal = { iteration: target, entry: "end" };
        return rewind(to);
      }
      case "end":
      case "done":
        return finish(episode);
      default:
        return left satisfies never;
    }
  }

  /** Has the run do the iteration with all that was changed in it. */
  function finish(episode: Episode): Instruction | undefined {
    const { iteration, graph, values } = episode;
    const loss = graph.training && values.known(graph.training.loss);
    if (loss) losses.set(iteration + 1, loss.data[0]);
    // Parameters that were changed are the run's own by now, also where it has yet to begin.
    if (moment?.iteration === iteration) applyEdits(moment);
    return edits.changesOutcome(iteration) ? outcomeOf(episode) : undefined;
  }

  async function beforeIteration(at: Moment): Promise<Instruction | undefined> {
    if (core.detached) return letGo(at);
    await core.started;
    moment = at;
    const { iteration } = at;
    if (weights) {
      keepWeights(at, weights);
      weights = undefined;
      exact = false;
    }
    if (goal && player.pauseRequested) {
      // Who stops the way back stands where it has come to.
      goal = undefined;
      player.intent = { kind: "run" };
    }
    const replaying = goal !== undefined && iteration < goal.iteration;
    await keepSnapshot(at, goal !== undefined || player.intent.kind !== "run");
    applyEdits(at);
    await breathe();
    if (player.intent.kind === "leave") return core.detached ? letGo(at) : { kind: "stop" };
    if (goal) tellWayBack(goal, iteration);
    if (replaying) {
      return edits.changesOutcome(iteration) ? outcomeOf(await episodeOf(at, graphFor(at.batch.size))) : undefined;
    }
    const reason = player.intent.kind === "run" ? await lookForReason(at) : undefined;
    const graph = graphFor(at.batch.size);
    if (goal === undefined) tellSearch(graph, iteration);
    if (goal === undefined && !core.wantsEpisode(graph)) return undefined;
    const episode = await episodeOf(at, graph);
    const entry = reason ?? goal?.entry ?? "start";
    goal = undefined;
    last = episode;
    return after(await player.play(episode, entry), episode);
  }

  /** What was changed stays so, also for a run that was gone back in and is let go. */
  async function letGo(at: Moment): Promise<Instruction | undefined> {
    progress.end();
    goal = undefined;
    applyEdits(at);
    return edits.changesOutcome(at.iteration) ? outcomeOf(await episodeOf(at, graphFor(at.batch.size))) : undefined;
  }

  /** The training's numbers are none any more: stands where the first of them comes up. */
  async function notFinite(at: Moment): Promise<Instruction | undefined> {
    if (core.detached || !breakpoints.filter("not-finite") || player.intent.kind === "leave") return undefined;
    moment = at;
    const graph = graphFor(at.batch.size);
    const episode = await episodeOf(at, graph);
    last = episode;
    const { index, stop } = await inspector.firstNotFinite(episode, breathe);
    const position: Position = { index, depth: graph.steps[index]?.depth ?? 0 };
    // Where it stood already, on its way through the iteration, it need not stand again.
    const { problem } = player;
    if (problem?.episode === episode && problem.index === index) return undefined;
    if (!inspector.wants("not-finite", { episode, position })) return undefined;
    const { version } = edits;
    player.intent = { kind: "stop", stop };
    const left = await player.play(episode, position);
    const goesOn = left === "end" || left === "done" || (left === "leave" && core.detached);
    if (!goesOn) return after(left, episode);
    if (edits.version === version) return undefined;
    // What was changed may mend it: once more with the changed values.
    applyEdits(at);
    goal = { iteration: at.iteration, entry: "start" };
    return rewind(await at.snapshot());
  }

  /** After the last iteration: whoever steps sees the end before it is over. */
  async function beforeEnd({ iteration }: { readonly iteration: number }): Promise<Instruction | undefined> {
    progress.end();
    if (core.detached) return undefined;
    if (player.intent.kind === "run") return lookForReasonAtEnd(iteration);
    if (player.intent.kind !== "stop" || !last) return undefined;
    player.intent = { kind: "stop", stop: END };
    const { version } = edits;
    const left = await player.play(last, "end", true);
    if (left === "end" || left === "done" || left === "leave") {
      // The last iteration was changed after its end: it is done once more. Who stops the run leaves it as it was.
      if (edits.version !== version && (left !== "leave" || core.detached)) return again(last.iteration, "end");
      changed = Infinity;
      return undefined;
    }
    // The last iteration is over: it is the one that is gone back to.
    return after(left, left === "begin" ? { ...last, iteration: last.iteration + 1 } : last);
  }

  /** A finding that comes with the end of the training is looked at in its last iteration. */
  function lookForReasonAtEnd(iteration: number): Instruction | undefined {
    // One that comes with the last update holds from there on; those of before had their turn.
    const found = findings.wanted(iteration);
    if (!found) return undefined;
    findings.declined(found, iteration);
    awaited = found;
    return again(iteration - 1, "start");
  }

  /** Comes back to an iteration that is over. */
  function again(iteration: number, entry: "start" | "end"): Instruction | undefined {
    const to = snapshots.before(iteration);
    if (!to) return undefined;
    goal = { iteration, entry };
    return rewind(to);
  }

  /** Where to stop because of what was found, or of how the program was begun. */
  async function lookForReason(at: Moment): Promise<Position | undefined> {
    const found = awaited ?? findings.wanted(at.iteration);
    awaited = undefined;
    if (found) {
      const episode = await episodeOf(at, graphFor(at.batch.size));
      const position = positionOf(found, episode.graph);
      const wanted = filtersOf(found).some((name) => inspector.wants(name, { episode, position }));
      if (!wanted && !pending.finding) findings.declined(found, at.iteration);
      else {
        findings.stopped(found);
        pending = { ...pending, finding: false };
        const text = [found.message, found.remedy].filter(Boolean).join(" ");
        const stop: Stop = { reason: "exception", description: `Finding: ${found.code}`, text, breakpoints: [] };
        inspector.finding = found;
        player.intent = { kind: "stop", stop };
        return position;
      }
    }
    if (pending.iteration === at.iteration) {
      pending = { ...pending, iteration: undefined };
      player.intent = { kind: "stop", stop: { ...ENTRY, description: `Before iteration ${at.iteration}` } };
    }
    return undefined;
  }

  /** @param iteration that it has come to */
  function tellWayBack({ iteration: target }: NonNullable<typeof goal>, iteration: number): void {
    if (player.intent.kind !== "reverse") {
      searchedFrom = undefined;
      const fraction = target > 0 ? Math.min(1, iteration / target) : null;
      return progress.tell({ title: "Going back", message: `iteration ${iteration} of ${target}`, fraction });
    }
    searchedFrom ??= target + 1;
    const fraction = (searchedFrom - target) / Math.max(1, searchedFrom - snapshots.earliest);
    progress.tell({ title: "Searching backwards", message: `iteration ${target}`, fraction });
  }

  function tellSearch(graph: DebugGraph, iteration: number): void {
    searchedFrom = undefined;
    if (player.intent.kind !== "run") return;
    const { iteration: target = -1 } = pending;
    if (iteration < target) {
      const message = `iteration ${iteration} of ${target}`;
      progress.tell({ title: "Running to an iteration", message, fraction: iteration / target });
    } else if (core.wantsEpisode(graph)) {
      progress.tell({ title: "Looking for the next stop", message: `iteration ${iteration}`, fraction: null });
    } else progress.end();
  }

  /** Tells the run of what was changed, once it is clear that it goes on with that. */
  async function telling(work: Promise<Instruction | undefined>): Promise<Instruction | undefined> {
    const instruction = await work;
    if (changed < Infinity) running().rewrite(changed);
    changed = Infinity;
    return instruction;
  }

  return {
    probe: {
      beforeIteration: (at) => telling(beforeIteration(at)),
      notFinite: (at) => telling(notFinite(at)),
      beforeEnd: (at) => telling(beforeEnd(at)),
    },
    ready(found, begins) {
      access = found;
      exact = begins;
      const { training, parts } = found;
      core.model = training.model;
      core.fields = parts.train.fields;
      const whole = training.batchSize === "all" ? parts.train.length : training.batchSize;
      core.ready(graphFor(Math.min(whole, parts.train.length)));
    },
    async checkpoint() {
      const { scene } = inspector;
      const snapshot = await moment?.snapshot();
      if (!snapshot || !scene) return snapshot;
      return { ...snapshot, values: new Map([...snapshot.values, ...weightsAt(scene)]) };
    },
    get awaitsFindings() {
      return !core.detached && findings.awaited;
    },
    observe(event) {
      if (event.type === "rewind") {
        latest = event.iteration;
        findings.rewind(latest);
      } else if (event.type === "iteration") {
        latest = event.iteration;
        losses.set(latest, event.loss);
      } else if (event.type === "finding" && event.iteration > 0) findings.add(event);
    },
  };
}

/** Of values kept from before an edit, those that still fit. */
function keepWeights(moment: Moment, weights: ReadonlyMap<string, StoredValues>): void {
  for (const [name, value] of weights) {
    try {
      moment.write(new Map([[name, value]]));
    } catch {
      // Its layer was changed or is gone: it begins anew.
    }
  }
}
