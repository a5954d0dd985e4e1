import type { Values } from "../backends/backend";
import type { Fields } from "../data/dataset";
import type { Batch } from "../data/loader";
import type { Tensor } from "../graph/tensor";
import { planGraph } from "../plan/plan";
import { type Program, compileProgram } from "../plan/program";
import { stopOnIssues } from "./failures";
import { type Forward, type Step, traceForward, traceStep } from "./step";
import type { Store } from "./store";
import type { Training } from "./training";

/** A traced part of the training, compiled for one batch size. */
export interface Compiled<T extends Forward> {
  readonly traced: T;
  readonly program: Program;
}

/** The compiled programs of one run, each built when it is first asked for: one per batch size, as shapes are fixed. */
export class Programs {
  private readonly steps = new Map<number, Compiled<Step>>();
  private readonly evaluations = new Map<number, Compiled<Forward>>();
  private readonly observations = new Map<string, Compiled<Forward> & { readonly picked: readonly Tensor[] }>();

  constructor(
    private readonly training: Training,
    private readonly fields: Fields,
    /** Number of training examples. */
    private readonly examples: number,
    private readonly store: Store,
  ) {}

  /** One update. @throws IssuesError */
  step(count: number): Compiled<Step> {
    const known = this.steps.get(count);
    if (known) return known;
    const step = this.traceStep(count, true);
    stopOnIssues(step);
    for (const { name, leaf, fill } of step.optimizerState) this.store.addFilled(`optimizer.${name}`, leaf, fill);
    const outputs: Tensor[] = [step.loss, ...step.assignments.values()];
    if (step.prediction) outputs.push(step.prediction);
    if (step.statistics) outputs.push(step.statistics);
    if (step.finite) outputs.push(step.finite);
    const made = { traced: step, program: this.compile(outputs) };
    this.steps.set(count, made);
    return made;
  }

  /** Loss and prediction as in evaluation. */
  evaluation(count: number): Compiled<Forward> {
    const known = this.evaluations.get(count);
    if (known) return known;
    const forward = this.traceForward(count);
    const made = {
      traced: forward,
      program: this.compile(forward.prediction ? [forward.loss, forward.prediction] : [forward.loss]),
    };
    this.evaluations.set(count, made);
    return made;
  }

  /** Values of tensors that `pick` chooses of the forward pass as in evaluation; see {@link RunAccess}. */
  observe(
    key: string,
    batch: Batch,
    randomKey: readonly [number, number],
    pick: (forward: Forward) => readonly Tensor[],
  ): Promise<Values[]> {
    return this.read(`forward ${key} ${batch.size}`, batch, randomKey, () => this.traceForward(batch.size), pick);
  }

  /** The same of a whole step as in training; nothing is updated by it. */
  differentiate(
    key: string,
    batch: Batch,
    randomKey: readonly [number, number],
    pick: (step: Step) => readonly Tensor[],
  ): Promise<Values[]> {
    return this.read(`step ${key} ${batch.size}`, batch, randomKey, () => this.traceStep(batch.size, false), pick);
  }

  private async read<T extends Forward>(
    key: string,
    batch: Batch,
    randomKey: readonly [number, number],
    trace: () => T,
    pick: (traced: T) => readonly Tensor[],
  ): Promise<Values[]> {
    let known = this.observations.get(key);
    if (!known) {
      const traced = trace();
      const picked = pick(traced);
      known = { traced, picked, program: this.compile(picked) };
      this.observations.set(key, known);
    }
    const { traced, program, picked } = known;
    feed(program, traced, batch);
    if (traced.trace.randomKey) program.write(traced.trace.randomKey, [...randomKey]);
    program.run();
    return Promise.all(picked.map((tensor) => program.read(tensor)));
  }

  private traceStep(count: number, statistics: boolean): Step {
    const options = { batchSize: count, training: true, examples: this.examples, statistics };
    return traceStep(this.training, this.fields, options);
  }

  private traceForward(count: number): Forward {
    const options = { batchSize: count, training: false, examples: this.examples };
    return traceForward(this.training, this.fields, options);
  }

  private compile(outputs: readonly Tensor[]): Program {
    return compileProgram(planGraph([...new Set(outputs)]), this.store.backend, this.store.buffers);
  }
}

/** Writes a batch's fields over the leaves that stand for them. */
export function feed(program: Program, { batch: leaves }: Forward, batch: Batch): void {
  leaves.inputs.forEach((leaf, i) => program.write(leaf, batch.inputs[i].data));
  leaves.targets.forEach((leaf, i) => program.write(leaf, batch.targets[i].data));
}
