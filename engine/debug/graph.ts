import type { Adjoint, BackwardPass, Contribution } from "../autodiff/gradients";
import { reachable } from "../graph/order";
import { type Site, samePlace } from "../graph/site";
import { type Scope, type Tensor, isResult, writtenAt } from "../graph/tensor";
import { moduleCallOf } from "../graph/trace";
import { type Module, isContainer, modulePath, moduleSite, namedModules } from "../nn/module";
import { Parameter } from "../nn/parameter";
import { gradientNodes } from "../train/records";
import type { Step as TrainingStep } from "../train/step";
import { type Training, optionSite } from "../train/training";
import { operationName } from "./variables/labels";
import { type Level, type NumberedStep, type Step, numberSteps, scopesOf } from "./levels";

/** What a debugger steps through: all that one iteration, or one free program, computes, in order. */
export interface DebugGraph {
  readonly steps: readonly NumberedStep[];
  /** Which step computes a node. */
  readonly indexOf: ReadonlyMap<Tensor, number>;
  /** Everything that {@link steps} need, leaves and constants among it, in order. */
  readonly nodes: readonly Tensor[];
  /** What is differentiated: the cost of a training, a program's result. */
  readonly output: Tensor;
  readonly pass: BackwardPass | undefined;
  readonly adjoints: ReadonlyMap<Tensor, Adjoint>;
  /** For each node of the backward pass that is one: the contribution that it is the value of. */
  readonly contributions: ReadonlyMap<Tensor, { readonly to: Tensor; readonly contribution: Contribution }>;
  /** Trainable parameters (or variables of a free program) by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Of a training or a loop's update; undefined for a program that only differentiates. */
  readonly training: TrainingGraph | undefined;
  /** Where frames without a place of their own stand. */
  readonly place: Site | undefined;
}

/** What an update has beside its gradients. */
export type TrainingGraph = Pick<
  TrainingStep,
  "loss" | "gradients" | "assignments" | "learningRate" | "count" | "optimizerState" | "trace"
> & {
  readonly optimizer: string;
  /** The whole step, where `training(…)` made it. */
  readonly step: TrainingStep | undefined;
};

/** @param step traced with local derivatives, without statistics */
export function graphOfTraining(training: Training, step: TrainingStep): DebugGraph {
  const outputs = [
    step.cost,
    ...gradientNodes(step.backward),
    ...step.gradients.values(),
    ...step.assignments.values(),
  ];
  const place = training.site;
  const sites = {
    update: optionSite(training, "optimizer") ?? place,
    clip: optionSite(training, "clip") ?? place,
    penalty: optionSite(training, "l2") ?? place,
    fallback: place,
  };
  return buildGraph(outputs, step.cost, step.backward, {
    parameters: step.parameters,
    sites,
    contained: containedLayers(training.model),
    place,
    training: { ...step, step, optimizer: training.optimizer.name },
  });
}

/** @param pass undefined where the result has no gradient: there is only a forward then. */
export function graphOfProgram(
  output: Tensor,
  pass: BackwardPass | undefined,
  others: readonly Tensor[] = [],
): DebugGraph {
  const outputs = [...others, output, ...(pass ? gradientNodes(pass) : [])];
  const leaves = reachable(outputs).filter(isNamedLeaf);
  const parameters = new Map(
    leaves.filter((leaf) => pass?.adjoints.has(leaf)).map((leaf) => [leaf.name ?? `%${leaf.id}`, leaf]),
  );
  const place = output.site;
  return buildGraph(outputs, output, pass, {
    parameters,
    sites: { update: place, clip: place, penalty: place, fallback: place },
    place,
    training: undefined,
    leaves: new Set(leaves),
  });
}

/** An update of a loop that the user wrote. */
export function graphOfLoop(
  training: TrainingGraph,
  pass: BackwardPass,
  parameters: ReadonlyMap<string, Tensor>,
  place: Site | undefined,
): DebugGraph {
  const outputs = [pass.output, ...gradientNodes(pass), ...training.assignments.values()];
  const leaves = reachable(outputs).filter((node) => isNamedLeaf(node) && !(node instanceof Parameter));
  return buildGraph(outputs, pass.output, pass, {
    parameters,
    sites: { update: place, clip: place, penalty: place, fallback: place },
    place,
    training,
    leaves: new Set(leaves),
  });
}

/** Leaves of a free program that its text names are steps of their own. */
function isNamedLeaf(node: Tensor): boolean {
  return (
    (node instanceof Parameter || (node.op === "constant" && isResult(node))) &&
    node.site !== undefined &&
    node.name !== undefined
  );
}

