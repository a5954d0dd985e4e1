import type { Combine, ElementType } from "../../../kernel/kernel";
import { type Width, typeName } from "./elements";
import { type MathTexts, floatText, mathOf } from "./math";

/** How numbers become one, and what they are kept in until then. */
export interface Combining {
  readonly combine: Combine;
  readonly kind: "float" | "int";
}

/** What numbers are kept in until they are stored as a type: whole ones only where the result is whole. */
export function accumulatorKind(type: ElementType): "float" | "int" {
  return type === "int32" ? "int" : "float";
}

/** The number from which combining starts, as far as the output's type can hold it. */
export function neutral(combine: Combine, output: ElementType): string {
  if (output === "bool") return { sum: "0.0f", product: "1.0f", maximum: "0.0f", minimum: "1.0f" }[combine];
  if (output === "int32")
    return { sum: "0i", product: "1i", maximum: "i32(-0x7fffffff - 1)", minimum: "0x7fffffffi" }[combine];
  return { sum: "0.0f", product: "1.0f", maximum: floatText(-Infinity), minimum: floatText(Infinity) }[combine];
}

/** Two values as one. Beside a NaN, the largest and the smallest are NaN. */
export function combined({ combine, kind }: Combining, width: Width, a: string, b: string, math: MathTexts): string {
  switch (combine) {
    case "sum":
      return `(${a} + ${b})`;
    case "product":
      return `(${a} * ${b})`;
    case "maximum":
    case "minimum":
      if (kind === "int") return `${combine === "maximum" ? "max" : "min"}(${a}, ${b})`;
      return `${math.name(mathOf(combine) as string, width)}(${a}, ${b})`;
    default:
      return combine satisfies never;
  }
}

/** The numbers of a vector, which has a name, as one. */
export function acrossLanes(of: Combining, name: string, math: MathTexts): string {
  const pair = (a: string, b: string): string => combined(of, 1, a, b, math);
  return pair(pair(`${name}.x`, `${name}.y`), pair(`${name}.z`, `${name}.w`));
}

/** A loop over `at`, from one place on as long as it is less than another. */
export interface Range {
  readonly first: string;
  readonly end: string;
  readonly step: number;
  /** It is gone through so many times at most. */
  readonly turns: number;
}

/** What a loop combines into a variable that is there already. */
export interface LoopSum extends Combining {
  readonly lanes: string;
  /** What combining starts from, of the variable's type. */
  readonly start: string;
}

/** Numbers of which sums are made before those are added up: rounding a long sum again and again would show. */
const BLOCK = 64;

/** @param inside statements of the loop that combine something into the variable given for each sum */
export function loopText(
  { first, end, step, turns }: Range,
  sums: readonly LoopSum[],
  width: Width,
  math: MathTexts,
  inside: (names: readonly string[]) => readonly string[],
): string[] {
  const rounded = sums.filter(({ combine, kind }) => kind === "float" && (combine === "sum" || combine === "product"));
  if (turns <= 2 * BLOCK || rounded.length === 0)
    return [`for (var at = ${first}; at < ${end}; at += ${step}u) {`, ...inside(sums.map(({ lanes }) => lanes)), "}"];
  const blockOf = (sum: LoopSum): string => `${sum.lanes}Block`;
  return [
    `for (var block = ${first}; block < ${end}; block += ${BLOCK * step}u) {`,
    ...rounded.map((sum) => `var ${blockOf(sum)} = ${sum.start};`),
    `let stop = min(block + ${BLOCK * step}u, ${end});`,
    `for (var at = block; at < stop; at += ${step}u) {`,
    ...inside(sums.map((sum) => (rounded.includes(sum) ? blockOf(sum) : sum.lanes))),
    "}",
    ...rounded.map((sum) => `${sum.lanes} = ${combined(sum, width, sum.lanes, blockOf(sum), math)};`),
    "}",
  ];
}

/** A variable (var) with a number of each invocation. */
export interface Variable extends Combining {
  readonly name: string;
}

/** Up to so many numbers are read by all invocations, each for itself. */
const FEW = 32;

/** So many variables at a time, since the memory of a workgroup is small. */
const AT_ONCE = 6;

/** Combines numbers over the invocations of a workgroup, in an order that is the same each time. */
export class GroupCombiner {
  private readonly arrays = new Map<string, string>();
  private turn = 0;
  private isBegun = false;

  /** @param size invocations of the workgroup, a power of two */
  constructor(
    private readonly size: number,
    private readonly subgroups: boolean,
    private readonly math: MathTexts,
  ) {}

  /**
   * Statements after which every invocation has the combined number in each variable. They may follow each other, but a loop that has them
   * must end with a barrier. The first ones are for the place that the others come after.
   */
  combine(variables: readonly Variable[]): string[] {
    if (this.size === 1 || variables.length === 0) return [];
    if (variables.length > AT_ONCE)
      return [...this.combine(variables.slice(0, AT_ONCE)), ...this.combine(variables.slice(AT_ONCE))];
    this.turn++;
    if (this.subgroups) return this.bySubgroups(variables);
    return this.size <= FEW ? this.atOnce(variables) : this.inTwoSteps(variables);
  }

