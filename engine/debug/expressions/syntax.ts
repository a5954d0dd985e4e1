import type { Span, Value } from "./values";

/** The tree of an expression. */

export interface Expression {
  readonly text: string;
  readonly root: Node;
}

export type Node =
  | LiteralNode
  | NameNode
  | GradientNode
  | MemberNode
  | CallNode
  | IndexNode
  | UnaryNode
  | BinaryNode
  | ConditionalNode
  | ListNode
  | OptionsNode;

interface NodeParts extends Span {
  /** Levels below and with it: evaluation goes as deep. */
  readonly depth: number;
}

export interface LiteralNode extends NodeParts {
  readonly kind: "literal";
  readonly value: Value;
}

export interface NameNode extends NodeParts {
  readonly kind: "name";
  readonly name: string;
}

/** `∂loss/∂h`; of a module, with members following, the gradients of what is in it. */
export interface GradientNode extends NodeParts {
  readonly kind: "gradient";
  readonly of: string;
  readonly by: string;
}

export interface MemberNode extends NodeParts {
  readonly kind: "member";
  readonly object: Node;
  readonly name: string;
  readonly nameSpan: Span;
}

export interface CallNode extends NodeParts {
  readonly kind: "call";
  readonly callee: NameNode | MemberNode;
  readonly given: readonly Node[];
}

export interface IndexNode extends NodeParts {
  readonly kind: "index";
  readonly object: Node;
  readonly parts: readonly IndexPart[];
}

export type IndexPart =
  | { readonly kind: "at"; readonly span: Span; readonly at: Node }
  | {
      readonly kind: "range";
      readonly span: Span;
      readonly start: Node | null;
      readonly stop: Node | null;
      readonly step: Node | null;
    }
  /** `...`: all axes that the other parts leave over. */
  | { readonly kind: "rest"; readonly span: Span };

export type UnaryOperator = "-" | "+" | "!";

export interface UnaryNode extends NodeParts {
  readonly kind: "unary";
  readonly operator: UnaryOperator;
  readonly operand: Node;
}

export type BinaryOperator = keyof typeof BINARY_OPERATORS;

export interface BinaryNode extends NodeParts {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
}

export interface ConditionalNode extends NodeParts {
  readonly kind: "conditional";
  readonly test: Node;
  readonly yes: Node;
  readonly no: Node;
}

export interface ListNode extends NodeParts {
  readonly kind: "list";
  readonly items: readonly Node[];
}

/** `{ keepDims: true }`, as operations take it. */
export interface OptionsNode extends NodeParts {
  readonly kind: "options";
  readonly entries: readonly { readonly name: string; readonly value: Node }[];
}

/** How tightly they bind; equal ones from the left, but `**` from the right. */
export const BINARY_OPERATORS = {
  "??": 2,
  "||": 3,
  "&&": 4,
  "==": 5,
  "===": 5,
  "!=": 5,
  "!==": 5,
  "<": 5,
  "<=": 5,
  ">": 5,
  ">=": 5,
  "+": 6,
  "-": 6,
  "*": 7,
  "/": 7,
  "%": 7,
  "@": 7,
  "**": 9,
} as const;

/** Between products and powers: −2 ** 2 is −4. */
export const UNARY_BINDING = 8;
export const COMPARISON_BINDING = BINARY_OPERATORS["=="];

export function isBinaryOperator(text: string): text is BinaryOperator {
  return Object.hasOwn(BINARY_OPERATORS, text);
}
