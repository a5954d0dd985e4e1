import type { Tensor } from "../graph/tensor";
import { type Scene, isDone, operationAt } from "./episode";
import { explain } from "./explain";
import { type TensorValue, evaluateExpression, parseTarget } from "./expressions";
import type { Inspector } from "./inspector";
import { jacobianOf } from "./jacobians";
import { type Caption, changeOf, holdsImages, jacobianPicture, pictureOf } from "./pictures";
import type { DebugRequest, Explanation, TensorLook, TensorPicture } from "./requests";
import { gradientLabel, labelOf } from "./variables/labels";
import { nodeValue } from "./variables/tensors";

/** A tensor as a picture: its value, its gradient, what changed since the stop before, or how the operation at hand depends on it. */
export function pictureAt(inspector: Inspector, scene: Scene, look: TensorLook): TensorPicture {
  const { expression, of } = look;
  const names = inspector.names(look.frame);
  const value = tensorOf(inspector, scene, expression, look.frame);
  const { node } = value;
  const caption = (title: string, from: Tensor | null = node, note: string | null = null): Caption => ({
    title,
    note,
    place: from?.site ? { file: from.site.file, line: from.site.line } : null,
    pixels: from !== null && holdsImages(scene.episode.graph, from),
  });
  switch (of) {
    case "value":
      return pictureOf(value.array, look, caption(expression));
    case "gradient": {
      const gradient = names.gradientOf(value, labelOf(scene, scene.episode.graph.output));
      if (gradient.kind !== "tensor") throw new Error(`${expression} has no gradient`);
      return pictureOf(gradient.array, look, caption(node ? gradientLabel(scene, node) : `${expression}.grad`));
    }
    case "change": {
      const before = inspector.before(expression);
      const title = `${expression} now − ${expression} at the previous stop`;
      return pictureOf(changeOf(before?.array, value.array), look, caption(title));
    }
    case "jacobian-denominator":
    case "jacobian-numerator": {
      const operation = operationAt(scene)?.node;
      const input = node && operation ? inputOf(operation, node) : undefined;
      if (!operation || input === undefined) {
        const inputs = operation?.inputs.flatMap(({ name }) => name ?? []) ?? [];
        const known = inputs.length > 0 ? `; ${operation?.op} has the inputs ${inputs.join(", ")}` : "";
        throw new Error(`${expression} is no input of the operation that the program stands at${known}`);
      }
      const layout = of === "jacobian-numerator" ? "numerator" : "denominator";
      const jacobian = jacobianOf(operation, input, layout, (each) => scene.episode.values.of(each));
      const title = `∂${labelOf(scene, operation)}/∂${labelOf(scene, operation.inputs[input])}, ${layout} layout`;
      return jacobianPicture(jacobian, look, caption(title, operation));
    }
    default:
      return of satisfies never;
  }
}

/** Operations with a gradient of their own name what it is taken by behind their value. */
function inputOf(operation: Tensor, node: Tensor): number | undefined {
  const from = operation.op === "withGradient" ? 1 : 0;
  const index = operation.inputs.indexOf(node, from);
  return index < 0 ? undefined : index;
}

export function explainAt(
  inspector: Inspector,
  scene: Scene,
  { expression, frame, what }: Extract<DebugRequest, { kind: "explain" }>,
): Explanation {
  const { root, indices } = parseTarget(expression);
  const { node } = tensorOf(inspector, scene, root, frame);
  if (!node)
    throw new Error(`${expression} is computed by the debugger, not by the program; ask about one of its tensors`);
  // `h[3, 17]` and `h[3][17]` are one element.
  const index = indices.flatMap(({ parts }) =>
    parts.flatMap((part) => {
      if (part.kind !== "at") return [];
      const at = evaluateExpression({ text: expression, root: part.at }, inspector.names(frame));
      return at.kind === "number" ? [at.value] : [];
    }),
  );
  return explain(scene, node, what, { name: root, ...(index.length > 0 && { index }) });
}

function tensorOf(inspector: Inspector, scene: Scene, expression: string, frame: number | null): TensorValue {
  // Where a number comes up that is none, the program stands before its operation: that is the one people ask about.
  const operation = operationAt(scene)?.node;
  if (operation?.name === expression && !isDone(scene, operation)) return nodeValue(scene, operation);
  const value = evaluateExpression(expression, inspector.names(frame));
  if (value.kind === "tensor") return value;
  if (value.kind === "number") {
    return {
      kind: "tensor",
      shape: [],
      dtype: "float32",
      array: { shape: [], dtype: "float32", data: Float64Array.of(value.value) },
      node: null,
    };
  }
  throw new Error(`${expression} is no tensor but ${value.kind === "record" ? value.text : `a ${value.kind}`}`);
}
