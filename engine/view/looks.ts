/** What can be asked of a run between two iterations or after its end, and the answers: plain records and typed arrays. */

export type Look =
  /** How the elements of a layer's tensors are spread. */
  | { readonly kind: "histogram"; readonly layer: number; readonly of: HistogramOf }
  /** A layer's weight, to draw: [units, inputs] or [outputs, inputs, height, width]. */
  | { readonly kind: "weights"; readonly layer: number }
  /** What a layer gives for one example of the validation data (or the training data). */
  | { readonly kind: "features"; readonly layer: number; readonly example: number }
  /** Labels against predictions on the validation data (or the training data). */
  | { readonly kind: "confusion" }
  /** Predictions on a grid over two-dimensional inputs. */
  | { readonly kind: "boundary"; readonly resolution: number }
  /** The computation graph and the network diagram. */
  | { readonly kind: "network" };

export type HistogramOf = "weights" | "gradients" | "activations";

export type LookResult =
  | HistogramResult
  | ImageResult
  | ConfusionResult
  | BoundaryResult
  | NetworkResult
  /** Why there is nothing to show, as told to the user. */
  | { readonly kind: "nothing"; readonly reason: string };

export interface HistogramResult {
  readonly kind: "histogram";
  readonly of: HistogramOf;
  /** One count for each of equally wide bins from `least` to `most`. */
  readonly counts: readonly number[];
  readonly least: number;
  readonly most: number;
  readonly mean: number;
  readonly deviation: number;
  /** Fraction of elements that are exactly 0. */
  readonly zeros: number;
  /** Elements that are NaN or infinite. */
  readonly notFinite: number;
}

export interface ImageResult {
  readonly kind: "images";
  /** What is shown: `hidden.weight [128, 784]`. */
  readonly title: string;
  /** One for each unit, channel or filter; the first ones where there are too many. */
  readonly images: readonly Image[];
  /** How many there are in all. */
  readonly total: number;
  /** The example itself where its input is an image. */
  readonly input: Image | null;
  readonly label: string | null;
  /** How many examples there are to choose from; null where no example is shown. */
  readonly examples: number | null;
}

export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 or 3 numbers for each pixel, row by row. */
  readonly channels: 1 | 3;
  readonly values: Float32Array;
  readonly caption: string;
}

export interface ConfusionResult {
  readonly kind: "confusion";
  readonly data: "validation" | "training";
  readonly classes: readonly string[];
  /** `matrix[label][prediction]`: how many examples. */
  readonly matrix: readonly (readonly number[])[];
  readonly perClass: readonly ClassMetrics[];
  readonly accuracy: number;
  readonly macroF1: number;
  /** Labels that were counted; those of {@link data}, or of a sample of it. */
  readonly total: number;
  /** Misclassified examples, the surest first; at most {@link MOST_MISTAKES}. */
  readonly mistakes: readonly Mistake[];
  /** How many there are in all. */
  readonly mistaken: number;
}

export const MOST_MISTAKES = 100;

export interface Mistake {
  /** Of the example in {@link ConfusionResult.data}. */
  readonly index: number;
  readonly label: number;
  readonly prediction: number;
  /** The example where its input is an image; of the first ones only. */
  readonly image: Image | null;
}

export interface ClassMetrics {
  readonly support: number;
  /** null where it would be 0/0. */
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
}

export interface BoundaryResult {
  readonly kind: "boundary";
  readonly x: readonly [least: number, most: number];
  readonly y: readonly [least: number, most: number];
  readonly resolution: number;
  readonly classes: number;
  /**
   * Row by row from the least y: the class's index plus how sure the model is of it (0 to just under 1) where there are classes, else
   * the predicted number.
   */
  readonly values: Float32Array;
  readonly points: readonly { readonly x: number; readonly y: number; readonly target: number }[];
  readonly classNames: readonly string[];
}

export interface NetworkResult {
  readonly kind: "network";
  readonly graph: ComputationGraph;
  readonly diagram: NetworkDiagram;
  /** What was left out, as told to the user. */
  readonly note: string | null;
}

/** Rectangles, one per intermediate: function inside, variable outside; parameters, constants, inputs and labels are nodes too. */
export interface ComputationGraph {
  /** In the order of execution. */
  readonly nodes: readonly GraphNode[];
  /** One for each use of a node. */
  readonly edges: readonly GraphEdge[];
  /** Calls of modules and composites that nodes can be folded into, each after the one around it. */
  readonly groups: readonly GraphGroup[];
}

export interface GraphGroup {
  /** Unique: `hidden`, `hidden 2` for its second call, `encoder/attention` within another. */
  readonly id: string;
  /** Id of the group around it; "" at the top. */
  readonly parent: string;
  /** `hidden`, `softmax`. */
  readonly name: string;
  /** `Linear`; for composites the name. */
  readonly type: string;
  readonly kind: "module" | "composite";
  /** Index in `start.layers` where the call is a layer's, or within one. */
  readonly layer: number | null;
  readonly file: string | null;
  readonly line: number | null;
}

export interface GraphNode {
  readonly id: number;
  readonly kind: "operation" | "parameter" | "input" | "target" | "constant" | "loss" | "layer";
  /** The function: `matmul`, `Linear`. */
  readonly operation: string;
  /** The variable or module path: `h`, `hidden.weight`. */
  readonly name: string | null;
  /** `[N, 128]`. */
  readonly shape: string;
  /** Index in `start.layers` of the layer that it belongs to. */
  readonly layer: number | null;
  readonly file: string | null;
  readonly line: number | null;
  /** Id of the innermost {@link GraphGroup} that it can be folded into; "" at the top. */
  readonly group: string;
  /** What a check says against it: the edges that lead here do not fit. Null where all is well. */
  readonly problem: string | null;
}

export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly shape: string;
}

/** Circles, one per unit, columns of units by layer. Intercepts and losses have none. */
export interface NetworkDiagram {
  readonly columns: readonly DiagramColumn[];
  /** Which columns feed which, with the weights where the units are few enough to draw each. */
  readonly links: readonly DiagramLink[];
}

export interface DiagramColumn {
  /** `input`, `hidden`, `output`. */
  readonly name: string;
  /** What the units are called, with a number each: `x`, `h`. */
  readonly variable: string;
  /** `Linear`; null for inputs. */
  readonly type: string | null;
  /** Number of units; features or channels. */
  readonly units: number;
  readonly shape: string;
  /** Index in `start.layers`; null for the inputs. */
  readonly layer: number | null;
  /** Activation that is applied to it: `relu`. */
  readonly activation: string | null;
  readonly line: number | null;
  readonly file: string | null;
  /** What a check says against the layer; null where all is well. */
  readonly problem: string | null;
}

export interface DiagramLink {
  /** Positions in {@link NetworkDiagram.columns}. */
  readonly from: number;
  readonly to: number;
  /** Name of the weight: `hidden.weight`. */
  readonly weight: string | null;
  /** [units of `to`, units of `from`], where known and at most 16 × 16. */
  readonly values: readonly (readonly number[])[] | null;
}
