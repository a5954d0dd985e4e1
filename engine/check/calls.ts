import type { Shape } from "../graph/shape";
import { type Site, rangeKey } from "../graph/site";
import { type Scope, type Tensor, callOf } from "../graph/tensor";
import type { ScopedCall } from "../graph/trace";
import { type Module, isBuiltIn, isContainer, modulePath, moduleSite, moduleType, namedParameters } from "../nn/module";
import { type Layer, tensorsIn } from "../train/statistics";
import { type Cost, addCosts, bytesOf, costOf, costsByScope, noCost } from "./costs";
import { receptiveFields } from "./receptive-field";
import type { CallReport, PlainShape } from "./records";

export interface Calls {
  /** All nodes of the forward pass, in order. */
  readonly nodes: readonly Tensor[];
  readonly layers: readonly Layer[];
  /** All module calls that ended. */
  readonly calls: readonly ScopedCall[];
}

/** One place with all that happened there. */
interface Place {
  readonly site: Site;
  readonly layer: number | null;
  readonly module: Module | null;
  readonly name: string;
  readonly type: string;
  readonly modules: Set<Module>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly shapes: PlainShape[];
  times: number;
  cost: Cost;
}

/** Every place in user code where a layer, a module or an operation is called, with its shapes and costs. */
export function callReports({ nodes, layers, calls }: Calls): CallReport[] {
  const places = new Map<string, Place>();
  const costs = costsByScope(nodes);
  const fields = receptiveFields(nodes);
  const layerOf = new Map(layers.map((layer, index) => [layer.call, { layer, index }]));
  const builtIn = new Set(calls.filter(({ module }) => isAtomic(module as Module)).map(({ scope }) => scope));
  const insideLayer = (scope: Scope | undefined): boolean =>
    scope !== undefined && (builtIn.has(scope) || insideLayer(scope.parent));
  for (const call of calls) {
    const module = call.module as Module;
    // The model itself is called by the training.
    if (modulePath(module) === "" && !isAtomic(module)) continue;
    const found = layerOf.get(call);
    const site = found ? found.layer.site : insideLayer(call.scope) ? undefined : placeOfCall(call);
    const outputs = tensorsIn(call.output);
    if (!site || outputs.length === 0) continue;
    enter(places, site, {
      layer: found?.index ?? null,
      module,
      name: modulePath(module) || moduleType(module),
      type: moduleType(module),
      inputs: tensorsIn(call.inputs),
      outputs,
      cost: { ...((call.scope && costs.get(call.scope)) ?? noCost), bytes: bytesOfAll(outputs) },
    });
  }
  const ofModules = new Set(places.keys());
  for (const node of nodes) {
    const call = callOf(node);
    if (!node.site || !call || ofModules.has(rangeKey(node.site)) || insideLayer(node.scope)) continue;
    const scope = outermostAt(node.scope, node.site);
    const cost = scope ? (costs.get(scope) ?? noCost) : costOf(node);
    enter(places, node.site, {
      layer: null,
      module: null,
      name: call.name,
      type: call.name,
      inputs: tensorsIn(call.given),
      outputs: [node],
      cost: { ...cost, bytes: bytesOf(node) },
    });
  }
  return [...places.values()]
    .map((place): CallReport => {
      const field = fields.get(place.outputs[0]);
      const spatial = (place.outputs[0].knownShape?.length ?? 0) - 2;
      return {
        range: plainRange(place.site),
        kind: place.module ? "layer" : "operation",
        name: place.name,
        type: place.type,
        times: place.times,
        inputs: place.inputs.map((tensor) => plainShape(tensor.knownShape)),
        outputs: place.outputs.map((tensor) => plainShape(tensor.knownShape)),
        shapes: place.shapes,
        parameters: trainableIn(place.modules),
        multiplyAdds: place.cost.multiplyAdds,
        bytes: place.cost.bytes,
        receptiveField: field ? (spatial === 1 ? [field.size[1]] : field.size) : null,
        layer: place.layer,
      };
    })
    .sort(({ range: a }, { range: b }) =>
      a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column,
    );
}

type Found = Omit<Place, "site" | "modules" | "shapes" | "times">;

function enter(places: Map<string, Place>, site: Site, found: Found): void {
  let place = places.get(rangeKey(site));
  if (!place) {
    place = { ...found, site, modules: new Set(), shapes: [], times: 0, cost: noCost };
    places.set(rangeKey(site), place);
  }
  place.times++;
  place.cost = addCosts(place.cost, found.cost);
  if (found.module) place.modules.add(found.module);
  const shape = plainShape(found.outputs[0].knownShape);
  if (!place.shapes.some((each) => String(each) === String(shape))) place.shapes.push(shape);
}

/** A layer whose parts are no affair of the user's. */
function isAtomic(module: Module): boolean {
  return isBuiltIn(module) && !isContainer(module);
}

/** Where user code calls a container or a module of its own; where it makes one that a container calls. */
function placeOfCall({ module, scope }: ScopedCall): Site | undefined {
  if (isAtomic(module as Module) || scope?.parent === undefined) return undefined;
  return scope.site === scope.parent.site ? moduleSite(module as Module) : scope.site;
}

/** The outermost operation with parts, such as a softmax, that was called at this place. */
function outermostAt(scope: Scope | undefined, site: Site): Scope | undefined {
  let outermost: Scope | undefined;
  for (let at = scope; at?.kind === "composite" && at.site === site; at = at.parent) outermost = at;
  return outermost;
}

function trainableIn(modules: ReadonlySet<Module>): number {
  const parameters = new Set([...modules].flatMap((module) => [...namedParameters(module).values()]));
  return [...parameters].reduce((sum, parameter) => sum + (parameter.trainable ? parameter.size : 0), 0);
}

function bytesOfAll(outputs: readonly Tensor[]): number | null {
  return outputs.reduce((sum, output) => addCosts(sum, { ...noCost, bytes: bytesOf(output) }), noCost).bytes;
}

/** Without what a site has beside its range. */
export function plainRange({ file, line, column, endLine, endColumn }: Site): Site {
  return { file, line, column, endLine, endColumn };
}

/** A shape as reports have it. */
export function plainShape(shape: Shape | null): PlainShape {
  return shape === null
    ? null
    : shape.map((dim) => (typeof dim === "number" ? dim : dim.key.includes("?") ? "?" : dim.key));
}
