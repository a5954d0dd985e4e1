import type { Adjoint, Contribution } from "../autodiff/gradients";
import { formatShape } from "../graph/shape";
import type { Site } from "../graph/site";
import type { Scope, Tensor } from "../graph/tensor";
import type { DebugGraph } from "./graph";
import { formulaOf, legendOf } from "./listing-formulas";
import { type NodeNames, createNames } from "./listing-names";
import { type Term, atom, call, constantOf, notate, write } from "./notation";

/** One line of the listing that something is done at: a seed, a contribution to a gradient, an update. */
export interface ListingLine {
  /** From 1. */
  readonly line: number;
  /** The seed, the contribution's own value, or the new value. */
  readonly node: Tensor;
  /** The first of {@link DebugGraph.steps} that belongs to the line: a breakpoint stops before it. */
  readonly first: number;
  /** The step that computes {@link node}. */
  readonly step: number;
  /** The last step that belongs to the line: the running sum, what has arrived with it. */
  readonly last: number;
  /** What it is a gradient or a new value of. */
  readonly of: Tensor;
  /** The operation that the gradient goes back through; undefined for a seed and an update. */
  readonly via: Tensor | undefined;
  /** The place of the forward operation in the user's files. */
  readonly site: Site | undefined;
}

/** A readable text of the backward pass and the update. */
export interface Listing {
  readonly text: string;
  /** In the order of the text, which is that of the steps. */
  readonly lines: readonly ListingLine[];
}

export interface ListingOptions {
  /** What is differentiated, for the title: the model's class. */
  readonly title?: string;
  /** The user's main file: lines of others are shown with their name. */
  readonly file?: string;
}

/**
 * The backward pass as a program: a line for each contribution to a gradient, `=` for the first and `+=` for those that are added to it,
 * under the forward operation that it goes back through; then the update. The same graph gives the same text.
 */
export function backwardListing(graph: DebugGraph, { title, file = graph.place?.file }: ListingOptions = {}): Listing {
  const contributions = listContributions(graph);
  const names = createNames(graph.output, nodesInUse(graph, contributions));
  const writer = createWriter(graph, (site) => placeOf(site, file));
  const rows: string[] = [];
  const cost = names.of(graph.output).text;
  if (!graph.pass) {
    rows.push("", `// ${cost} has no backward pass: it depends on nothing that is trained.`);
  } else {
    const seed = names.derivative(graph.output);
    writer.skip();
    writer.statement(`${seed.text} = ${seedText(graph.pass.seed)}`, {
      node: graph.pass.seed,
      last: graph.pass.seed,
      of: graph.output,
      via: undefined,
      site: graph.output.site,
    });
    let group: Tensor | undefined;
    for (const { adjoint, contribution, position } of contributions) {
      const { via, value, sum } = contribution;
      if (via !== group) {
        group = via;
        writer.skip();
        writer.heading(headingOf(via, names), via);
      }
      const target = names.derivative(adjoint.node).text;
      writer.statement(`${target} ${position === 0 ? "=" : "+="} ${contributionText(graph, contribution, names)}`, {
        node: value,
        last: sum,
        of: adjoint.node,
        via,
        site: via.site,
      });
    }
    writeUpdate(graph, names, writer);
  }
  const { text, lines } = writer.finish([
    `// Backward pass${title === undefined ? "" : ` of ${title}`} · cost: ${cost}${file === undefined ? "" : ` · from ${baseName(file)}`}`,
    ...rows,
  ]);
  return { text, lines };
}

/** The line at which the listing stands before a step; undefined where it is past the end or before the backward pass. */
export function lineOfStep({ lines }: Listing, step: number): number | undefined {
  if (lines.length === 0 || step < lines[0].first) return undefined;
  return lines.find(({ last }) => last >= step)?.line;
}

/** Where a breakpoint on a line binds: the line itself or the next one that does something. */
export function stepOfLine(
  { lines }: Listing,
  line: number,
): { readonly step: number; readonly line: number } | undefined {
  const found = lines.find((each) => each.line >= line);
  return found && { step: found.first, line: found.line };
}

interface Entry {
  readonly adjoint: Adjoint;
  readonly contribution: Contribution;
  /** From 0 among the contributions to this gradient. */
  readonly position: number;
}

function listContributions(graph: DebugGraph): Entry[] {
  const entries = [...graph.adjoints.values()].flatMap((adjoint) =>
    adjoint.contributions.map((contribution, position) => ({ adjoint, contribution, position })),
  );
  const order = ({ contribution: { value } }: Entry): number => graph.indexOf.get(value) ?? value.id;
  return entries.sort((a, b) => order(a) - order(b));
}

