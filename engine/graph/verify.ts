import { isSymbolic } from "./dim";
import { reachable } from "./order";
import { type DType, type Shape, formatShape } from "./shape";
import { Tensor } from "./tensor";

/** Shape and dtype that an operation's record gives for a node, asked anew; handed in, for the graph knows no operations. */
export type InferAgain = (node: Tensor) => { readonly shape: Shape | null; readonly dtype: DType };

/**
 * What is broken in the graph behind `outputs`, one line per problem; empty for a sound graph.
 *
 * Every node comes after its inputs and has an id of its own; sizes are whole numbers ≥ 0 or symbolic; attributes hold no
 * tensors; a node of the backward pass says which node it is of and by way of which operation, both made before it, and
 * a forward node says neither; shapes and dtypes are what `infer` gives.
 */
export function verifyGraph(outputs: readonly Tensor[], infer?: InferAgain): string[] {
  const problems: string[] = [];
  const ids = new Map<number, Tensor>();
  for (const node of reachable(outputs)) {
    const say = (problem: string): number => problems.push(`node ${node.id} ${node.op}: ${problem}`);
    const twin = ids.get(node.id);
    if (twin) say(`has the id of another node, ${twin.op}`);
    ids.set(node.id, node);
    for (const input of node.inputs) {
      if (!(input.id < node.id)) say(`is not after its input ${input.id} ${input.op}`);
    }
    for (const dim of node.knownShape ?? []) {
      if (!isSymbolic(dim) && !(Number.isInteger(dim) && dim >= 0)) say(`has the size ${dim}`);
    }
    for (const [key, value] of Object.entries(node.attributes)) {
      if (value instanceof Tensor) say(`has a tensor as attribute ${key}; tensors are inputs`);
    }
    problemsOfPhase(node, say);
    if (infer) problemsOfInference(node, infer, say);
  }
  return problems;
}

function problemsOfPhase(node: Tensor, say: (problem: string) => void): void {
  if (node.phase === "forward") {
    if (node.of || node.via) say("is a forward node, but belongs to another");
    return;
  }
  if (node.phase === "update") return;
  if (!node.of) say("is a backward node of no forward node");
  if (!node.via) say("is a backward node by way of no operation");
  for (const other of [node.of, node.via]) {
    if (other && !(other.id < node.id)) say(`belongs to a later node, ${other.id} ${other.op}`);
  }
  if (node.site !== (node.of ?? node.via)?.site) say("has another site than the node it belongs to");
}

function problemsOfInference(node: Tensor, infer: InferAgain, say: (problem: string) => void): void {
  // An unknown input makes an unknown result, whatever the operation; there is nothing to compare.
  if (node.inputs.some((input) => input.knownShape === null)) {
    if (node.knownShape !== null) say(`has the shape ${formatShape(node.knownShape)} although an input's is unknown`);
    return;
  }
  const { shape, dtype } = infer(node);
  if (dtype !== node.dtype) say(`is ${node.dtype}, its record infers ${dtype}`);
  // Unknown sizes get a new symbol each time; formatted they all read "?".
  if (formatShape(shape) !== formatShape(node.knownShape)) {
    say(`has the shape ${formatShape(node.knownShape)}, its record infers ${formatShape(shape)}`);
  }
}
