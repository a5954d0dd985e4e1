/**
 * What can be asked of a training (or free program) that is being debugged, what it answers, and what it tells by itself:
 * plain data that crosses threads and processes. It knows neither DAP nor VS Code; `dap` translates.
 *
 * Lines and columns count from 1. A *stop* is a moment in which the program stands still; ids of frames and references to
 * values hold until it goes on.
 */

/** Which way the program was going where something happens. */
export type Direction = "forward" | "backward" | "update";

export type DebugRequest =
  | SetBreakpoints
  /** All function breakpoints. */
  | { readonly kind: "setFunctionBreakpoints"; readonly breakpoints: readonly FunctionBreakpoint[] }
  | { readonly kind: "setDataBreakpoints"; readonly breakpoints: readonly DataBreakpoint[] }
  | { readonly kind: "setExceptionFilters"; readonly filters: readonly ExceptionFilter[] }
  /** Where a breakpoint can be between two lines. */
  | { readonly kind: "breakpointPlaces"; readonly file: string; readonly line: number; readonly endLine: number }
  /** Whether a data breakpoint can watch this: a variable (`reference` and `name`), or an expression (`name` alone). */
  | {
      readonly kind: "dataPlace";
      readonly reference: number | null;
      readonly name: string;
      readonly frame: number | null;
    }
  /** Breakpoints are set: begin. Nothing runs before. */
  | { readonly kind: "start" }
  | Move
  /** The first to a training that runs already. */
  | { readonly kind: "attach"; readonly options: DebugOptions }
  | { readonly kind: "pause" }
  | { readonly kind: "frames" }
  | { readonly kind: "scopes"; readonly frame: number }
  | {
      readonly kind: "variables";
      readonly reference: number;
      /** Elements or named children only; both by default. */
      readonly filter?: "indexed" | "named";
      readonly first?: number;
      readonly count?: number;
      readonly format?: NumberFormat;
    }
  | Evaluate
  | {
      readonly kind: "setVariable";
      readonly reference: number;
      readonly name: string;
      /** An expression. */
      readonly value: string;
      readonly format?: NumberFormat;
    }
  | {
      readonly kind: "setExpression";
      /** `hidden.weight[0][3]`, `learningRate`, `h`. */
      readonly target: string;
      readonly value: string;
      readonly frame: number | null;
      readonly format?: NumberFormat;
    }
  | {
      readonly kind: "completions";
      readonly text: string;
      /** From 0. */ readonly offset: number;
      readonly frame: number | null;
    }
  /** What step into could enter from here. */
  | { readonly kind: "stepTargets"; readonly frame: number }
  /** Places on a line that the program can be brought to, by going on or back. */
  | { readonly kind: "gotoTargets"; readonly file: string; readonly line: number }
  | { readonly kind: "modules" }
  | { readonly kind: "sources" }
  /** A generated text: the backward listing. */
  | { readonly kind: "sourceText"; readonly name: string }
  | { readonly kind: "exception" }
  | { readonly kind: "readMemory"; readonly memory: string; readonly offset: number; readonly count: number }
  | { readonly kind: "writeMemory"; readonly memory: string; readonly offset: number; readonly bytes: Uint8Array }
  /** A tensor to look at as a picture. */
  | TensorLook
  /** Why an element is NaN, infinite or zero. */
  | {
      readonly kind: "explain";
      readonly expression: string;
      readonly frame: number | null;
      readonly what: "not-finite" | "zero";
    }
  /** Values of names that stand on some lines, for the ends of lines. */
  | {
      readonly kind: "inlineValues";
      readonly file: string;
      readonly line: number;
      readonly endLine: number;
      readonly frame: number | null;
    }
  /** Where things stand. */
  | { readonly kind: "situation" }
  /** Lets the training go on without a debugger. */
  | { readonly kind: "detach" };

export interface SetBreakpoints {
  readonly kind: "setBreakpoints";
  /** A path, or the name of a generated text. All breakpoints of the file: earlier ones are gone. */
  readonly file: string;
  readonly breakpoints: readonly SourceBreakpoint[];
}

interface Conditional {
  /** Stops only where this expression is true: `h.norm() > 10`, `iteration == 40`. */
  readonly condition?: string;
  /** `5`, `>= 5`, `% 10`: by how often it was reached. */
  readonly hitCondition?: string;
}

