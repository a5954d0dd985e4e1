import { type Tensor } from "../graph/tensor";
import type { ScopedCall } from "../graph/trace";
import { isBuiltIn, isContainer, modulePath, moduleSite, moduleType, namedParameters, type Module } from "../nn/module";
import { type Site, samePlace } from "../graph/site";
import { Tensor as TensorClass } from "../graph/tensor";
import { concat, reshape, scalar, sqrt, sum, square } from "../ops";
import type { BackwardPass } from "../autodiff/gradients";

/**
 * Health of one layer in one iteration. Norms are Euclidean; fractions are of units or elements in the batch;
 * NaN where a figure has no meaning for the layer.
 */
export interface LayerStatistics {
  /** Norm of ∂cost/∂output of the layer. */
  readonly outputGradient: number;
  /** Norm of the gradient of all its parameters. */
  readonly gradient: number;
  /** Norm of its parameters before the update. */
  readonly weight: number;
  /** Norm of the update: new − old parameters. */
  readonly update: number;
  /** Mean square root of the output's elements. */
  readonly activation: number;
  /** Fraction of units that are 0 for the whole batch behind a rectifier. */
  readonly dead: number;
  /** Fraction of elements in the flat ends of a sigmoid or tanh. */
  readonly saturated: number;
}

export const STATISTICS = [
  "outputGradient",
  "gradient",
  "weight",
  "update",
  "activation",
  "dead",
  "saturated",
] as const satisfies readonly (keyof LayerStatistics)[];

export interface Layer {
  readonly name: string;
  readonly type: string;
  /** Where it is called, or made if a container calls it. */
  readonly site: Site | undefined;
  readonly module: Module;
  readonly outputs: readonly Tensor[];
  readonly call: ScopedCall;
}

/**
 * The calls that count as layers: built-in layers called by user code or containers, and user modules with parameters of
 * their own. Parts of a built-in layer are not listed, nor are containers and plain user modules: their layers are.
 */
export function layersOf(calls: readonly ScopedCall[]): Layer[] {
  const inside = new Set(
    calls
      .filter(({ module }) => isBuiltIn(module as Module) && !isContainer(module as Module))
      .map((call) => call.scope),
  );
  return calls.flatMap((call) => {
    const module = call.module as Module;
    if (isContainer(module) || (modulePath(module) === "" && !isBuiltIn(module) && !ownsParameters(module))) return [];
    if (!isBuiltIn(module) && !ownsParameters(module)) return [];
    for (let scope = call.scope?.parent; scope; scope = scope.parent) if (inside.has(scope)) return [];
    const made = moduleSite(module);
    const parent = call.scope?.parent;
    const byContainer = parent?.kind === "module" && parent.site !== undefined && call.scope?.site === parent.site;
    return [
      {
        name: modulePath(module) || moduleType(module),
        type: moduleType(module),
        site:
          byContainer || samePlace(call.scope?.site, parent?.site)
            ? (made ?? call.scope?.site)
            : (call.scope?.site ?? made),
        module,
        outputs: tensorsIn(call.output),
        call,
      },
    ];
  });
}

function ownsParameters(module: Module): boolean {
  return [...namedParameters(module).keys()].some((path) => !path.includes("."));
}

/** All tensors in a value that may be a tensor, a list or a record. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof TensorClass) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(tensorsIn);
  return [];
}

export interface StatisticsContext {
  readonly layers: readonly Layer[];
  readonly forward: readonly Tensor[];
  readonly backward: BackwardPass;
  readonly gradients: ReadonlyMap<Tensor, Tensor>;
  readonly updated: ReadonlyMap<Tensor, Tensor>;
}

/**
 * One vector of all figures of all layers, layer by layer in the order of {@link STATISTICS}: nodes of the step
 * graph, so that reading them is one small copy.
 */
export function statisticsVector(context: StatisticsContext): Tensor | undefined {
  if (context.layers.length === 0) return undefined;
  const figures = context.layers.flatMap((layer) => layerFigures(layer, context));
  return concat(figures.map((figure) => reshape(figure, [1])));
}

function layerFigures(layer: Layer, { forward, backward, gradients, updated }: StatisticsContext): Tensor[] {
  const nothing = scalar(NaN);
  const parameters = [...namedParameters(layer.module).values()].filter((parameter) => gradients.has(parameter));
  const total = (of: (parameter: Tensor) => Tensor | undefined): Tensor => {
    const squares = parameters.flatMap((parameter) => {
      const value = of(parameter);
      return value ? [sum(square(value))] : [];
    });
    return squares.length === 0 ? nothing : sqrt(squares.reduce((a, b) => a.add(b)));
  };
  const [output] = layer.outputs.filter((tensor) => tensor.dtype === "float32");
  const outputGradient = output && backward.adjoints.get(output)?.gradient;
  const behind = output && activationOf(output, forward);
  return [
    outputGradient ? sqrt(sum(square(outputGradient))) : nothing,
    total((parameter) => gradients.get(parameter)),
    total((parameter) => parameter),
    total((parameter) => updated.get(parameter)?.sub(parameter)),
    output ? sqrt(square(output).mean()) : nothing,
    (behind && deadFraction(behind)) ?? nothing,
    (behind && saturatedFraction(behind)) ?? nothing,
  ];
}

/** Activations that are 0 for a whole half of their inputs. */
export const RECTIFIERS: ReadonlySet<string> = new Set(["relu"]);
/** Values beyond which sigmoid and tanh have less than about 4 % of their largest slope. */
export const SATURATION: Readonly<Record<string, readonly [low: number, high: number] | undefined>> = {
  sigmoid: [0.01, 0.99],
  tanh: [-0.98, 0.98],
};

/** The activation that belongs to a layer: the layer itself, or the first one that is applied to its output. */
export function activationOf(output: Tensor, forward: readonly Tensor[]): Tensor | undefined {
  // Within a composite, such as a loss, they are means of calculation and no activations.
  const isActivation = (node: Tensor): boolean =>
    (RECTIFIERS.has(node.op) || SATURATION[node.op] !== undefined) && node.scope?.kind !== "composite";
  if (isActivation(output)) return output;
  return forward.find((node) => node.inputs.includes(output) && isActivation(node));
}

/** Units are features of [N, …, F] or channels of [N, C, H, W]. Undefined where there is no rectifier. */
export function deadFraction(activation: Tensor): Tensor | undefined {
  if (!RECTIFIERS.has(activation.op)) return undefined;
  const unit = activation.rank === 4 ? 1 : activation.rank - 1;
  const others = activation.shape.map((_, axis) => axis).filter((axis) => axis !== unit);
  const largest = others.length === 0 ? activation : activation.max(others);
  return largest.le(0).cast("float32").mean();
}

/** Undefined where there is no flat end. */
export function saturatedFraction(activation: Tensor): Tensor | undefined {
  const ends = SATURATION[activation.op];
  if (!ends) return undefined;
  const [low, high] = ends;
  return activation.lt(low).logicalOr(activation.gt(high)).cast("float32").mean();
}

/** Reads the vector back into records. */
export function readStatistics(values: ArrayLike<number>, count: number): LayerStatistics[] {
  return Array.from({ length: count }, (_, layer) => {
    const at = (figure: (typeof STATISTICS)[number]): number =>
      values[layer * STATISTICS.length + STATISTICS.indexOf(figure)];
    return {
      outputGradient: at("outputGradient"),
      gradient: at("gradient"),
      weight: at("weight"),
      update: at("update"),
      activation: at("activation"),
      dead: at("dead"),
      saturated: at("saturated"),
    };
  });
}
