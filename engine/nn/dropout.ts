import type { Tensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import { dropout } from "../ops";
import { checkInput, checkRate } from "./checks";
import { Module } from "./module";

/** Keeps each element with probability 1 − rate and scales it by 1/(1 − rate), while training; else passes it on. */
export class Dropout extends Module {
  static override readonly layerType = "Dropout";

  constructor(readonly rate = 0.5) {
    super();
    checkRate("Dropout", "rate", rate);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return dropout(x, this.rate, { training: currentTrace().training });
  }
}
