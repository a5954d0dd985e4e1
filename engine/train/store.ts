import type { Backend, Buffer, Values } from "../backends/backend";
import type { Tensor } from "../graph/tensor";
import { concreteShape, sizeOf } from "../graph/shape";
import type { Parameter } from "../nn/parameter";
import { randomSource } from "../nn/random-source";

/** The numbers of a run that outlive an iteration: parameters, states and optimiser state, in one backend's memory. */
export class Store {
  readonly buffers = new WeakMap<Tensor, Buffer>();
  private readonly names = new Map<string, Tensor>();

  constructor(
    readonly backend: Backend,
    /** Seed of initial values. */
    readonly seed: number,
  ) {}

  /** Gives parameters their initial values, each once. */
  addParameters(parameters: ReadonlyMap<string, Parameter>): void {
    for (const [name, parameter] of parameters) {
      if (this.buffers.has(parameter)) continue;
      this.add(name, parameter, initialValues(parameter, name, this.seed));
    }
  }

  /** Adds a leaf filled with one number, under a name of its own; a known name keeps its value and gets one more leaf. */
  addFilled(name: string, leaf: Tensor, fill: number): void {
    const known = this.names.get(name);
    if (known) this.buffers.set(leaf, this.buffers.get(known) as Buffer);
    else this.add(name, leaf, new Float32Array(sizeOf(concreteShape(leaf.knownShape))).fill(fill));
  }

  private add(name: string, leaf: Tensor, values: ArrayLike<number>): void {
    const buffer = this.backend.allocate(leaf.dtype, values.length);
    this.backend.write(buffer, values);
    this.buffers.set(leaf, buffer);
    this.names.set(name, leaf);
  }

  /** All values by name, copied out. */
  async read(): Promise<Map<string, StoredValues>> {
    const result = new Map<string, StoredValues>();
    for (const [name, leaf] of this.names) {
      const data = (await this.backend.read(this.buffers.get(leaf) as Buffer)).slice();
      result.set(name, { shape: concreteShape(leaf.knownShape), data });
    }
    return result;
  }

  /**
   * Replaces values by name.
   * @throws when a name is missing on either side or a shape differs, naming all of them.
   */
  write(values: ReadonlyMap<string, StoredValues>): void {
    const problems: string[] = [];
    for (const [name, leaf] of this.names) {
      const given = values.get(name);
      const shape = concreteShape(leaf.knownShape);
      if (!given) problems.push(`${name} is missing`);
      else if (given.shape.join() !== shape.join())
        problems.push(`${name} is [${given.shape.join(", ")}], the model has [${shape.join(", ")}]`);
    }
    for (const name of values.keys()) if (!this.names.has(name)) problems.push(`the model has no ${name}`);
    if (problems.length > 0) {
      const shown = problems.slice(0, 5).join("; ");
      throw new Error(
        `the checkpoint does not fit the model: ${shown}${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}`,
      );
    }
    for (const [name, leaf] of this.names) {
      this.backend.write(this.buffers.get(leaf) as Buffer, (values.get(name) as StoredValues).data);
    }
  }

  /** Replaces some values by name. @throws for a name that is not here and for another shape, before anything is changed */
  replace(values: ReadonlyMap<string, StoredValues>): void {
    for (const [name, { shape }] of values) {
      const leaf = this.names.get(name);
      if (!leaf) throw new Error(`internal: the run has no value ${name}`);
      const own = concreteShape(leaf.knownShape);
      if (own.join() !== shape.join())
        throw new Error(`internal: ${name} is [${own.join(", ")}], got a value of [${shape.join(", ")}]`);
    }
    for (const [name, { data }] of values)
      this.backend.write(this.buffers.get(this.names.get(name) as Tensor) as Buffer, data);
  }
}

export interface StoredValues {
  readonly shape: readonly number[];
  readonly data: Values;
}

/** First values of a parameter: the same for the same seed and name, whatever else the model has. */
export function initialValues(parameter: Parameter, name: string, seed: number): Float64Array {
  const shape = concreteShape(parameter.knownShape);
  const values = parameter.initializer.fill(shape, randomSource(seed, name));
  if (values.length !== sizeOf(shape)) {
    throw new Error(
      `the initialiser ${parameter.initializer.name} of ${name} gave ${values.length} numbers for shape [${shape.join(", ")}]`,
    );
  }
  return values;
}
