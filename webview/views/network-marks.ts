/** What the last edit changed, as the drawings of the network mark it. */
import type { ModelChange } from "../protocol";

export interface LayerMark {
  readonly kind: "added" | "changed";
  /** `[N, 128] → [N, 64]`; "" where there is nothing to say. */
  readonly what: string;
}

export interface NetworkMarks {
  /** By index of layer. */
  readonly layers: ReadonlyMap<number, LayerMark>;
  /** Another number is another edit: what is marked shows itself again. */
  readonly edit: number;
}

export const noMarks: NetworkMarks = { layers: new Map(), edit: 0 };

/** Marks by the layers' numbers, from changes by their names. */
export function marksOf(
  layers: readonly { readonly name: string }[],
  changes: ReadonlyMap<string, ModelChange>,
  edit: number,
): NetworkMarks {
  return {
    layers: new Map(
      layers.flatMap(({ name }, i): [number, LayerMark][] => {
        const change = changes.get(name);
        return change && change.kind !== "removed" ? [[i, { kind: change.kind, what: change.what }]] : [];
      }),
    ),
    edit,
  };
}

/** The mark of a layer, or of several that are folded into one node; undefined for none. */
export function markOf(
  { layers }: NetworkMarks,
  layer: number | null,
  inner: readonly number[],
): LayerMark | undefined {
  const own = layer === null ? undefined : layers.get(layer);
  const within = inner.flatMap((each) => layers.get(each) ?? []);
  if (own || within.length === 0) return own;
  const what = within.length === 1 ? within[0].what : `${within.length} of its layers`;
  // A module is new where all that it is made of is.
  const isNew = within.length === inner.length && within.every(({ kind }) => kind === "added");
  return { kind: isNew ? "added" : "changed", what: isNew ? "" : what };
}

/** Form, not colour alone: a plus for what is new, a delta for what is other than it was. */
export const MARK_SIGNS: Readonly<Record<LayerMark["kind"], string>> = { added: "+", changed: "Δ" };

/** `changed by the last edit: [N, 128] → [N, 64]`. */
export function markText({ kind, what }: LayerMark): string {
  return `${kind} by the last edit${what === "" ? "" : `: ${what}`}`;
}
