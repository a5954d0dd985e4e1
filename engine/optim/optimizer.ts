import { isBias } from "../graph/names";
import { nameTensor, type Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import { add, mul } from "../ops";
import { type GroupOf, type ParameterGroup, matchesName, resolveGroup } from "./groups";
import { type Rules, flag, nonNegative, positive, type required, resolveSettings, show } from "./settings";

/**
 * A rule by which training changes parameters. It holds no numbers: the state lives in the run, and
 * {@link Optimizer.update} builds nodes of the step graph.
 */
export interface Optimizer {
  /** The function that made it: `adam`. */
  readonly name: string;
  /** The base rate η, before a schedule. */
  readonly learningRate: number;
  /** All options with their defaults filled in (groups aside), plain data: for display and checkpoints. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Options that differ for some parameters. All groups that match a parameter apply; a later one wins. */
  readonly groups: readonly ParameterGroup[];
  /** Names and initial fills of the state tensors of one parameter, each in the parameter's shape. */
  readonly state: readonly StateTensor[];
  /** Builds the new parameter and the new state (in the order of {@link state}) from ordinary nodes. */
  update(context: UpdateContext): Updated;
}

export interface StateTensor {
  readonly name: string;
  readonly fill: number;
}

export interface UpdateContext {
  /** The parameter's name in the model, which groups match. */
  readonly name: string;
  readonly parameter: Tensor;
  /** In the parameter's shape, clipped already if training clips. */
  readonly gradient: Tensor;
  readonly state: readonly Tensor[];
  /** float32 scalar leaf: the base rate with the schedule applied. A group's factor is applied inside. */
  readonly learningRate: Tensor;
  /** float32 scalar leaf: 1 for the first update. */
  readonly step: Tensor;
}

export interface Updated {
  readonly parameter: Tensor;
  readonly state: readonly Tensor[];
}

/** Options that every optimiser has. */
export interface CommonSettings {
  /** Base rate η, above 0. */
  learningRate: number;
  /** λ: the gradient becomes g + λθ (adamW: θ shrinks by ηλθ instead). For a cost term λ'/(2n)·Σθ² give λ'/n. Default 0. */
  weightDecay: number;
  /** Whether the decay reaches biases too, as in PyTorch. Default true. */
  decayBiases: boolean;
}

/** An optimiser's parameter: its options, those in `Needed` not to be left out, and groups. */
export type OptionsOf<S extends CommonSettings, Needed extends keyof S = never> = Readonly<
  Partial<S> & Pick<S, Needed>
> & {
  /** Options that differ for some parameters. */
  readonly groups?: readonly GroupOf<S>[];
};

/** Rules of the common options. */
export function commonRules(learningRate: number | typeof required, weightDecay = 0): Rules<CommonSettings> {
  return {
    learningRate: positive(learningRate),
    weightDecay: nonNegative(weightDecay),
    decayBiases: flag(true),
  };
}

export interface Definition<S extends CommonSettings> {
  readonly name: string;
  readonly rules: Rules<S>;
  /** What is wrong with options that are right one by one, if anything: the base's, and each group's beside the base's. */
  readonly conflict?: (settings: S, base: S) => string | undefined;
  /** State tensors that any of the settings (the base's and each group's) needs. */
  readonly state: (all: readonly S[]) => readonly StateTensor[];
  /** The update of one parameter under its own settings: group, bias rule and group rate are seen to. */
  readonly rule: (context: UpdateContext, settings: S) => Updated;
}

/** Makes an optimiser from its definition and the user's options. @throws one clear Error on unfit options. */
export function defineOptimizer<S extends CommonSettings>(definition: Definition<S>, given: unknown): Optimizer {
  const { name, rules, conflict } = definition;
  const { groups: givenGroups, ...rest } = asOptions(given);
  // What is no object is handed on, for the error that shows an example.
  const base = resolveSettings<S>(name, rules, isObject(given) ? rest : given);
  if (givenGroups !== undefined && !Array.isArray(givenGroups)) {
    throw new Error(`${name}: groups must be a list of { match, … }, got ${show(givenGroups)}`);
  }
  const groups = ((givenGroups ?? []) as unknown[]).map((group) => resolveGroup<S>(name, rules, group));
  const all: S[] = [base, ...groups.map(({ overrides }) => ({ ...base, ...overrides }))];
  for (const settings of all) {
    const problem = conflict?.(settings, base);
    if (problem !== undefined) throw new Error(`${name}: ${problem}`);
  }
  const state = definition.state(all);

  const settingsOf = (parameter: string): S => {
    const settings = { ...base };
    for (const { match, overrides } of groups) if (matchesName(match, parameter)) Object.assign(settings, overrides);
    if (!settings.decayBiases && isBias(parameter)) settings.weightDecay = 0;
    return settings;
  };

  return {
    name,
    learningRate: base.learningRate,
    options: base as unknown as Readonly<Record<string, unknown>>,
    groups: groups.map(({ match, overrides }) => ({ match, ...overrides })),
    state,
    update: (context) =>
      composite(name, () => {
        if (context.state.length !== state.length) {
          throw new Error(
            `internal: ${name} has ${state.length} state tensors, ${context.name} came with ${context.state.length}`,
          );
        }
        const settings = settingsOf(context.name);
        const proportion = settings.learningRate / base.learningRate;
        const learningRate = proportion === 1 ? context.learningRate : mul(context.learningRate, proportion);
        const updated = definition.rule({ ...context, learningRate }, settings);
        updated.state.forEach((next, i) => nameTensor(next, `${context.name}.${state[i].name}`));
        return updated;
      }),
  };
}

/** g + λθ: the gradient of the cost with the term λ/2·θ² added. */
export function decayedGradient({ gradient, parameter }: UpdateContext, weightDecay: number): Tensor {
  return weightDecay === 0 ? gradient : add(gradient, mul(parameter, weightDecay));
}

/** β·average + (1−β)·value. */
export function averaged(average: Tensor, value: Tensor, beta: number): Tensor {
  return add(mul(average, beta), mul(value, 1 - beta));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asOptions(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
