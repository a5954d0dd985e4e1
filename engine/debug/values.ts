import type { NdArray } from "../graph/array";
import { reachable } from "../graph/order";
import type { Tensor } from "../graph/tensor";
import { evaluateNode } from "../plan/evaluate";

/** How one node is computed from its inputs. */
export type EvaluateNode = (node: Tensor, inputs: readonly NdArray[]) => NdArray;

/** The values of one episode: pure functions of its leaves and of what the user put in their place, computed when asked for. */
export interface Values {
  /** @throws where it cannot be computed, with operation and place */
  of(node: Tensor): NdArray;
  /** The value if it is at hand already. */
  known(node: Tensor): NdArray | undefined;
  /** Puts a value in a node's place from here on; what depends on it is computed anew. */
  put(node: Tensor, value: NdArray): void;
  /** What the user put somewhere. */
  readonly changed: ReadonlyMap<Tensor, NdArray>;
  /** Bytes that are kept. */
  readonly bytes: number;
  /** Whether something would have to be forgotten for more. */
  readonly full: boolean;
  /** Forgets all that can be computed again. */
  forget(): void;
}

/** Bytes that the values of several episodes may take together, and those that they take. */
export interface Budget {
  readonly bound: number;
  used: number;
}

/**
 * @param bind values of the leaves
 * @param budget of what is kept; what is forgotten is computed again, to the same bits
 */
export function createValues(
  bind: (leaf: Tensor) => NdArray | undefined,
  budget: Budget = { bound: Infinity, used: 0 },
  evaluate: EvaluateNode = plain,
): Values {
  /** In the order of last use. */
  const kept = new Map<Tensor, NdArray>();
  const leaves = new Map<Tensor, NdArray>();
  const changed = new Map<Tensor, NdArray>();
  let bytes = 0;

  const known = (node: Tensor): NdArray | undefined => {
    const own = changed.get(node) ?? leaves.get(node);
    if (own) return own;
    const value = kept.get(node);
    if (value) {
      kept.delete(node);
      kept.set(node, value);
    }
    return value;
  };
  const keep = (node: Tensor, value: NdArray): void => {
    kept.set(node, value);
    count(value.data.byteLength);
    for (const [oldest, { data }] of kept) {
      if (budget.used <= budget.bound || oldest === node) break;
      kept.delete(oldest);
      count(-data.byteLength);
    }
  };
  const count = (more: number): void => {
    bytes += more;
    budget.used += more;
  };
  const compute = (node: Tensor, needed: Map<Tensor, NdArray>): NdArray => {
    const bound = bind(node);
    if (bound) {
      leaves.set(node, bound);
      return bound;
    }
    const inputs = node.inputs.map((input) => needed.get(input) ?? (known(input) as NdArray));
    const value = evaluate(node, inputs);
    keep(node, value);
    return value;
  };

  return {
    of(node) {
      const found = known(node);
      if (found) return found;
      // By hand, not by recursion: graphs are deep. What is needed here is held even if the bound is too small for it.
      const needed = new Map<Tensor, NdArray>();
      const open = [node];
      for (let at = open.at(-1); at; at = open.at(-1)) {
        if (needed.has(at)) {
          open.pop();
          continue;
        }
        const here = known(at);
        const missing = here ? [] : at.inputs.filter((input) => !needed.has(input));
        if (missing.length > 0) open.push(...missing);
        else {
          open.pop();
          needed.set(at, here ?? compute(at, needed));
        }
      }
      return needed.get(node) as NdArray;
    },
    known,
    put(node, value) {
      changed.set(node, value);
      const stale = new Set<Tensor>([node]);
      const all = reachable([...kept.keys()]);
      for (const each of all) {
        if (!each.inputs.some((input) => stale.has(input))) continue;
        stale.add(each);
        const value = kept.get(each);
        if (!value) continue;
        kept.delete(each);
        count(-value.data.byteLength);
        // A value that was put there stands, whatever it was made of.
      }
    },
    changed,
    get bytes() {
      return bytes;
    },
    get full() {
      return budget.used > budget.bound * 0.9;
    },
    forget() {
      kept.clear();
      count(-bytes);
    },
  };
}

function plain(node: Tensor, inputs: readonly NdArray[]): NdArray {
  const values = new Map(node.inputs.map((input, i) => [input, inputs[i]]));
  return evaluateNode(node, values, () => undefined);
}