function nodesInUse(graph: DebugGraph, entries: readonly Entry[]): Tensor[] {
  const used = new Set<Tensor>([graph.output]);
  for (const { adjoint, contribution } of entries) {
    used.add(adjoint.node).add(contribution.via);
    // What a gradient of its own stands in for is not spoken of.
    const { op, inputs } = contribution.via;
    for (const input of op === "withGradient" ? inputs.slice(1) : inputs) used.add(input);
  }
  return [...used].sort((a, b) => a.id - b.id);
}

function seedText(seed: Tensor): string {
  const at = seed.op === "expand" ? seed.inputs[0] : seed;
  return (constantOf(at) ?? atom(at.name ?? "seed")).text;
}

function headingOf(via: Tensor, names: NodeNames): string {
  const result = names.of(via).text;
  if (via.op === "withGradient") {
    const given = operandsOf(via).map((each) => names.of(each));
    return `${result} = ${call(via.attributes.name as string, ...given).text}`;
  }
  const formula = notate(
    via,
    via.inputs.map((input) => names.of(input)),
  ).text;
  return formula === result ? result : `${result} = ${formula}`;
}

/** What a composite with a gradient of its own was given: what comes from outside into the nodes that it stands in for. */
function operandsOf(via: Tensor): Tensor[] {
  const operands = new Set(via.inputs.slice(1));
  const open = [via.inputs[0]];
  const seen = new Set<Tensor>();
  for (let at = open.pop(); at; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    if (operands.has(at)) continue;
    if (isWithin(at.scope, via.scope)) open.push(...at.inputs);
    else if (at.name !== undefined || at.inputs.length > 0) operands.add(at);
  }
  return [...operands];
}

function isWithin(scope: Scope | undefined, outer: Scope | undefined): boolean {
  for (let at = scope; at; at = at.parent) if (at === outer) return true;
  return false;
}

function contributionText(graph: DebugGraph, { via, inputIndex, value }: Contribution, names: NodeNames): string {
  const parts = {
    node: via,
    g: names.derivative(via),
    x: via.inputs.map((input) => names.of(input)),
    y: names.of(via),
  };
  const formula = formulaOf(parts, inputIndex);
  if (formula) return formula.text;
  const upstream = graph.adjoints.get(via)?.gradient;
  const written = write(value, (node) => {
    if (node === upstream) return parts.g;
    return node.phase === "forward" || node === via || graph.adjoints.has(node) ? names.of(node) : undefined;
  });
  return (written ?? call(`backward of ${via.attributes.name as string}`, parts.g)).text;
}

/** New values of parameters and of the optimiser's state, in the order in which they are computed. */
function writeUpdate(graph: DebugGraph, names: NodeNames, writer: Writer): void {
  const { training } = graph;
  if (!training) return;
  const targets = new Map<Tensor, Tensor>();
  for (const [leaf, value] of training.assignments)
    if (value.phase === "update" && graph.indexOf.has(value)) targets.set(value, leaf);
  const own = new Map<Tensor, Term>([
    [training.learningRate, atom("η")],
    [training.count, atom("step")],
  ]);
  for (const { node, gradient } of graph.adjoints.values()) if (gradient) own.set(gradient, names.derivative(node));
  for (const [name, gradient] of training.gradients)
    if (gradient.phase === "update") own.set(gradient, call("clipped", name));
  const clipped = new Map([...training.gradients].map(([name, gradient]) => [gradient, name]));
  const shared = sharedNodes(graph, targets, own);
  const reassigned = new Set<Tensor>();
  const formulaFor = (node: Tensor): string =>
    (
      write(node, (at) => {
        if (at === node) return undefined;
        if (reassigned.has(at)) return call("previous", names.of(at));
        const target = targets.get(at);
        return (
          own.get(at) ??
          (target && names.of(target)) ??
          (at.phase === "forward" || at.inputs.length === 0 ? (constantOf(at) ?? names.of(at)) : undefined)
        );
      }) ?? call(`update of ${training.optimizer}`)
    ).text;

  writer.skip();
  writer.heading(`update (${training.optimizer}), η: learning rate, step: 1 at the first update`, undefined);
  const written = [...new Set([...shared, ...targets.keys()])].sort((a, b) => stepOf(graph, a) - stepOf(graph, b));
  for (const node of written) {
    const leaf = targets.get(node);
    const of = leaf ?? node.of ?? node;
    if (leaf) {
      writer.statement(`${names.of(leaf).text} ← ${formulaFor(node)}`, {
        node,
        last: node,
        of,
        via: undefined,
        site: leaf.site,
      });
      reassigned.add(leaf);
      continue;
    }
    const name = own.get(node) ?? atom(`clip.${node.op}`);
    const parameter = graph.parameters.get(clipped.get(node) ?? "");
    const text = formulaFor(node);
    own.set(node, name);
    writer.statement(`${name.text} = ${text}`, {
      node,
      last: node,
      of: parameter ?? of,
      via: undefined,
      site: parameter?.site,
    });
  }
}

