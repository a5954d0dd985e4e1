import { formatShape } from "../../graph/shape";
import { Tensor } from "../../graph/tensor";
import { Trace, withScope, withTrace } from "../../graph/trace";
import { Module, modulePath, moduleType, namedParameters } from "../../nn/module";
import { constantTensor } from "../../ops";
import { evaluate } from "../../plan/evaluate";
import {
  type NameRecord,
  type RecordValue,
  type Value,
  booleanValue,
  numberValue,
  tensorValue,
  textValue,
} from "../expressions";
import { nestedOf } from "../expressions/given";
import { fromNested } from "../../graph/array";
import { type Scene, currentOf } from "../episode";
import { nodeValue } from "./tensors";

/** A module as expressions see it: its fields, and a call with values. */
export function moduleValue(scene: Scene, module: Module): RecordValue {
  return {
    ...fieldsOf(scene, module, "module", moduleText(module)),
    call: (given) => callModule(scene, module, given),
  };
}

/** `hidden: Linear · 100,480 parameters`. */
export function moduleText(module: Module): string {
  const path = modulePath(module);
  const parameters = [...namedParameters(module).values()];
  const count = parameters.reduce((sum, { size }) => sum + size, 0);
  return `${path === "" ? "" : `${path}: `}${moduleType(module)} · ${count.toLocaleString("en-US")} parameter${count === 1 ? "" : "s"}`;
}

/** The value of a field of a module; undefined for what means nothing here, such as functions. */
function fieldValue(scene: Scene, value: unknown, path: string): Value | undefined {
  if (value instanceof Tensor) return nodeValue(scene, value);
  if (value instanceof Module) return moduleValue(scene, value);
  if (typeof value === "number") return numberValue(value);
  if (typeof value === "boolean") return booleanValue(value);
  if (typeof value === "string") return textValue(value);
  if (Array.isArray(value)) return fieldsOf(scene, value, "list", `${path}: list of ${value.length}`);
  if (typeof value === "object" && value !== null) return fieldsOf(scene, value, "object", path);
  return undefined;
}

function fieldsOf(scene: Scene, object: object, type: string, text: string): RecordValue {
  const field = (name: string): Value | undefined =>
    Object.hasOwn(object, name) ? fieldValue(scene, (object as Record<string, unknown>)[name], name) : undefined;
  return {
    kind: "record",
    type,
    text,
    members: () =>
      Object.keys(object).flatMap((name): NameRecord[] => {
        const value = field(name);
        return value ? [{ name, kind: value.kind === "record" ? "module" : "property", detail: detailOf(value) }] : [];
      }),
    member: (name) => (Array.isArray(object) && name === "length" ? numberValue(object.length) : field(name)),
  };
}

/** `[64, 128] float32`, `Linear`: what completions show beside a name. */
export function detailOf(value: Value): string {
  if (value.kind === "tensor") return `${formatShape(value.shape)} ${value.dtype}`;
  return value.kind === "record" ? value.text : value.kind;
}

/** What a module gives for values, with the parameters as they are now; nothing of the program changes by it. */
function callModule(scene: Scene, module: Module, given: readonly Value[]): Value {
  const trace = new Trace();
  const arrays = given.map((value) =>
    value.kind === "tensor" ? value.array : fromNested(nestedOf(value, "an argument")),
  );
  const key = scene.episode.graph.nodes.find(({ op }) => op === "randomKey");
  const output: unknown = withTrace(trace, () =>
    // Within a module's scope, so that the call does not rename the model's parameters.
    withScope({ kind: "module", name: modulePath(module), type: moduleType(module) }, () =>
      (module as unknown as (...inputs: readonly Tensor[]) => unknown)(
        ...arrays.map(({ data, shape, dtype }) => constantTensor(data, shape, dtype)),
      ),
    ),
  );
  const [issue] = trace.issues.filter(({ severity }) => severity === "error");
  if (issue) throw new Error(issue.message);
  if (!(output instanceof Tensor))
    throw new Error(`${moduleType(module)} gives no single tensor, so it cannot be called here`);
  const own = new Set(namedParameters(module).values());
  const [value] = evaluate([output], (leaf) => {
    if (leaf.op === "randomKey" && key) return scene.episode.values.of(key);
    return own.has(leaf as never) ? scene.episode.values.of(currentOf(scene, leaf)) : undefined;
  });
  return tensorValue(value);
}
