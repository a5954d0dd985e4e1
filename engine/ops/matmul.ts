import { dimsAgree, unknownDim } from "../graph/dim";
import { type Shape, broadcastShapes, formatShape, rowMajorStrides, sizeOf } from "../graph/shape";
import { buildArray } from "../graph/array";
import { broadcastStrides } from "./elementwise";
import { type LoweredInput, define } from "./operation";

/**
 * Matrix product of the last two axes, [..., m, k]·[..., k, n] → [..., m, n]; leading axes broadcast.
 * ∂A = G·Bᵀ, ∂B = Aᵀ·G, summed over broadcast axes.
 */
define({
  name: "matmul",
  infer: ({ shapes, report }) => {
    const dtype = "float32";
    if (shapes.length === 0) return { shape: null, dtype };
    const [a, b] = shapes;
    if (a.length < 2 || b.length < 2) {
      report("rank", `matmul: needs matrices, got ${formatShape(a)} and ${formatShape(b)}; use dot for vectors`);
      return { shape: null, dtype };
    }
    const inner = a[a.length - 1];
    const other = b[b.length - 2];
    if (!dimsAgree(inner, other)) report("matmul-inner", innerMessage(a, b));
    const { shape, clashes } = broadcastShapes([a.slice(0, -2), b.slice(0, -2)]);
    if (clashes.length > 0) {
      report(
        "broadcast",
        `matmul: the leading axes of ${formatShape(a)} and ${formatShape(b)} do not broadcast; make them equal or 1`,
      );
    }
    // Of a matrix that lies the other way round nobody knows which size was meant to come out.
    const turned = !dimsAgree(inner, other) && dimsAgree(inner, b[b.length - 1]);
    return { shape: [...shape, a[a.length - 2], turned ? unknownDim() : b[b.length - 1]], dtype };
  },
  evaluate: ({ inputs: [a, b], shape, dtype }) => {
    const k = a.shape[a.shape.length - 1];
    const lead = shape.slice(0, -2);
    const strideA = broadcastStrides(a.shape.slice(0, -2), lead);
    const strideB = broadcastStrides(b.shape.slice(0, -2), lead);
    const rows = a.shape[a.shape.length - 2];
    const columns = b.shape[b.shape.length - 1];
    return buildArray(shape, dtype, (position) => {
      const i = position[shape.length - 2];
      const j = position[shape.length - 1];
      let matrixA = 0;
      let matrixB = 0;
      for (let axis = 0; axis < lead.length; axis++) {
        matrixA += position[axis] * strideA[axis];
        matrixB += position[axis] * strideB[axis];
      }
      let sum = 0;
      for (let p = 0; p < k; p++) {
        sum += a.data[(matrixA * rows + i) * k + p] * b.data[(matrixB * k + p) * columns + j];
      }
      return sum;
    });
  },
  grad: ({ g, inputs: [a, b] }) => [
    () => g.matmul(b.transpose()).sumTo(a.shape),
    () => a.transpose().matmul(g).sumTo(b.shape),
  ],
  lower: ({ inputs: [a, b], shape }) => {
    const lead = shape.slice(0, -2);
    const positions = batchOffsets(lead, [a, b]);
    return {
      kind: "kernel",
      kernel: {
        kind: "matmul",
        m: shape[shape.length - 2],
        n: shape[shape.length - 1],
        k: a.shape[a.shape.length - 1],
        batch: positions.map(([offsetA, offsetB]) => ({ a: offsetA, b: offsetB })),
        strideA: lastTwo(a.view.strides),
        strideB: lastTwo(b.view.strides),
      },
    };
  },
});

function innerMessage(a: Shape, b: Shape): string {
  const inner = a[a.length - 1];
  const text = `matmul: ${formatShape(a)} · ${formatShape(b)}: the last axis of the first (${String(inner)}) must equal the second-last axis of the second (${String(b[b.length - 2])})`;
  if (dimsAgree(inner, b[b.length - 1])) return `${text}; transpose() of the second would fit`;
  if (dimsAgree(a[a.length - 2], b[b.length - 2])) return `${text}; transpose() of the first would fit`;
  return `${text}; make the two sizes equal`;
}

/** Offsets of every matrix of the batch within each input, broadcast axes standing still. */
function batchOffsets(lead: readonly number[], inputs: readonly LoweredInput[]): number[][] {
  const dense = rowMajorStrides(lead);
  return Array.from({ length: sizeOf(lead) }, (_, flat) =>
    inputs.map((x) => {
      let offset = x.view.offset;
      lead.forEach((size, axis) => {
        const source = axis - lead.length + x.shape.length - 2;
        if (source >= 0 && x.shape[source] !== 1)
          offset += (Math.floor(flat / dense[axis]) % size) * x.view.strides[source];
      });
      return offset;
    }),
  );
}

function lastTwo(strides: readonly number[]): [number, number] {
  return [strides[strides.length - 2], strides[strides.length - 1]];
}
