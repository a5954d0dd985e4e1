import { type Site, rangeKey, samePlace } from "../graph/site";
import { type Scope, type Tensor, isResult, isWrittenResult } from "../graph/tensor";
import type { Direction } from "./requests";

/**
 * What encloses a node, as frames enclose a line: modules and composites, the operation, and in the backward pass the operation's gradient
 * nodes. From this comes what one step is.
 */
export interface Level {
  readonly kind: "module" | "composite" | "operation" | "node" | "update" | "parameter";
  /** `hidden`, `softmax`, `matmul`, `adam`, `hidden.weight`. */
  readonly name: string;
  /** A module's class; else as the name. */
  readonly type: string;
  /** Where the level around it calls it. */
  readonly site: Site | undefined;
  /** Which call it is: the same for all nodes of one call of a module, composite or operation. */
  readonly call: object;
  /** Of operations: the node. Of parameters: the parameter. */
  readonly node: Tensor | undefined;
  /** Of what a backward of the user's own does: it stands in the user's text, not in the listing. */
  readonly isOwnLine?: boolean;
  /** Of what the engine adds at the end of a text of the user's: it belongs to the line before. */
  readonly continues?: boolean;
}

/** One thing that is done: a node is computed, a leaf of a free program gets its value, or all of a leaf's gradient has arrived. */
export interface Step {
  readonly kind: "compute" | "leaf" | "arrived";
  readonly node: Tensor;
  readonly direction: Direction;
  /** Outermost first; the last is the node itself. Never empty. */
  readonly levels: readonly Level[];
}

/** The step with the statement that it belongs to at each of its levels: equal numbers of neighbours mean one statement. */
export interface NumberedStep extends Step {
  readonly statements: readonly number[];
  /** How many levels are entered when the program stops here on its own: the model, and what else is written in the user's files. */
  readonly depth: number;
  /** Levels that are always entered: the model itself. */
  readonly least: number;
}

/** Modules and composites around a node, outermost first. */
export function scopesOf(scope: Scope | undefined): Scope[] {
  const scopes: Scope[] = [];
  for (let at = scope; at; at = at.parent) scopes.unshift(at);
  return scopes;
}

/**
 * What the calls of a program have in common, found once for all steps.
 * @param lineEnds nodes of the backward pass with which a line of its listing is done
 */
export function numberSteps(steps: readonly Step[], lineEnds: ReadonlySet<Tensor>): NumberedStep[] {
  const open = openCalls(steps);
  const root = steps[0]?.levels[0]?.kind === "module" ? steps[0].levels[0].call : undefined;
  let before: NumberedStep | undefined;
  let next = 0;
  const lines: Line[] = [];
  return steps.map((step) => {
    const { levels } = step;
    const statements: number[] = [];
    let same = before?.direction === step.direction && before !== undefined;
    levels.forEach((level, at) => {
      const previous = same ? before?.levels[at] : undefined;
      const parentIsOpen = at === 0 || open.has(levels[at - 1].call);
      const goesOn =
        previous !== undefined &&
        (level.kind === "node" && step.direction === "backward" && !level.isOwnLine
          ? !lineEnds.has((before as Step).node)
          : lines[at]?.goesOn(level, step, previous, before as Step, parentIsOpen));
      if (!goesOn) lines[at] = new Line(level);
      statements.push(goesOn ? (before as NumberedStep).statements[at] : next++);
      same = previous?.call === level.call;
    });
    let depth = 0;
    while (depth < levels.length - 1 && open.has(levels[depth].call)) depth++;
    const least = root !== undefined && levels[0].call === root && open.has(root) ? 1 : 0;
    const numbered = { ...step, statements, depth, least };
    before = numbered;
    return numbered;
  });
}

/** One execution of a line: a loop that comes back to it begins another. */
class Line {
  private readonly seen = new Map<string, object>();

  constructor(private readonly first: Level) {
    this.note(first);
  }

  goesOn(level: Level, step: Step, previous: Level, before: Step, open: boolean): boolean {
    if (level.call === previous.call) return true;
    if (level.continues) return true;
    if (!open || !level.site || !previous.site) return false;
    if (level.site.file !== this.first.site?.file || level.site.line !== this.first.site.line) return false;
    const key = rangeKey(level.site);
    const known = this.seen.get(key);
    this.note(level);
    if (known === undefined) return true;
    // The same words once more: parts of one call follow each other, and its result ends it (and begins its way back).
    if (!(level.kind === "operation" || level.isOwnLine) || !samePlace(level.site, previous.site)) return false;
    if (level.isOwnLine) return !isWrittenResult(before.node);
    const end = step.direction === "backward" ? step.levels.at(-2)?.node : before.node;
    return end !== undefined && !isResult(end);
  }

  private note(level: Level): void {
    if (level.site) this.seen.set(rangeKey(level.site), level.call);
  }
}

/**
 * Calls that are written in the user's files, or hold layers that are: what happens in them has lines of its own. Modules, and functions with a
 * gradient of their own.
 */
function openCalls(steps: readonly Step[]): ReadonlySet<object> {
  const open = new Set<object>();
  for (const { levels } of steps) {
    levels.forEach((level, at) => {
      const inner = levels[at + 1] as Level | undefined;
      const mayBe = level.kind === "module" || level.kind === "composite" || inner?.isOwnLine === true;
      if (mayBe && inner?.site && !samePlace(inner.site, level.site)) open.add(level.call);
    });
  }
  return open;
}
