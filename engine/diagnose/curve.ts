import type { LayerStatistics } from "../train/statistics";

/** Some iterations in a row. */
export interface Stretch {
  /** The last of them. */
  readonly iteration: number;
  readonly count: number;
  /** Of the training loss. */
  readonly mean: number;
  /** Sum of squared differences from the mean. */
  readonly squares: number;
  readonly most: number;
  readonly learningRate: number;
  /** Per layer, geometric mean of update over weight; NaN where there is none. */
  readonly ratios: readonly number[];
  /** Per layer, geometric mean of the gradient's norm. */
  readonly gradients: readonly number[];
  /** Per layer, geometric mean of update over gradient and learning rate. */
  readonly steps: readonly number[];
  /** What was known of the whole training by its end. */
  readonly so: { readonly paths: readonly number[]; readonly largestGradients: readonly number[] };
}

/** The course of a training in bounded memory: stretches of equal length, which doubles when there are too many. */
export class Curve {
  private stretches: Stretch[] = [];
  private length = 1;
  /** Iterations so far. */
  count = 0;
  /** Per layer, updates so far relative to the weights: an upper bound of how far it has moved. */
  paths: number[] = [];
  /** The first iterations, as they were. */
  first: { readonly loss: number; readonly ratios: readonly number[] }[] = [];
  /** Per layer, the largest norm of the gradient so far, and the first. */
  largestGradients: number[] = [];
  firstGradients: number[] = [];
  /** Per layer, update over gradient and learning rate, the first. */
  firstSteps: number[] = [];

  add(iteration: number, loss: number, learningRate: number, statistics: readonly LayerStatistics[]): void {
    this.count++;
    const ratios = statistics.map(({ update, weight }) => (weight > 0 ? update / weight : NaN));
    const gradients = statistics.map(({ gradient }) => gradient);
    const steps = statistics.map(({ update, gradient }) => (gradient > 0 ? update / (gradient * learningRate) : NaN));
    statistics.forEach(({ update, weight }, layer) => {
      const step = weight > 0 ? update / weight : update > 0 ? 1 : 0;
      this.paths[layer] = (this.paths[layer] ?? 0) + (Number.isNaN(step) ? 0 : step);
      const gradient = gradients[layer];
      this.firstGradients[layer] ??= gradient;
      if (!(this.firstSteps[layer] > 0)) this.firstSteps[layer] = steps[layer];
      this.largestGradients[layer] = Math.max(this.largestGradients[layer] ?? 0, Number.isNaN(gradient) ? 0 : gradient);
    });
    if (this.first.length < 20) this.first.push({ loss, ratios });
    const one: Stretch = {
      iteration,
      count: 1,
      mean: loss,
      squares: 0,
      most: loss,
      learningRate,
      ratios,
      gradients,
      steps,
      so: { paths: [...this.paths], largestGradients: [...this.largestGradients] },
    };
    const last = this.stretches.at(-1);
    if (last && last.count < this.length) this.stretches[this.stretches.length - 1] = joined(last, one);
    else this.stretches.push(one);
    if (this.stretches.length <= MOST_STRETCHES || (this.stretches.at(-1) as Stretch).count < this.length) return;
    this.length *= 2;
    const merged: Stretch[] = [];
    for (let i = 0; i < this.stretches.length; i += 2) {
      const next = this.stretches.at(i + 1);
      merged.push(next ? joined(this.stretches[i], next) : this.stretches[i]);
    }
    this.stretches = merged;
  }

  /** Forgets what came after an iteration, and the stretch that it stands in unless it ends it. */
  rewind(iteration: number): void {
    this.stretches = this.stretches.filter((stretch) => stretch.iteration <= iteration);
    const so = this.stretches.at(-1)?.so;
    this.count = this.stretches.reduce((sum, { count }) => sum + count, 0);
    this.first = this.first.slice(0, this.count);
    this.paths = [...(so?.paths ?? [])];
    this.largestGradients = [...(so?.largestGradients ?? [])];
    if (!so) [this.firstGradients, this.firstSteps] = [[], []];
  }

  /** About `parts` stretches of equal length that cover the training, the last one possibly short. */
  parts(parts: number): Stretch[] {
    const each = Math.max(1, Math.ceil(this.stretches.length / parts));
    const result: Stretch[] = [];
    for (let i = 0; i < this.stretches.length; i += each) {
      result.push(this.stretches.slice(i, i + each).reduce(joined));
    }
    return result;
  }

  get all(): readonly Stretch[] {
    return this.stretches;
  }
}

const MOST_STRETCHES = 128;

function joined(a: Stretch, b: Stretch): Stretch {
  const count = a.count + b.count;
  const difference = b.mean - a.mean;
  return {
    iteration: b.iteration,
    count,
    mean: a.mean + (difference * b.count) / count,
    squares: a.squares + b.squares + (difference * difference * a.count * b.count) / count,
    most: Math.max(a.most, b.most),
    learningRate: b.learningRate,
    so: b.so,
    ratios: b.ratios.map((ratio, i) => geometric(a.ratios[i], a.count, ratio, b.count)),
    steps: b.steps.map((step, i) => geometric(a.steps[i], a.count, step, b.count)),
    gradients: b.gradients.map((gradient, i) => geometric(a.gradients[i], a.count, gradient, b.count)),
  };
}

function geometric(a: number, m: number, b: number, n: number): number {
  if (Number.isNaN(a)) return b;
  if (Number.isNaN(b)) return a;
  return a <= 0 || b <= 0 ? (a * m + b * n) / (m + n) : Math.exp((Math.log(a) * m + Math.log(b) * n) / (m + n));
}
