import { type Dim, dimsAgree, isSymbolic } from "../graph/dim";
import type { Fix, Issue, Subject } from "../graph/issue";
import { broadcastShapes, type Shape } from "../graph/shape";
import type { Range } from "../graph/site";
import type { Tensor } from "../graph/tensor";
import { Module, modulePath, moduleSite, moduleType, sizeArguments } from "../nn/module";
import { axisOf, declaredSize, faultsOf } from "./faults";
import { constantAt, endOf, isMadeAt, isPrimary, textAt } from "./source-text";
import { type Workshop, operandRange } from "./operands";
import { rewrite } from "./rewrite";

/** Edits that would mend an issue, the likeliest first. An editor applies one, checks again, and offers those that leave the file clean. */
export function fixesOf(issue: Issue, workshop: Workshop): Fix[] {
  const found = [...(issue.subject ? shapeFixes(issue, issue.subject, workshop) : []), ...rewrite(issue, workshop)];
  const unique = new Map(found.map((fix) => [JSON.stringify(fix.edits), fix]));
  return [...unique.values()];
}

/** Methods behind an operand, and other sizes where they are declared. */
function shapeFixes(issue: Issue, subject: Subject, workshop: Workshop): Fix[] {
  const appended = remedies(issue, subject).flatMap(({ tensor, method }) => append(subject, tensor, method, workshop));
  return [...appended, ...sizeFixes(issue, subject, workshop)];
}

/** Declared sizes: those of the layer that complains, and those of the layers that made the operands. */
function sizeFixes(issue: Issue, { layer }: Subject, workshop: Workshop): Fix[] {
  const fixes: Fix[] = [];
  for (const { tensor, axis, wanted } of faultsOf(issue)) {
    const got = tensor.knownShape?.[axis];
    if (layer instanceof Module && typeof got === "number") fixes.push(...ownSize(layer, axis, got, tensor, workshop));
    const origin = workshop.origins(tensor, axis);
    if (origin?.layer && typeof wanted === "number") {
      fixes.push(
        ...changeNumber(
          origin.range,
          wanted,
          `Change ${origin.layer.name}'s ${fieldOf(origin.layer.module, origin.layer.argument)} to ${wanted}`,
          workshop,
        ),
      );
    }
  }
  return fixes;
}

function ownSize(layer: Module, axis: number, got: number, tensor: Tensor, workshop: Workshop): Fix[] {
  const site = moduleSite(layer);
  if (!site || !isMadeAt(layer, site, workshop.sources)) return [];
  const rank = tensor.knownShape?.length ?? 0;
  return sizeArguments(layer).flatMap((size) => {
    const range = site.arguments?.[size.argument];
    const mine = size.role === "input" || size.role === "both";
    if (!mine || axisOf(size, rank) !== axis || !range) return [];
    return changeNumber(range, got, `Change ${nameOf(layer)}'s ${size.field} to ${got}`, workshop);
  });
}

function fieldOf(module: Module, argument: number): string {
  return sizeArguments(module).find((size) => size.argument === argument)?.field ?? "size";
}

function nameOf(module: Module): string {
  return modulePath(module) || moduleType(module);
}

