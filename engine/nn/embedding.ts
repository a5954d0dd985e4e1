import { isUnknownDim, unknownDim } from "../graph/dim";
import type { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import { formatShape } from "../graph/shape";
import { add, constantTensor, dropout, take } from "../ops";
import { checkInput, checkRate, checkSize, formatTensor, recovered, reportLayer, withSize } from "./checks";
import { normal } from "./initializers";
import { Module, type SizeArgument } from "./module";
import { type Initializer, Parameter } from "./parameter";

/** One trained row per index: int32 [...] with numbers from 0 to count − 1 → [..., size]. weight [count, size]. */
export class Embedding extends Module {
  static override readonly layerType = "Embedding";
  static override readonly sizes: readonly SizeArgument[] = [
    { argument: 0, field: "count", axis: 0, role: "entries" },
    { argument: 1, field: "size", axis: -1, role: "output" },
  ];
  readonly weight: Parameter;

  constructor(
    readonly count: number,
    readonly size: number,
    options: {
      /** Initial rows; default standard normal. */
      readonly initializer?: Initializer;
    } = {},
  ) {
    super();
    checkSize("Embedding", "count", count);
    checkSize("Embedding", "size", size);
    this.weight = new Parameter([count, size], options.initializer ?? normal(0, 1));
  }

  forward(indices: Tensor): Tensor {
    checkInput(this, indices);
    if (indices.dtype !== "int32") {
      reportLayer(
        this,
        "embedding-dtype",
        `needs int32 indices of its ${this.count} rows, got ${indices.dtype} ${formatShape(indices.knownShape)} · weight [${this.count}, ${this.size}]`,
        `cast(x, "int32"), or give the dataset's feature the dtype int32`,
      );
      return indices.knownShape === null ? indices : recovered([...indices.knownShape, this.size]);
    }
    return take(this.weight, indices, 0);
  }
}

/**
 * Adds sinusoids of the position (Vaswani et al. 2017): [N, T, size] → the same shape;
 * element 2i of position t gets sin(t / 10000^(2i/size)), element 2i + 1 the cosine of the same angle.
 */
export class PositionalEncoding extends Module {
  static override readonly layerType = "PositionalEncoding";
  static override readonly sizes: readonly SizeArgument[] = [{ argument: 0, field: "size", axis: -1, role: "both" }];
  readonly dropout: number;

  constructor(
    readonly size: number,
    options: {
      /** Dropout of the sum. Default 0. */
      readonly dropout?: number;
    } = {},
  ) {
    super();
    checkSize("PositionalEncoding", "size", size);
    this.dropout = options.dropout ?? 0;
    checkRate("PositionalEncoding", "dropout", this.dropout);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape === null) return x;
    const [length, size] = [shape[shape.length - 2], shape[shape.length - 1]];
    if (shape.length < 2 || (typeof size === "number" && size !== this.size)) {
      reportLayer(
        this,
        "positional-encoding",
        `needs [N, T, ${this.size}], got ${formatTensor(x)}`,
        shape.length < 2 ? "embed the indices first" : `declare new PositionalEncoding(${String(size)})`,
      );
      return recovered(shape.length < 2 ? [...shape, this.size] : withSize(shape, shape.length - 1, unknownDim()));
    }
    if (typeof length !== "number") {
      if (!isUnknownDim(length)) {
        reportLayer(
          this,
          "positional-encoding",
          `needs a number of positions that is known while the graph is built, got ${String(length)} on axis ${shape.length - 2} of ${formatShape(shape)}`,
          `put the batch first, [N, T, ${this.size}]`,
        );
      }
      return recovered(shape);
    }
    return composite("positionalEncoding", () => dropout(add(x, sinusoids(length, this.size)), this.dropout));
  }
}

/** [length, size] of the sinusoids, as a constant. */
function sinusoids(length: number, size: number): Tensor {
  const data = new Float64Array(length * size);
  for (let t = 0; t < length; t++) {
    for (let i = 0; i < size; i++) {
      const angle = t / 10000 ** ((i - (i % 2)) / size);
      data[t * size + i] = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return constantTensor(data, [length, size]);
}
