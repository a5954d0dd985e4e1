import type { ElementType } from "../../../kernel/kernel";
import type { Node } from "../../../kernel/nodes";

/**
 * In what form each part of a body with whole numbers is held in vectors of four, such that the results are those of doubles, which is
 * what bodies mean: whole numbers in int32 as long as nothing depends on what is lost beyond 32 bits.
 */

/** `whole`: an int32, modulo 2³². `number`: a float32. `mask`: all bits of a lane, or none. */
export type Form = "whole" | "number" | "mask";

export interface Held {
  readonly form: Form;
  /** Least and largest value that it may have in doubles; of numbers they mean nothing. */
  readonly low: number;
  readonly high: number;
  /** Whether it may be −0, which an int32 is not. */
  readonly signedZero: boolean;
}

/** Doubles hold all whole numbers up to here. */
const MOST_EXACT = 2 ** 53;
/** And float32 up to here. */
const MOST_IN_FLOAT = 2 ** 24;

const NUMBER: Held = { form: "number", low: -Infinity, high: Infinity, signedZero: true };
const MASK: Held = { form: "mask", low: 0, high: 1, signedZero: false };
const whole = (low: number, high: number, signedZero = false): Held | undefined =>
  low >= -MOST_EXACT && high <= MOST_EXACT ? { form: "whole", low, high, signedZero } : undefined;

/** @returns by node; undefined where some part cannot be held exactly */
export function formsOf(
  nodes: readonly Node[],
  shape: readonly number[],
  inputs: readonly ElementType[],
): readonly Held[] | undefined {
  const held: Held[] = [];
  for (const node of nodes) {
    const form = formOf(node, held, shape, inputs);
    if (!form) return undefined;
    held.push(form);
  }
  return held;
}

/** Whether its int32 is the number itself, and not only equal modulo 2³². */
export function isItself({ form, low, high }: Held): boolean {
  return form === "mask" || (form === "whole" && low >= -(2 ** 31) && high < 2 ** 31);
}

/** Whether float32 is as good as a double for it. */
export function fitsNumber(held: Held): boolean {
  return held.form !== "whole" || (!held.signedZero && held.low >= -MOST_IN_FLOAT && held.high <= MOST_IN_FLOAT);
}

/** Whether a body of this form can be stored. */
export function fitsOutput(held: Held, output: ElementType): boolean {
  switch (output) {
    case "int32":
      return held.form !== "number";
    case "bool":
      return held.form === "number" || isItself(held);
    case "float32":
      // It is rounded once, as a double would be.
      return held.form !== "whole" || (isItself(held) && !held.signedZero);
    default:
      return output satisfies never;
  }
}

function formOf(
  node: Node,
  held: readonly Held[],
  shape: readonly number[],
  inputs: readonly ElementType[],
): Held | undefined {
  switch (node.kind) {
    case "input": {
      const type = inputs[node.index];
      return type === "float32" ? NUMBER : type === "bool" ? whole(0, 1) : whole(-(2 ** 31), 2 ** 31 - 1);
    }
    case "constant": {
      const { value } = node;
      return Number.isInteger(value) && !Object.is(value, -0) && Math.abs(value) < 2 ** 31
        ? whole(value, value)
        : NUMBER;
    }
    case "index":
      return whole(0, Math.max(0, shape[node.axis] - 1));
    case "unary":
      return formOfUnary(node, held[node.a]);
    case "binary":
      return formOfBinary(node, held[node.a], held[node.b]);
    case "select": {
      const [test, yes, no] = [held[node.test], held[node.yes], held[node.no]];
      if (test.form === "whole" && !isItself(test)) return undefined;
      return joined(yes, no, () =>
        whole(Math.min(yes.low, no.low), Math.max(yes.high, no.high), yes.signedZero || no.signedZero),
      );
    }
    default:
      return node satisfies never;
  }
}

function formOfUnary({ fn }: Extract<Node, { kind: "unary" }>, a: Held): Held | undefined {
  if (a.form === "number") return fn === "not" ? MASK : fn === "negate" || fn === "abs" ? NUMBER : undefined;
  switch (fn) {
    case "not":
      return isItself(a) ? MASK : undefined;
    case "negate":
      return whole(-a.high, -a.low, true);
    case "abs":
      return isItself(a) ? whole(0, Math.max(-a.low, a.high)) : undefined;
    case "floor":
    case "ceil":
    case "round":
    case "truncate":
      return whole(a.low, a.high, a.signedZero);
    default:
      return undefined;
  }
}

function formOfBinary({ fn }: Extract<Node, { kind: "binary" }>, a: Held, b: Held): Held | undefined {
  switch (fn) {
    case "less":
    case "lessEqual":
    case "equal":
    case "notEqual":
      return a.form === "number" || b.form === "number"
        ? joined(a, b, () => undefined) && MASK
        : isItself(a) && isItself(b)
          ? MASK
          : undefined;
    case "add":
      return joined(a, b, () => whole(a.low + b.low, a.high + b.high, a.signedZero && b.signedZero));
    case "subtract":
      return joined(a, b, () => whole(a.low - b.high, a.high - b.low, a.signedZero));
    case "multiply":
      return joined(a, b, () => {
        const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
        return whole(Math.min(...corners), Math.max(...corners), true);
      });
    case "maximum":
    case "minimum": {
      if (a.form === "number" || b.form === "number") return joined(a, b, () => undefined);
      if (!isItself(a) || !isItself(b)) return undefined;
      const bound = fn === "maximum" ? Math.max : Math.min;
      return whole(bound(a.low, b.low), bound(a.high, b.high), a.signedZero || b.signedZero);
    }
    case "divide":
      // The quotient of two whole numbers is a double, which a float32 is not.
      return a.form === "number" || b.form === "number" ? joined(a, b, () => undefined) : undefined;
    default:
      return undefined;
  }
}

/** Two operands of one form: numbers if one is a number, which the other must fit; else as `wholes` says. */
function joined(a: Held, b: Held, wholes: () => Held | undefined): Held | undefined {
  if (a.form !== "number" && b.form !== "number") return wholes();
  return fitsNumber(a) && fitsNumber(b) ? NUMBER : undefined;
}
