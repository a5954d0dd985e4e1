import type { Tensor } from "../graph/tensor";
import { add, div, eq, expm1, mul, neg, sub, where } from "../ops";
import {
  type CommonSettings,
  type Optimizer,
  type OptionsOf,
  averaged,
  commonRules,
  decayedGradient,
  defineOptimizer,
} from "./optimizer";
import { type Rules, belowOne, flag, required } from "./settings";

/**
 * Gradient descent: θ ← θ − ηg, of batches when training has them. With momentum μ as in PyTorch:
 * V ← μV + (1−dampening)g, the first time V ← g; θ ← θ − ηV, or with `nesterov` θ ← θ − η(g + μV).
 * @throws on unfit options; `nesterov` needs a momentum and no dampening.
 */
export function sgd(options: SgdOptions): Optimizer {
  return defineOptimizer<SgdSettings>(
    {
      name: "sgd",
      rules: { ...commonRules(required), momentum: belowOne(0), dampening: belowOne(0), nesterov: flag(false) },
      conflict: ({ momentum, dampening, nesterov }) => {
        if (!nesterov || (momentum > 0 && dampening === 0)) return undefined;
        return `nesterov needs a momentum above 0 and no dampening, got momentum ${momentum} and dampening ${dampening}`;
      },
      state: (all) => (all.some(({ momentum }) => momentum > 0) ? [velocity] : []),
      rule: (context, settings) => {
        const gradient = decayedGradient(context, settings.weightDecay);
        if (context.state.length === 0) {
          return { parameter: descend(context.parameter, context.learningRate, gradient), state: [] };
        }
        const next = add(mul(context.state[0], settings.momentum), dampened(gradient, settings, context.step));
        const direction = settings.nesterov ? add(gradient, mul(next, settings.momentum)) : next;
        return { parameter: descend(context.parameter, context.learningRate, direction), state: [next] };
      },
    },
    options,
  );
}

export interface SgdSettings extends CommonSettings {
  /** μ in [0, 1). Default 0: none. */
  momentum: number;
  /** The share of a new gradient that does not enter V, in [0, 1). Default 0. */
  dampening: number;
  /** Looks ahead along V. Default false. */
  nesterov: boolean;
}

export type SgdOptions = OptionsOf<SgdSettings, "learningRate">;

/** Momentum in PyTorch's form: V ← βV + g, θ ← θ − ηV. The notes' form is {@link momentumEwma}. */
export function momentum(options: MomentumOptions): Optimizer {
  return defineOptimizer<MomentumSettings>(
    {
      name: "momentum",
      rules: momentumRules(),
      state: () => [velocity],
      rule: (context, { weightDecay, beta }) => {
        const next = add(mul(context.state[0], beta), decayedGradient(context, weightDecay));
        return { parameter: descend(context.parameter, context.learningRate, next), state: [next] };
      },
    },
    options,
  );
}

export interface MomentumSettings extends CommonSettings {
  /** β in [0, 1): how much of the velocity stays. Default 0.9. */
  beta: number;
}

export type MomentumOptions = OptionsOf<MomentumSettings, "learningRate">;

/**
 * Momentum in the notes' form, an exponentially weighted moving average: V ← βV + (1−β)g, θ ← θ − ηV.
 * With `biasCorrection`, θ ← θ − ηV/(1−βᵗ).
 */
export function momentumEwma(options: MomentumEwmaOptions): Optimizer {
  return defineOptimizer<MomentumEwmaSettings>(
    {
      name: "momentumEwma",
      rules: { ...momentumRules(), biasCorrection: flag(false) },
      state: () => [velocity],
      rule: (context, { weightDecay, beta, biasCorrection }) => {
        const next = averaged(context.state[0], decayedGradient(context, weightDecay), beta);
        const direction = biasCorrection ? unbiased(next, beta, context.step) : next;
        return { parameter: descend(context.parameter, context.learningRate, direction), state: [next] };
      },
    },
    options,
  );
}

export interface MomentumEwmaSettings extends MomentumSettings {
  /** Divides V by 1−βᵗ, as the average of few values is too small. Default false. */
  biasCorrection: boolean;
}

export type MomentumEwmaOptions = OptionsOf<MomentumEwmaSettings, "learningRate">;

/** Nesterov's accelerated gradient in PyTorch's form: V ← βV + g, θ ← θ − η(g + βV). */
export function nesterov(options: MomentumOptions): Optimizer {
  return defineOptimizer<MomentumSettings>(
    {
      name: "nesterov",
      rules: momentumRules(),
      state: () => [velocity],
      rule: (context, { weightDecay, beta }) => {
        const gradient = decayedGradient(context, weightDecay);
        const next = add(mul(context.state[0], beta), gradient);
        const direction = add(gradient, mul(next, beta));
        return { parameter: descend(context.parameter, context.learningRate, direction), state: [next] };
      },
    },
    options,
  );
}

/** θ − η·direction. */
export function descend(parameter: Tensor, learningRate: Tensor, direction: Tensor): Tensor {
  return sub(parameter, mul(direction, learningRate));
}

/** average / (1 − βᵗ). The power as −expm1(t·ln β), since 1 − 0.999ᵗ of float32 numbers keeps few digits. */
export function unbiased(average: Tensor, beta: number, step: Tensor): Tensor {
  return beta === 0 ? average : div(average, neg(expm1(mul(step, Math.log(beta)))));
}

/** The part of the gradient that enters V: all of it the first time, and where there is no momentum. */
function dampened(gradient: Tensor, { momentum, dampening }: SgdSettings, step: Tensor): Tensor {
  if (dampening === 0 || momentum === 0) return gradient;
  return mul(gradient, where(eq(step, 1), 1, 1 - dampening));
}

function momentumRules(): Rules<MomentumSettings> {
  return { ...commonRules(required), beta: belowOne(0.9) };
}

const velocity = { name: "velocity", fill: 0 };