interface Parts {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly sites: {
    readonly update: Site | undefined;
    readonly clip: Site | undefined;
    /** Of the cost's term for weight decay. */
    readonly penalty: Site | undefined;
    readonly fallback: Site | undefined;
  };
  readonly place: Site | undefined;
  readonly training: TrainingGraph | undefined;
  readonly leaves?: ReadonlySet<Tensor>;
  /** Of a training: layers that a container calls, by path, with where they were made, as no line of the user's calls them. */
  readonly contained?: ReadonlyMap<string, Site>;
}

function containedLayers(model: Module): ReadonlyMap<string, Site> {
  const layers = new Map<string, Site>();
  const modules = namedModules(model);
  for (const [path, module] of modules) {
    const container = path === "" ? undefined : modules.get(path.slice(0, Math.max(0, path.lastIndexOf("."))));
    const site = moduleSite(module);
    // Those that a layer of the engine's makes for itself have its place, not one of their own.
    if (container && isContainer(container) && site && !samePlace(site, moduleSite(container)))
      layers.set(modulePath(module), site);
  }
  return layers;
}

/** In a program without a training, what was called tells of it. */
function madeInContainer({ name, call }: Level, contained: Parts["contained"]): Site | undefined {
  if (contained) return contained.get(name);
  const scope = call as Scope;
  const [module, container] = [scope, scope.parent].map((of) => of && (moduleCallOf(of)?.module as Module | undefined));
  const site = module && moduleSite(module);
  return container && isContainer(container) && !samePlace(site, moduleSite(container)) ? site : undefined;
}

const PHASES = { forward: 0, backward: 1, update: 2 } as const;

function buildGraph(
  outputs: readonly Tensor[],
  output: Tensor,
  pass: BackwardPass | undefined,
  parts: Parts,
): DebugGraph {
  const nodes = reachable(outputs);
  const adjoints = pass?.adjoints ?? new Map<Tensor, Adjoint>();
  const ordered = [...nodes].sort((a, b) => PHASES[a.phase] - PHASES[b.phase] || a.id - b.id);
  const contributions = new Map<Tensor, { to: Tensor; contribution: Contribution }>();
  /** Leaves of a program by the node with which the last of their gradient arrives. */
  const arrivals = new Map<Tensor, Tensor[]>();
  for (const { node, gradient, contributions: list } of adjoints.values()) {
    for (const contribution of list) contributions.set(contribution.value, { to: node, contribution });
    if (gradient && parts.leaves?.has(node)) arrivals.set(gradient, [...(arrivals.get(gradient) ?? []), node]);
  }
  const ownLines = linesOfOwnBackwards(ordered);
  const steps: Step[] = [];
  let waiting: Tensor[] = [];
  const arrive = (): void => {
    for (const leaf of waiting)
      steps.push({ kind: "arrived", node: leaf, direction: "backward", levels: [leafLevel(leaf)] });
    waiting = [];
  };
  ordered.forEach((node, i) => {
    // An operation's way back is one whole, also where it brings gradients to several leaves.
    if (waiting.length > 0 && node.via !== ordered[i - 1].via) arrive();
    if (parts.leaves?.has(node)) steps.push({ kind: "leaf", node, direction: "forward", levels: [leafLevel(node)] });
    else if (isComputed(node) || node === pass?.seed)
      steps.push({ kind: "compute", node, direction: node.phase, levels: levelsOf(node, parts, ownLines) });
    waiting.push(...(arrivals.get(node) ?? []));
  });
  arrive();
  const lineEnds = new Set([...contributions.values()].map(({ contribution: { sum } }) => sum));
  if (pass) lineEnds.add(pass.seed);
  const numbered = numberSteps(steps, lineEnds);
  const indexOf = new Map<Tensor, number>();
  numbered.forEach(({ kind, node }, i) => {
    if (kind !== "arrived") indexOf.set(node, i);
  });
  return {
    steps: numbered,
    indexOf,
    nodes: ordered,
    output,
    pass,
    adjoints,
    contributions,
    parameters: parts.parameters,
    training: parts.training,
    place: parts.place,
  };
}

const SOURCES: ReadonlySet<string> = new Set(["parameter", "input", "randomKey", "constant", "size"]);

/** Leaves and constants are there from the beginning. */
function isComputed(node: Tensor): boolean {
  return !SOURCES.has(node.op);
}

