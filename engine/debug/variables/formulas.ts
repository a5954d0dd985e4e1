import type { Contribution } from "../../autodiff/gradients";
import type { Tensor } from "../../graph/tensor";
import type { Scene } from "../episode";
import { formulaOf } from "../listing-formulas";
import { type Term, atom, call, notate, number, write } from "../notation";
import { labelOf } from "./labels";

/** Formulas of single operations with the names of their operands, in the notation of the backward listing. */

/** What an operation computes: `u1 = sin(t)`. */
export function valueFormula(scene: Scene, node: Tensor): string {
  const right = notate(node, terms(scene, node)).text;
  return node.name === undefined ? right : `${node.name} = ${right}`;
}

/** ∂output/∂input element by element: `cos(t)`. */
export function localFormula(scene: Scene, { via, inputIndex }: Contribution): string | undefined {
  const text = formulaOf({ node: via, g: number(1), x: terms(scene, via), y: termOf(scene, via) }, inputIndex)?.text;
  // The derivative is what flows back of an upstream gradient of 1.
  return text?.replace(/^(−?)1 [·∘] /u, "$1");
}

/** What brings the gradient back, `g` being ∂cost/∂output: `g · Wᵀ`. */
export function productFormula(scene: Scene, { via, inputIndex, value }: Contribution): string {
  const g = atom("g");
  const formula = formulaOf({ node: via, g, x: terms(scene, via), y: termOf(scene, via) }, inputIndex);
  if (formula) return formula.text;
  const { adjoints } = scene.episode.graph;
  const upstream = adjoints.get(via)?.gradient;
  const written = write(value, (node) => {
    if (node === upstream) return g;
    return node.phase === "forward" || adjoints.has(node) ? termOf(scene, node) : undefined;
  });
  return (written ?? call(`backward of ${String(via.attributes.name)}`, g)).text;
}

function terms(scene: Scene, node: Tensor): Term[] {
  return node.inputs.map((input) => termOf(scene, input));
}

function termOf(scene: Scene, node: Tensor): Term {
  const label = labelOf(scene, node);
  return /^−?[\d.]+$/.test(label) ? number(Number(label.replace("−", "-"))) : atom(label);
}
