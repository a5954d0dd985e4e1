import type { Site } from "../graph/site";
import type { Tensor } from "../graph/tensor";
import type { Episode, Scene } from "./episode";
import { nextStep } from "./episode";
import type { Level, NumberedStep } from "./levels";
import { type Position, beginAt } from "./position";
import { beginsCall } from "./places";
import { gradientLabel, labelOf, operationName } from "./variables/labels";
import type { Direction, FrameRecord } from "./requests";

/** A frame of the stack: the part of a position's levels that it stands in. */
export interface Frame {
  /** Levels around it that are entered; the level itself is `levels[depth]` for the innermost frame, which has not begun yet. */
  readonly depth: number;
  /** What it stands in, or is about to begin; undefined for the training or program itself. */
  readonly level: Level | undefined;
  /** Whether it is what comes next. */
  readonly pending: boolean;
  readonly name: string;
  readonly kind: FrameRecord["kind"];
  readonly direction: Direction;
  readonly site: Site | undefined;
}

/** The call stack, innermost first: what comes next, what is entered, and the training or program. */
export function framesAt(scene: Scene): Frame[] {
  const { episode, position } = scene;
  const step = nextStep(scene);
  if (!step) return position.depth > 0 ? afterLast(scene) : [endFrame(episode)];
  const { levels, direction } = step;
  const frames: Frame[] = [frameOf(step, position.depth, position.depth, true, scene)];
  for (let depth = position.depth; depth >= 1; depth--) frames.push(frameOf(step, depth - 1, depth, false, scene));
  frames.push({
    depth: 0,
    level: undefined,
    pending: false,
    ...rootOf(episode, direction),
    direction,
    site:
      direction === "backward"
        ? (placeOfOutput(episode.graph) ?? episode.graph.place)
        : (levels[0].site ?? episode.graph.place),
  });
  return frames;
}

function placeOfOutput({ output, steps, indexOf }: Episode["graph"]): Site | undefined {
  return output.site ?? steps[indexOf.get(output) ?? -1]?.levels[0].site;
}

function frameOf(step: NumberedStep, at: number, depth: number, pending: boolean, scene: Scene): Frame {
  const level = step.levels[at];
  return {
    depth: pending ? at : depth,
    level,
    pending,
    name: nameOf(level, step, scene),
    kind: kindOf(level, step),
    direction: step.direction,
    site: (pending ? level : step.levels[depth]).site,
  };
}

function kindOf(level: Level, { direction }: NumberedStep): FrameRecord["kind"] {
  switch (level.kind) {
    case "node":
      return direction === "backward" && !level.isOwnLine ? "contribution" : "operation";
    case "update":
    case "parameter":
      return "update";
    case "module":
    case "composite":
    case "operation":
      return level.kind;
    default:
      return level.kind satisfies never;
  }
}

function nameOf(level: Level, { direction }: NumberedStep, scene: Scene): string {
  const back = direction === "backward" ? " (backward)" : "";
  switch (level.kind) {
    case "module":
      return level.name === "" ? `${level.type}.forward${back}` : `${level.name}: ${level.type}${back}`;
    case "node":
      return (level.node && gradientName(scene, level.node)) ?? level.name;
    case "operation": {
      const name = level.node?.op === level.name ? operationName(level.node) : level.name;
      return level.node?.name !== undefined && level.node.name !== level.name
        ? `${name} → ${level.node.name}${back}`
        : `${name}${back}`;
    }
    case "update":
      return `update by ${level.name}`;
    default:
      return `${level.name}${back}`;
  }
}

/** What a node of the backward pass is in the notation of calculus: `∂loss/∂h via relu`, `∂h/∂hidden.z`; a step on the way by its operation. */
export function gradientName(scene: Scene, node: Tensor): string | undefined {
  const { adjoints, contributions, pass } = scene.episode.graph;
  if (node === pass?.seed) return gradientLabel(scene, pass.output);
  if (node.of && adjoints.get(node.of)?.gradient === node) return gradientLabel(scene, node.of);
  const found = contributions.get(node);
  if (found) return `${gradientLabel(scene, found.to)} via ${operationName(found.contribution.via)}`;
  if (!node.of) return undefined;
  const own = adjoints.get(node.of)?.contributions.find(({ sum, local }) => sum === node || local === node);
  if (!own) return undefined;
  return own.sum === node
    ? `${gradientLabel(scene, node.of)} so far`
    : `∂${labelOf(scene, own.via)}/∂${labelOf(scene, node.of)}`;
}

function rootOf(
  { graph, iteration, epoch }: Episode,
  direction: Direction,
): { name: string; kind: FrameRecord["kind"] } {
  const loss = graph.output.name ?? "result";
  if (direction === "backward") return { name: `${loss}: backward`, kind: "loss" };
  if (!graph.training) return { name: "program", kind: "root" };
  const when = graph.training.step ? `iteration ${iteration}, epoch ${epoch + 1}` : `iteration ${iteration}`;
  return { name: `${when}: ${direction}`, kind: "root" };
}

function endFrame({ graph }: Episode): Frame {
  const place = graph.steps.at(-1)?.levels[0].site ?? graph.place;
  const direction = graph.steps.at(-1)?.direction ?? "forward";
  return {
    depth: 0,
    level: undefined,
    pending: false,
    name: "end",
    kind: "root",
    direction,
    site: graph.training ? graph.place : place,
  };
}

/** With the last step done, and nothing said of the end yet: what has just been done, in what it belongs to. */
function afterLast(scene: Scene): Frame[] {
  const { episode } = scene;
  const last = episode.graph.steps.at(-1);
  if (!last) return [endFrame(episode)];
  const { direction, levels, node } = last;
  const [level] = levels;
  const of = direction === "update" ? node.of?.name : undefined;
  const name = nameOf(level, last, scene) + (of === undefined ? "" : ` → ${of}`);
  const root = { depth: 0, level: undefined, pending: false, ...rootOf(episode, direction), direction };
  return [
    { depth: 0, level, pending: false, name, kind: kindOf(level, last), direction, site: level.site },
    { ...root, site: level.site ?? episode.graph.place },
  ];
}

/** Where a frame's call began, entered. */
export function beginningOfFrame({ episode, position }: Scene, frame: Frame): Position {
  const { steps } = episode.graph;
  if (steps.length === 0 || frame.pending) return position;
  let index = Math.min(position.index, steps.length - 1);
  if (frame.level === undefined) {
    while (index > 0 && steps[index - 1].direction === steps[index].direction) index--;
    return beginAt(steps, index);
  }
  while (!beginsCall(steps, index, Math.max(0, frame.depth - 1))) index--;
  return { index, depth: frame.depth };
}
