import type { ElementType } from "../../../kernel/kernel";
import type { Node } from "../../../kernel/nodes";
import { operandsOf } from "../../../kernel/nodes";
import type { Operands, Place } from "../code";
import { type Combining, GroupCombiner, accumulatorKind, acrossLanes, combined, neutral } from "../wgsl/combine";
import {
  KIND_OF,
  type Width,
  loadElement,
  loadLane,
  loadVector,
  storeElement,
  storeVector,
  typeName,
} from "../wgsl/elements";
import { type Value, converted, neededBy, stored, writeBody } from "../wgsl/expression";
import { entry } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";
import { addressOf, positionsOf } from "../wgsl/positions";
import type { RowsPlace, RowsPlan } from "./rows";
import { storePartial, storeTotal } from "./totals";

/** The text of the pass that makes all results of rows. */
export function rowsText(plan: RowsPlan, operands: Operands): string {
  return new RowsWriter(plan, operands).text();
}

/** A number that is combined over elements of a row, over rows, or over all. */
interface Sum extends Combining {
  readonly result: number;
  readonly root: number;
  readonly type: ElementType;
  /** The variable that each invocation takes its elements in. */
  readonly lanes: string;
  /** The variable with the number of all of them. */
  readonly name: string;
  /** What combining starts from. */
  readonly start: string;
}

/** Inputs of a list of nodes from here on are nodes whose values are known. */
const KNOWN = 1 << 20;

class RowsWriter {
  private readonly math = new MathTexts();
  private readonly combiner: GroupCombiner;
  private readonly sums: readonly Sum[];
  /** Values that are the same all along the row. */
  private readonly ofRow = new Map<number, Value>();
  /** Kinds of what is held for each element. */
  private readonly held = new Map<number, Value["kind"]>();
  private readonly needed: ReadonlySet<number>;
  private readonly steps: number;
  /** Declared before the rows are gone through. */
  private readonly variables: string[] = [];

  constructor(
    private readonly plan: RowsPlan,
    private readonly operands: Operands,
  ) {
    const { kernel, places, stages, group, subgroups, length, width, team } = plan;
    this.combiner = new GroupCombiner(group, subgroups, this.math);
    this.steps = Math.max(1, Math.ceil(length / width / team));
    this.sums = kernel.results.flatMap(({ combine }, result): Sum[] => {
      if (combine === undefined) return [];
      const type = places[result]?.type ?? "float32";
      const of = { combine, kind: accumulatorKind(type) };
      return [
        {
          ...of,
          result,
          root: stages.roots[result],
          type,
          lanes: `lanes${result}`,
          name: `number${result}`,
          start: neutral(combine, type),
        },
      ];
    });
    const live = kernel.results.flatMap(({ kept, combine }, j) =>
      kept || combine !== undefined ? [stages.roots[j]] : [],
    );
    this.needed = neededBy(stages.nodes, live);
  }

  text(): string {
    const { plan, combiner, math } = this;
    const { stages, outer, rows, turns, team, group, groups } = plan;
    const inRow: string[] = [...positionsOf(outer, "row", "p"), ...this.bases()];
    for (let pass = 0; pass <= stages.last; pass++) inRow.push(...this.numbersOfRow(pass), ...this.pass(pass));
    inRow.push(...this.takeRows(), ...this.storeRows());
    // Who is slow may still read what others have left for this row.
    if (team > 1 && turns > 1) inRow.push("workgroupBarrier();");
    const first = team > 1 ? `group * ${turns}u` : `(group * ${group}u + local) * ${turns}u`;
    const text = [
      ...combiner.beginning,
      ...this.variables,
      ...this.totals().flatMap((sum) => {
        const width = this.over(sum) === "all" ? plan.width : 1;
        return [`var ${sum.lanes} = ${typeName(sum.kind, width)}(${sum.start});`];
      }),
      `let first = ${first};`,
      `for (var row = first; row < min(first + ${turns}u, ${rows}u); row++) {`,
      ...inRow,
      "}",
      ...this.storeTotals(),
    ].join("\n  ");
    return `${combiner.declarations}${entry(groups, group, text)}\n${math.toString()}`;
  }

  private over({ result }: Sum): string {
    return this.plan.kernel.results[result].over;
  }

  private totals(): Sum[] {
    return this.sums.filter((sum) => this.over(sum) !== "row");
  }

  private used(): number[] {
    const { stages, kernel } = this.plan;
    return stages.nodes.flatMap((node, at) =>
      node.kind === "input" && node.index < kernel.views.length && this.needed.has(at) ? [node.index] : [],
    );
  }

  /** Where the row begins in each input. */
  private bases(): string[] {
    const { outer, kernel } = this.plan;
    const prefixes = outer.map((_, at) => `p${at}`);
    return this.used().map((i) => `let base${i}: i32 = ${addressOf(outer, prefixes, i, kernel.views[i].offset)};`);
  }

