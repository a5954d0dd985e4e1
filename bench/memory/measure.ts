/** The memory of whole training steps: what they need at least, and what they take. */
import { createWasmBackend } from "../../engine/backends/wasm";
import { namedParameters } from "../../engine/nn/module";
import { type Plan, planGraph } from "../../engine/plan/plan";
import { compileProgram } from "../../engine/plan/program";
import { type Step, traceStep } from "../../engine/train/step";
import { Store } from "../../engine/train/store";
import type { Subject } from "./models";

export { largerSubjects, subjectsOf } from "./models";

/** In bytes. */
export interface Memory {
  readonly name: string;
  readonly parameters: number;
  readonly optimizerState: number;
  /** The batch, constants, and what else is neither trained nor computed. */
  readonly given: number;
  /** Of what is computed, where most is alive at once: activations and gradients. */
  readonly peak: number;
  /** What these take as they are arranged. */
  readonly scratch: number;
  /** What the backend holds for the step: all of this, and the kernels' own working memory. */
  readonly used: number;
}

/** Traces, plans and compiles a subject's step as a run does. @returns undefined where only reading tells the data's shapes */
export function memoryOf(subject: Subject): Memory | undefined {
  const { name, training } = subject;
  const planned = planStep(subject);
  if (!planned) return undefined;
  const { step, plan } = planned;
  const backend = createWasmBackend();
  if (!backend) throw new Error("this platform has no WebAssembly with vectors");
  const store = new Store(backend, training.seed);
  store.addParameters(namedParameters(training.model));
  const parameters = backend.bytes;
  for (const state of step.optimizerState) store.addFilled(`optimizer.${state.name}`, state.leaf, state.fill);
  const optimizerState = backend.bytes - parameters;
  compileProgram(plan, backend, store.buffers);
  const given = [...plan.leaves].reduce((sum, [leaf, slot]) => {
    const { type, size } = plan.slots[slot];
    return store.buffers.has(leaf) ? sum : sum + Math.max(1, Math.ceil((size * (type === "bool" ? 1 : 4)) / 64)) * 64;
  }, 0);
  const { peakBytes: peak, scratchBytes: scratch } = plan;
  return { name, parameters, optimizerState, given, peak, scratch, used: backend.bytes };
}

/** As {@link Programs} does it. */
export function planStep({ training, batch }: Subject): { readonly step: Step; readonly plan: Plan } | undefined {
  const { fields } = training.data;
  if (!fields) return undefined;
  const step = traceStep(training, fields, { batchSize: batch, training: true, examples: batch, statistics: true });
  const outputs = [step.loss, step.prediction, step.statistics, step.finite].filter((each) => each !== undefined);
  return { step, plan: planGraph([...new Set(outputs)], step.assignments) };
}