function leafLevel(node: Tensor): Level {
  const name = node.name ?? node.op;
  return { kind: "operation", name, type: node.op, site: node.site, call: node, node };
}

/** Of what goes back through a function with a backward of the user's own: the line of that backward; what the engine adds at its end belongs to the last. */
function linesOfOwnBackwards(ordered: readonly Tensor[]): ReadonlyMap<Tensor, Site> {
  const lines = new Map<Tensor, Site>();
  const last = new Map<Tensor, Site>();
  for (const node of ordered) {
    if (!node.via) continue;
    const site = writtenAt(node) ?? last.get(node.via);
    if (!site) continue;
    last.set(node.via, site);
    lines.set(node, site);
  }
  return lines;
}

function levelsOf(node: Tensor, { sites, training, contained }: Parts, ownLines: ReadonlyMap<Tensor, Site>): Level[] {
  const operation = (of: Tensor): Level => ({
    kind: "operation",
    name: of.op,
    type: of.op,
    site: of.site,
    call: of,
    node: of,
  });
  const levels: Level[] = [];
  if (node.phase === "update") {
    const call = UPDATE;
    const name = training?.optimizer ?? "update";
    levels.push({ kind: "update", name, type: "optimizer", site: sites.update, call, node: undefined });
    if (node.of) {
      const { of } = node;
      levels.push({ kind: "parameter", name: of.name ?? of.op, type: "parameter", site: of.site, call: of, node: of });
    } else
      levels.push({ kind: "composite", name: "clip", type: "clip", site: sites.clip, call: CLIP, node: undefined });
    levels.push({ kind: "node", name: node.op, type: node.op, site: levels[1].site, call: node, node });
  } else {
    const operand = node.phase === "backward" ? (node.via ?? node) : node;
    const ownLine = ownLines.get(node);
    for (const scope of scopesOf(operand.scope)) {
      // A formula of its own stands in for the operations of a composite; it is no call of the user's.
      if (scope.kind === "gradient") continue;
      // The call of a backward of the user's own is the operation itself.
      if (ownLine && scope === operand.scope) continue;
      levels.push({
        kind: scope.kind,
        name: scope.name,
        type: scope.type,
        site: scope.site,
        call: scope,
        node: undefined,
      });
    }
    if (ownLine) {
      const name = operationName(operand);
      levels.push({ ...operation(operand), name, type: name });
      levels.push({
        kind: "node",
        name: node.op,
        type: node.op,
        site: ownLine,
        call: node,
        node,
        isOwnLine: true,
        continues: !writtenAt(node),
      });
    } else levels.push((node.phase === "forward" && resultOf(node)) || operation(operand));
    if (node.phase === "backward" && !ownLine)
      levels.push({ kind: "node", name: node.op, type: node.op, site: operand.site, call: node, node });
  }
  // What the engine called by itself stands where what is around it stands, a container's layer where it was made.
  let site = isPenalty(node, training) ? sites.penalty : sites.fallback;
  let called: Site | undefined;
  let inContainer = false;
  return levels.map((level, depth) => {
    const around = levels[depth - 1] as Level | undefined;
    const byContainer = around?.kind === "module" && (!level.site || samePlace(level.site, around.site));
    const made = level.kind === "module" && byContainer ? madeInContainer(level, contained) : undefined;
    if (made) [inContainer, called, site] = [true, level.site, made];
    else if (level.site && !(inContainer && samePlace(level.site, called))) site = level.site;
    return level.site === site ? level : { ...level, site };
  });
}

/** A function with a gradient of its own passes on what its text's last call gives: that is part of the line. */
function resultOf(node: Tensor): Level | undefined {
  const [result] = node.inputs as readonly (Tensor | undefined)[];
  if (node.attributes.written === undefined || !result) return undefined;
  if (result.scope !== node.scope || samePlace(result.site, node.site)) return undefined;
  const name = operationName(node);
  return { kind: "operation", name, type: name, site: result.site, call: node, node, continues: true };
}

/** Whether a node belongs to the term for weight decay, or adds it to the loss. */
function isPenalty(node: Tensor, training: TrainingGraph | undefined): boolean {
  const operand = node.phase === "backward" ? (node.via ?? node) : node;
  const { cost, loss } = training?.step ?? {};
  if (operand === cost && cost !== loss) return true;
  for (let scope: Scope | undefined = operand.scope; scope; scope = scope.parent)
    if (scope.kind === "composite" && scope.name === "l2" && scope.parent === undefined && !scope.site) return true;
  return false;
}

const UPDATE = {};
const CLIP = {};
