import { isResult, type Tensor } from "../../graph/tensor";
import { formatElement, formatNumber, statisticsOf } from "../expressions";
import { type Scene, gradientSoFar, isDone, nextStep } from "../episode";
import type { DebugResults, Direction } from "../requests";
import { isMade } from "./frames";
import { labelOf } from "./labels";
import { isPastForward } from "./arrivals";

type InlineValue = DebugResults["inlineValues"][number];

const LONGEST = 60;

/**
 * What the lines of a file have given in this pass, for the ends of lines: values going forward, gradients on the way back,
 * what has changed in the update.
 */
export function inlineValuesAt(scene: Scene, file: string, line: number, endLine: number): InlineValue[] {
  const { graph } = scene.episode;
  const pass: Direction =
    nextStep(scene)?.direction ?? (graph.training ? "update" : isPastForward(scene) ? "backward" : "forward");
  const texts = new Map<string, InlineValue>();
  const note = (node: Tensor, text: string): void => {
    const { site } = node;
    if (!site) return;
    const { line, column, endColumn } = site;
    // Of a line that ran several times the last run counts.
    const what = pass === "update" ? labelOf(scene, node) : "";
    texts.set(`${line}:${column}-${endColumn} ${what}`, { line, column, endColumn, text: shortened(text) });
  };
  const isHere = ({ site }: Tensor): boolean => site?.file === file && site.line >= line && site.line <= endLine;
  if (pass === "update") {
    for (const parameter of graph.parameters.values()) if (isHere(parameter)) noteUpdate(scene, parameter, note);
  } else {
    const nodes = graph.nodes.filter((node) => node.phase === "forward" && isHere(node) && isShown(node));
    for (const node of pass === "backward" ? nodes.reverse() : nodes) {
      const gradient = pass === "backward" ? gradientSoFar(scene, node) : undefined;
      if (gradient) note(node, `∂${labelOf(scene, node)}: ${gradientText(scene, gradient)}`);
      else if (pass === "forward" && isMade(scene, node))
        note(node, `${labelOf(scene, node)}: ${valueText(scene, node)}`);
    }
  }
  return [...texts.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** What a call in the user's text gave. */
function isShown(node: Tensor): boolean {
  return isResult(node) || (node.op === "parameter" && node.name !== undefined && node.site?.variable === node.name);
}

/** `[64, 128] mean 0.12`. */
function valueText(scene: Scene, node: Tensor): string {
  const array = scene.episode.values.of(node);
  if (array.data.length === 1) return formatElement(array.data[0], array.dtype, { digits: 4 });
  const { mean, notFinite } = statisticsOf(array);
  const bad = notFinite > 0 ? ` ${notFinite} NaN/Infinity` : "";
  return `[${array.shape.join(", ")}] mean ${formatNumber(mean, { digits: 3 })}${bad}`;
}

function gradientText(scene: Scene, gradient: Tensor): string {
  const array = scene.episode.values.of(gradient);
  if (array.data.length === 1) return formatElement(array.data[0], array.dtype, { digits: 4 });
  return `norm ${formatNumber(statisticsOf(array).norm, { digits: 3 })}`;
}

function noteUpdate(scene: Scene, parameter: Tensor, note: (node: Tensor, text: string) => void): void {
  const { graph, values } = scene.episode;
  const next = graph.training?.assignments.get(parameter);
  if (!next || !isDone(scene, next)) return;
  const [before, after] = [values.of(parameter), values.of(next)];
  let change = 0;
  before.data.forEach((x, i) => (change += (after.data[i] - x) ** 2));
  note(parameter, `${labelOf(scene, parameter)}: changed by ${formatNumber(Math.sqrt(change), { digits: 3 })}`);
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}
