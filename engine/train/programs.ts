import type { Values } from "../backends/backend";
import type { Fields } from "../data/dataset";
import type { Batch } from "../data/loader";
import type { Tensor } from "../graph/tensor";
import { planGraph } from "../plan/plan";
import { type Program, type Running, compileProgram } from "../plan/program";
import { stopOnIssues } from "./failures";
import { type PlanLog, batchReason, logged } from "./plan-log";
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
    private readonly log?: PlanLog,
  ) {}

  /** One update. @throws IssuesError */
  step(count: number): Compiled<Step> {
    const known = this.steps.get(count);
    if (known) return known;
    const reason = (): string => batchReason(count, this.steps.keys());
    const made = logged(this.log, "training step", reason, () => {
      const step = this.traceStep(count, true);
      stopOnIssues(step);
      for (const { name, leaf, fill } of step.optimizerState) this.store.addFilled(`optimizer.${name}`, leaf, fill);
      const outputs: Tensor[] = [step.loss];
      if (step.prediction) outputs.push(step.prediction);
      if (step.statistics) outputs.push(step.statistics);
      if (step.finite) outputs.push(step.finite);
      return { traced: step, program: this.compile(outputs, step.assignments) };
    });
    this.steps.set(count, made);
    return made;
  }

  /** Loss and prediction as in evaluation. */
  evaluation(count: number): Compiled<Forward> {
    const known = this.evaluations.get(count);
    if (known) return known;
    const reason = (): string => batchReason(count, this.evaluations.keys());
    const made = logged(this.log, "evaluation", reason, () => {
      const forward = this.traceForward(count);
      const { loss, prediction } = forward;
      return { traced: forward, program: this.compile(prediction ? [loss, prediction] : [loss]) };
    });
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
    return this.read("forward", key, batch, randomKey, () => this.traceForward(batch.size), pick);
  }

  /** The same of a whole step as in training; nothing is updated by it. */
  differentiate(
    key: string,
    batch: Batch,
    randomKey: readonly [number, number],
    pick: (step: Step) => readonly Tensor[],
  ): Promise<Values[]> {
    return this.read("step", key, batch, randomKey, () => this.traceStep(batch.size, false), pick);
  }

  private async read<T extends Forward>(
    part: string,
    what: string,
    batch: Batch,
    randomKey: readonly [number, number],
    trace: () => T,
    pick: (traced: T) => readonly Tensor[],
  ): Promise<Values[]> {
    const key = `${part} ${what} ${batch.size}`;
    let known = this.observations.get(key);
    if (!known) {
      const others = [...this.observations.keys()].filter((other) => other.startsWith(`${part} ${what} `));
      const sizes = others.map((other) => Number(other.split(" ").at(-1)));
      known = logged(
        this.log,
        `${part} for ${what}`,
        () => batchReason(batch.size, sizes),
        () => {
          const traced = trace();
          const picked = pick(traced);
          return { traced, picked, program: this.compile(picked) };
        },
      );
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

  private compile(outputs: readonly Tensor[], assignments?: ReadonlyMap<Tensor, Tensor>): Program {
    return compileProgram(planGraph([...new Set(outputs)], assignments), this.store.backend, this.store.buffers);
  }
}

/** Writes a batch's fields over the leaves that stand for them. */
export function feed(program: Program, { batch: leaves }: Forward, batch: Batch): void {
  leaves.inputs.forEach((leaf, i) => program.write(leaf, batch.inputs[i].data));
  leaves.targets.forEach((leaf, i) => program.write(leaf, batch.targets[i].data));
}

/** Gives a step its inputs; it runs as far as it is asked to. */
export function startStep(
  { traced, program }: Compiled<Step>,
  batch: Batch,
  {
    randomKey,
    rate,
    count,
  }: { readonly randomKey: readonly [number, number]; readonly rate: number; readonly count: number },
): Running {
  feed(program, traced, batch);
  if (traced.trace.randomKey) program.write(traced.trace.randomKey, [...randomKey]);
  program.write(traced.learningRate, [rate]);
  program.write(traced.count, [count]);
  return program.start();
}
