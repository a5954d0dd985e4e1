import { fitsPositions } from "../../../kernel/integers";
import type { Combine, ElementType, RowsKernel } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import type { FunctionWriter, Local } from "../assembler/function";
import { type Addresses, BYTES, type KernelCode, type Phase, type Target, type TypedKernel, aligned } from "../code";
import { Accumulator, PARTIAL_BYTES, isWide } from "./accumulate";
import { keyText } from "./map";
import { RowIndex, startOf } from "./rows";
import { type RowPlan, RowWriter, scratchBytes } from "./rows-row";
import { planStages } from "./rows-stages";
import { writeTotal } from "./sweep";
import { costOfNodes } from "./vector-body";

/** Elements of a piece: a few microseconds. */
const PIECE = 4096;

/** Rows one after the other, in as few passes over each as its results need: what a pass reads again is in the cache. */
export function rowsCode({ kernel, inputs, outputs }: TypedKernel<RowsKernel>, target: Target): KernelCode | undefined {
  const { shape, views, results } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (size === 0 || outputs.includes("int32")) return undefined;
  const last = shape.length - 1;
  const stages = planStages(kernel, outputs);
  const { nodes } = stages;
  if (!fitsPositions(nodes, stages.roots, inputs, shape)) return undefined;
  const rowViews = views.map((view) => ({ ...view, strides: view.strides.slice(0, last) }));
  const outer = planLoops(shape.slice(0, last), [], rowViews, nodes);
  const inner: Loop = {
    size: shape[last],
    strides: views.map(({ strides }) => strides[last]),
    axis: last,
    reduced: false,
  };
  let kept = 0;
  const places = results.map((result) => {
    if (!result.kept) return undefined;
    const at = kept++;
    return { at, type: outputs[at] };
  });
  const plan: RowPlan = { kernel, inputs, outputs: places, outer, inner, stages, target };
  const rows = size / inner.size;
  const perPiece = Math.max(1, Math.ceil(PIECE / inner.size));
  const pieces = Math.ceil(rows / perPiece);
  const totals = results.flatMap(({ combine, over }, result) => {
    const place = places[result];
    return combine && place && (over === "rows" || over === "all") ? [{ combine, result, ...place }] : [];
  });
  const key = `rows ${JSON.stringify([shape, outer, views, results, inputs, outputs, target], keyText)}`;
  const bytes = inputs.reduce((sum, type) => sum + BYTES[type], 0) + outputs.length * 4;
  const main: Phase = {
    pieces,
    work: size * (costOfNodes(nodes) + bytes * 0.05 + 0.3) + rows * 20,
    scratch: scratchBytes(plan),
    key,
    write: (f, at) => {
      writeMain(f, at, plan, { rows, perPiece, totals });
    },
  };
  if (totals.length === 0) return { phases: [main] };
  const finish: Phase = {
    pieces: 1,
    work: totals.length * pieces,
    key: `${key} finish`,
    write: (f, at) => {
      totals.forEach(({ combine, type, at: output }, order) => {
        writeTotal(f, at, { combine, type, output: at.outputs[output], order, count: totals.length, pieces });
      });
    },
  };
  return { phases: [main, finish], shared: aligned(pieces * totals.length * PARTIAL_BYTES) };
}

interface Work {
  readonly rows: number;
  readonly perPiece: number;
  /** What is combined over several rows. */
  readonly totals: readonly {
    readonly combine: Combine;
    readonly result: number;
    readonly type: ElementType;
  }[];
}

function writeMain(f: FunctionWriter, at: Addresses, plan: RowPlan, { rows, perPiece, totals }: Work): void {
  const { kernel, inputs, outputs, outer, stages } = plan;
  const { views, results } = kernel;
  const index = new RowIndex(f, outer);
  const used = stages.nodes.flatMap((node) => (node.kind === "input" && node.index < views.length ? [node.index] : []));
  const pointers = new Map(used.map((input) => [input, f.local("i32")]));
  /** By result: where it stands, and bytes from row to row. */
  const outs = new Map<number, { readonly pointer: Local; readonly step: number }>();
  results.forEach(({ over }, result) => {
    const output = outputs[result];
    if (!output || (over !== "element" && over !== "row")) return;
    const step = (over === "element" ? plan.inner.size : 1) * BYTES[output.type];
    outs.set(result, { pointer: f.local("i32"), step });
  });
  const sums = new Map(totals.map(({ result, combine }) => [result, new Accumulator(f, combine)]));
  const writer = new RowWriter(f, plan, {
    inputs: pointers,
    outputs: new Map([...outs].map(([result, { pointer }]) => [result, pointer])),
    scratch: at.scratch,
    index: (loop) => f.get(index.position(loop)),
    totals: sums,
  });
  const [piece, row, end] = [0, 1, 2].map(() => f.local("i32"));
  const findRow = (): void => {
    for (const [input, pointer] of pointers) {
      startOf(f, at.inputs[input], views[input], BYTES[inputs[input]]);
      index.addTo(input, BYTES[inputs[input]]);
      f.set(pointer);
    }
  };
  // Rows that lie at even distances are found from the one before.
  const isEven = outer.length <= 1;
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(at.to),
    1,
    () => {
      for (const sum of sums.values()) sum.reset();
      f.get(piece).i32(perPiece).op("i32.mul").set(row);
      for (const [result, { pointer, step }] of outs) {
        f.get(at.outputs[outputs[result]?.at ?? 0]);
        f.get(row).i32(step).op("i32.mul", "i32.add").set(pointer);
      }
      // min(row + perPiece, rows)
      f.get(row).i32(perPiece).op("i32.add").tee(end).i32(rows);
      f.get(end).i32(rows).op("i32.lt_s", "select").set(end);
      if (isEven) {
        index.set(row);
        findRow();
      }
      f.loop((again) => {
        index.set(row);
        if (!isEven) findRow();
        writer.write();
        if (isEven)
          for (const [input, pointer] of pointers)
            f.advance(pointer, (outer.at(0)?.strides[input] ?? 0) * BYTES[inputs[input]]);
        for (const { pointer, step } of outs.values()) f.advance(pointer, step);
        f.get(row).i32(1).op("i32.add").tee(row).get(end).op("i32.lt_s").leaveIf(again);
      });
      if (totals.length === 0) return;
      const address = f.local("i32");
      f.get(at.shared).get(piece);
      f.i32(totals.length * PARTIAL_BYTES)
        .op("i32.mul", "i32.add")
        .set(address);
      totals.forEach(({ result, combine }, order) => {
        f.get(address);
        (sums.get(result) as Accumulator).total();
        f.memory(isWide(combine) ? "f64.store" : "f32.store", order * PARTIAL_BYTES);
      });
      f.release(address);
    },
  );
}