  /** Values that do not change along the row and can be made before a pass. */
  private numbersOfRow(pass: number): readonly string[] {
    const { nodes, varying, levels } = this.plan.stages;
    const roots = nodes.flatMap((node, at) =>
      this.needed.has(at) && !varying[at] && levels[at] === pass && node.kind !== "constant" ? [at] : [],
    );
    if (roots.length === 0) return [];
    const { statements, value } = this.body(roots, 1, `row${pass}_`, (at) => this.ofRow.get(at));
    for (const root of roots) this.ofRow.set(root, value(root));
    return statements;
  }

  /** A pass over the row's elements, and the numbers of the row that come of it. */
  private pass(pass: number): string[] {
    const { stages, team, width, length, kernel, places } = this.plan;
    const units = length / width;
    const roots = stages.roots.filter((_, j) => stages.passes[j] === pass);
    if (roots.length === 0) return [];
    const sums = this.sums.filter(({ result }) => stages.passes[result] === pass);
    const ofRow = sums.filter((sum) => this.over(sum) === "row");
    const index = this.steps === 1 ? "" : "[k]";
    const known = (at: number): Value | undefined => {
      const scalar = this.ofRow.get(at);
      if (scalar) return width === 1 ? scalar : { ...scalar, text: `${typeName(scalar.kind, 4)}(${scalar.text})` };
      const kind = this.held.get(at);
      return kind && { text: `held${at}${index}`, kind };
    };
    const made = [...stages.held].flatMap(([at, from]) => (from === pass ? [at] : []));
    const body = this.body([...roots, ...made], width, "e", known);
    const hold = made.map((at) => {
      const { kind, text } = body.value(at);
      const type = typeName(kind, width);
      this.held.set(at, kind);
      this.variables.push(`var held${at}: ${this.steps === 1 ? type : `array<${type}, ${this.steps}>`};`);
      return `held${at}${index} = ${text};`;
    });
    const take = sums.map(
      (sum) =>
        `${sum.lanes} = ${combined(sum, width, sum.lanes, body.stored(sum.root, sum.kind === "int" ? "int32" : "float32"), this.math)};`,
    );
    const store = kernel.results.flatMap(({ over }, j) => {
      const place = places[j];
      return over === "element" && place && stages.passes[j] === pass
        ? [this.storeElements(place, body.stored(stages.roots[j], place.type))]
        : [];
    });
    const inside = [`let inner = i32(at) * ${width};`, ...body.statements, ...hold, ...take, ...store];
    const isEven = this.steps * team === units;
    const lane = team === 1 ? "" : " + local";
    const loop =
      this.steps === 1
        ? ["{", `let at = ${team === 1 ? "0u" : "local"};`]
        : [`for (var k = 0u; k < ${this.steps}u; k++) {`, `let at = k * ${team}u${lane};`];
    return [
      ...ofRow.map(({ kind, lanes, start }) => `var ${lanes} = ${typeName(kind, width)}(${start});`),
      ...(units === 0 ? [] : [...loop, ...(isEven ? inside : [`if (at < ${units}u) {`, ...inside, "}"]), "}"]),
      ...ofRow.map((sum) => `var ${sum.name} = ${width === 4 ? acrossLanes(sum, sum.lanes, this.math) : sum.lanes};`),
      ...(team > 1 ? this.combiner.combine(ofRow) : []),
    ];
  }

  /** What is combined over rows, of numbers of this row. */
  private takeRows(): string[] {
    return this.sums.flatMap((sum) => {
      if (this.over(sum) !== "rows") return [];
      const value = this.numberOfRow(sum.root, sum.kind === "int" ? "int32" : "float32");
      return [`${sum.lanes} = ${combined(sum, 1, sum.lanes, value, this.math)};`];
    });
  }

  private storeRows(): string[] {
    const { kernel, places, team, rows, width } = this.plan;
    const stores = kernel.results.flatMap(({ over, combine }, j): string[] => {
      const place = places[j];
      if (over !== "row" || !place) return [];
      const sum = this.sums.find(({ result }) => result === j);
      const value =
        combine !== undefined && sum
          ? converted({ text: sum.name, kind: sum.kind }, KIND_OF[place.type], 1)
          : this.numberOfRow(this.plan.stages.roots[j], place.type);
      const bits = place.type === "bool" ? `select(0u, 1u, ${value})` : `bitcast<u32>(${value})`;
      if (width === 1) return [storeElement(this.placeOf(place), "row", bits)];
      this.variables.push(`var four${j} = vec4<u32>(0u);`);
      const store = storeVector(this.placeOf(place), "row", `four${j}`);
      return [`four${j}[row & 3u] = ${bits};`, `if ((row & 3u) == 3u || row == ${rows - 1}u) { ${store} }`];
    });
    if (stores.length === 0) return [];
    return team === 1 ? stores : ["if (local == 0u) {", ...stores, "}"];
  }

  private storeTotals(): string[] {
    const { totals, groups, team, width } = this.plan;
    const sums = this.totals();
    if (sums.length === 0) return [];
    const toCombine = sums.filter((sum) => team === 1 || this.over(sum) === "all");
    return [
      ...sums.map((sum) => {
        const isWide = width === 4 && this.over(sum) === "all";
        return `var ${sum.name} = ${isWide ? acrossLanes(sum, sum.lanes, this.math) : sum.lanes};`;
      }),
      ...this.combiner.combine(toCombine),
      "if (local == 0u) {",
      ...sums.map(({ name }, order) =>
        groups === 1
          ? storeTotal(this.operands, totals.totals[order], name, width)
          : storePartial(this.operands, totals, order, name),
      ),
      "}",
    ];
  }

