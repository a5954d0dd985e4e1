import { type ElementType, type ProductKernel, type View, partsOfEpilogue, productShape } from "../../../kernel/kernel";
import { type Node, shareAll } from "../../../kernel/nodes";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import { keyText, storeLanes, storeMask } from "./map";
import { type Finish, type FinishedVector, loadPart, storeFinished } from "./product-tile";
import { sweepCode } from "./sweep";
import { LANES, VectorBody, costOfNodes, fitsFloats } from "./vector-body";

/**
 * What becomes of the elements of matrices [outer, rows, columns] while they are in registers: maps, that read what stands beside them in
 * the same order.
 */
export interface EpiloguePlan {
  readonly shape: readonly [outer: number, rows: number, columns: number];
  readonly nodes: readonly Node[];
  /** Positions of the results' bodies in the nodes. */
  readonly roots: readonly number[];
  readonly outputs: readonly ElementType[];
  /** Beside the product. */
  readonly inputs: readonly ElementType[];
  /** Of those inputs: from column to column 0 or 1. */
  readonly views: readonly View[];
  readonly target: Target;
}

/** More is not worth its code, which is there for each vector of a tile. */
const MOST_NODES = 16;
const MOST_COST = 0.75;

/** Undefined for what must be done after the product: see {@link productThenSweep}. */
export function planEpilogue(
  { kernel, inputs, outputs }: TypedKernel<ProductKernel>,
  target: Target,
): EpiloguePlan | undefined {
  const { epilogue } = kernel;
  if (!epilogue || !fitsFloats(inputs, outputs) || epilogue.results.some(({ combine }) => combine)) return undefined;
  const { nodes, roots } = shareAll(epilogue.results.map(({ body }) => body));
  const isLight = nodes.length <= MOST_NODES && costOfNodes(nodes) <= MOST_COST;
  if (!isLight || nodes.some(({ kind }) => kind === "index")) return undefined;
  const [outer, rows, columns] = productShape(kernel);
  const views = epilogue.views.map(({ strides, offset }) => ({
    strides: [outer === 1 ? 0 : strides[0], rows === 1 ? 0 : strides[1], columns === 1 ? 0 : strides[2]],
    offset,
  }));
  const plan = {
    shape: [outer, rows, columns] as const,
    nodes,
    roots,
    outputs,
    inputs: inputs.slice(2),
    views,
    target,
  };
  return isReadable(plan) ? plan : undefined;
}

/** All matrices of the batch as one below the other; undefined where a view is not even over them. */
export function joinOuter(plan: EpiloguePlan): EpiloguePlan | undefined {
  const [outer, rows, columns] = plan.shape;
  const views = plan.views.map(({ strides, offset }) => {
    const row = rows === 1 ? strides[0] : strides[1];
    return { strides: [0, row, strides[2]], offset, isEven: outer === 1 || strides[0] === rows * row };
  });
  return views.every(({ isEven }) => isEven) ? { ...plan, shape: [1, outer * rows, columns], views } : undefined;
}

/** A single column of many rows as one row of many columns. */
export function turnColumn(plan: EpiloguePlan): EpiloguePlan | undefined {
  const [outer, rows] = plan.shape;
  const views = plan.views.map(({ strides, offset }) => ({ strides: [strides[0], 0, strides[1]], offset }));
  const turned: EpiloguePlan = { ...plan, shape: [outer, 1, rows], views };
  return isReadable(turned) ? turned : undefined;
}

function isReadable({ views }: EpiloguePlan): boolean {
  return views.every(({ strides }) => strides[1] >= 0 && (strides[2] === 0 || strides[2] === 1));
}

/** The output whose memory takes sums of a product that is not finished. */
export function outputOfProduct({ outputs }: EpiloguePlan): number | undefined {
  const at = outputs.indexOf("float32");
  return at < 0 ? undefined : at;
}

/** For the tiles of a product: {@link writeFinishing} gives their parameters. */
export function finishOf(plan: EpiloguePlan): Finish {
  const { shape, nodes, roots, outputs, inputs, views, target } = plan;
  const columns = shape[2];
  return {
    key: `epilogue ${JSON.stringify([shape, nodes, roots, outputs, inputs, views], keyText)}`,
    parameters: inputs.length + outputs.length,
    write(f, row, vectors, parameters) {
      // Inputs are all supplied: where they stand is nothing to the body.
      const strides = [1, ...views.map((view) => view.strides[2])];
      const loops = [{ size: columns, strides, axis: undefined, reduced: false }];
      const still = strides.map(() => ({ strides: [], offset: 0 }));
      const body = new VectorBody(
        f,
        { nodes, views: still, inputs: ["float32", ...inputs], loops, target },
        zero,
        roots,
      );
      const loaded = vectors.map(({ part }) =>
        views.map(({ strides }, i) => {
          const vector = f.local("v128");
          loadInput(f, parameters[i], inputs[i], strides[2], row * strides[1], part);
          f.set(vector);
          return vector;
        }),
      );
      const results = vectors.map(({ value, part }, v) => {
        body.supply(0, 0, value);
        loaded[v].forEach((vector, i) => {
          body.supply(1 + i, 0, vector);
        });
        const made = roots.map((root, i) => {
          body.value(root, 0, outputs[i] === "bool" ? "mask" : "number", part.lanes);
          const vector = f.local("v128");
          f.set(vector);
          return vector;
        });
        body.next();
        return made;
      });
      // The compiler joins two stores side by side, and what is stored.
      outputs.forEach((type, i) => {
        vectors.forEach((vector, v) => {
          store(
            f,
            parameters[inputs.length + i],
            { ...vector, value: results[v][i] },
            type,
            row * columns * BYTES[type],
          );
        });
      });
      f.release(...loaded.flat(), ...results.flat());
    },
  };

  function zero(): void {
    throw new Error("internal: an epilogue asks for an index");
  }
}

