import type { Scope, Tensor } from "../graph/tensor";
import { BINDING, type Term, atom, constantOf, subscript, swapsLast, transposed } from "./notation";

/** Short names for all nodes of a program, each its own: the user's where there is one. */
export interface NodeNames {
  of(node: Tensor): Term;
  /** `dJ/dt` */
  derivative(node: Tensor): Term;
}

/**
 * @param output what is differentiated
 * @param nodes in order; they get their numbers first, others when asked for
 */
export function createNames(output: Tensor, nodes: readonly Tensor[]): NodeNames {
  const given = new Map<Tensor, Term>();
  const taken = new Map<string, number>();
  // What the user named keeps its name, whatever is made up before it.
  const named = nodes.filter((node) => node.name !== undefined);
  const ends = callEnds(nodes);

  const unique = (name: string): Term => {
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    return atom(count === 1 ? name : `${name}${subscript(count)}`);
  };
  const make = (node: Tensor): Term => {
    if (node.name !== undefined) {
      const path = modulePath(node.scope);
      const own = path === "" || !taken.has(node.name) || node.name.startsWith(`${path}.`);
      return unique(own ? node.name : `${path}.${node.name}`);
    }
    const constant = constantOf(node);
    if (constant) return constant;
    if (node.op === "expand" && constantOf(node.inputs[0])) return constantOf(node.inputs[0]) as Term;
    if (node.op === "permute" && swapsLast(node)) return unique(transposed(of(node.inputs[0])).text);
    const scope = nearest(node.scope);
    if (!scope) return free();
    // The result of a layer, or of what has a gradient of its own.
    const isResult = scope.kind === "module" ? ends.get(scope) === node : node.op === "withGradient";
    const part = node.op === "withGradient" ? (node.attributes.name as string) : node.op;
    return unique(`${scope.name}.${isResult ? "z" : part}`);
  };
  /** z1, z2, …, without those that the user has. */
  let count = 0;
  const free = (): Term => {
    let name: string;
    do name = `z${++count}`;
    while (taken.has(name));
    return unique(name);
  };
  const of = (node: Tensor): Term => {
    const known = given.get(node) ?? make(node);
    given.set(node, known);
    return known;
  };

  for (const node of named) of(node);
  for (const node of nodes) of(node);
  return {
    of,
    derivative(node) {
      const { text } = of(node);
      return {
        text: `d${of(output).text}/d${/[ᵀ()[\] ]/.test(text) ? `(${text})` : text}`,
        binding: BINDING.power,
      };
    },
  };
}

/** The last node of each call of a module: its result, unless the user's variable names that. */
function callEnds(nodes: readonly Tensor[]): ReadonlyMap<Scope, Tensor> {
  const ends = new Map<Scope, Tensor>();
  for (const node of nodes) {
    const scope = nearest(node.scope);
    if (scope && (ends.get(scope)?.id ?? -1) < node.id) ends.set(scope, node);
  }
  return ends;
}

/** The layer around a node, or without one the composite. The model itself, which has no name of its own, says nothing. */
function nearest(scope: Scope | undefined): Scope | undefined {
  let composite: Scope | undefined;
  for (let at = scope; at; at = at.parent) {
    if (at.kind === "module") return at.name === "" ? composite : at;
    if (at.kind === "composite") composite ??= at;
  }
  return composite;
}

function modulePath(scope: Scope | undefined): string {
  for (let at = scope; at; at = at.parent) if (at.kind === "module") return at.name;
  return "";
}
