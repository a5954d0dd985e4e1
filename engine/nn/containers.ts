import { Tensor } from "../graph/tensor";
import { relu } from "../ops";
import { checkInput, checkRate, checkSize, describe, nameOf } from "./checks";
import { Dropout } from "./dropout";
import { Linear } from "./linear";
import { Module } from "./module";
import type { Initializer } from "./parameter";

/** What a {@link Sequential} may hold: a module of one tensor, or a plain function such as `relu`. */
export type Layer = (x: Tensor) => Tensor;

/** Calls its layers one after the other. Their parameters are named by position, as in PyTorch: `0.weight`, `2.bias`. */
export class Sequential extends Module {
  static override readonly layerType = "Sequential";
  static override readonly container = true;
  readonly [index: number]: Layer;
  readonly #layers: readonly Layer[];

  constructor(...layers: Layer[]) {
    super();
    layers.forEach((layer, i) => {
      if (typeof layer === "function") return;
      const found = Array.isArray(layer)
        ? "a list; give the layers one by one (spread a list: new Sequential(...layers))"
        : nameOf(layer);
      throw new Error(`Sequential: layer ${i} must be a module or a function, got ${found}`);
    });
    this.#layers = layers;
    layers.forEach((layer, i) => Object.defineProperty(this, i, { value: layer, enumerable: true }));
  }

  override get length(): number {
    return this.#layers.length;
  }

  [Symbol.iterator](): Iterator<Layer> {
    return this.#layers[Symbol.iterator]();
  }

  forward(x: Tensor): Tensor {
    checkInput(this, x);
    return this.#layers.reduce((value, layer, i) => {
      const next: unknown = layer(value);
      if (next instanceof Tensor) return next;
      const name = layer instanceof Module ? describe(layer) : layer.name || "a function";
      throw new Error(
        `${describe(this)}: layer ${i}, ${name}, returned ${nameOf(next)}, but each layer hands one tensor to the next; ` +
          `write a Module with a forward of its own for it`,
      );
    }, x);
  }
}

/** A list of modules that belong to the model: iterate over it in `forward`. Parameters are named `list.0.weight`, … */
export class ModuleList<M extends Module = Module> extends Module {
  static override readonly layerType = "ModuleList";
  static override readonly container = true;
  readonly [index: number]: M;
  readonly #modules: readonly M[];

  constructor(modules: Iterable<M> = []) {
    super();
    this.#modules = [...modules];
    this.#modules.forEach((module, i) => {
      if (!(module instanceof Module))
        throw new Error(`ModuleList: element ${i} must be a module, got ${nameOf(module)}`);
      Object.defineProperty(this, i, { value: module, enumerable: true });
    });
  }

  override get length(): number {
    return this.#modules.length;
  }

  /** The module at a position, from the end for negative ones. */
  at(index: number): M | undefined {
    return this.#modules.at(index);
  }

  [Symbol.iterator](): Iterator<M> {
    return this.#modules[Symbol.iterator]();
  }

  /** @throws always: a list says nothing about how its modules are joined. */
  forward(): never {
    throw new Error(
      `${describe(this)}: a ModuleList cannot be called; loop over it (for (const layer of this.layers) x = layer(x)), or use Sequential`,
    );
  }
}

export interface MlpOptions {
  /** Between the linear layers: a function or a module. Default relu. */
  readonly activation?: Layer;
  /** After the last linear layer. Default none: the losses take logits. */
  readonly outputActivation?: Layer;
  /** Dropout rate after each activation. Default 0: none. */
  readonly dropout?: number;
  readonly bias?: boolean;
  /** Initial weights of each linear layer. */
  readonly initializer?: Initializer;
}

/** A fully connected network: `mlp([784, 128, 10])` is Linear(784, 128), relu, Linear(128, 10). */
export function mlp(sizes: readonly number[], options: MlpOptions = {}): Sequential {
  if (!Array.isArray(sizes) || sizes.length < 2) {
    throw new Error(
      `mlp: needs the sizes of at least two layers, as in mlp([784, 128, 10]), got ${JSON.stringify(sizes)}`,
    );
  }
  sizes.forEach((size, i) => checkSize("mlp", `size ${i}`, size));
  const { activation = relu, outputActivation, dropout = 0, bias, initializer } = options;
  checkRate("mlp", "dropout", dropout);
  const layers: Layer[] = [];
  for (let i = 1; i < sizes.length; i++) {
    const [inputs, outputs] = [sizes[i - 1] as number, sizes[i] as number];
    layers.push(new Linear(inputs, outputs, { bias, initializer }));
    if (i < sizes.length - 1) layers.push(activation, ...(dropout > 0 ? [new Dropout(dropout)] : []));
  }
  if (outputActivation) layers.push(outputActivation);
  return new Sequential(...layers);
}
