import type { MatmulKernel } from "../../kernel/kernel";
import type { ArrayKernel } from "./array-kernel";
import type { MatrixProduct } from "./matrix-product";

export function compileMatmul(kernel: MatmulKernel, product: MatrixProduct): ArrayKernel {
  const { m, n, k, batch } = kernel;
  const [rowStrideA, columnStrideA] = kernel.strideA;
  const [rowStrideB, columnStrideB] = kernel.strideB;
  return ([a, b], out) => {
    batch.forEach((offsets, i) => {
      product(
        m,
        n,
        k,
        { data: a, offset: offsets.a, rowStride: rowStrideA, columnStride: columnStrideA },
        { data: b, offset: offsets.b, rowStride: rowStrideB, columnStride: columnStrideB },
        { data: out, offset: i * m * n, rowStride: n },
        false,
      );
    });
  };
}
