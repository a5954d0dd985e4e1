import type { Fields } from "../../data/dataset";
import { type Scene, gradientSoFar } from "../episode";
import type { ScopeRecord } from "../requests";
import { isPastForward } from "./arrivals";
import { batchItems, trainingItems } from "./batch";
import { type FrameView, localsOf } from "./frames";
import { type Inside, type Item, type References, insideOf } from "./items";
import { costLabel } from "./labels";
import { operationItems } from "./operation";
import { optimizerItems, parameterItems } from "./parameters";
import { resolveTensor } from "./resolve";
import { gradientItem, tensorItem } from "./tensors";

/** What the data set says beyond the numbers: names of the classes. */
export interface ScopeOptions {
  readonly fields?: Fields | undefined;
}

/** What there is to see in a frame. Scopes without anything in them are left out. */
export function scopesAt(
  scene: Scene,
  frame: FrameView,
  references: References,
  { fields }: ScopeOptions = {},
): ScopeRecord[] {
  const training = scene.episode.graph.training !== undefined;
  const scopes: [name: string, hint: string, items: readonly Item[]][] = [
    ["Locals", "locals", localItems(scene, frame)],
    ["This operation", "operation", operationItems(scene, frame)],
    [training ? "Parameters" : "Variables", "parameters", parameterItems(scene, frame)],
  ];
  if (training) {
    scopes.push(
      ["Optimiser state", "optimizer", optimizerItems(scene, frame)],
      ["Batch", "batch", batchItems(scene, frame, fields)],
      ["Training", "training", trainingItems(scene)],
    );
  }
  return scopes.flatMap(([name, hint, items]) =>
    // Locals may still be empty; that they are there is no surprise to anyone.
    items.length > 0 || hint === "locals" ? [scopeOf(name, hint, insideOf(items), references)] : [],
  );
}

function scopeOf(name: string, hint: string, inside: Inside, references: References): ScopeRecord {
  return {
    name,
    hint,
    reference: references.add(inside),
    named: inside.named.length,
    indexed: inside.indexed,
    expensive: false,
  };
}

/** The named tensors of the frame's text, on the way back each with what has arrived of its gradient. */
export function localItems(scene: Scene, frame: FrameView): Item[] {
  const back = isPastForward(scene);
  return localsOf(scene, frame).flatMap(({ name, node, earlier }) => {
    const label = earlier === null ? name : `${name} (${earlier})`;
    const evaluateName = earlier === null && expressionFits(scene, frame, name, node) ? name : null;
    const items = [tensorItem(scene, label, node, { evaluateName })];
    if (back && gradientSoFar(scene, node)) {
      const grad = evaluateName === null ? null : `${evaluateName}.grad`;
      items.push(gradientItem(scene, node, `∂${costLabel(scene)}/∂${label}`, grad));
    }
    return items;
  });
}

function expressionFits(scene: Scene, frame: FrameView, name: string, node: Item["node"]): boolean {
  return resolveTensor(scene, frame, name)?.node === node;
}
