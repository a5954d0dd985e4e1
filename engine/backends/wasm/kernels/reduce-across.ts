import type { FunctionWriter } from "../assembler/function";
import { type Addresses, BYTES } from "../code";
import { Accumulator, PARTIAL_BYTES } from "./accumulate";
import { storeLanes } from "./map";
import { BLOCK_VECTORS, type Reduction, columnBlocks, product, shareBounds } from "./reduction";
import { RowIndex, startOf } from "./rows";
import { LANES, VectorBody } from "./vector-body";

/** The last axis is kept: each lane is a result. */
export function writeAcross(f: FunctionWriter, at: Addresses, reduction: Reduction): void {
  const { plan, combine, kept, reduced, inner, shares, output } = reduction;
  const rows = product(reduced);
  const results = product(kept);
  const { count, whole, restVectors } = columnBlocks(inner.size);
  const keptIndex = new RowIndex(f, kept);
  const rowIndex = new RowIndex(f, reduced);
  const root = plan.nodes.length - 1;
  const width = BLOCK_VECTORS * LANES;
  const [piece, end, outer, block, row] = [0, 1, 2, 3, 4].map(() => f.local("i32"));
  const [firstRow, endRow] = [f.local("i32"), f.local("i32")];
  const column = f.local("i32");
  const address = f.local("i32");
  const body = new VectorBody(
    f,
    plan,
    (loop) => f.get(loop < kept.length ? keptIndex.position(loop) : rowIndex.position(loop - kept.length)),
    [root],
  );
  const accumulators = Array.from({ length: BLOCK_VECTORS }, () => new Accumulator(f, combine));
  const sumBlock = (vectors: number, columns: number): void => {
    const used = accumulators.slice(0, vectors);
    used.forEach((each) => {
      each.reset();
    });
    f.forRange(
      row,
      () => f.get(firstRow),
      () => f.get(endRow),
      1,
      () => {
        rowIndex.set(row);
        body.begin((input) => {
          const bytes = BYTES[plan.inputs[input]];
          startOf(f, at.inputs[input], plan.views[input], bytes);
          keptIndex.addTo(input, bytes);
          rowIndex.addTo(input, bytes);
          const step = inner.strides[input] * bytes;
          if (step !== 0) f.get(column).i32(step).op("i32.mul", "i32.add");
        });
        body.startAt(column);
        used.forEach((each, i) => {
          body.value(root, i, "number", Math.min(LANES, columns - i * LANES));
          each.add();
          body.next();
        });
      },
    );
    used.forEach((each, i) => {
      if (shares > 1) {
        each.storePartials(address, i * LANES * PARTIAL_BYTES);
        return;
      }
      const lanes = Math.min(LANES, columns - i * LANES);
      const offset = i * LANES * BYTES[output];
      if (output === "bool" || lanes < LANES) {
        const vector = f.local("v128");
        each.vector();
        if (output === "bool") f.f32x4(0).op("f32x4.ne");
        f.set(vector);
        storeLanes(f, address, vector, lanes, output, offset);
        f.release(vector);
      } else {
        f.get(address);
        each.vector();
        f.memory("v128.store", offset);
      }
    });
  };
  const doBlock = (): void => {
    keptIndex.set(outer);
    f.get(block).i32(width).op("i32.mul").set(column);
    const last = (): void => {
      sumBlock(restVectors, inner.size - whole * width);
    };
    const full = (): void => {
      sumBlock(BLOCK_VECTORS, width);
    };
    if (whole === 0) last();
    else if (restVectors === 0) full();
    else f.get(block).i32(whole).op("i32.lt_s").if(full, last);
  };
  if (shares === 1) {
    f.i32(0).set(firstRow).i32(rows).set(endRow);
    f.forRange(
      piece,
      () => f.get(at.from),
      () => f.get(at.to),
      1,
      () => {
        f.get(piece).i32(count).op("i32.div_u").set(outer);
        f.get(piece).i32(count).op("i32.rem_u").set(block);
        f.get(at.outputs[0]).get(outer).i32(inner.size).op("i32.mul").get(block).i32(width).op("i32.mul", "i32.add");
        f.i32(BYTES[output]).op("i32.mul", "i32.add").set(address);
        doBlock();
      },
    );
    return;
  }
  const padded = Math.ceil(inner.size / LANES) * LANES;
  f.get(at.to).set(end);
  f.forRange(
    piece,
    () => f.get(at.from),
    () => f.get(end),
    1,
    () => {
      shareBounds(f, piece, shares, rows, firstRow, endRow);
      f.get(at.shared)
        .get(piece)
        .i32(results * padded * PARTIAL_BYTES)
        .op("i32.mul", "i32.add")
        .set(address);
      f.forRange(
        outer,
        () => f.i32(0),
        () => f.i32(results),
        1,
        () => {
          f.forRange(
            block,
            () => f.i32(0),
            () => f.i32(count),
            1,
            () => {
              doBlock();
              if (restVectors === 0) f.advance(address, width * PARTIAL_BYTES);
              else {
                f.get(block).i32(whole).op("i32.lt_s");
                f.if(
                  () => f.advance(address, width * PARTIAL_BYTES),
                  () => f.advance(address, restVectors * LANES * PARTIAL_BYTES),
                );
              }
            },
          );
        },
      );
    },
  );
}
