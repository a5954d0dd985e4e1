import type { Tensor } from "../../graph/tensor";
import type { NumberFormat, VariableRecord } from "../requests";

/** A line of Variables. Nothing of it is computed before its page is looked at. */
export interface Item {
  readonly name: string;
  /** `tensor`, `parameter`, `gradient`, `number`, … */
  readonly type: string;
  readonly value: (format: NumberFormat) => string;
  /** What is inside; undefined where nothing is, also where there is no value yet. */
  readonly inside?: () => Inside | undefined;
  /** An expression that gives the same. */
  readonly evaluateName?: string | null | (() => string | null);
  /** The node whose value it is: for its bytes and the place where it was made. */
  readonly node?: Tensor;
  /** What assigning to it changes. */
  readonly part?: Part;
  readonly virtual?: boolean;
}

/** A node's value, or the part of it at these positions of the first axes. */
export interface Part {
  readonly node: Tensor;
  readonly path: readonly number[];
}

/** Named children, and elements that are made one by one. */
export interface Inside {
  readonly named: readonly Item[];
  readonly indexed: number;
  readonly at: (index: number) => Item;
}

/** What the references of one stop stand for: made anew at each stop. */
export class References {
  private readonly kept: Inside[] = [];

  /** From 1. */
  add(inside: Inside): number {
    return this.kept.push(inside);
  }

  /** @throws for a reference of an earlier stop */
  find(reference: number): Inside {
    const found = this.kept[reference - 1] as Inside | undefined;
    if (!found) throw new Error(`there is no variable with the reference ${reference}; it was of an earlier stop`);
    return found;
  }
}

export interface Page {
  readonly filter?: "indexed" | "named";
  readonly first?: number;
  readonly count?: number;
  readonly format?: NumberFormat;
}

/** One page of what is inside a reference: named children, then elements. */
export function variablesAt(references: References, reference: number, page: Page = {}): VariableRecord[] {
  const { named, indexed, at } = references.find(reference);
  const { filter, first = 0, count, format = {} } = page;
  const names = filter === "indexed" ? 0 : named.length;
  const all = names + (filter === "named" ? 0 : indexed);
  // A count of 0 stands for all of them, as in the debug adapter protocol.
  const end = count === undefined || count === 0 ? all : Math.min(all, first + count);
  const records: VariableRecord[] = [];
  for (let i = Math.max(0, first); i < end; i++)
    records.push(recordOf(i < names ? named[i] : at(i - names), references, format));
  return records;
}

/** A child by its name. */
export function childNamed({ named, indexed, at }: Inside, name: string): Item | undefined {
  const index = /^\[(\d+)\]$/.exec(name);
  if (index && Number(index[1]) < indexed) return at(Number(index[1]));
  return named.find((item) => item.name === name);
}

/** An item as the user sees it. What cannot be computed says so in the value's place. */
export function recordOf(item: Item, references: References, format: NumberFormat = {}): VariableRecord {
  const { node, evaluateName = null } = item;
  let value: string;
  let inside: Inside | undefined;
  try {
    inside = item.inside?.();
    value = item.value(format);
  } catch (error) {
    value = error instanceof Error ? error.message : String(error);
    inside = undefined;
  }
  const site = node?.site;
  return {
    name: item.name,
    value,
    type: item.type,
    reference: inside ? references.add(inside) : 0,
    named: inside?.named.length ?? 0,
    indexed: inside?.indexed ?? 0,
    evaluateName: typeof evaluateName === "function" ? evaluateName() : evaluateName,
    memory: node && inside && (!item.part || item.part.path.length === 0) ? memoryOf(node) : null,
    settable: item.part !== undefined,
    virtual: item.virtual ?? false,
    lazy: false,
    place: site ? { file: site.file, line: site.line, column: site.column } : null,
  };
}

/** The name of a node's bytes; see `bytes.ts`. */
export function memoryOf(node: Tensor): string {
  return `node-${node.id}`;
}

/** Only named children. */
export function insideOf(named: readonly Item[]): Inside {
  return {
    named,
    indexed: 0,
    at: (index) => {
      throw new Error(`internal: there is no element ${index}`);
    },
  };
}

/** Something with children whose own line is a text. */
export function groupItem(
  name: string,
  type: string,
  text: string,
  children: () => readonly Item[],
  evaluateName: string | null = null,
): Item {
  return { name, type, value: () => text, inside: () => insideOf(children()), evaluateName };
}

/** A text of our own, without children. */
export function textItem(name: string, text: string | (() => string), more: Partial<Item> = {}): Item {
  return { name, type: "text", value: typeof text === "string" ? () => text : () => text(), ...more };
}
