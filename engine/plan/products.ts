import type { Kernel, MatmulKernel, ReduceKernel, View } from "../kernel/kernel";
import type { Instruction, Slot } from "./instruction";
import { isWhole } from "./layout";

/**
 * Makes few large matrix products out of many small ones: matrices that follow one another times the same one are one matrix,
 * and products that are only summed are one product over all of their middle axes. Then has each matrix come out in the order
 * in which it is read.
 * @param instructions each slot is written once
 * @param kept slots that are read after the last instruction, in the order that they have
 */
export function shapeProducts(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const folded = foldSums(instructions.map(joinRows), kept);
  return orderMatrices(folded, slots, kept);
}

/** [batch, m, k]·[k, n], where the batch's rows follow one another, is [batch·m, k]·[k, n]. */
function joinRows(instruction: Instruction): Instruction {
  const { kernel } = instruction;
  if (kernel.kind !== "matmul" || kernel.batch.length < 2) return instruction;
  const steps = stepsOf(kernel);
  if (steps?.b !== 0 || steps.a !== kernel.m * kernel.strideA[0]) return instruction;
  return { ...instruction, kernel: { ...kernel, m: kernel.m * kernel.batch.length, batch: [kernel.batch[0]] } };
}

/** From one matrix of the batch to the next, where that is always the same. */
function stepsOf({ batch }: MatmulKernel): { readonly a: number; readonly b: number } | undefined {
  const [first, second] = batch;
  const step = { a: second.a - first.a, b: second.b - first.b };
  const isEven = batch.every(({ a, b }, i) => a === first.a + i * step.a && b === first.b + i * step.b);
  return isEven ? step : undefined;
}

/** Σ over the batch of [m, k]·[k, n] is one product whose middle axis is batch·k, where the factors' elements follow one another so. */
function foldSums(instructions: readonly Instruction[], kept: ReadonlySet<number>): Instruction[] {
  const readers = readersOf(instructions);
  const products = new Map<number, Instruction>();
  for (const each of instructions) if (each.kernel.kind === "matmul") products.set(each.outputs[0], each);
  const replaced = new Map<Instruction, Instruction | undefined>();
  for (const sum of instructions) {
    if (sum.kernel.kind !== "reduce") continue;
    const [slot] = sum.inputs;
    const product = products.get(slot);
    if (!product || kept.has(slot) || readers.get(slot)?.length !== 1) continue;
    const kernel = foldedOf(product.kernel as MatmulKernel, sum.kernel);
    if (!kernel) continue;
    replaced.set(product, undefined);
    replaced.set(sum, { ...sum, kernel, inputs: product.inputs });
  }
  return instructions.flatMap((each) => {
    if (!replaced.has(each)) return [each];
    const instead = replaced.get(each);
    return instead ? [instead] : [];
  });
}

function foldedOf(
  product: MatmulKernel,
  { combine, body, shape, axes, views }: ReduceKernel,
): MatmulKernel | undefined {
  const { m, n, k, batch, strideA, strideB } = product;
  const lead = shape.slice(0, -2);
  const isAll =
    combine === "sum" &&
    body.kind === "input" &&
    axes.length === lead.length &&
    axes.every((axis) => axis < lead.length) &&
    lead.reduce((size, dim) => size * dim, 1) === batch.length &&
    shape.at(-2) === m &&
    shape.at(-1) === n;
  if (!isAll || batch.length < 2 || !isWhole(views[0], shape)) return undefined;
  const steps = stepsOf(product);
  if (!steps || steps.a !== k * strideA[1] || steps.b !== k * strideB[0]) return undefined;
  return { ...product, k: k * batch.length, batch: [batch[0]] };
}

/** A slot's reads: by which instruction, as which of its inputs. */
function readersOf(instructions: readonly Instruction[]): Map<number, { instruction: Instruction; at: number }[]> {
  const readers = new Map<number, { instruction: Instruction; at: number }[]>();
  for (const instruction of instructions)
    instruction.inputs.forEach((slot, at) => {
      const list = readers.get(slot);
      if (list) list.push({ instruction, at });
      else readers.set(slot, [{ instruction, at }]);
    });
  return readers;
}

