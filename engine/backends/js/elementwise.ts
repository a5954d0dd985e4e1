import { erf, roundHalfEven } from "../../kernel/special";
import type { Combine, ElementType, MapKernel, ReduceKernel } from "../../kernel/kernel";
import type { ArrayKernel } from "./array-kernel";
import { type EmittedBody, emitBody } from "./emit";
import { interpretMap, interpretReduce } from "./interpret";
import { type Loop, planLoops } from "../../kernel/loops";
import { type Node, shareSubexpressions } from "../../kernel/nodes";

/** Generated code where the platform allows it, else an interpreter with the same results. */
export type CodeMode = "generate" | "interpret";

/** Whether this platform runs text as code; a content security policy may forbid it. */
export function canGenerateCode(): boolean {
  try {
    return compileText([], "return () => 1;")() !== undefined;
  } catch {
    return false;
  }
}

export function compileMap(kernel: MapKernel, output: ElementType, mode: CodeMode): ArrayKernel {
  const { shape, views } = kernel;
  if (sizeOf(shape) === 0) return () => undefined;
  const nodes = shareSubexpressions(kernel.body);
  const loops = planLoops(shape, [], views, nodes);
  if (mode === "interpret") return interpretMap(nodes, views, loops, output);
  const body = emitBody(nodes, views, loops);
  const value = output === "bool" ? `${body.test} ? 1 : 0` : body.value;
  const depth = loops.length;
  const write = depth === 0 ? `out[0] = ${value};` : `out[o + i${depth}] = ${value};`;
  return generate(usedInputs(nodes), [
    "let o = 0;",
    ...body.statements[0],
    ...nest(loops, body, 0, depth, [write], [`o += ${loops.at(-1)?.size};`]),
  ]);
}

/**
 * Sums and products accumulate in double precision. Over no elements the result is the neutral
 * element, as far as the output's type can hold it.
 */
export function compileReduce(kernel: ReduceKernel, output: ElementType, mode: CodeMode): ArrayKernel {
  const { shape, axes, views, combine } = kernel;
  const keptSize = sizeOf(shape.filter((_, axis) => !axes.includes(axis)));
  if (keptSize === 0) return () => undefined;
  const start = neutral(combine, output);
  if (sizeOf(shape) === 0)
    return (_, out) => void out.fill(output === "bool" ? Number(start !== 0) : start, 0, keptSize);

  const nodes = shareSubexpressions(kernel.body);
  const planned = planLoops(shape, axes, views, nodes);
  const kept = planned.filter((loop) => !loop.reduced);
  const reduced = planned.filter((loop) => loop.reduced);
  const loops = [...kept, ...reduced];
  if (mode === "interpret") {
    return interpretReduce(nodes, views, loops, kept.length, output, start, combine);
  }
  return sumsByRow(planned)
    ? generateByRow(nodes, kernel, kept, reduced, output)
    : generateByElement(nodes, kernel, loops, kept.length, output);
}

/** The value a reduction starts from. Maximum and minimum start inside the range of the output's type. */
export function neutral(combine: Combine, output: ElementType): number {
  switch (combine) {
    case "sum":
      return 0;
    case "product":
      return 1;
    case "maximum":
      return output === "float32" ? -Infinity : output === "int32" ? -0x80000000 : 0;
    case "minimum":
      return output === "float32" ? Infinity : output === "int32" ? 0x7fffffff : 1;
    default:
      return combine satisfies never;
  }
}

/** One accumulator for each element of the output in turn. */
function generateByElement(
  nodes: readonly Node[],
  { views, combine }: ReduceKernel,
  loops: readonly Loop[],
  keptLoops: number,
  output: ElementType,
): ArrayKernel {
  const body = emitBody(nodes, views, loops);
  const inner = nest(loops, body, keptLoops, loops.length, [`sum = ${combined(combine, "sum", body.value)};`]);
  return generate(usedInputs(nodes), [
    "let o = 0;",
    ...body.statements[0],
    ...nest(loops, body, 0, keptLoops, [
      `let sum = ${neutral(combine, output)};`,
      ...inner,
      `out[o++] = ${stored("sum", output)};`,
    ]),
  ]);
}

/**
 * Where the last axis is kept and many rows are reduced, walking along the rows with a row of
 * accumulators reads memory in order.
 */
function sumsByRow(loops: readonly Loop[]): boolean {
  const last = loops.at(-1);
  const rows = loops.reduce((product, loop) => (loop.reduced ? product * loop.size : product), 1);
  return last !== undefined && !last.reduced && last.size >= 8 && rows >= 8;
}

function generateByRow(
  nodes: readonly Node[],
  { views, combine }: ReduceKernel,
  kept: readonly Loop[],
  reduced: readonly Loop[],
  output: ElementType,
): ArrayKernel {
  const row = kept[kept.length - 1];
  const loops = [...kept.slice(0, -1), ...reduced, row];
  const body = emitBody(nodes, views, loops);
  const at = `sums[i${loops.length}]`;
  const inner = nest(loops, body, kept.length - 1, loops.length, [`${at} = ${combined(combine, at, body.value)};`]);
  return generate(
    usedInputs(nodes),
    [
      "let o = 0;",
      ...body.statements[0],
      ...nest(loops, body, 0, kept.length - 1, [
        `sums.fill(${neutral(combine, output)});`,
        ...inner,
        `for (let j = 0; j < ${row.size}; j++) out[o + j] = ${stored("sums[j]", output)};`,
        `o += ${row.size};`,
      ]),
    ],
    [`const sums = new Float64Array(${row.size});`],
  );
}

/** Loops `from`…`to` around `inside`; `after` follows the innermost of them. */
function nest(
  loops: readonly Loop[],
  body: EmittedBody,
  from: number,
  to: number,
  inside: readonly string[],
  after: readonly string[] = [],
): readonly string[] {
  if (from === to) return inside;
  const counter = `i${from + 1}`;
  return [
    `for (let ${counter} = 0; ${counter} < ${loops[from].size}; ${counter}++) {`,
    ...body.statements[from + 1],
    ...nest(loops, body, from + 1, to, inside, after),
    "}",
    ...(from + 1 === to ? after : []),
  ];
}

function combined(combine: Combine, sum: string, value: string): string {
  switch (combine) {
    case "sum":
      return `${sum} + ${value}`;
    case "product":
      return `${sum} * ${value}`;
    case "maximum":
      return `Math.max(${sum}, ${value})`;
    case "minimum":
      return `Math.min(${sum}, ${value})`;
    default:
      return combine satisfies never;
  }
}

/** What is written into the output; typed arrays themselves truncate to int32. */
function stored(value: string, output: ElementType): string {
  return output === "bool" ? `${value} !== 0 ? 1 : 0` : value;
}

function usedInputs(nodes: readonly Node[]): number[] {
  return nodes.flatMap((node) => (node.kind === "input" ? [node.index] : []));
}

function generate(inputs: readonly number[], lines: readonly string[], setup: readonly string[] = []): ArrayKernel {
  const text = [
    '"use strict";',
    ...setup,
    "return (inputs, out) => {",
    ...inputs.map((i) => `const a${i} = inputs[${i}];`),
    ...lines,
    "};",
  ];
  return compileText(["erf", "round"], text.join("\n"))(erf, roundHalfEven) as ArrayKernel;
}

/** A function from its parameters and text, as `new Function`. */
function compileText(parameters: readonly string[], text: string): (...values: unknown[]) => unknown {
  return new Function(...parameters, text) as (...values: unknown[]) => unknown;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
