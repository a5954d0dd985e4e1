import { type Dim, dimsAgree, unknownDim } from "../graph/dim";
import { formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import {
  type TensorLike,
  add,
  asTensor,
  cast,
  dropout,
  gelu,
  iota,
  logicalOr,
  matmul,
  gt,
  relu,
  softmax,
  where,
} from "../ops";
import { checkInput, checkRate, checkSize, formatTensor, recovered, reportLayer } from "./checks";
import { ModuleList } from "./containers";
import { Dropout } from "./dropout";
import { xavierUniform, zeros } from "./initializers";
import { Linear } from "./linear";
import { Module, type SizeArgument } from "./module";
import { LayerNorm } from "./normalization";
import { Parameter } from "./parameter";

export interface AttentionOptions {
  /** Position t sees positions up to t only. Default false. */
  readonly causal?: boolean;
  /**
   * bool: true where a query may *not* see a key, as in PyTorch; float32: added to the scores.
   * [L, S], or [N, L, S], or [N, heads, L, S] (sizes may be 1).
   */
  readonly mask?: TensorLike;
  /** bool [N, S]: true for keys that are padding. */
  readonly paddingMask?: TensorLike;
}

/** What a blocked score becomes: e to it is 0, and a row blocked everywhere stays finite. */
const BLOCKED = -1e30;

/**
 * Multi-head attention (Vaswani et al. 2017), batch first: softmax(Q·Kᵀ/√d)·V in each head, then a linear layer.
 *
 * Called with a query [N, L, size] and, where they differ, key and value [N, S, size]; gives [N, L, size].
 * in_proj_weight [3·size, size] holds the projections of query, key and value, one below the other.
 */
export class MultiHeadAttention extends Module {
  static override readonly layerType = "MultiHeadAttention";
  static override readonly sizes: readonly SizeArgument[] = [{ argument: 0, field: "size", axis: -1, role: "both" }];
  readonly in_proj_weight: Parameter;
  readonly in_proj_bias: Parameter | undefined;
  readonly out_proj: Linear;
  /** Dropout rate of the attention weights. */
  readonly dropout: number;

  constructor(
    readonly size: number,
    readonly heads: number,
    options: { readonly bias?: boolean; readonly dropout?: number } = {},
  ) {
    super();
    const name = "MultiHeadAttention";
    checkSize(name, "size", size);
    checkSize(name, "heads", heads);
    if (size % heads !== 0)
      throw new Error(`${name}: heads must divide the size, but ${heads} does not divide ${size}`);
    this.dropout = options.dropout ?? 0;
    checkRate(name, "dropout", this.dropout);
    const bias = options.bias ?? true;
    this.in_proj_weight = new Parameter([3 * size, size], xavierUniform());
    this.in_proj_bias = bias ? new Parameter([3 * size], zeros) : undefined;
    this.out_proj = new Linear(size, size, { bias, biasInitializer: zeros });
  }

  forward(query: Tensor, key: Tensor = query, value: Tensor = key, options: AttentionOptions = {}): Tensor {
    checkInput(this, query, "query");
    checkInput(this, key, "key");
    checkInput(this, value, "value");
    if (!this.accepts(query, key, value)) {
      const [n, length] = query.knownShape?.length === 3 ? query.knownShape : [unknownDim(), unknownDim()];
      return recovered([n, length, this.size]);
    }
    if ([query, key, value].some((t) => t.knownShape === null)) return query;
    const [n, length] = query.shape;
    const blocked = this.maskOf(query, key, options);
    const result = composite("attention", () => {
      const [q, k, v] = this.projections(query, key, value);
      const scores = matmul(q, k.transpose()).mul(1 / Math.sqrt(this.size / this.heads));
      const weights = dropout(softmax(blocked(scores), -1), this.dropout);
      return matmul(weights, v).permute([0, 2, 1, 3]).reshape([n, length, this.size]);
    });
    return this.out_proj(result);
  }

  /** Query, key and value of every head: [N, heads, length, size/heads]. */
  private projections(...sources: readonly [Tensor, Tensor, Tensor]): Tensor[] {
    const { in_proj_weight: weight, in_proj_bias: bias, size, heads } = this;
    const project = (x: Tensor, w: Tensor, b: Tensor | undefined): Tensor => {
      const product = matmul(x, w.transpose());
      return b ? add(product, b) : product;
    };
    const same = sources.every((source) => source === sources[0]);
    const biases = bias?.split(3, 0);
    const parts = same
      ? project(sources[0], weight, bias).split(3, 2)
      : weight.split(3, 0).map((part, i) => project(sources[i], part, biases?.[i]));
    return parts.map((part) => part.reshape([part.shape[0], part.shape[1], heads, size / heads]).permute([0, 2, 1, 3]));
  }

  private accepts(query: Tensor, key: Tensor, value: Tensor): boolean {
    const { size } = this;
    const inputs = { query, key, value };
    for (const [what, t] of Object.entries(inputs)) {
      const shape = t.knownShape;
      if (shape === null || (shape.length === 3 && dimsAgree(shape[2], size))) continue;
      const last = shape[shape.length - 1];
      reportLayer(
        this,
        "attention-shape",
        `needs the ${what} as [N, length, ${size}], got ${formatTensor(t)} · in_proj_weight [${3 * size}, ${size}]`,
        shape.length === 2
          ? "add the batch axis with unsqueeze(0), or embed the indices first"
          : shape.length === 3 && typeof last === "number"
            ? `axis 2 has ${last} features: project them with new Linear(${last}, ${size}), or declare a MultiHeadAttention of size ${last}`
            : `reshape it to [N, length, ${size}]`,
      );
      return false;
    }
    const differ = (a: Tensor, b: Tensor, axis: number): boolean =>
      a.knownShape !== null && b.knownShape !== null && !dimsAgree(a.knownShape[axis], b.knownShape[axis]);
    if (differ(key, value, 1) || differ(key, value, 0) || differ(query, key, 0)) {
      const axis = differ(key, value, 1) ? 1 : 0;
      reportLayer(
        this,
        "attention-shape",
        `query ${formatTensor(query)}, key ${formatTensor(key)} and value ${formatTensor(value)} differ on axis ${axis}`,
        axis === 1 ? "give one value for each key" : "give all three the same batch",
      );
      return false;
    }
    return true;
  }

  /** How the scores [N, heads, L, S] are masked. */
  private maskOf(query: Tensor, key: Tensor, options: AttentionOptions): (scores: Tensor) => Tensor {
    const [n, l] = query.shape as readonly Dim[];
    const s: Dim = key.shape[1];
    const applied: ((scores: Tensor) => Tensor)[] = [];
    let blocked: Tensor | undefined;
    const block = (more: Tensor): void => {
      blocked = blocked ? logicalOr(blocked, more) : more;
    };
    if (options.causal) block(gt(iota([l, s], 1), iota([l, s], 0)));
    if (options.paddingMask !== undefined) {
      const mask = asTensor(options.paddingMask);
      if (this.fits("paddingMask", mask, [n, s], 2))
        block(cast(mask, "bool").reshape([mask.shape[0], 1, 1, mask.shape[1]]));
    }
    if (options.mask !== undefined) {
      const given = asTensor(options.mask);
      if (this.fits("mask", given, [n, this.heads, l, s], given.knownShape?.length ?? 2)) {
        const mask = given.rank === 3 ? given.unsqueeze(1) : given;
        if (mask.dtype === "bool") block(mask);
        else applied.push((scores) => add(scores, mask));
      }
    }
    return (scores) => {
      const added = applied.reduce((value, next) => next(value), scores);
      return blocked ? where(blocked, BLOCKED, added) : added;
    };
  }

  private fits(what: string, mask: Tensor, full: readonly Dim[], rank: number): boolean {
    const shape = mask.knownShape;
    if (shape === null) return false;
    const wanted = full.length === 2 || rank === 4 ? full : rank === 3 ? [full[0], ...full.slice(2)] : full.slice(2);
    const fits =
      shape.length === wanted.length &&
      shape.every((dim, axis) => (full.length === 4 && dim === 1) || dimsAgree(dim, wanted[axis]));
    if (!fits) {
      const advice =
        full.length === 2 ? formatShape(full) : `${formatShape(full.slice(2))} for all examples, or [N, L, S]`;
      reportLayer(
        this,
        "attention-mask",
        `the ${what} ${formatShape(shape)} does not fit scores of ${formatShape(full)}`,
        `give a ${what} of ${advice}`,
      );
    }
    return fits;
  }
}

export interface TransformerOptions {
  /** Size of the hidden layer between the two linear ones. Default 2048. */
  readonly feedforward?: number;
  /** Default 0.1. */
  readonly dropout?: number;
  readonly activation?: "relu" | "gelu";
  /** Normalise before attention and feed-forward rather than after. Default false. */
  readonly normFirst?: boolean;
  /** ε of the layer norms. Default 1e-5. */
  readonly epsilon?: number;
}

/** Self-attention and a two-layer network, each with a residual connection and layer norm: [N, L, size] → the same shape. */
export class TransformerEncoderLayer extends Module {
  static override readonly layerType = "TransformerEncoderLayer";
  static override readonly sizes: readonly SizeArgument[] = [{ argument: 0, field: "size", axis: -1, role: "both" }];
  readonly self_attn: MultiHeadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly activation: "relu" | "gelu";
  readonly normFirst: boolean;

  constructor(
    readonly size: number,
    heads: number,
    options: TransformerOptions = {},
  ) {
    super();
    const name = "TransformerEncoderLayer";
    const { feedforward = 2048, dropout: rate = 0.1, activation = "relu", normFirst = false, epsilon } = options;
    checkSize(name, "size", size);
    checkSize(name, "heads", heads);
    checkSize(name, "feedforward", feedforward);
    if (size % heads !== 0)
      throw new Error(`${name}: heads must divide the size, but ${heads} does not divide ${size}`);
    checkRate(name, "dropout", rate);
    if (activation !== "relu" && activation !== "gelu") {
      throw new Error(`${name}: activation must be "relu" or "gelu", got ${JSON.stringify(activation)}`);
    }
    this.self_attn = new MultiHeadAttention(size, heads, { dropout: rate });
    this.linear1 = new Linear(size, feedforward);
    this.dropout = new Dropout(rate);
    this.linear2 = new Linear(feedforward, size);
    this.norm1 = new LayerNorm(size, { epsilon });
    this.norm2 = new LayerNorm(size, { epsilon });
    this.dropout1 = new Dropout(rate);
    this.dropout2 = new Dropout(rate);
    this.activation = activation;
    this.normFirst = normFirst;
  }

  forward(x: Tensor, options: AttentionOptions = {}): Tensor {
    checkInput(this, x);
    const shape = x.knownShape;
    if (shape !== null && (shape.length !== 3 || !dimsAgree(shape[2], this.size))) {
      reportLayer(
        this,
        "attention-shape",
        `needs [N, length, ${this.size}], got ${formatTensor(x)} · linear1.weight ${formatShape(this.linear1.weight.shape)}`,
        shape.length === 3 && typeof shape[2] === "number"
          ? `axis 2 has ${shape[2]} features: project them with new Linear(${shape[2]}, ${this.size})`
          : "embed the indices first, or add the missing axis with unsqueeze",
      );
      return recovered([...(shape.length === 3 ? shape.slice(0, 2) : [unknownDim(), unknownDim()]), this.size]);
    }
    if (this.normFirst) {
      const attended = add(x, this.attend(this.norm1(x), options));
      return add(attended, this.feed(this.norm2(attended)));
    }
    const attended = this.norm1(add(x, this.attend(x, options)));
    return this.norm2(add(attended, this.feed(attended)));
  }

  private attend(x: Tensor, options: AttentionOptions): Tensor {
    return this.dropout1(this.self_attn(x, x, x, options));
  }

  private feed(x: Tensor): Tensor {
    const hidden = this.linear1(x);
    return this.dropout2(this.linear2(this.dropout(this.activation === "relu" ? relu(hidden) : gelu(hidden))));
  }
}

/** A stack of encoder layers: `new TransformerEncoder(2, 64, 4)` is two layers of size 64 with 4 heads. */
export class TransformerEncoder extends Module {
  static override readonly layerType = "TransformerEncoder";
  static override readonly container = true;
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly norm: LayerNorm | undefined;

  constructor(
    depth: number,
    size: number,
    heads: number,
    options: TransformerOptions & {
      /** Normalise the output of the last layer; wanted with `normFirst`. Default false. */
      readonly finalNorm?: boolean;
    } = {},
  ) {
    super();
    checkSize("TransformerEncoder", "depth", depth);
    this.layers = new ModuleList(
      Array.from({ length: depth }, () => new TransformerEncoderLayer(size, heads, options)),
    );
    this.norm = options.finalNorm ? new LayerNorm(size, { epsilon: options.epsilon }) : undefined;
  }

  forward(x: Tensor, options: AttentionOptions = {}): Tensor {
    checkInput(this, x);
    let result = x;
    for (const layer of this.layers) result = layer(result, options);
    return this.norm ? this.norm(result) : result;
  }
}
