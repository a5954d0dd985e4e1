/** Products of matrices on the GPU, whatever their elements are: how they are shared out among passes. */
import { type ProductKernel, partsOfEpilogue, productShape } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, Operands, Pass, Place, TypedKernel } from "../code";
import { aligned } from "../memory";
import { storeElement, storeVector } from "../wgsl/elements";
import { GROUP, entry, groupsOf } from "../wgsl/grid";
import { type Part, composed, inputSpot, outputSpot, sharedSpot } from "./compose";
import { type Finish, type FinishText, type FinishingPass, finished } from "./finish";
import type { Extent, Scheme } from "./schemes";
import { sweepCode } from "./sweep";
import { type Product, type ProductText, type Tile, invocationsOf, lonelyText, sharedText, tiledText } from "./tile";

/** A product with where its elements belong. */
export interface Task {
  readonly key: string;
  readonly extent: Extent;
  readonly scheme: Scheme;
  readonly product: (operands: Operands) => Product;
  /** What takes the place of `tiledText` where the scheme is a tiled one: the pass then has vectors, whose lanes are neighbours in the result. */
  readonly tiled?: (operands: Operands, tile: Tile) => ProductText;
  /** Text of the place (vec4<i32>) in the result of a row (i32) and columns (vec4<i32>) of the group `subset` (u32). */
  readonly place: (row: string, columns: string) => string;
}

/** Sums of nothing: zeros. */
export const NOTHING: Scheme = { kind: "lonely", rows: 1, size: 64, parts: 1 };

/**
 * The code of products that make up a result together, and of what becomes of it.
 * @param size of the whole result
 */
export function productCode(tasks: readonly Task[], finish: Finish, size: number, target: GpuTarget): KernelCode {
  const parts = tasks.some(({ scheme }) => scheme.kind === "lonely")
    ? 1
    : Math.max(...tasks.map(({ scheme }) => scheme.parts));
  const works = tasks.map((task): Work => ({ task, scheme: withParts(task.scheme, parts), target, size }));
  if (parts === 1) return finished(finish, [], works.map(finishingPass), 0, target);
  return finished(finish, works.map(partialPass), [joinPass(size, parts)], aligned(parts * size * 4), target);
}

/**
 * The product alone into shared memory, and then what is to become of it.
 * @param codeOf the code of a product without an epilogue
 */
export function productThenSweep<K extends ProductKernel>(
  { kernel, inputs, outputs }: TypedKernel<K>,
  codeOf: (typed: TypedKernel<K>, target: GpuTarget) => KernelCode,
  target: GpuTarget,
): KernelCode {
  const parts = partsOfEpilogue(kernel);
  if (!parts) throw new Error(`internal: a ${kernel.kind} without an epilogue`);
  const type = inputs[0] === "int32" && inputs[1] === "int32" ? "int32" : "float32";
  const bytes = productShape(kernel).reduce((size, dim) => size * dim, 4);
  const first: Part = {
    code: codeOf({ kernel: parts.product as K, inputs: inputs.slice(0, 2), outputs: [type] }, target),
    inputs: [inputSpot(0), inputSpot(1)],
    outputs: [sharedSpot(0)],
  };
  const then: Part = {
    code: sweepCode({ kernel: parts.sweep, inputs: [type, ...inputs.slice(2)], outputs }, target),
    inputs: [sharedSpot(0), ...inputs.slice(2).map((_, i) => inputSpot(2 + i))],
    outputs: outputs.map((_, i) => outputSpot(i)),
  };
  return composed({ parts: [first, then], inputs: inputs.length, bytes });
}

function withParts(scheme: Scheme, parts: number): Scheme {
  return scheme.kind === "lonely" ? scheme : { ...scheme, parts };
}

interface Work {
  readonly task: Task;
  readonly scheme: Scheme;
  /** Of the whole result. */
  readonly size: number;
  readonly target: GpuTarget;
}

/** A pass whose sums are the result's. */
function finishingPass(work: Work): FinishingPass {
  const { task, scheme } = work;
  const { groups, size } = layoutOf(task.extent, scheme);
  return {
    groups,
    size,
    vectors: isByVectors(work),
    key: `${task.key} ${JSON.stringify(scheme)}`,
    write: (operands, finish) => productPassText(work, operands, finish),
  };
}

/** A pass whose sums are parts of the result's, each part in a stretch of shared memory. */
function partialPass(work: Work): Pass {
  const { task, scheme, target, size } = work;
  const layout = layoutOf(task.extent, scheme);
  return {
    key: `${task.key} partial ${JSON.stringify(scheme)} ${size}`,
    workgroups: groupsOf(layout.groups, target),
    vectors: isByVectors(work),
    write: (operands) => {
      const place = operands.shared();
      const stores = isByVectors(work)
        ? [`if (inside.x) { ${storeVector(place, "(stretch + place.x)", "value")} }`]
        : [0, 1, 2, 3].map(
            (lane) => `if (inside[${lane}]) { ${storeElement(place, `(stretch + place[${lane}])`, `value[${lane}]`)} }`,
          );
      const text: FinishText = {
        declarations: `var<private> stretch: u32;
fn finish(value: vec4<f32>, place: vec4<u32>, inside: vec4<bool>) {
  ${stores.join("\n  ")}
}`,
        opening: "",
        ending: "",
      };
      return productPassText(work, operands, text, `stretch = part * ${size}u;`);
    },
  };
}

interface Layout {
  readonly blockRows: number;
  readonly blockColumns: number;
  readonly acrossRows: number;
  readonly acrossColumns: number;
  readonly groups: number;
  /** Invocations of a workgroup. */
  readonly size: number;
}

