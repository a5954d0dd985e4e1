import { batches } from "../../data/loader";
import { concreteShape } from "../../graph/shape";
import type { NdArray } from "../../graph/array";
import { withTrace } from "../../graph/trace";
import { moduleSite } from "../../nn/module";
import { checkGradients } from "../../train/check-gradients";
import { loadParts } from "../../train/parts";
import { traceStep } from "../../train/step";
import { userFailure } from "../failure";
import type { GradientsTask, ParameterCheck } from "../messages";
import { originOf } from "../program";
import type { Session } from "../session";
import { loadSoundTraining } from "./common";

/** Examples in the batch, and elements of each parameter, that are checked: enough to find a wrong formula, and quick. */
const EXAMPLES = 4;
const ELEMENTS = 12;

/** Compares every parameter's gradient with central differences at the initial values, in float64. */
export async function checkModelGradients(_task: GradientsTask, session: Session): Promise<void> {
  const { program, training, files } = await loadSoundTraining(session);
  try {
    const { train: data } = await loadParts(training, files);
    const batchSize = Math.min(EXAMPLES, data.length);
    const [batch] = batches(data, {
      batchSize,
      shuffle: training.shuffle,
      seed: training.seed,
      epoch: 0,
      training: true,
    });
    const step = traceStep(training, data.fields, {
      batchSize: batch.size,
      training: true,
      examples: data.length,
      statistics: false,
    });
    const given = new Map([
      ...step.batch.inputs.map((leaf, i) => [leaf, batch.inputs[i].data] as const),
      ...step.batch.targets.map((leaf, i) => [leaf, batch.targets[i].data] as const),
    ]);
    const reports: ParameterCheck[] = [];
    for (const [name, parameter] of step.parameters) {
      if (!step.gradients.has(name)) continue;
      // One at a time, so that a large model can be cancelled in between.
      await session.turnOrThrow();
      const [report] = withTrace(step.trace, () =>
        checkGradients(step.cost, {
          withRespectTo: [parameter],
          seed: training.seed,
          elements: ELEMENTS,
          bindings: (leaf): NdArray | undefined => {
            const data = given.get(leaf);
            return data && { shape: concreteShape(leaf.knownShape), dtype: leaf.dtype, data: Float64Array.from(data) };
          },
        }),
      );
      const layer = step.layers.find(
        ({ module, name: path }) => `${path}.` === name.slice(0, path.length + 1) && module,
      );
      const site = layer?.site ?? moduleSite(training.model);
      reports.push({ ...report, name, file: site?.file ?? null, line: site?.line ?? null });
    }
    session.send({ kind: "gradients", reports });
    session.send({ kind: "done", exitCode: reports.every(({ passed }) => passed) ? 0 : 1 });
  } catch (error) {
    throw userFailure(error, originOf(program));
  }
}