export interface SourceBreakpoint extends Conditional {
  readonly line: number;
  readonly column?: number;
  /** Printed instead of stopping; `{expression}` is replaced by its value. */
  readonly logMessage?: string;
  /** Which passes stop at it; by default all. */
  readonly mode?: "all" | Direction;
}

export interface FunctionBreakpoint extends Conditional {
  /** A module's path or class, or an operation, with wildcards: `hidden`, `layers.*`, `Linear`, `softmax`. `backward:hidden` for one pass alone. */
  readonly name: string;
}

export interface DataBreakpoint extends Conditional {
  /** As {@link DataPlace} gave it. */
  readonly dataId: string;
}

/** `not-finite`, `vanishing`, `exploding`, `dead`, `shape`, `finding`: see {@link EXCEPTION_FILTERS}. */
export interface ExceptionFilter extends Conditional {
  readonly filter: string;
}

/** What is no error of the program's code, but worth stopping at. `on`: whether it is on unless the user says otherwise. */
export const EXCEPTION_FILTERS = [
  {
    filter: "not-finite",
    label: "NaN and infinity",
    description: "Stops at the first operation that makes a number that is none",
    on: true,
  },
  {
    filter: "shape",
    label: "Shape issues",
    description: "Stops where operands do not fit, before anything runs",
    on: true,
  },
  {
    filter: "vanishing",
    label: "Vanishing gradients",
    description: "Stops where the gradient comes back through a layer in which it vanishes",
    on: false,
  },
  {
    filter: "exploding",
    label: "Exploding gradients",
    description: "Stops where the gradient comes back through a layer in which it explodes",
    on: false,
  },
  {
    filter: "dead",
    label: "Dead units",
    description: "Stops at a layer whose units are 0 for every example",
    on: false,
  },
  {
    filter: "finding",
    label: "Any finding",
    description: "Stops at whatever the training's diagnosis finds",
    on: false,
  },
] as const;

export interface BoundBreakpoint {
  readonly id: number;
  readonly verified: boolean;
  readonly line?: number;
  readonly column?: number;
  readonly endLine?: number;
  readonly endColumn?: number;
  /** Why it is not verified, or which passes it stops. */
  readonly message?: string;
}

export interface Move {
  readonly kind: "move";
  readonly how:
    | "over"
    | "into"
    | "out"
    | "back"
    /** To the next or the previous stop. */
    | "continue"
    | "reverse"
    /** To a target of `gotoTargets` or `stepTargets`, or to where a frame began. */
    | "target"
    | "restartFrame"
    /** To the beginning of the first iteration, with all its values as they were. */
    | "restart";
  /** A line, a statement of a line, or a single node of the graph. Default line. */
  readonly granularity?: "line" | "statement" | "node";
  readonly target?: number;
  readonly frame?: number;
}

export interface Evaluate {
  readonly kind: "evaluate";
  readonly expression: string;
  readonly frame: number | null;
  /** `repl` may assign (`hidden.bias[0] = 1`); the others only look. */
  readonly context: "repl" | "watch" | "hover" | "clipboard" | "variables";
  readonly format?: NumberFormat;
}

export interface NumberFormat {
  readonly hex?: boolean;
  /** Significant digits; default 6. */
  readonly digits?: number;
}

export interface FrameRecord {
  readonly id: number;
  /** `matmul`, `hidden: Linear`, `Classifier.forward`, `∂loss/∂hidden.weight via matmul`. */
  readonly name: string;
  readonly kind: "root" | "module" | "composite" | "operation" | "contribution" | "loss" | "update";
  readonly direction: Direction;
  /** A path, or the name of a generated text; null for what has no place. */
  readonly file: string | null;
  readonly generated: boolean;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** The network module it belongs to: an id of `modules`. */
  readonly module: string | null;
  /** The node that it stands before, for instruction addresses; 0 where there is none. */
  readonly node: number;
  readonly canRestart: boolean;
}

export interface ScopeRecord {
  readonly name: string;
  /** `locals`, `arguments`, `registers` or a name of our own. */
  readonly hint: string;
  readonly reference: number;
  readonly named: number;
  readonly indexed: number;
  /** Whether looking costs more than a moment. */
  readonly expensive: boolean;
}

