import type { Tensor } from "../graph/tensor";
import { histogram } from "../metrics/histogram";
import { namedParameters } from "../nn/module";
import type { RunAccess } from "../train/run-access";
import type { Layer } from "../train/statistics";
import type { HistogramOf, HistogramResult, LookResult } from "./looks";
import { type LookAt, firstOutput, nothing, sampleBatch } from "./sample";

/** How the elements of a layer's weights, gradients or outputs are spread. */
export async function answerHistogram(access: RunAccess, look: LookAt<"histogram">): Promise<LookResult> {
  const layer = access.step.layers[look.layer] as Layer | undefined;
  if (!layer) return nothing(`There is no layer ${look.layer}; the model has ${access.step.layers.length}.`);
  const parts = await READ[look.of](access, look.layer, layer);
  return typeof parts === "string" ? nothing(parts) : histogramOf(look.of, parts);
}

/** Values, or why there are none. */
type Reader = (access: RunAccess, index: number, layer: Layer) => Promise<readonly ArrayLike<number>[] | string>;

const READ: Readonly<Record<HistogramOf, Reader>> = {
  async weights(access, _, layer) {
    const names = parameterNames(access, layer);
    if (names.length === 0) return noParameters(layer);
    const values = await access.values();
    return names.flatMap((name) => values.get(name)?.data ?? []);
  },
  async gradients(access, index, layer) {
    const names = parameterNames(access, layer).filter((name) => access.step.gradients.has(name));
    if (names.length === 0) {
      // Of a layer without parameters, what it hands on to the layers before it.
      const output = firstOutput(layer);
      if (parameterNames(access, layer).length > 0)
        return `No gradient reaches the parameters of ${layer.name}: they are frozen, or the loss does not depend on them.`;
      if (!output || !access.step.backward.adjoints.get(output)?.gradient)
        return `No gradient passes ${layer.name} (${layer.type}).`;
    }
    return access.differentiate(`gradients ${index}`, sampleBatch(access), (step) => {
      if (names.length > 0) return names.map((name) => step.gradients.get(name) as Tensor);
      const output = firstOutput(step.layers[index]) as Tensor;
      return [step.backward.adjoints.get(output)?.gradient as Tensor];
    });
  },
  async activations(access, index, layer) {
    if (!firstOutput(layer)) return `${layer.name} (${layer.type}) gives no tensor of real numbers.`;
    return access.observe(`activations ${index}`, sampleBatch(access), ({ layers }) => [
      firstOutput(layers[index]) as Tensor,
    ]);
  },
};

function noParameters(layer: Layer): string {
  return `${layer.name} (${layer.type}) has no weights. Choose activations, or a layer that learns, such as Linear or Conv2d.`;
}

/** All parameters but states (frozen ones too), so that the norm of what is drawn is the figure of the gradient flow. */
function parameterNames({ training }: RunAccess, layer: Layer): string[] {
  const own = new Set(namedParameters(layer.module).values());
  return [...namedParameters(training.model)].flatMap(([name, parameter]) =>
    own.has(parameter) && parameter.trainable ? [name] : [],
  );
}

/** How the elements of several tensors together are spread. */
export function histogramOf(of: HistogramOf, parts: readonly ArrayLike<number>[]): HistogramResult {
  return { kind: "histogram", of, ...histogram(parts) };
}
