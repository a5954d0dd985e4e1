import type { NdArray } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import { Parameter } from "../nn/parameter";
import type { LoopUpdate } from "../train/execute";
import { type Core, BEGINNING, END, ENTRY } from "./core";
import type { Episode } from "./episode";
import type { Stop } from "./player";
import { type DebugGraph, graphOfLoop } from "./graph";

/** Steps through a program that has a graph and nothing more. */
export async function playProgram(
  core: Core,
  graph: DebugGraph,
  bind: (leaf: Tensor) => NdArray | undefined,
): Promise<void> {
  const { player, edits } = core;
  core.onPut = (node, value) => edits.put(0, node, value);
  core.ready(graph);
  await core.started;
  let episode = freeEpisode(core, graph, bind, 0, null);
  let entry: "start" | "end" = "start";
  for (;;) {
    const left = await player.play(episode, entry);
    if (left === "leave" || left === "done") return;
    if (left === "restart") {
      edits.clear();
      core.breakpoints.resetHits();
      episode.values.forget();
      episode = freeEpisode(core, graph, bind, 0, null);
      player.intent = core.options.stopOnEntry ? { kind: "stop", stop: ENTRY } : { kind: "run" };
      entry = "start";
    } else if (left === "begin") {
      player.intent = { kind: "stop", stop: BEGINNING };
      entry = "start";
    } else if (player.intent.kind === "stop") {
      // Whoever steps sees the end before it is over.
      player.intent = { kind: "stop", stop: END };
      entry = "end";
    } else return;
  }
}

/** Updates of a loop that are kept for going back: their leaves, and what was looked at. */
const PAST = 200;

/** Steps through the updates of a loop that the user wrote. What is over can be looked at again, but not done again. */
export function createLoopPlayer(core: Core): (update: LoopUpdate) => Promise<void> {
  const { player } = core;
  const past: { readonly episode: Episode; readonly update: LoopUpdate }[] = [];
  let told = false;
  let forgotten = 0;

  return async (update) => {
    const parameters = new Map(
      update.parameters.map((parameter) => [nameAmong(parameter, update.parameters), parameter as Tensor]),
    );
    const { optimizer, pass, iteration, learningRate } = update;
    const graph = graphOfLoop(
      { ...update, gradients: new Map(), optimizer: optimizer.name, step: undefined },
      pass,
      parameters,
      update.loss.site,
    );
    if (!told) core.ready(graph);
    told = true;
    await core.started;
    if (core.detached || player.intent.kind === "leave") return;
    const leaves = new Map<Tensor, NdArray>();
    for (const leaf of new Set([...graph.nodes, learningRate, update.count])) {
      const value = leaf.inputs.length === 0 ? await update.read(leaf) : undefined;
      if (value) leaves.set(leaf, value);
    }
    const episode = freeEpisode(
      core,
      graph,
      (leaf) => leaves.get(leaf),
      iteration,
      leaves.get(learningRate)?.data[0] ?? null,
    );
    if (episode.values.full) for (const { episode: before } of past) before.values.forget();
    past.push({ episode, update });
    if (past.length > PAST) {
      past.shift()?.episode.values.forget();
      forgotten++;
    }
    await core.environment.breathe();
    // No run of its own tells of numbers that are none.
    if (!core.wantsEpisode(graph) && !core.breakpoints.filter("not-finite")) return;
    let at = past.length - 1;
    let entry: "start" | "end" = "start";
    core.kept = () => ({ bytes: 0, earliest: past[0].episode.iteration, loss: undefined });
    core.onPut = (node, value) => {
      if (at !== past.length - 1)
        throw new Error(
          "This update is over, and the loop of the program has gone on: what is past can be looked at, not changed",
        );
      if (!(node instanceof Parameter))
        throw new Error(
          "In a loop of its own only parameters can be changed: the loop computes everything else from them",
        );
      past[at].update.write(node, value.data);
    };
    for (;;) {
      const left = await player.play(past[at].episode, entry);
      if (left === "leave") return;
      if (left === "end" || left === "done") {
        if (at === past.length - 1) return;
        at++;
        entry = "start";
      } else if (left === "begin" && at > 0) {
        at--;
        entry = "end";
      } else {
        const stop =
          left === "restart"
            ? { ...BEGINNING, description: "A loop of its own cannot be restarted from within; restart the session" }
            : forgotten > 0
              ? tooFar(past[0].episode)
              : BEGINNING;
        player.intent = { kind: "stop", stop };
        entry = "start";
      }
    }
  };
}

function tooFar({ iteration }: Episode): Stop {
  const description = `At the beginning of what is kept: of the updates before update ${iteration} nothing is known any more`;
  const text = `The last ${PAST} updates of a loop can be gone back to. To see an earlier one, restart and stop there: with a breakpoint whose condition is iteration == ${Math.max(0, iteration - 1)}, say.`;
  return { ...BEGINNING, description, text };
}

/** Two models may both have a `hidden.weight`. */
function nameAmong(parameter: Parameter, all: readonly Parameter[]): string {
  const name = parameter.name ?? `%${parameter.id}`;
  const same = all.filter((other) => other.name === parameter.name);
  const at = same.indexOf(parameter);
  return at > 0 ? `${name} (${at + 1})` : name;
}

function freeEpisode(
  core: Core,
  graph: DebugGraph,
  bind: (leaf: Tensor) => NdArray | undefined,
  iteration: number,
  learningRate: number | null,
): Episode {
  return {
    graph,
    values: core.valuesOf(bind),
    iteration,
    epoch: 0,
    learningRate,
    batch: undefined,
    model: core.model,
    lossBefore: undefined,
  };
}
