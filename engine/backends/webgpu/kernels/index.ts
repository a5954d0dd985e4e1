import type { Kernel } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, TypedKernel } from "../code";
import { argumentCode, cumulativeSumCode } from "./along";
import { convolutionCode } from "./convolution";
import { mapCode } from "./map";
import { matmulCode } from "./matmul";
import { concatCode, gatherCode, placeCode, scatterAddCode } from "./movement";
import { poolCode } from "./pool";
import { permutationCode, randomCode } from "./random";
import { reduceCode } from "./reduce";
import { rowsCode } from "./rows";
import { sweepCode } from "./sweep";

/** @throws where no code exists for the kernel */
export function codeOf(typed: TypedKernel, target: GpuTarget): KernelCode {
  const { kernel } = typed;
  const write = WRITERS[kernel.kind] as ((typed: TypedKernel, target: GpuTarget) => KernelCode) | undefined;
  if (!write) throw new Error(`the GPU has no ${kernel.kind} yet`);
  return write(typed, target);
}

type Writers = {
  readonly [K in Kernel["kind"]]?: (typed: TypedKernel<Extract<Kernel, { kind: K }>>, target: GpuTarget) => KernelCode;
};

const WRITERS: Writers = {
  argument: argumentCode,
  concat: concatCode,
  convolution: convolutionCode,
  cumulativeSum: cumulativeSumCode,
  gather: gatherCode,
  map: mapCode,
  matmul: matmulCode,
  permutation: permutationCode,
  place: placeCode,
  pool: poolCode,
  random: randomCode,
  reduce: reduceCode,
  rows: rowsCode,
  scatterAdd: scatterAddCode,
  sweep: sweepCode,
};