function layoutOf({ sets, rows, columns }: Extent, scheme: Scheme): Layout {
  const [blockRows, blockColumns, size] =
    scheme.kind === "tiled"
      ? [scheme.tile.rows, scheme.tile.columns, invocationsOf(scheme.tile)]
      : [scheme.rows, scheme.kind === "lonely" ? 4 * scheme.size : 4, scheme.size];
  const acrossRows = Math.ceil(rows / blockRows);
  const acrossColumns = Math.ceil(columns / blockColumns);
  const groups = sets * scheme.parts * acrossRows * acrossColumns;
  return { blockRows, blockColumns, acrossRows, acrossColumns, groups, size };
}

function productPassText({ task, scheme }: Work, operands: Operands, finish: FinishText, opening = ""): string {
  const { extent } = task;
  const layout = layoutOf(extent, scheme);
  const { blockRows, blockColumns, acrossRows, acrossColumns, groups, size } = layout;
  const product = productTextOf(task, scheme, operands);
  const unit = scheme.kind === "tiled" ? scheme.tile.depth : 1;
  const length = Math.ceil(extent.depth / unit / scheme.parts) * unit;
  const { rows, columns } = extent;
  const isRagged = rows % blockRows !== 0;
  const ends = product.sums.map(({ name, row, columns: at }) => {
    const inside = columns % blockColumns === 0 ? "vec4<bool>(true)" : `(columns${at} < vec4<i32>(${columns}))`;
    const call = `finish(${name}, vec4<u32>(${task.place(`(${row})`, `columns${at}`)}), ${inside});`;
    return isRagged ? `if (${row} < ${rows}) { ${call} }` : call;
  });
  const all = ends.join("\n  ");
  const text = `
  let row0 = i32(group % ${acrossRows}u) * ${blockRows};
  let column0 = i32((group / ${acrossRows}u) % ${acrossColumns}u) * ${blockColumns};
  let part = (group / ${acrossRows * acrossColumns}u) % ${scheme.parts}u;
  let subset = group / ${acrossRows * acrossColumns * scheme.parts}u;
  let begin = i32(part) * ${length};
  let end = min(begin + ${length}, ${extent.depth});
  ${scheme.kind === "tiled" ? "" : `let column = column0 + vec4<i32>(0, 1, 2, 3)${scheme.kind === "lonely" ? ` * ${size} + i32(local)` : ""};`}
  ${opening}
  ${finish.opening}
  ${product.statements}
  ${product.columns.map((each, at) => `let columns${at} = ${each};`).join("\n  ")}
  ${scheme.kind === "shared" ? `if (local == 0u) { ${all} }` : all}
  ${finish.ending}`;
  return `${product.declarations}\n${finish.declarations}\n${entry(groups, size, text)}`;
}

function isByVectors({ task, scheme }: Work): boolean {
  return scheme.kind === "tiled" && task.tiled !== undefined;
}

function productTextOf({ extent, product, tiled }: Task, scheme: Scheme, operands: Operands): ProductText {
  if (extent.depth === 0)
    return {
      declarations: "",
      statements: "let zero = vec4<f32>(0.0f);",
      columns: ["column"],
      sums: [{ name: "zero", row: "row0", columns: 0 }],
    };
  switch (scheme.kind) {
    case "tiled":
      return tiled ? tiled(operands, scheme.tile) : tiledText(product(operands), scheme.tile);
    case "lonely":
      return lonelyText(product(operands), scheme.rows);
    case "shared":
      return sharedText(product(operands), scheme.rows, scheme.size);
    default:
      return scheme satisfies never;
  }
}

/** Sums the parts of each element in their order and finishes it; where there are many parts, slices of them are summed at the same time. */
function joinPass(size: number, parts: number): FinishingPass {
  const slices = parts >= 64 ? 16 : parts >= 16 ? 4 : 1;
  const across = GROUP / slices;
  const groups = Math.ceil(size / (across * 4));
  return {
    groups,
    size: GROUP,
    key: `product join ${[size, parts, slices].join()}`,
    write: (operands, finish) => {
      const call = `finish(sum, elements, elements < vec4<u32>(${size}u));`;
      const body = `
  ${finish.opening}
  let own = local % ${across}u;
  let slice = local / ${across}u;
  let elements = group * ${across * 4}u + own + vec4<u32>(0u, ${across}u, ${2 * across}u, ${3 * across}u);
  var sum = vec4<f32>(0.0f);
  for (var part = slice; part < ${parts}u; part += ${slices}u) {
    let at = elements + part * ${size}u;
    sum += ${partialText(operands.shared())};
  }
  ${slices > 1 ? `${slicesText(slices, across)}\n  if (slice == 0u) { ${call} }` : call}
  ${finish.ending}`;
      const memory = slices > 1 ? `var<workgroup> slices: array<vec4<f32>, ${GROUP}>;` : "";
      return `${memory}\n${finish.declarations}\n${entry(groups, GROUP, body)}`;
    },
  };
}

function partialText({ memory, start }: Place): string {
  return `bitcast<vec4<f32>>(vec4<u32>(${[0, 1, 2, 3].map((lane) => `${memory}[${start} + at[${lane}]]`).join(", ")}))`;
}

function slicesText(slices: number, across: number): string {
  return `slices[local] = sum;
  for (var half = ${slices / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (slice < half) { slices[local] += slices[local + half * ${across}u]; }
  }
  sum = slices[local];`;
}
