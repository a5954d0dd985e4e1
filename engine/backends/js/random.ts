import type { PermutationKernel, RandomKernel } from "../../kernel/kernel";
import { fillRandom, randomPermutation } from "../../kernel/random";
import type { ArrayKernel } from "./array-kernel";

export function compileRandom({ distribution, size, stream }: RandomKernel): ArrayKernel {
  return ([key], out) => {
    fillRandom(
      (out as Float32Array | Float64Array).subarray(0, size),
      distribution,
      { seed: key[0], iteration: key[1] },
      stream,
    );
  };
}

export function compilePermutation({ size, stream }: PermutationKernel): ArrayKernel {
  return ([key], out) => out.set(randomPermutation(size, { seed: key[0], iteration: key[1] }, stream));
}