/** Swaps rows and columns of products (Bᵀ·Aᵀ in place of A·B) that are read along their columns. */
function orderMatrices(
  instructions: readonly Instruction[],
  slots: readonly Slot[],
  kept: ReadonlySet<number>,
): Instruction[] {
  const readers = readersOf(instructions);
  const order = [...instructions];
  const places = new Map(order.map((instruction, i) => [instruction, i]));
  for (const original of instructions) {
    const at = places.get(original) as number;
    const { kernel, outputs } = order[at];
    if (kernel.kind !== "matmul" || kernel.m === 1 || kernel.n === 1) continue;
    const [slot] = outputs;
    // Others than matrix products and what goes over elements read in order.
    if (kept.has(slot) || slots[slot].size !== kernel.batch.length * kernel.m * kernel.n) continue;
    const changes = (readers.get(slot) ?? []).map((reader) => ({
      ...reader,
      place: places.get(reader.instruction) as number,
      view: changedRead(order[places.get(reader.instruction) as number].kernel, reader.at, kernel),
    }));
    if (changes.some(({ view }) => view === undefined)) continue;
    const gain = changes.reduce((sum, { view }) => sum + (view?.gain ?? 0), 0);
    if (gain <= 0) continue;
    order[at] = { ...order[at], kernel: transposedProduct(kernel), inputs: order[at].inputs.toReversed() };
    for (const { place, at: input, view } of changes) {
      const reader = order[place];
      if (view) order[place] = { ...reader, kernel: view.apply(reader.kernel, input) };
    }
  }
  return order;
}

interface ChangedRead {
  /** 1 where elements will follow one another that did not, −1 the other way round. */
  readonly gain: number;
  /** On the kernel as it is by then: another of its inputs may have changed before. */
  readonly apply: (kernel: Kernel, input: number) => Kernel;
}

/** How a reader reads the same elements of a product whose rows and columns are swapped in memory. */
function changedRead(kernel: Kernel, at: number, product: MatmulKernel): ChangedRead | undefined {
  switch (kernel.kind) {
    case "map":
    case "reduce":
    case "sweep": {
      const { shape } = kernel;
      const before = kernel.views[at];
      const view = swappedView(before, shape, product);
      if (!view) return undefined;
      const inner = shape.findLastIndex((dim) => dim > 1);
      const gain = inner < 0 ? 0 : Number(view.strides[inner] === 1) - Number(before.strides[inner] === 1);
      return {
        gain,
        apply: (now, input) => ({
          ...(now as typeof kernel),
          views: replaceAt((now as typeof kernel).views, input, view),
        }),
      };
    }
    case "matmul": {
      const strides = at === 0 ? kernel.strideA : kernel.strideB;
      const shape = at === 0 ? [kernel.m, kernel.k] : [kernel.k, kernel.n];
      const view = swappedView({ strides, offset: 0 }, shape, product);
      const plane = product.m * product.n;
      const isInPlane = kernel.batch.every((each) => (at === 0 ? each.a : each.b) % plane === 0);
      if (!view || !isInPlane) return undefined;
      const swapped = view.strides as unknown as readonly [number, number];
      return {
        gain: 0,
        apply: (now) => ({ ...(now as MatmulKernel), ...(at === 0 ? { strideA: swapped } : { strideB: swapped }) }),
      };
    }
    default:
      return undefined;
  }
}

/** Element b·m·n + i·n + j moves to b·m·n + j·m + i. Undefined where an axis of the view does not keep to one of the three. */
function swappedView({ strides, offset }: View, shape: readonly number[], { m, n }: MatmulKernel): View | undefined {
  const plane = m * n;
  if (offset % plane !== 0) return undefined;
  let [rows, columns] = [0, 0];
  const swapped: number[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    const stride = strides[axis];
    const reach = stride * (shape[axis] - 1);
    if (stride < 0) return undefined;
    if (shape[axis] === 1 || stride === 0) swapped.push(stride);
    else if (stride % plane === 0) swapped.push(stride);
    else if (stride % n === 0 && rows + reach < plane) {
      rows += reach;
      swapped.push(stride / n);
    } else if (stride < n && columns + reach < n) {
      columns += reach;
      swapped.push(stride * m);
    } else return undefined;
  }
  return { strides: swapped, offset };
}

/** (A·B)ᵀ = Bᵀ·Aᵀ; the factors change places. */
function transposedProduct({ m, n, k, batch, strideA, strideB }: MatmulKernel): MatmulKernel {
  return {
    kind: "matmul",
    m: n,
    n: m,
    k,
    batch: batch.map(({ a, b }) => ({ a: b, b: a })),
    strideA: [strideB[1], strideB[0]],
    strideB: [strideA[1], strideA[0]],
  };
}

function replaceAt<T>(list: readonly T[], at: number, item: T): T[] {
  return list.map((each, i) => (i === at ? item : each));
}