/** A number, or the constant that stands there, becomes another one. */
function changeNumber(range: Range, value: number, title: string, { sources }: Workshop): Fix[] {
  const text = textAt(sources, range);
  if (text === undefined) return [];
  // A number, or a calculation with numbers alone: 16 * 5 * 5.
  if (/^[\d(][\d_\s()*/+-]*$/.test(text)) return [{ title, edits: [{ range, text: String(value) }] }];
  const declared = constantAt(sources, range.file, text);
  return declared ? [{ title: `Change ${text} to ${value}`, edits: [{ range: declared, text: String(value) }] }] : [];
}

interface Remedy {
  readonly tensor: Tensor;
  /** `.flatten()` */
  readonly method: string;
}

/** Methods that give an operand the shape that is wanted. */
function remedies({ code, message }: Issue, { tensors, layer }: Subject): Remedy[] {
  const [a, b] = tensors;
  const shape = a?.knownShape;
  if (!shape) return [];
  switch (code) {
    case "matmul-inner":
    case "broadcast":
      return b?.knownShape ? pairRemedies(code, a, shape, b, b.knownShape) : [];
    case "linear-inputs":
      return layer instanceof Module ? flattening(a, shape, wantedBy(layer, -1)) : [];
    case "conv-channels":
    case "conv-rank":
    case "pool-rank":
      return layer instanceof Module ? imageRemedies(a, shape, wantedBy(layer, 1), layer) : [];
    case "batch-pairs":
      return tensors
        .filter(({ knownShape }) => knownShape?.length === 2)
        .map((tensor) => ({ tensor, method: ".squeeze(-1)" }));
    case "embedding-dtype":
      return [{ tensor: a, method: '.cast("int32")' }];
    case "dtype":
      return casting(tensors, message);
    case "loss-scalar":
    case "grad-scalar":
      return [{ tensor: a, method: ".mean()" }];
    case "loss-shape":
    case "loss-classes":
      return b?.knownShape ? lossRemedies(a, shape, b, b.knownShape) : [];
    default:
      return [];
  }
}

/** "must be int32", "works on float32": the last operand that is not. */
function casting(tensors: readonly Tensor[], message: string): Remedy[] {
  const [, wanted] = /(?:must be|works on) (int32|float32|bool)/.exec(message) ?? [];
  const tensor = wanted === undefined ? undefined : tensors.findLast(({ dtype }) => dtype !== wanted);
  return tensor ? [{ tensor, method: `.cast("${wanted}")` }] : [];
}

function wantedBy(layer: Module, axis: number): number | undefined {
  const size = sizeArguments(layer).find(
    (each) => each.axis === axis && each.role !== "output" && each.role !== "entries",
  );
  return size && declaredSize(layer, size);
}

function pairRemedies(code: string, a: Tensor, shapeA: Shape, b: Tensor, shapeB: Shape): Remedy[] {
  const turned = (shape: Shape): Shape => [...shape.slice(0, -2), ...shape.slice(-2).reverse()];
  const fits =
    code === "matmul-inner"
      ? (x: Shape, y: Shape): boolean => dimsAgree(x[x.length - 1], y[y.length - 2])
      : (x: Shape, y: Shape): boolean => broadcastShapes([x, y]).clashes.length === 0;
  const found: Remedy[] = [];
  if (shapeB.length >= 2 && fits(shapeA, turned(shapeB))) found.push({ tensor: b, method: ".transpose()" });
  if (shapeA.length >= 2 && fits(turned(shapeA), shapeB)) found.push({ tensor: a, method: ".transpose()" });
  if (code === "broadcast" && shapeA.length !== shapeB.length) {
    const [short, shorter, long] = shapeA.length < shapeB.length ? [a, shapeA, shapeB] : [b, shapeB, shapeA];
    if (fits([...shorter, 1], long)) found.push({ tensor: short, method: ".unsqueeze(-1)" });
  }
  return found;
}

/** [N, 28, 28] holds the 784 numbers that are wanted. */
function flattening(x: Tensor, shape: Shape, wanted: number | undefined): Remedy[] {
  const rest = shape.slice(1);
  if (rest.length < 2 || wanted === undefined || rest.some(isSymbolic)) return [];
  return rest.reduce<number>((product, dim) => product * Number(dim), 1) === wanted
    ? [{ tensor: x, method: ".flatten()" }]
    : [];
}

function imageRemedies(x: Tensor, shape: Shape, channels: number | undefined, layer: Module): Remedy[] {
  const spatial = /1d$/.test(moduleType(layer)) ? 1 : 2;
  const rank = spatial + 2;
  const last = shape.length - 1;
  if (shape.length === rank) {
    if (channels === undefined || !dimsAgree(shape[last], channels)) return [];
    const order = [0, last, ...shape.map((_, axis) => axis).slice(1, last)];
    return [{ tensor: x, method: `.permute([${order.join(", ")}])` }];
  }
  if (shape.length === rank - 1) {
    const noChannels = (channels === undefined || channels === 1) && isSymbolic(shape[0]);
    return [{ tensor: x, method: noChannels ? ".unsqueeze(1)" : ".unsqueeze(0)" }];
  }
  if (shape.length !== 2 || typeof shape[1] !== "number") return [];
  const each = shape[1] / (channels ?? 1);
  const side = Math.round(Math.sqrt(each));
  if (spatial === 1)
    return Number.isInteger(each) ? [{ tensor: x, method: `.reshape([-1, ${channels ?? 1}, ${each}])` }] : [];
  return side * side === each ? [{ tensor: x, method: `.reshape([-1, ${channels ?? 1}, ${side}, ${side}])` }] : [];
}

function lossRemedies(p: Tensor, shapeP: Shape, t: Tensor, shapeT: Shape): Remedy[] {
  const ends = (shape: Shape, dim: Dim): boolean =>
    dimsAgree(shape[shape.length - 1], dim) && shape[shape.length - 1] === dim;
  if (shapeP.length === shapeT.length + 1 && ends(shapeP, 1)) return [{ tensor: p, method: ".squeeze(-1)" }];
  if (shapeT.length === shapeP.length + 1 && ends(shapeT, 1)) {
    return [
      { tensor: t, method: ".squeeze(-1)" },
      { tensor: p, method: ".unsqueeze(-1)" },
    ];
  }
  return [];
}

/** `operand.method()`, where the operand is written: as an argument or receiver of the call, else where it is made. */
function append(subject: Subject, tensor: Tensor, method: string, workshop: Workshop): Fix[] {
  const range = operandRange(subject, tensor, workshop);
  const text = range && textAt(workshop.sources, range);
  if (!range || text === undefined || text.startsWith("...")) return [];
  const title = `Add ${method} to ${text.length > 40 || text.includes("\n") ? "the operand" : text}`;
  if (isPrimary(text)) return [{ title, edits: [{ range: endOf(range), text: method }] }];
  return [{ title, edits: [{ range, text: `(${text})${method}` }] }];
}
