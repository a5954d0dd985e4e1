import type { Issue } from "../graph/issue";
import type { Range } from "../graph/site";

/** What a check tells of a model file: plain records, as the command line prints them and editors and panels show them. */

/** Sizes, the batch as `"N"`, a size that is not known as `"?"`; null for a shape that an issue or the data hides. */
export type PlainShape = readonly (number | string)[] | null;

/** One layer as `check --json` prints it. */
export interface LayerReport {
  readonly name: string;
  readonly type: string;
  /** Not printed: the command line speaks of one file. */
  readonly file: string | null;
  readonly line: number | null;
  /** Sizes with the batch as `"N"`; `null` for a shape that an issue hides. */
  readonly inputShapes: readonly PlainShape[];
  readonly outputShape: PlainShape;
  /** Trainable elements. */
  readonly parameters: number;
}

export interface CheckReport {
  readonly issues: readonly Issue[];
  readonly layers: readonly LayerReport[];
  /** Trainable elements of the model. */
  readonly parameters: number;
  /** Every call of a layer and of an operation in the user's files, one for each place, in the order of the places. */
  readonly calls: readonly CallReport[];
  /** The modules of the model by path, each after the one around it; the model itself is first, with the path "". */
  readonly modules: readonly ModuleReport[];
  readonly totals: Totals;
  /** The model file and all that it imports: an edit of any of them may change the report. */
  readonly files: readonly string[];
}

/** Of a file about which nothing can be said. */
export const emptyReport: CheckReport = {
  issues: [],
  layers: [],
  parameters: 0,
  calls: [],
  modules: [],
  totals: { parameters: 0, frozen: 0, multiplyAdds: null, bytes: null },
  files: [],
};

/** A place in the user's code where a layer or an operation is called. */
export interface CallReport {
  /** The call expression. */
  readonly range: Range;
  readonly kind: "layer" | "operation";
  /** Path of the layer (`hidden`, `blocks.0.conv`), of the first one where the place calls several; the name of the operation. */
  readonly name: string;
  /** `Linear`; for operations the name. */
  readonly type: string;
  /** How many times one iteration comes here. */
  readonly times: number;
  readonly inputs: readonly PlainShape[];
  /** Of the first time; more than one for layers with several outputs. */
  readonly outputs: readonly PlainShape[];
  /** All different shapes of the first output, in the order of coming here; one where it is always the same. */
  readonly shapes: readonly PlainShape[];
  /** Trainable elements of the layers called here, each counted once. */
  readonly parameters: number;
  /** Multiplications with an addition, for one example and all times together; null where sizes are not known. */
  readonly multiplyAdds: number | null;
  /** Bytes of all outputs, for one example. */
  readonly bytes: number | null;
  /** Along each spatial axis: how many elements of the input one element of the output sees; null but behind convolutions and pooling. */
  readonly receptiveField: readonly number[] | null;
  /** Index in {@link CheckReport.layers}; null for operations. */
  readonly layer: number | null;
}

export interface ModuleReport {
  readonly path: string;
  readonly type: string;
  /** Where it is made: `new Linear(784, 128)`. */
  readonly made: Range | null;
  /** Trainable elements of it and all modules in it. */
  readonly parameters: number;
  readonly outputShape: PlainShape;
}

export interface Totals {
  /** Trainable. */
  readonly parameters: number;
  readonly frozen: number;
  /** Of one forward for one example; null where sizes are not known. */
  readonly multiplyAdds: number | null;
  /** Of all results of one forward for one example. */
  readonly bytes: number | null;
}

/** One small batch at initialisation through forward and backward: what the gradient will meet when training begins. */
export interface Prediction {
  /** Examples in the batch; 0 where nothing was calculated. */
  readonly batch: number;
  readonly loss: number | null;
  /** In the order of {@link CheckReport.layers}. */
  readonly layers: readonly PredictedLayer[];
  /** What it foretells, as hints in the editor. */
  readonly issues: readonly Issue[];
  /** Why there is none, for the user; null where there is one. */
  readonly skipped: string | null;
}

/** Norms are Euclidean; null where a figure has no meaning or is no finite number. */
export interface PredictedLayer {
  readonly name: string;
  readonly type: string;
  readonly file: string | null;
  readonly line: number | null;
  /** Norm of ∂cost/∂output. */
  readonly outputGradient: number | null;
  /** Norm of ∂cost/∂parameters. */
  readonly gradient: number | null;
  /** Root mean square of the output. */
  readonly activation: number | null;
  /** Fraction of units that are 0 for every example of the batch behind a rectifier. */
  readonly dead: number | null;
  /** Fraction of elements in the flat ends of a sigmoid or tanh. */
  readonly saturated: number | null;
  /** Whether any of its figures is infinite or no number. */
  readonly finite: boolean;
}
