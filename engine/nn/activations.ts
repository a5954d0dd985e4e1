import type { Tensor } from "../graph/tensor";
import { elu, gelu, leakyRelu, logSoftmax, relu, sigmoid, silu, softmax, softplus, tanh } from "../ops";
import { checkInput, reportedAs } from "./checks";
import { Module } from "./module";

/** Activation functions as layers, for {@link Sequential}; each keeps the shape. */

/** max(x, 0). */
export class ReLU extends Module {
  static override readonly layerType = "ReLU";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return relu(x);
  }
}

/** x for x > 0, else slope·x. */
export class LeakyReLU extends Module {
  static override readonly layerType = "LeakyReLU";

  constructor(readonly slope = 0.01) {
    super();
    checkNumber("LeakyReLU", "slope", slope);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return leakyRelu(x, this.slope);
  }
}

/** x for x > 0, else alpha·(eˣ − 1). */
export class ELU extends Module {
  static override readonly layerType = "ELU";

  constructor(readonly alpha = 1) {
    super();
    checkNumber("ELU", "alpha", alpha);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return elu(x, this.alpha);
  }
}

/** x·Φ(x), with the exact normal distribution function. */
export class GELU extends Module {
  static override readonly layerType = "GELU";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return gelu(x);
  }
}

/** x·sigmoid(x), also called swish. */
export class SiLU extends Module {
  static override readonly layerType = "SiLU";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return silu(x);
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  static override readonly layerType = "Sigmoid";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return sigmoid(x);
  }
}

export class Tanh extends Module {
  static override readonly layerType = "Tanh";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return tanh(x);
  }
}

/** log(1 + eˣ). */
export class Softplus extends Module {
  static override readonly layerType = "Softplus";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return softplus(x);
  }
}

/** eˣ / Σ eˣ along an axis, by default the last. */
export class Softmax extends Module {
  static override readonly layerType = "Softmax";

  constructor(readonly axis = -1) {
    super();
    checkAxis("Softmax", axis);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return reportedAs(this, "softmax", () => softmax(x, this.axis));
  }
}

/** log softmax along an axis, by default the last. */
export class LogSoftmax extends Module {
  static override readonly layerType = "LogSoftmax";

  constructor(readonly axis = -1) {
    super();
    checkAxis("LogSoftmax", axis);
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return reportedAs(this, "logSoftmax", () => logSoftmax(x, this.axis));
  }
}

/** Passes its input on. */
export class Identity extends Module {
  static override readonly layerType = "Identity";

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return x;
  }
}

function checkNumber(layer: string, what: string, value: unknown): void {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new Error(
      `${layer}: ${what} must be a number, got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
    );
  }
}

function checkAxis(layer: string, axis: unknown): void {
  if (typeof axis !== "number" || !Number.isInteger(axis)) {
    throw new Error(
      `${layer}: axis must be a whole number, got ${typeof axis === "string" ? JSON.stringify(axis) : String(axis)}`,
    );
  }
}
