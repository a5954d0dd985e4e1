import { blockedPaths } from "../../autodiff/gradients";
import { reachable } from "../../graph/order";
import type { Tensor } from "../../graph/tensor";
import { Parameter, isTrained } from "../../nn/parameter";
import { type Scene, gradientSoFar, isDone, nextStep } from "../episode";
import { costLabel, gradientLabel, labelOf, operationName } from "./labels";

/** How far the gradient of a tensor is. */
export type Arrival =
  /** All of it is there. */
  | { readonly state: "whole"; readonly gradient: Tensor }
  /** The sum of the first `count` of `of` contributions. */
  | { readonly state: "partial"; readonly gradient: Tensor; readonly count: number; readonly of: number }
  /** It comes later. */
  | { readonly state: "pending"; readonly because: string }
  /** It never comes. */
  | { readonly state: "none"; readonly because: string };

/** What has arrived of ∂cost/∂node, or in words why nothing has. */
export function arrivalOf(scene: Scene, node: Tensor): Arrival {
  const adjoint = scene.episode.graph.adjoints.get(node);
  if (!adjoint?.gradient) return { state: "none", because: whyNone(scene, node) };
  const gradient = gradientSoFar(scene, node);
  if (!gradient) return { state: "pending", because: whenArrives(scene, node) };
  const { contributions } = adjoint;
  if (isDone(scene, adjoint.gradient)) return { state: "whole", gradient };
  const count = contributions.filter(({ sum }) => isDone(scene, sum)).length;
  return { state: "partial", gradient, count, of: contributions.length };
}

/** Whether the program is on its way back, or beyond. */
export function isPastForward(scene: Scene): boolean {
  const step = nextStep(scene);
  return step === undefined ? scene.episode.graph.pass !== undefined : step.direction !== "forward";
}

/** `not computed yet: line 12 makes it`. */
export function notYet(node: Tensor): string {
  return `not computed yet: ${placeWords(node)} ${node.phase === "forward" ? "makes" : "gives"} it`;
}

function whenArrives(scene: Scene, node: Tensor): string {
  const { contributions } = scene.episode.graph.adjoints.get(node) ?? { contributions: [] };
  const via = contributions[0]?.via;
  if (!via) return `not yet: it is the beginning of the backward pass`;
  const place = via.site ? `line ${via.site.line}` : operationName(via);
  return `not yet: arrives after ${place}${via.site ? ` (${operationName(via)})` : ""}`;
}

function placeWords(node: Tensor): string {
  return node.site ? `line ${node.site.line}` : operationName(node);
}

/** In words why no gradient reaches a tensor. */
function whyNone(scene: Scene, node: Tensor): string {
  return `no gradient reaches ${labelOf(scene, node)}: ${reasonForNone(scene, node)}`;
}

function reasonForNone(scene: Scene, node: Tensor): string {
  const { graph } = scene.episode;
  const cost = costLabel(scene);
  if (!graph.pass)
    return `this program differentiates nothing; its result ${cost} is no float32 scalar, or depends on no variable`;
  if (node.phase !== "forward") return `it belongs to the ${node.phase} pass itself`;
  if (node.dtype !== "float32") return `it is ${node.dtype}, and gradients flow through float32 only`;
  if (node.op === "constant") return "it is a constant";
  if (node instanceof Parameter && !node.trainable) return "it is a state, which no gradient trains";
  if (node instanceof Parameter && !isTrained(node)) return "it is frozen";
  const behind = reachable([graph.output]);
  if (!behind.includes(node)) return `${cost} does not depend on it`;
  if (graph.training && node.op === "input") return "nothing is sent back to the batch, as it is not trained";
  const blocked = blockedPaths(graph.output, [node]).find((path) => !node.inputs.includes(path.node));
  if (blocked) {
    const place = blocked.node.site ? ` on line ${blocked.node.site.line}` : "";
    return `${operationName(blocked.node)}${place} blocks it: ${blocked.reason}`;
  }
  const stops = behind.some(({ op, inputs }) => op === "stopGradient" && reachable(inputs).includes(node));
  return stops ? "stopGradient holds it back" : "it depends on nothing that is trained";
}

/** `∂loss/∂h: not yet: arrives after line 12`: for errors. @throws unless some of it has arrived */
export function arrivedGradient(scene: Scene, node: Tensor): Tensor {
  const arrival = arrivalOf(scene, node);
  if (arrival.state === "whole" || arrival.state === "partial") return arrival.gradient;
  if (arrival.state === "none") throw new Error(arrival.because);
  throw new Error(`${gradientLabel(scene, node)}: ${arrival.because}`);
}
