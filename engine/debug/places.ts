import { type Range, type Site, rangeKey, samePlace } from "../graph/site";
import type { Scope } from "../graph/tensor";
import { moduleCallOf } from "../graph/trace";
import { type Module, modulePath, moduleSite, namedModules } from "../nn/module";
import type { DebugGraph } from "./graph";
import type { Level, NumberedStep } from "./levels";
import type { Position } from "./position";
import type { Direction } from "./requests";

/** A place in the text, and where the program passes it. */
export interface Stops {
  readonly range: Range;
  readonly direction: Direction;
  readonly position: Position;
  /** Whether a line begins to be carried out here; else it is a later call on the line. */
  readonly begins: boolean;
}

/** Where, in one pass after the other, the program comes to each place of its text. */
export type PlaceIndex = ReadonlyMap<string, readonly Stops[]>;

/** All places by `file:line`, each in the order in which it is passed. */
export function indexPlaces(graph: DebugGraph, model: Module | undefined): PlaceIndex {
  const index = new Map<string, Stops[]>();
  const enter = (range: Range | undefined, stop: Omit<Stops, "range">): void => {
    if (!range) return;
    const key = placeKey(range.file, range.line);
    const list = index.get(key) ?? [];
    // Of the levels that begin together on a line, the outermost.
    if (list.at(-1)?.position.index !== stop.position.index) index.set(key, [...list, { range, ...stop }]);
  };
  const made = model ? madeAt(model) : new Map<string, Site>();
  graph.steps.forEach((step, at) => {
    const { direction } = step;
    step.levels.forEach((level, depth) => {
      const line = level.site && placeKey(level.site.file, level.site.line);
      const around = step.levels.slice(0, depth).flatMap(({ site }) => site ?? []);
      const outer = around.some(({ file, line: of }) => placeKey(file, of) === line);
      // What a call consists of has no place of its own.
      const isPart = around.some((site) => level.site && rangeKey(site) === rangeKey(level.site));
      if (!isPart && !level.continues && beginsCall(graph.steps, at, depth)) {
        const begins = !outer && beginsStatement(graph.steps, at, depth) && !isSameLayer(graph.steps, at, depth);
        enter(level.site, { direction, position: { index: at, depth }, begins });
      }
      // A layer is made on one line and called on another: both are its places.
      if (level.kind === "module" && beginsCall(graph.steps, at, depth)) {
        const position = { index: at, depth: Math.max(depth, step.least) };
        enter(made.get(level.name) ?? madeAs(level), { direction, position, begins: true });
      }
    });
  });
  return index;
}

/** Whether a layer's update goes on: its parameters share the line on which it is made. */
function isSameLayer(steps: readonly NumberedStep[], index: number, depth: number): boolean {
  const [before, here] = [steps[index - 1]?.levels[depth], steps[index].levels[depth]];
  if (here.kind !== "parameter" || before?.kind !== "parameter") return false;
  const layerOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf(".")));
  return layerOf(before.name) === layerOf(here.name) && samePlace(before.site, here.site);
}

/** What the innermost call does that begins on a line above and reaches over this one, as the calls of a chain do. */
export function stopsOver(places: PlaceIndex, file: string, line: number): readonly Stops[] {
  let found: Range | undefined;
  const over: Stops[] = [];
  for (const stops of places.values()) {
    for (const stop of stops) {
      const { range } = stop;
      if (range.file !== file || range.line >= line || range.endLine < line) continue;
      over.push(stop);
      if (!found || range.line > found.line || (range.line === found.line && isShorter(range, found))) found = range;
    }
  }
  const key = found && rangeKey(found);
  return over.filter(({ range }) => rangeKey(range) === key);
}

function isShorter(a: Range, b: Range): boolean {
  return a.endLine < b.endLine || (a.endLine === b.endLine && a.endColumn < b.endColumn);
}

export function placeKey(file: string, line: number): string {
  return `${file}:${line}`;
}

/** Whether what happens at a level begins with this step. */
export function beginsStatement(steps: readonly NumberedStep[], index: number, depth: number): boolean {
  return index === 0 || steps[index - 1].statements[depth] !== steps[index].statements[depth];
}

/** Whether the call of a level begins with this step. */
export function beginsCall(steps: readonly NumberedStep[], index: number, depth: number): boolean {
  if (index === 0 || steps[index - 1].direction !== steps[index].direction) return true;
  const [before, here] = [steps[index - 1].levels, steps[index].levels];
  for (let at = 0; at <= depth; at++) if ((before[at] as Level | undefined)?.call !== here[at].call) return true;
  return false;
}

/** Where the module of a call is made, in a program without a training. */
function madeAs({ call }: Level): Site | undefined {
  const module = moduleCallOf(call as Scope)?.module;
  return module && moduleSite(module as Module);
}

function madeAt(model: Module): ReadonlyMap<string, Site> {
  const sites = new Map<string, Site>();
  for (const module of namedModules(model).values()) {
    const site = moduleSite(module);
    if (site) sites.set(modulePath(module), site);
  }
  return sites;
}

/**
 * Where the program comes to modules, composites and operations by name: `hidden`, `layers.*`, `Linear`, `softmax`; to a parameter's update only by
 * its whole name, so that `layers.*` means layers.
 */
export function callsNamed(
  graph: DebugGraph,
  pattern: string,
): { readonly direction: Direction; readonly position: Position }[] {
  const isMeant = matcher(pattern.replace(/ \(backward\)$/, ""));
  const found: { direction: Direction; position: Position }[] = [];
  graph.steps.forEach((step, index) => {
    step.levels.forEach((level, depth) => {
      if (level.kind === "parameter" && pattern.includes("*")) return;
      if (level.kind === "node" || level.continues || !isMeant(level)) return;
      if (!beginsCall(graph.steps, index, depth)) return;
      if (found.at(-1)?.position.index !== index)
        found.push({ direction: step.direction, position: { index, depth: Math.max(depth, step.least) } });
    });
  });
  return found;
}

/**
 * `*` stands for any characters, `[*]` for any index; the case of letters does not count. As frames and the user's text have them, too:
 * `layers.3: Linear`, `Classifier.forward`, `this.layers[3]`.
 */
function matcher(pattern: string): (level: Level) => boolean {
  const [, path, type] = /^(.*?)\s*:\s*([^:]+)$/s.exec(pattern) ?? ["", pattern, undefined];
  const [isPath, isType] = [matches(path), type === undefined ? undefined : matches(type)];
  const ofModel = /^(.+)\.forward$/s.exec(pattern)?.[1];
  const isModel = ofModel === undefined ? undefined : matches(ofModel);
  return ({ kind, name, type: own }) => {
    if (isType) return isPath(name) && isType(own);
    return isPath(name) || isPath(own) || (kind === "module" && isModel?.(own) === true);
  };
}

function matches(pattern: string): (name: string) => boolean {
  const plain = pattern
    .trim()
    .replace(/^(?:this|model)(?=[.[])\.?/, "")
    .replace(/\[\s*(\d+|\*)\s*\]/g, (_, index: string) => `.${index === "*" ? ANY_INDEX : index}`)
    .replace(/^\./, "");
  const text = plain
    .split("*")
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`))
    .join(".*")
    .replaceAll(ANY_INDEX, String.raw`\d+`);
  const expression = new RegExp(`^${text}$`, "i");
  return (name) => expression.test(name);
}

/** Stands for itself in no name. */
const ANY_INDEX = "\0";