  /** What stands before the first use, in the function. */
  get beginning(): string[] {
    return this.subgroups && this.size > 1
      ? ["let lane_ = subgroupExclusiveAdd(1u);", "let lanes_ = subgroupAdd(1u);"]
      : [];
  }

  /** What stands outside of functions. */
  get declarations(): string {
    const arrays = [...this.arrays].map(([name, type]) => `var<workgroup> ${name}: ${type};\n`).join("");
    return this.isBegun ? `${ORDER}${arrays}` : arrays;
  }

  get features(): readonly string[] {
    return this.subgroups && this.size > 1 ? ["subgroups"] : [];
  }

  /** Arrays of two turns that follow each other are not the same: who is slow still reads the one while others write the other. */
  private array(role: string, index: number, { kind }: Combining, size: number): string {
    const name = `${role}_${kind}${index}`;
    this.arrays.set(name, `array<${typeName(kind, 1)}, ${size}>`);
    return name;
  }

  private atOnce(variables: readonly Variable[]): string[] {
    const arrays = variables.map((of, i) => this.array(`turn${this.turn % 2}`, i, of, this.size));
    return [
      ...variables.map(({ name }, i) => `${arrays[i]}[local] = ${name};`),
      "workgroupBarrier();",
      ...variables.flatMap((of, i) => this.over(of, arrays[i], "0u", this.size, 1)),
    ];
  }

  /** Few invocations combine some numbers each, then all combine what those have found. */
  private inTwoSteps(variables: readonly Variable[]): string[] {
    const found = 2 ** Math.ceil(Math.log2(this.size) / 2);
    const all = variables.map((of, i) => this.array("all", i, of, this.size));
    const some = variables.map((of, i) => this.array("some", i, of, found));
    return [
      ...variables.map(({ name }, i) => `${all[i]}[local] = ${name};`),
      "workgroupBarrier();",
      `if (local < ${found}u) {`,
      ...variables.flatMap((of, i) => [
        ...this.over(of, all[i], "local", this.size / found, found),
        `${some[i]}[local] = ${of.name};`,
      ]),
      "}",
      "workgroupBarrier();",
      ...variables.flatMap((of, i) => this.over(of, some[i], "0u", found, 1)),
    ];
  }

  /** Nothing is taken for granted of how invocations make up subgroups. */
  private bySubgroups(variables: readonly Variable[]): string[] {
    const arrays = variables.map((of, i) => this.array(`turn${this.turn % 2}`, i, of, this.size));
    this.isBegun = true;
    return [
      ...variables.flatMap((of, i) => [
        `${of.name} = ${this.acrossSubgroup(of)};`,
        `${arrays[i]}[local] = select(${neutral(of.combine, of.kind === "int" ? "int32" : "float32")}, ${of.name}, lane_ == 0u);`,
      ]),
      "workgroupBarrier();",
      ...variables.flatMap((of, i) => [
        `${of.name} = ${neutral(of.combine, of.kind === "int" ? "int32" : "float32")};`,
        `for (var i = lane_; i < ${this.size}u; i += lanes_) { ${of.name} = ${combined(of, 1, of.name, `${arrays[i]}[i]`, this.math)}; }`,
        `${of.name} = ${this.acrossSubgroup(of)};`,
      ]),
    ];
  }

  /** Floats are compared by what orders them as whole numbers, since what becomes of a NaN is else left open. */
  private acrossSubgroup({ combine, kind, name }: Variable): string {
    switch (combine) {
      case "sum":
        return `subgroupAdd(${name})`;
      case "product":
        return `subgroupMul(${name})`;
      case "maximum":
      case "minimum": {
        const fn = combine === "maximum" ? "subgroupMax" : "subgroupMin";
        if (kind === "int") return `${fn}(${name})`;
        const nan = combine === "maximum" ? "0x7fffffffi" : "i32(-0x7fffffff - 1)";
        const order = `select(orderOf(${name}), ${nan}, ${this.math.name("isNan", 1)}(${name}))`;
        return `numberOf(${fn}(${order}))`;
      }
      default:
        return combine satisfies never;
    }
  }

  private over(of: Variable, array: string, first: string, count: number, step: number): string[] {
    const { name } = of;
    return [
      `${name} = ${array}[${first}];`,
      `for (var i = 1u; i < ${count}u; i++) { ${name} = ${combined(of, 1, name, `${array}[${first} + i * ${step}u]`, this.math)}; }`,
    ];
  }
}

/** Whole numbers that are ordered as the floats are; a NaN is beyond the infinity of its sign. */
const ORDER = `
fn orderOf(x: f32) -> i32 { let bits = bitcast<i32>(x); return bits ^ ((bits >> 31u) & 0x7fffffff); }
fn numberOf(order: i32) -> f32 { return bitcast<f32>(order ^ ((order >> 31u) & 0x7fffffff)); }
`;