/** Leaves the parameters of a tile that begins at a place on the stack, where its inputs and outputs are. */
export function writeFinishing(
  f: FunctionWriter,
  { shape, outputs, inputs, views }: EpiloguePlan,
  at: Pick<Addresses, "inputs" | "outputs">,
  place: readonly [outer: Local, row: Local, column: Local],
): void {
  views.forEach(({ strides, offset }, i) => {
    const bytes = BYTES[inputs[i]];
    f.get(at.inputs[2 + i]);
    if (offset !== 0) f.i32(offset * bytes).op("i32.add");
    place.forEach((index, axis) => {
      const step = strides[axis] * bytes;
      if (step !== 0) f.get(index).i32(step).op("i32.mul", "i32.add");
    });
  });
  const [outer, row, column] = place;
  outputs.forEach((type, i) => {
    f.get(row);
    if (shape[0] > 1) f.get(outer).i32(shape[1]).op("i32.mul", "i32.add");
    f.i32(shape[2]).op("i32.mul").get(column).op("i32.add");
    f.i32(BYTES[type]).op("i32.mul").get(at.outputs[i]).op("i32.add");
  });
}

/** Leaves what an input has beside a vector of a row on the stack. */
function loadInput(
  f: FunctionWriter,
  address: Local,
  type: ElementType,
  step: number,
  from: number,
  part: FinishedVector["part"],
): void {
  const at = (from + step * part.column) * BYTES[type];
  if (type === "bool") {
    f.get(address);
    if (step === 0) f.memory("i32.load8_u", at).op("i32x4.splat", "f32x4.convert_i32x4_s");
    else {
      f.memory("v128.load32_zero", at);
      f.op("i16x8.extend_low_i8x16_u", "i32x4.extend_low_i16x8_u", "f32x4.convert_i32x4_s");
    }
  } else if (step === 0) f.get(address).memory("v128.load32_splat", at);
  else loadPart(f, address, part, from * BYTES.float32);
}

function store(f: FunctionWriter, address: Local, vector: FinishedVector, type: ElementType, offset: number): void {
  const { value, part } = vector;
  if (type !== "bool") storeFinished(f, address, vector, offset);
  else if (part.lanes < LANES) storeLanes(f, address, value, part.lanes, type, offset + part.column);
  else {
    f.get(address).get(value);
    storeMask(f, offset + part.column);
  }
}

/**
 * The product as a whole, then a sweep over it: for products that are not done in tiles, for statistics, and for what takes long.
 * @param codeOfProduct of the kernel without its epilogue
 */
export function productThenSweep<K extends ProductKernel>(
  typed: TypedKernel<K>,
  target: Target,
  codeOfProduct: (typed: TypedKernel<K>, target: Target) => KernelCode | undefined,
): KernelCode | undefined {
  const { kernel, inputs, outputs } = typed;
  const parts = partsOfEpilogue(kernel);
  if (!parts) return undefined;
  const product = codeOfProduct(
    { kernel: parts.product as K, inputs: inputs.slice(0, 2), outputs: ["float32"] },
    target,
  );
  const sweep = sweepCode({ kernel: parts.sweep, inputs: ["float32", ...inputs.slice(2)], outputs }, target);
  if (!product || !sweep) return undefined;
  const size = productShape(kernel).reduce((all, dim) => all * dim, 1);
  const own = aligned(Math.max(product.shared ?? 0, sweep.shared ?? 0));
  // A sweep may write where it reads, element by element, if the result is made of what it reads there.
  const at = parts.sweep.results.findIndex(
    ({ body, combine }, i) =>
      combine === undefined && outputs[i] === "float32" && shareAll([body]).nodes.some(isProduct),
  );
  /** Phases with other buffers: the product stands in that output, or behind what the phases share. */
  const wrap = (phase: Phase, bind: (given: Addresses, product: Local) => Partial<Addresses>): Phase => ({
    ...phase,
    key: `${phase.key} of an epilogue ${own} ${at} ${outputs.length}`,
    write(f, given, module) {
      const place = f.local("i32");
      if (at < 0) f.get(given.shared).i32(own).op("i32.add").set(place);
      else f.get(given.outputs[at]).set(place);
      phase.write(f, { ...given, ...bind(given, place) }, module);
      f.release(place);
    },
  });
  return {
    shared: own + (at < 0 ? aligned(size * BYTES.float32) : 0),
    phases: [
      ...product.phases.map((phase) =>
        wrap(phase, (given, place) => ({ inputs: given.inputs.slice(0, 2), outputs: [place] })),
      ),
      ...sweep.phases.map((phase) => wrap(phase, (given, place) => ({ inputs: [place, ...given.inputs.slice(2)] }))),
    ],
  };
}

function isProduct(node: Node): boolean {
  return node.kind === "input" && node.index === 0;
}
