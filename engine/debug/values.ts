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
  /** Those that keep something, in the order of last use. */
  readonly holders: Set<Holder>;
}

/** Gives up the value that is worth least, other than the newest. @returns whether there was one */
export type Holder = () => boolean;

export function createBudget(bound: number): Budget {
  return { bound, used: 0, holders: new Set() };
}

interface Kept {
  readonly value: NdArray;
  /** Milliseconds that it took to compute, for each byte that it takes. */
  readonly worth: number;
  /** What it is held at: the one with the least goes first. */
  credit: number;
}

/**
 * What is given up when memory is short, is what was not used for long and is soon computed again: a value's credit is its
 * worth on top of the credit of the last that went (GreedyDual-Size, Cao & Irani 1997).
 * @param bind values of the leaves
 * @param budget of what is kept; what is forgotten is computed again, to the same bits
 * @param now milliseconds
 */
export function createValues(
  bind: (leaf: Tensor) => NdArray | undefined,
  budget: Budget = createBudget(Infinity),
  evaluate: EvaluateNode = plain,
  now: () => number = () => 0,
): Values {
  const kept = new Map<Tensor, Kept>();
  const leaves = new Map<Tensor, NdArray>();
  const changed = new Map<Tensor, NdArray>();
  /** Nodes may share their numbers: they are counted once. */
  const shares = new Map<NdArray["data"], number>();
  let bytes = 0;
  let inflation = 0;
  let newest: Tensor | undefined;

  const known = (node: Tensor): NdArray | undefined => {
    const own = changed.get(node) ?? leaves.get(node);
    if (own) return own;
    const found = kept.get(node);
    if (found) found.credit = inflation + found.worth;
    return found?.value;
  };
  const use = (): void => {
    budget.holders.delete(giveUp);
    budget.holders.add(giveUp);
  };
  const keep = (node: Tensor, value: NdArray, milliseconds: number): void => {
    const worth = (milliseconds + LOOKUP_MS) / Math.max(1, value.data.byteLength);
    kept.set(node, { value, worth, credit: inflation + worth });
    newest = node;
    const count = shares.get(value.data) ?? 0;
    shares.set(value.data, count + 1);
    if (count === 0) add(value.data.byteLength);
    // What episodes before it hold goes before its own.
    for (const holder of budget.holders) while (budget.used > budget.bound && holder());
    newest = undefined;
  };
  const drop = (node: Tensor): void => {
    const data = kept.get(node)?.value.data;
    if (!data) return;
    kept.delete(node);
    const count = (shares.get(data) ?? 1) - 1;
    if (count > 0) shares.set(data, count);
    else {
      shares.delete(data);
      add(-data.byteLength);
    }
  };
  const giveUp: Holder = () => {
    let least: Tensor | undefined;
    let credit = Infinity;
    for (const [node, each] of kept) {
      if (each.credit >= credit || node === newest) continue;
      least = node;
      credit = each.credit;
    }
    if (!least) return false;
    inflation = credit;
    drop(least);
    return true;
  };
  const add = (more: number): void => {
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
    const began = now();
    const value = evaluate(node, inputs);
    keep(node, value, now() - began);
    return value;
  };

  return {
    of(node) {
      use();
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
        drop(each);
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
      shares.clear();
      add(-bytes);
      budget.holders.delete(giveUp);
    },
  };
}

/** So that what takes no time that one could measure counts by its size, too. */
const LOOKUP_MS = 0.01;

function plain(node: Tensor, inputs: readonly NdArray[]): NdArray {
  const values = new Map(node.inputs.map((input, i) => [input, inputs[i]]));
  return evaluateNode(node, values, () => undefined);
}