  private storeElements(place: RowsPlace, value: string): string {
    const { length, width } = this.plan;
    const index = `(row * ${length}u + u32(inner))`;
    const type = width === 4 ? "vec4<u32>" : "u32";
    const bits = place.type === "bool" ? `select(${type}(0u), ${type}(1u), ${value})` : value;
    return width === 4 ? storeVector(this.placeOf(place), index, bits) : storeElement(this.placeOf(place), index, bits);
  }

  /** Where an output's words are written: flags are left in what the passes share. */
  private placeOf({ output, flags }: RowsPlace): Place {
    if (flags === undefined) return this.operands.output(output);
    const { memory, start } = this.operands.shared();
    return { memory, start: `${start} + ${flags / this.plan.width}u` };
  }

  private numberOfRow(root: number, type: ElementType): string {
    const { nodes } = this.plan.stages;
    const values = nodes.map((_, at) => this.ofRow.get(at) ?? { text: "0.0f", kind: "float" as const });
    return stored({ nodes, values }, root, type, 1);
  }

  /** Statements that compute nodes, and what stands for each. */
  private body(
    roots: readonly number[],
    width: Width,
    prefix: string,
    known: (at: number) => Value | undefined,
  ): {
    readonly statements: readonly string[];
    readonly value: (root: number) => Value;
    readonly stored: (root: number, type: ElementType) => string;
  } {
    const { nodes } = this.plan.stages;
    const { list, places } = listOf(nodes, roots, (at) => known(at) !== undefined);
    const { statements, values } = writeBody(list, {
      width,
      math: this.math,
      prefix,
      input: (index) => (index >= KNOWN ? (known(index - KNOWN) as Value) : this.load(index, width)),
      index: (axis) => this.position(axis, width),
    });
    const at = (root: number): number => places.get(root) as number;
    return {
      statements,
      value: (root) => values[at(root)],
      stored: (root, type) => stored({ nodes: list, values }, at(root), type, width),
    };
  }

  private load(index: number, width: Width): Value {
    const { kernel, inputs, places } = this.plan;
    const { views, shape } = kernel;
    if (index >= views.length) {
      const result = index - views.length;
      const sum = this.sums.find((each) => each.result === result);
      if (!sum) throw new Error("internal: rows read what is not combined along them");
      const isFlag = places[result]?.type === "bool";
      return isFlag ? { text: `(${sum.name} != 0.0f)`, kind: "bool" } : { text: sum.name, kind: sum.kind };
    }
    const type = inputs[index];
    const kind = KIND_OF[type];
    const place = this.operands.input(index);
    const stride = views[index].strides[shape.length - 1];
    if (stride === 0) {
      const load = this.plan.width === 4 ? loadLane : loadElement;
      return { text: load(place, type, `base${index}`), kind };
    }
    const address = `base${index} + inner${stride === 1 ? "" : ` * ${stride}`}`;
    return { text: (width === 4 ? loadVector : loadElement)(place, type, address), kind };
  }

  private position(axis: number, width: Width): string {
    const { outer, kernel } = this.plan;
    if (axis === kernel.shape.length - 1)
      return width === 4 ? "vec4<i32>(inner, inner + 1, inner + 2, inner + 3)" : "inner";
    const at = outer.findIndex((loop) => loop.axis === axis);
    const text = at < 0 ? "0i" : `p${at}`;
    return width === 4 ? `vec4<i32>(${text})` : text;
  }
}

/** The nodes behind some, as a list of their own, in which nodes that are known are inputs. */
function listOf(
  nodes: readonly Node[],
  roots: readonly number[],
  isKnown: (at: number) => boolean,
): { readonly list: readonly Node[]; readonly places: ReadonlyMap<number, number> } {
  const wanted = new Set(roots);
  for (let at = nodes.length - 1; at >= 0; at--)
    if (wanted.has(at) && !isKnown(at)) for (const operand of operandsOf(nodes[at])) wanted.add(operand);
  const list: Node[] = [];
  const places = new Map<number, number>();
  const place = (at: number): number => places.get(at) as number;
  nodes.forEach((node, at) => {
    if (!wanted.has(at)) return;
    places.set(at, list.push(isKnown(at) ? { kind: "input", index: KNOWN + at } : moved(node, place)) - 1);
  });
  return { list, places };
}

function moved(node: Node, place: (at: number) => number): Node {
  switch (node.kind) {
    case "input":
    case "constant":
    case "index":
      return node;
    case "unary":
      return { ...node, a: place(node.a) };
    case "binary":
      return { ...node, a: place(node.a), b: place(node.b) };
    case "select":
      return { ...node, test: place(node.test), yes: place(node.yes), no: place(node.no) };
    default:
      return node satisfies never;
  }
}