export interface VariableRecord {
  readonly name: string;
  /** Shape and dtype first: `[64, 128] float32 · mean 0.12, std 0.98`. */
  readonly value: string;
  /** `tensor`, `number`, `parameter`, `module`, … */
  readonly type: string;
  /** 0 where there is nothing inside. */
  readonly reference: number;
  readonly named: number;
  readonly indexed: number;
  /** An expression that gives the same. */
  readonly evaluateName: string | null;
  readonly memory: string | null;
  readonly settable: boolean;
  /** Not asked for by the user's program: our own figure, such as a norm. */
  readonly virtual: boolean;
  /** Computed only when asked for. */
  readonly lazy: boolean;
  /** Where the value was made: for jumping there. */
  readonly place: { readonly file: string; readonly line: number; readonly column: number } | null;
}

export interface TensorLook {
  readonly kind: "tensor";
  readonly expression: string;
  readonly frame: number | null;
  /** For each axis that is not shown, in their order: the index; missing ones are 0 (in a Jacobian's second half: as in its first). */
  readonly slice: readonly number[];
  /** Which two axes are rows and columns; the last two by default. */
  readonly rows?: number;
  readonly columns?: number;
  /** At most this many rows and columns; larger ones are cut, from `from` on. */
  readonly most: number;
  readonly from?: readonly [row: number, column: number];
  /** `jacobian`: ∂(result of the current operation)/∂(this input), in denominator or numerator layout. */
  readonly of: "value" | "gradient" | "change" | "jacobian-denominator" | "jacobian-numerator";
}

export interface TensorPicture {
  readonly expression: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly slice: readonly number[];
  readonly rows: {
    readonly axis: number | null;
    readonly size: number;
    readonly first: number;
    readonly count: number;
  };
  readonly columns: {
    readonly axis: number | null;
    readonly size: number;
    readonly first: number;
    readonly count: number;
  };
  /** Row by row, of the part that is shown. */
  readonly values: Float64Array;
  /** Of the whole tensor. */
  readonly statistics: TensorStatistics;
  readonly histogram: { readonly least: number; readonly most: number; readonly counts: readonly number[] };
  /** `∂loss/∂h`, `h now − h at the previous stop`, what the axes mean. */
  readonly title: string;
  readonly note: string | null;
  /** Where it was made. */
  readonly place: { readonly file: string; readonly line: number } | null;
  /** Whether rows and columns are a picture's pixels: convolution filters, images. */
  readonly pixels: boolean;
}

export interface TensorStatistics {
  readonly size: number;
  readonly least: number;
  readonly most: number;
  readonly mean: number;
  /** Of the population. */
  readonly deviation: number;
  /** Euclidean. */
  readonly norm: number;
  readonly zeros: number;
  readonly notFinite: number;
}