function stepOf(graph: DebugGraph, node: Tensor): number {
  return graph.indexOf.get(node) ?? -1;
}

/** What several parameters' updates have in common, as clipping by a norm has, and gradients that are clipped. */
function sharedNodes(
  graph: DebugGraph,
  targets: ReadonlyMap<Tensor, Tensor>,
  own: ReadonlyMap<Tensor, Term>,
): ReadonlySet<Tensor> {
  const uses = new Map<Tensor, Set<Tensor>>();
  for (const node of graph.nodes) {
    if (node.phase !== "update") continue;
    for (const input of node.inputs) uses.set(input, (uses.get(input) ?? new Set()).add(node));
  }
  const shared = new Set<Tensor>();
  for (const node of graph.nodes) {
    if (node.phase !== "update" || node.of || targets.has(node) || !graph.indexOf.has(node)) continue;
    if (own.has(node) || (uses.get(node)?.size ?? 0) > 1) shared.add(node);
  }
  return shared;
}

type Entered = Omit<ListingLine, "line" | "first" | "step" | "last"> & {
  /** The node with which the line is done. */
  readonly last: Tensor;
};

interface Writer {
  skip(): void;
  heading(text: string, via: Tensor | undefined): void;
  statement(text: string, entered: Entered): void;
  finish(head: readonly string[]): Listing;
}

/** Where the remarks of a line begin, if it is not longer. */
const COLUMN = 64;

function createWriter(graph: DebugGraph, place: (site: Site | undefined) => string): Writer {
  const rows: { readonly text: string; readonly entered?: Entered }[] = [];
  const remark = (text: string, note: string): string => (note === "" ? text : `${text.padEnd(COLUMN)}  // ${note}`);
  return {
    skip: () => rows.push({ text: "" }),
    heading(text, via) {
      const layer = via && layerOf(via);
      const note = [layer, via && place(via.site)].filter(Boolean).join(" · ");
      rows.push({ text: note === "" ? `// ${text}` : `${`// ${text}`.padEnd(COLUMN)}     ${note}` });
    },
    statement(text, entered) {
      const shape = entered.node.knownShape?.length === 0 ? "" : formatShape(entered.node.knownShape);
      const note = [shape, entered.via ? "" : place(entered.site)].filter(Boolean).join(" · ");
      rows.push({ text: remark(text, note), entered });
    },
    finish(head) {
      const legend = legendOf(rows.map(({ text }) => text).join("\n"));
      const opening = legend.length === 0 ? [...head] : [...head, `// ${legend.join(" · ")}`];
      const lines: ListingLine[] = [];
      rows.forEach(({ entered }, i) => {
        if (!entered) return;
        const step = stepOf(graph, entered.node);
        const last = Math.max(step, stepOf(graph, entered.last), arrivedAfter(graph, stepOf(graph, entered.last)));
        const first = lines.length === 0 ? step : lines[lines.length - 1].last + 1;
        lines.push({ ...entered, line: opening.length + i + 1, step, first: Math.min(first, step), last });
      });
      return { text: `${[...opening, ...rows.map(({ text }) => text)].join("\n")}\n`, lines };
    },
  };
}

/** The last of the steps after this one at which a leaf has all of its gradient: nothing is computed there. */
function arrivedAfter({ steps }: DebugGraph, step: number): number {
  let last = step;
  while (last + 1 < steps.length && steps[last + 1].kind === "arrived") last++;
  return last;
}

function layerOf(node: Tensor): string | undefined {
  for (let at = node.scope; at; at = at.parent)
    if (at.kind === "module") return at.name === "" ? undefined : `${at.name}: ${at.type}`;
  return undefined;
}

function placeOf(site: Site | undefined, file: string | undefined): string {
  if (!site) return "";
  return site.file === file ? `line ${site.line}` : `${baseName(site.file)}:${site.line}`;
}

function baseName(file: string): string {
  return file.split(/[\\/]/).at(-1) ?? file;
}
