import type { Kernel } from "../../../kernel/kernel";
import type { KernelCode, Target, TypedKernel } from "../code";
import { argumentCode } from "./argument";
import { concatCode } from "./concat";
import { cumulativeSumCode } from "./cumulative-sum";
import { gatherCode } from "./gather";
import { permutationCode } from "./permutation";
import { placeCode } from "./place";
import { randomCode } from "./random";
import { scatterAddCode } from "./scatter-add";
import { matmulCode } from "./matmul";
import { mapCode } from "./map";
import { convolutionCode } from "./convolution";
import { poolCode } from "./pool";
import { reduceCode } from "./reduce";
import { rowsCode } from "./rows-code";
import { sweepCode } from "./sweep";
import { wholeMapCode } from "./whole";
import { wholeReduceCode } from "./whole-reduce";

/** The kernel's code; undefined where there is none, and the kernel of the JavaScript backend does it. */
export function codeOf(typed: TypedKernel, target: Target): KernelCode | undefined {
  const { kernel } = typed;
  const write = WRITERS[kernel.kind] as ((typed: TypedKernel, target: Target) => KernelCode | undefined) | undefined;
  return write?.(typed, target);
}

type Writers = {
  readonly [K in Kernel["kind"]]?: (
    typed: TypedKernel<Extract<Kernel, { kind: K }>>,
    target: Target,
  ) => KernelCode | undefined;
};

const WRITERS: Writers = {
  argument: argumentCode,
  concat: concatCode,
  cumulativeSum: cumulativeSumCode,
  gather: gatherCode,
  permutation: permutationCode,
  place: placeCode,
  random: randomCode,
  scatterAdd: scatterAddCode,
  matmul: matmulCode,
  map: (typed, target) => mapCode(typed, target) ?? wholeMapCode(typed),
  reduce: (typed, target) => reduceCode(typed, target) ?? wholeReduceCode(typed, target),
  sweep: sweepCode,
  rows: rowsCode,
  pool: poolCode,
  convolution: convolutionCode,
};
