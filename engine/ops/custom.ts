import { formatShape, shapesAgree } from "../graph/shape";
import { Tensor, userCall } from "../graph/tensor";
import { composite, currentTrace } from "../graph/trace";
import { type TensorLike, apply, asTensor } from "./apply";
import { define } from "./operation";

/**
 * Gradients for the inputs, from the upstream gradient; `null` for an input that gets none, a function for one that is
 * rarely asked for and should build no nodes otherwise.
 */
export type CustomBackward = (g: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly CustomGradient[];
export type CustomGradient = Tensor | null | (() => Tensor);

interface CustomAttributes {
  readonly name: string;
  readonly backward: CustomBackward;
  /** The user's own functions, for what their texts call their parameters. */
  readonly forward?: CustomFunction["forward"];
  readonly written?: CustomFunction["backward"];
}

/** Passes its first input on; gradients go to the other inputs by the given formula. */
define<CustomAttributes>({
  name: "withGradient",
  infer: ({ inputs }) => ({ shape: inputs[0].knownShape, dtype: inputs[0].dtype }),
  evaluate: ({ inputs: [value], shape, dtype }) => ({ shape, dtype, data: value.data }),
  grad: ({ g, node, inputs, attributes }) => {
    const sources = inputs.slice(1);
    let gradients: readonly CustomGradient[] | undefined;
    const all = (): readonly CustomGradient[] =>
      (gradients ??= checkedCount(attributes.name, attributes.backward(g, sources, node), sources));
    return [
      null,
      ...sources.map((source, i) => () => {
        const made = all()[i];
        const gradient = typeof made === "function" ? made() : made;
        if (gradient) return checkedShape(attributes.name, gradient, i, source);
        return apply("constant", [], { data: Float64Array.of(0), shape: [], dtype: "float32" }).expand(source.shape);
      }),
    ];
  },
  lower: ({ inputs: [value] }) => ({ kind: "view", view: value.view }),
});

function checkedCount(
  name: string,
  gradients: readonly CustomGradient[],
  inputs: readonly Tensor[],
): readonly CustomGradient[] {
  if (gradients.length !== inputs.length) {
    throw new Error(
      `the backward of ${name} returned ${gradients.length} gradients for ${inputs.length} inputs; return one per input, null for none`,
    );
  }
  return gradients;
}

function checkedShape(name: string, gradient: Tensor, i: number, input: Tensor): Tensor {
  if (!shapesAgree(gradient.shape, input.shape)) {
    throw new Error(
      `the backward of ${name} returned a gradient of shape ${formatShape(gradient.shape)} for input ${i} of shape ${formatShape(input.shape)}; a gradient has its input's shape`,
    );
  }
  return gradient;
}

/**
 * A composite operation with a gradient formula of its own: the forward nodes keep the name as their scope,
 * and the backward pass uses the (usually simpler or more stable) formula.
 *
 * @param written where both are the user's own
 */
export function withGradient(
  name: string,
  inputs: readonly Tensor[],
  forward: () => Tensor,
  backward: CustomBackward,
  written: Partial<Pick<CustomAttributes, "forward" | "written">> = {},
): Tensor {
  return composite(name, () => apply("withGradient", [forward(), ...inputs], { name, backward, ...written }));
}

export interface CustomFunction {
  /** Shown in the debugger and in messages. */
  readonly name: string;
  readonly forward: (...inputs: Tensor[]) => Tensor;
  /**
   * ∂cost/∂input for each input, each in its input's shape, from `g` = ∂cost/∂output.
   * `checkGradients` compares it with central differences.
   */
  readonly backward: (g: Tensor, inputs: readonly Tensor[], output: Tensor) => Tensor | readonly (Tensor | null)[];
}

/** A function with its own backward pass. The forward part may use any operation, differentiable or not. */
export function customFunction(definition: CustomFunction): (...inputs: TensorLike[]) => Tensor {
  return (...values) =>
    userCall(() => {
      const inputs = values.map((value) => asTensor(value));
      return withGradient(
        definition.name,
        inputs,
        () => {
          const output: unknown = definition.forward(...inputs);
          if (output instanceof Tensor) return output;
          const got = output === null ? "null" : typeof output;
          throw new Error(`the forward of ${definition.name} must return a tensor, got ${got}`);
        },
        (g, sources, output) => {
          const gradients = asWritten(() => definition.backward(g, sources, output));
          return gradients instanceof Tensor ? [gradients] : gradients;
        },
        { forward: definition.forward, written: definition.backward },
      );
    });
}

/** Runs a backward of the user's own: its nodes belong to the lines of its text. */
function asWritten<T>(build: () => T): T {
  const trace = currentTrace();
  const outer = trace.backward;
  if (outer) trace.backward = { ...outer, written: true };
  try {
    return build();
  } finally {
    trace.backward = outer;
  }
}
