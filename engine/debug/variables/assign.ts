import type { Fields } from "../../data/dataset";
import { type NdArray, fromNested } from "../../graph/array";
import type { Tensor } from "../../graph/tensor";
import { type Value, evaluateExpression, formatNumber, parseTarget, writeTarget } from "../expressions";
import { nestedOf } from "../expressions/given";
import { select, wholeOf, writeSelection } from "../expressions/indexing";
import { type Scene, currentOf, isDone } from "../episode";
import { namesAt } from "../names";
import { notYet } from "./arrivals";
import { type FrameView, innermost } from "./frames";
import { type References, childNamed } from "./items";
import { labelOf } from "./labels";
import { isSettable } from "./tensors";

/** What an assignment changes: the node, and all of its value afterwards. */
export interface Assignment {
  readonly node: Tensor;
  readonly value: NdArray;
}

export interface AssignOptions {
  /** By default the innermost. */
  readonly frame?: FrameView;
  /** For the range of labels. */
  readonly fields?: Fields;
}

/**
 * What `target = value` changes: `hidden.weight[0][3]`, `h`, `learningRate`.
 * @throws in words for what cannot be set, and for values that do not fit
 */
export function assignAt(scene: Scene, target: string, value: Value, options: AssignOptions = {}): Assignment {
  const names = namesAt(scene, options.frame ?? innermost(scene));
  const parsed = parseTarget(target);
  const node = settableNode(scene, parsed.root, evaluateExpression(parsed.root, names));
  const before = scene.episode.values.of(currentOf(scene, node));
  return checked(scene, node, before, writeTarget(parsed, before, value, names), options.fields);
}

/** The same for a line of Variables: a child of a reference. @throws as {@link assignAt} */
export function assignVariable(
  scene: Scene,
  references: References,
  reference: number,
  name: string,
  value: Value,
  fields?: Fields,
): Assignment {
  const item = childNamed(references.find(reference), name);
  if (!item) throw new Error(`there is no variable ${name} here`);
  if (!item.part) throw new Error(whyFixed(scene, name, item.node));
  const { node, path } = item.part;
  requireSettable(scene, name, node);
  const before = scene.episode.values.of(currentOf(scene, node));
  const part = select(
    wholeOf(before.shape),
    path.map((at) => ({ kind: "at", at })),
    name,
  );
  return checked(scene, node, before, writeSelection(before, part, arrayOf(value), name), fields);
}

function arrayOf(value: Value): NdArray {
  return value.kind === "tensor" ? value.array : fromNested(nestedOf(value, "the value"));
}

function settableNode(scene: Scene, name: string, found: Value): Tensor {
  if (found.kind === "tensor" && found.node) {
    requireSettable(scene, name, found.node);
    return found.node;
  }
  if (found.kind === "record") {
    const members = found.members().flatMap((member) => {
      const inner = found.member(member.name);
      return inner && inner.kind !== "number" && inner.kind !== "text" ? [`${name}.${member.name}`] : [];
    });
    throw new Error(`${name} is no tensor but ${found.text}; set one of its parts: ${members.slice(0, 6).join(", ")}`);
  }
  throw new Error(whyFixed(scene, name, undefined));
}

/** @throws in words for what cannot be set, or has no value yet */
export function requireSettable(scene: Scene, name: string, node: Tensor): void {
  if (!isSettable(node)) throw new Error(whyFixed(scene, name, node));
  if (!isDone(scene, node)) throw new Error(`${name} is ${notYet(node)}; stop behind that line to set it`);
}

function whyFixed(scene: Scene, name: string, node: Tensor | undefined): string {
  if (node?.phase === "backward")
    return `${name} is a gradient, which follows from the values; set ${node.of ? labelOf(scene, node.of) : "a parameter or an activation"} instead`;
  if (node?.phase === "update")
    return `${name} is what the update gives; set the parameter or the learning rate instead`;
  if (node?.op === "constant") return `${name} is a constant of the program; change it in the text, and restart`;
  return `${name} follows from other values and cannot be set; what can are parameters, tensors of the forward pass, the batch and learningRate`;
}

function checked(scene: Scene, node: Tensor, before: NdArray, value: NdArray, fields: Fields | undefined): Assignment {
  const step = scene.episode.graph.training?.step;
  if (node === scene.episode.graph.training?.learningRate) {
    const [rate] = value.data;
    if (!Number.isFinite(rate) || rate < 0)
      throw new Error(`learningRate is a number from 0 on; got ${formatNumber(rate)}`);
  }
  const at = step?.batch.targets.indexOf(node) ?? -1;
  if (at >= 0 && node.dtype === "int32") {
    const classes = fields?.targets[at]?.classes ?? (at === 0 ? classesOf(step?.prediction) : undefined);
    const wrong = value.data.find(
      (label, i) => label !== before.data[i] && (label < 0 || label >= (classes ?? Infinity)),
    );
    if (wrong !== undefined)
      throw new Error(
        `the label ${formatNumber(wrong)} is out of range: ${classes === undefined ? "labels begin at 0" : `there are ${classes} classes, 0 to ${classes - 1}`}`,
      );
  }
  return { node: currentOf(scene, node), value };
}

/** Class scores lie along axis 1 of a prediction, as losses take them. */
function classesOf(prediction: Tensor | undefined): number | undefined {
  return prediction && prediction.rank > 1 ? prediction.shape[1] : undefined;
}
