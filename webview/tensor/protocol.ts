/**
 * What the extension and the tensor view say to each other. The one file of the view that the extension knows, and the one that knows the
 * engine (its plain records of debugged programs).
 *
 * The debug adapter is asked with `backstep/tensor` and answers with a {@link TensorAnswer}: a picture in which numbers that JSON does not
 * know are texts, and `values` are the bytes of float64s, little-endian, in base64, since `encoding` asks for it. What cannot be shown is a
 * failed request, whose message the view shows as it is.
 */
import type {
  Direction,
  TensorAnswer,
  TensorArguments,
  TensorLook,
  TensorPicture,
  TensorStatistics,
} from "../../engine/api/debug";

export type { Direction, TensorAnswer, TensorArguments, TensorPicture, TensorStatistics };

export const TENSOR_REQUEST = "backstep/tensor";

export type LookOf = TensorLook["of"];

export type JacobianLayout = "denominator" | "numerator";

/** What the view asks for: the extension adds the frame that is chosen in the call stack. */
export type TensorQuestion = Omit<TensorLook, "kind" | "frame">;

/** The debug session that the view belongs to. */
export interface SessionView {
  /** `none`: nothing was ever debugged while the view was open. */
  readonly state: "none" | "running" | "stopped" | "ended";
  /** The model file that is debugged: `digits.nn.ts`. */
  readonly name: string;
  /** Changes with every stop, with every value that is set and whenever another frame is chosen: all that is shown is asked for again. */
  readonly stop: number;
  /** Of the pass in which it stands, or stood last. */
  readonly direction: Direction | null;
  /** Why it stopped, for the user: `Breakpoint, backward: …`. */
  readonly description: string | null;
  /** As the settings have it; the view may choose the other. */
  readonly layout: JacobianLayout;
}

/** `body` is not taken on trust: the view reads it as a {@link TensorAnswer}. */
export type Looked = { readonly ok: true; readonly body: unknown } | { readonly ok: false; readonly message: string };

export type ToTensorView =
  | { readonly type: "session"; readonly session: SessionView }
  /** The command was called for this expression. */
  | { readonly type: "show"; readonly expression: string }
  | { readonly type: "looked"; readonly ticket: number; readonly answer: Looked };

export type FromTensorView =
  | { readonly type: "ready" }
  | { readonly type: "look"; readonly ticket: number; readonly question: TensorQuestion }
  /** Shows a place in the editor; lines count from 1. */
  | { readonly type: "open"; readonly file: string; readonly line: number }
  | { readonly type: "copy"; readonly text: string }
  /** Walks from an element back to where it became so. */
  | { readonly type: "explain"; readonly expression: string; readonly what: "not-finite" | "zero" }
  /** Something in the view went wrong: it goes to the log. */
  | { readonly type: "problem"; readonly message: string };
