import type { Tensor } from "../graph/tensor";
import { add, div, mul, sqrt, square, sub } from "../ops";
import { descend, unbiased } from "./momentum";
import {
  type CommonSettings,
  type Optimizer,
  type OptionsOf,
  type UpdateContext,
  type Updated,
  averaged,
  commonRules,
  decayedGradient,
  defineOptimizer,
} from "./optimizer";
import { type Rules, belowOne, flag, nonNegative } from "./settings";

/**
 * RMSprop (Hinton): S ← βS + (1−β)g², θ ← θ − ηg/(√S+ε).
 * As in PyTorch, whose `alpha` is β (there 0.99): `centered` takes √(S−M²) with the mean gradient M,
 * `momentum` μ gives V ← μV + g/(√S+ε), θ ← θ − ηV.
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  return defineOptimizer<RmspropSettings>(
    {
      name: "rmsprop",
      rules: {
        ...commonRules(0.01),
        beta: belowOne(0.9),
        epsilon: nonNegative(1e-8),
        momentum: belowOne(0),
        centered: flag(false),
      },
      conflict: ({ centered }, base) =>
        centered === base.centered ? undefined : "centered cannot differ between groups",
      state: (all) => [
        { name: "squareAverage", fill: 0 },
        ...(all[0].centered ? [{ name: "gradientAverage", fill: 0 }] : []),
        ...(all.some(({ momentum }) => momentum > 0) ? [{ name: "velocity", fill: 0 }] : []),
      ],
      rule: rmspropRule,
    },
    options,
  );
}

export interface RmspropSettings extends CommonSettings {
  /** β in [0, 1): how much of the average of squares stays. Default 0.9. */
  beta: number;
  /** ε, added outside the root. Default 1e-8. */
  epsilon: number;
  /** μ in [0, 1). Default 0: none. */
  momentum: number;
  /** Divides by the gradient's standard deviation instead of its root mean square; the same for all groups. Default false. */
  centered: boolean;
}

export type RmspropOptions = OptionsOf<RmspropSettings>;

/**
 * Adagrad (Duchi et al. 2011): S ← S + g², θ ← θ − ηg/(√S+ε). `learningRateDecay` d gives η/(1+(t−1)d) at update t.
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  return defineOptimizer<AdagradSettings>(
    {
      name: "adagrad",
      rules: {
        ...commonRules(0.01),
        learningRateDecay: nonNegative(0),
        initialAccumulator: nonNegative(0),
        epsilon: nonNegative(1e-10),
      },
      conflict: ({ initialAccumulator }, base) =>
        initialAccumulator === base.initialAccumulator ? undefined : "initialAccumulator cannot differ between groups",
      state: ([{ initialAccumulator }]) => [{ name: "squareSum", fill: initialAccumulator }],
      rule: (context, { weightDecay, learningRateDecay, epsilon }) => {
        const gradient = decayedGradient(context, weightDecay);
        const squares = add(context.state[0], square(gradient));
        const rate =
          learningRateDecay === 0
            ? context.learningRate
            : div(context.learningRate, add(mul(sub(context.step, 1), learningRateDecay), 1));
        const direction = div(gradient, add(sqrt(squares), epsilon));
        return { parameter: descend(context.parameter, rate, direction), state: [squares] };
      },
    },
    options,
  );
}

export interface AdagradSettings extends CommonSettings {
  /** d in η/(1+(t−1)d). Default 0. */
  learningRateDecay: number;
  /** What S begins with; the same for all groups. Default 0. */
  initialAccumulator: number;
  /** ε, added outside the root. Default 1e-10, as in PyTorch. */
  epsilon: number;
}

export type AdagradOptions = OptionsOf<AdagradSettings>;

/**
 * Adam (Kingma & Ba 2015): V ← β₁V + (1−β₁)g, S ← β₂S + (1−β₂)g², bias-corrected V̂ = V/(1−β₁ᵗ), Ŝ = S/(1−β₂ᵗ),
 * θ ← θ − ηV̂/(√Ŝ+ε).
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return defineOptimizer<AdamSettings>(
    {
      name: "adam",
      rules: adamRules(0),
      state: () => moments,
      rule: (context, settings) =>
        adamStep(context, context.parameter, decayedGradient(context, settings.weightDecay), settings),
    },
    options,
  );
}

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019): θ ← θ − ηλθ, then Adam's update with the bare gradient. λ is 0.01 by default. */
export function adamW(options: AdamOptions = {}): Optimizer {
  return defineOptimizer<AdamSettings>(
    {
      name: "adamW",
      rules: adamRules(0.01),
      state: () => moments,
      rule: (context, settings) => {
        const { parameter, gradient, learningRate } = context;
        const shrunk =
          settings.weightDecay === 0
            ? parameter
            : sub(parameter, mul(parameter, mul(learningRate, settings.weightDecay)));
        return adamStep(context, shrunk, gradient, settings);
      },
    },
    options,
  );
}

export interface AdamSettings extends CommonSettings {
  /** β₁ in [0, 1), of the gradient's average. Default 0.9. */
  beta1: number;
  /** β₂ in [0, 1), of the squares' average. Default 0.999. */
  beta2: number;
  /** ε, added outside the root. Default 1e-8. */
  epsilon: number;
}

export type AdamOptions = OptionsOf<AdamSettings>;

const moments = [
  { name: "firstMoment", fill: 0 },
  { name: "secondMoment", fill: 0 },
];

function rmspropRule(context: UpdateContext, settings: RmspropSettings): Updated {
  const { parameter, state, learningRate } = context;
  const { beta, epsilon, momentum, centered } = settings;
  const gradient = decayedGradient(context, settings.weightDecay);
  const next = [averaged(state[0], square(gradient), beta)];
  if (centered) next.push(averaged(state[1], gradient, beta));
  const spread = sqrt(centered ? sub(next[0], square(next[1])) : next[0]);
  const scaled = div(gradient, add(spread, epsilon));
  if (state.length === next.length) return { parameter: descend(parameter, learningRate, scaled), state: next };
  const velocity = add(mul(state[next.length], momentum), scaled);
  return { parameter: descend(parameter, learningRate, velocity), state: [...next, velocity] };
}

function adamRules(weightDecay: number): Rules<AdamSettings> {
  return {
    ...commonRules(0.001, weightDecay),
    beta1: belowOne(0.9),
    beta2: belowOne(0.999),
    epsilon: nonNegative(1e-8),
  };
}

function adamStep(context: UpdateContext, from: Tensor, gradient: Tensor, settings: AdamSettings): Updated {
  const { state, step, learningRate } = context;
  const first = averaged(state[0], gradient, settings.beta1);
  const second = averaged(state[1], square(gradient), settings.beta2);
  const spread = add(sqrt(unbiased(second, settings.beta2, step)), settings.epsilon);
  const direction = div(unbiased(first, settings.beta1, step), spread);
  return { parameter: descend(from, learningRate, direction), state: [first, second] };
}
