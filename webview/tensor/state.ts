/** What the viewer chose, as `setState` keeps it while the view is hidden. Pure. */
import type { JacobianLayout, LookOf } from "./protocol";
import { wholeTensor, type Slicing } from "./slicing";

export const SUBJECTS = ["value", "gradient", "change", "jacobian"] as const;
export type Subject = (typeof SUBJECTS)[number];

export const FACES = ["map", "pictures", "table"] as const;
export type Face = (typeof FACES)[number];

export interface Choice {
  readonly expression: string;
  readonly subject: Subject;
  /** Null for what the settings say. */
  readonly layout: JacobianLayout | null;
  readonly face: Face;
  /** A place in `ZOOMS`; null for the largest that fits. */
  readonly zoom: number | null;
  /** Colours for the shown part alone rather than for the whole tensor. */
  readonly ofPart: boolean;
  readonly slicing: Slicing;
  /** Expressions that are looked at at each stop. */
  readonly pins: readonly string[];
}

/** Each is asked for at every stop. */
export const MOST_PINS = 12;

export const firstChoice: Choice = {
  expression: "",
  subject: "value",
  layout: null,
  face: "map",
  zoom: null,
  ofPart: false,
  slicing: wholeTensor,
  pins: [],
};

/** Another expression is another tensor: its axes and its size are not known yet. */
export function withExpression(choice: Choice, expression: string): Choice {
  const wanted = expression.trim();
  return wanted === choice.expression ? choice : { ...choice, expression: wanted, slicing: wholeTensor };
}

/** A Jacobian has other axes than the tensor; a gradient and a change have the same. */
export function withSubject(choice: Choice, subject: Subject): Choice {
  const sameShape = (subject === "jacobian") === (choice.subject === "jacobian");
  return { ...choice, subject, slicing: sameShape ? choice.slicing : wholeTensor };
}

export function withLayout(choice: Choice, layout: JacobianLayout): Choice {
  return layout === choice.layout ? choice : { ...choice, layout, slicing: wholeTensor };
}

/** Newest last; the oldest gives way. */
export function withPin(choice: Choice, expression: string, pinned: boolean): Choice {
  const others = choice.pins.filter((pin) => pin !== expression);
  return { ...choice, pins: pinned && expression !== "" ? [...others, expression].slice(-MOST_PINS) : others };
}

export function lookOf({ subject, layout }: Choice, usual: JacobianLayout): LookOf {
  return subject === "jacobian" ? `jacobian-${layout ?? usual}` : subject;
}

/** Reads a saved choice; what does not fit falls back to the first. */
export function restoreChoice(saved: unknown): Choice {
  if (typeof saved !== "object" || saved === null) return firstChoice;
  const { expression, subject, layout, face, zoom, ofPart, slicing, pins } = saved as Partial<
    Record<keyof Choice, unknown>
  >;
  return {
    expression: typeof expression === "string" ? expression : "",
    subject: SUBJECTS.find((each) => each === subject) ?? "value",
    layout: layout === "numerator" || layout === "denominator" ? layout : null,
    face: FACES.find((each) => each === face) ?? "map",
    zoom: isCount(zoom) ? zoom : null,
    ofPart: ofPart === true,
    slicing: restoreSlicing(slicing),
    pins: Array.isArray(pins) ? pins.filter((pin) => typeof pin === "string").slice(-MOST_PINS) : [],
  };
}

function restoreSlicing(saved: unknown): Slicing {
  if (typeof saved !== "object" || saved === null) return wholeTensor;
  const { axes, index, from } = saved as { readonly axes?: unknown; readonly index?: unknown; readonly from?: unknown };
  const { rows, columns } = (axes ?? {}) as { readonly rows?: unknown; readonly columns?: unknown };
  return {
    axes: isCount(rows) && isCount(columns) && rows !== columns ? { rows, columns } : null,
    index: Array.isArray(index) && index.every(isCount) ? index : [],
    from: Array.isArray(from) && isCount(from[0]) && isCount(from[1]) ? [from[0], from[1]] : [0, 0],
  };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