/** One step of the way back to the first bad element. */
export interface ExplanationStep {
  /** `log`, `hidden: Linear › matmul`. */
  readonly operation: string;
  readonly name: string | null;
  readonly direction: Direction;
  readonly index: readonly number[];
  readonly value: number;
  /** The elements that it was made of, at most a few of them. */
  readonly inputs: readonly { readonly name: string; readonly index: readonly number[]; readonly value: number }[];
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

export interface Explanation {
  /** In a sentence: what made it, where, from what, and what to do. */
  readonly summary: string;
  /** From the asked element back to the first bad one. */
  readonly steps: readonly ExplanationStep[];
}

export interface Situation {
  readonly state: "stopped" | "running" | "ended";
  /** From 0: updates done. */
  readonly iteration: number;
  readonly epoch: number;
  readonly direction: Direction;
  readonly loss: number | null;
  readonly learningRate: number | null;
  /** Nodes of the iteration, and how many lie behind. */
  readonly nodes: number;
  readonly done: number;
  /** Bytes that are kept for going back, and the bound. */
  readonly kept: number;
  readonly bound: number;
  /** The earliest iteration that can be gone back to. */
  readonly earliest: number;
}

export interface DebugResults {
  readonly setBreakpoints: readonly BoundBreakpoint[];
  readonly setFunctionBreakpoints: readonly BoundBreakpoint[];
  readonly setDataBreakpoints: readonly BoundBreakpoint[];
  readonly setExceptionFilters: readonly BoundBreakpoint[];
  readonly breakpointPlaces: readonly {
    readonly line: number;
    readonly column: number;
    readonly endLine: number;
    readonly endColumn: number;
  }[];
  readonly dataPlace: { readonly dataId: string | null; readonly description: string };
  readonly start: null;
  /** It has begun; where it ends, a `stopped` or `ended` event says. */
  readonly move: null;
  readonly attach: null;
  readonly pause: null;
  readonly frames: readonly FrameRecord[];
  readonly scopes: readonly ScopeRecord[];
  readonly variables: readonly VariableRecord[];
  readonly evaluate: VariableRecord;
  readonly setVariable: VariableRecord;
  readonly setExpression: VariableRecord;
  readonly completions: readonly CompletionRecord[];
  readonly stepTargets: readonly {
    readonly id: number;
    readonly label: string;
    readonly line: number;
    readonly column: number;
    readonly endLine: number;
    readonly endColumn: number;
  }[];
  readonly gotoTargets: readonly {
    readonly id: number;
    readonly label: string;
    readonly line: number;
    readonly column: number;
    readonly endLine: number;
    readonly endColumn: number;
  }[];
  readonly modules: readonly ModuleRecord[];
  readonly sources: readonly { readonly file: string; readonly generated: boolean }[];
  readonly sourceText: { readonly text: string };
  readonly exception: { readonly id: string; readonly description: string; readonly details: string } | null;
  readonly readMemory: { readonly bytes: Uint8Array; readonly unreadable: number };
  readonly writeMemory: { readonly written: number };
  readonly tensor: TensorPicture;
  readonly explain: Explanation;
  readonly inlineValues: readonly {
    readonly line: number;
    readonly column: number;
    readonly endColumn: number;
    readonly text: string;
  }[];
  readonly situation: Situation;
  readonly detach: null;
}

export interface CompletionRecord {
  readonly label: string;
  readonly insert: string;
  readonly kind: "variable" | "property" | "method" | "function" | "keyword" | "module";
  readonly detail: string;
  /** What of the text it replaces. */
  readonly start: number;
  readonly length: number;
}

export interface ModuleRecord {
  /** The path; `(model)` for the model itself. */
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly parameters: number;
  readonly file: string | null;
  readonly line: number | null;
}

/** An answer, or in words for the user why there is none. */
export type DebugReply<K extends DebugRequest["kind"] = DebugRequest["kind"]> =
  { readonly ok: true; readonly result: DebugResults[K] } | { readonly ok: false; readonly message: string };

/** How a debugged program is asked, wherever it runs. Rejects with an Error whose message is for the user. */
export interface DebugRuntime {
  ask<R extends DebugRequest>(request: R): Promise<DebugResults[R["kind"]]>;
}

export type DebugEvent =
  /** The program is loaded and traced: breakpoints can be bound. */
  | { readonly kind: "ready" }
  | Stopped
  /** It goes on by itself (an attached training was resumed elsewhere). */
  | { readonly kind: "continued" }
  | {
      readonly kind: "output";
      readonly category: "console" | "important" | "stdout" | "stderr";
      readonly text: string;
      readonly file?: string;
      readonly line?: number;
      readonly column?: number;
    }
  /** A breakpoint changed by itself: it is bound now. */
  | { readonly kind: "breakpoint"; readonly breakpoint: BoundBreakpoint }
  /** Values changed by themselves: a variable was set. */
  | { readonly kind: "invalidated" }
  /** Long work: going back by replaying, running to an iteration. `fraction` null while unknown. */
  | {
      readonly kind: "progress";
      readonly id: number;
      readonly title: string;
      readonly message: string;
      readonly fraction: number | null;
      readonly done: boolean;
    }
  /** The program has ended; nothing can be asked any more. */
  | { readonly kind: "ended"; readonly exitCode: number; readonly message: string | null };

export interface Stopped {
  readonly kind: "stopped";
  readonly reason:
    "entry" | "step" | "breakpoint" | "function breakpoint" | "data breakpoint" | "exception" | "pause" | "goto";
  readonly direction: Direction;
  /** For the user: `Breakpoint, backward: the gradient comes back through line 11`. */
  readonly description: string;
  /** More of it, as an exception's message. */
  readonly text: string | null;
  /** Ids of the breakpoints that stopped it. */
  readonly breakpoints: readonly number[];
}

/** How a debugged program begins. */
export interface DebugOptions {
  readonly stopOnEntry?: boolean;
  /** Stops before this iteration (updates done, from 0). */
  readonly stopAtIteration?: number;
  /** Stops at the first finding of the diagnosis. */
  readonly stopAtFinding?: boolean;
  /** Which passes breakpoints stop unless they say. Default all. */
  readonly passes?: "all" | Direction;
  /** MiB that are kept for going back. Default 512. */
  readonly historyLimit?: number;
  /** Parameter values to begin with where name and shape fit: those of a session before an edit. */
  readonly keepWeightsOf?: string;
}
