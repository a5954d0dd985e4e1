import type { Callee, FunctionWriter, Local } from "../assembler/function";
import type { ModuleWriter } from "../assembler/module";
import { panelFunction } from "./product-panel";
import { PACK_NS, PIECE_NS, type ProductPlan, type RowTiles, paddedColumns } from "./product-plan";
import { tileFunction } from "./product-tile";

/** Locals of the function that does a product, all i32. */
export interface ProductAddresses {
  readonly a: Local;
  readonly b: Local;
  readonly c: Local;
  /** Panels of B, written by {@link writePanels}, where the plan wants them made before. */
  readonly panels: Local;
  /** So many bytes as the plan says, of this thread's own. */
  readonly scratch: Local;
  /** Which of the plan's row blocks × column blocks to do; undefined where there is one. */
  readonly piece?: Local;
  /** Adds to what C holds. */
  readonly accumulate?: boolean;
  /** Writes what leaves the parameters of the plan's `finish` on the stack, for the tile of C that begins there. */
  readonly finishing?: (row: Local, column: Local) => void;
}

/**
 * Writes one piece of a planned product, to be used within any kernel's phase: its pieces (rowBlocks · columnBlocks of the plan)
 * may be done in any order and on any thread.
 */
export function writeProduct(f: FunctionWriter, module: ModuleWriter, plan: ProductPlan, at: ProductAddresses): void {
  const { product, rows, packA, packB, rowBlocks, columnBlocks, scratchA } = plan;
  const { a } = product;
  const local = (): Local => f.local("i32");
  const [rowBlock, columnBlock] = [local(), local()];
  divide(f, at.piece, columnBlocks, rowBlock, columnBlock);
  const [fromTile, toTile, firstRow] = [local(), local(), local()];
  range(f, rowBlock, rowBlocks, rows.full + rows.rest, fromTile, toTile);
  startOf(f, rows, fromTile, firstRow);
  const [step, steps, blockA, blockB, column] = [local(), local(), local(), local(), local()];
  const block: Block = { fromTile, toTile, firstRow, steps, blockA, blockB, column, step };
  eachDepth(f, plan, step, steps, () => {
    f.get(at.a);
    scaled(f, firstRow, a.row);
    scaled(f, step, a.step);
    f.op("i32.add", "i32.add").set(blockA);
    if (packA) writeBlockOfA(f, module, plan, at, block);
    eachColumns(f, plan, columnBlock, columnBlocks, column, (width) => {
      if (packB === "before") panelAddress(f, plan, at.panels, block, blockB);
      else if (packB === "in place") addressOfB(f, plan, at.b, block, blockB);
      else {
        f.get(at.scratch).i32(scratchA).op("i32.add").set(blockB);
        copyPanel(f, module, plan, at.b, block, width, blockB);
      }
      writeStrip(f, module, plan, at, block, width);
    });
  });
  f.release(rowBlock, columnBlock, fromTile, toTile, firstRow, step, steps, blockA, blockB, column);
}

/** In how many pieces panels of B are made before, where the plan wants that. */
export function panelPieces({ product: { n, k }, columns }: ProductPlan): number {
  return Math.max(1, Math.min(columns.count, Math.floor((PACK_NS * k * n) / PIECE_NS)));
}

/** Writes one of {@link panelPieces} pieces of B's panels. */
export function writePanels(
  f: FunctionWriter,
  module: ModuleWriter,
  plan: ProductPlan,
  at: { readonly b: Local; readonly panels: Local; readonly piece: Local },
): void {
  const [step, steps, column, target] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  const place = { step, steps, column };
  eachDepth(f, plan, step, steps, () => {
    eachColumns(f, plan, at.piece, panelPieces(plan), column, (width) => {
      panelAddress(f, plan, at.panels, place, target);
      copyPanel(f, module, plan, at.b, place, width, target);
    });
  });
  f.release(step, steps, column, target);
}

/** Where in a product a panel of B begins: locals. */
interface Place {
  readonly step: Local;
  readonly steps: Local;
  readonly column: Local;
}

function copyPanel(
  f: FunctionWriter,
  module: ModuleWriter,
  plan: ProductPlan,
  b: Local,
  place: Place,
  width: number,
  target: Local,
): void {
  const { step, column } = plan.product.b;
  const from = f.local("i32");
  addressOfB(f, plan, b, place, from);
  f.get(from).get(target).get(place.steps);
  f.call(panelFunction(module, width, { line: column, step })).release(from);
}

function addressOfB(
  f: FunctionWriter,
  { product: { b } }: ProductPlan,
  base: Local,
  { step, column }: Place,
  address: Local,
): void {
  f.get(base);
  scaled(f, step, b.step);
  scaled(f, column, b.column);
  f.op("i32.add", "i32.add").set(address);
}

/** Where the panel of that depth and column begins: panels of a depth lie side by side, whatever their widths. */
function panelAddress(
  f: FunctionWriter,
  { product }: ProductPlan,
  panels: Local,
  { step, steps, column }: Place,
  address: Local,
): void {
  f.get(panels);
  scaled(f, step, 4 * paddedColumns(product.n));
  f.get(steps).get(column).op("i32.mul").i32(2).op("i32.shl");
  f.op("i32.add", "i32.add").set(address);
}

/** Copies the rows of a block to scratch, tile by tile. */
function writeBlockOfA(
  f: FunctionWriter,
  module: ModuleWriter,
  { product: { a }, rows }: ProductPlan,
  { scratch }: ProductAddresses,
  { blockA, fromTile, toTile, steps }: Block,
): void {
  const target = f.local("i32");
  f.get(scratch).set(target);
  eachTile(f, rows, fromTile, toTile, (size) => {
    f.get(blockA)
      .get(target)
      .get(steps)
      .call(panelFunction(module, size, { line: a.row, step: a.step }));
    f.advance(blockA, size * a.row).get(target);
    scaled(f, steps, 4 * size);
    f.op("i32.add").set(target);
  });
  f.get(scratch).set(blockA).release(target);
}

/** Does `body` for one block of depth after the other, with its first step and how many there are. */
function eachDepth(
  f: FunctionWriter,
  { product: { k }, depth }: ProductPlan,
  step: Local,
  steps: Local,
  body: () => void,
): void {
  if (k <= depth) {
    f.i32(0).set(step).i32(k).set(steps);
    body();
    return;
  }
  const from = (): FunctionWriter => f.i32(0);
  const to = (): FunctionWriter => f.i32(k);
  f.forRange(step, from, to, depth, () => {
    f.i32(depth).i32(k).get(step).op("i32.sub").tee(steps);
    f.get(steps).i32(depth).op("i32.gt_s", "select").set(steps);
    body();
  });
}

/** Does `body` for each tile's columns of a block, written for every width. */
function eachColumns(
  f: FunctionWriter,
  { columns }: ProductPlan,
  index: Local,
  blocks: number,
  column: Local,
  body: (width: number) => void,
): void {
  const { width, count, tails } = columns;
  const [tile, to] = [f.local("i32"), f.local("i32")];
  if (count > 0) {
    const from = f.local("i32");
    range(f, index, blocks, count, from, to);
    scaled(f, from, width);
    f.set(column);
    f.forRange(
      tile,
      () => f.get(from),
      () => f.get(to),
      1,
      () => {
        body(width);
        f.advance(column, width);
      },
    );
    f.release(from);
  } else f.i32(0).set(column);
  f.release(tile, to);
  if (tails.length === 0) return;
  const last = (): void => {
    for (const tail of tails) {
      body(tail);
      f.advance(column, tail);
    }
  };
  if (blocks === 1) last();
  else
    f.get(index)
      .i32(blocks - 1)
      .op("i32.eq")
      .if(last);
}

/** What a strip of columns is multiplied with: locals. */
interface Block {
  readonly fromTile: Local;
  readonly toTile: Local;
  readonly firstRow: Local;
  readonly column: Local;
  /** The first step of p, and how many. */
  readonly step: Local;
  readonly steps: Local;
  /** Addresses of the first row of A, and of the strip's first column of B. */
  readonly blockA: Local;
  readonly blockB: Local;
}

/** All rows of a block by a few columns, which one tile is wide. */
function writeStrip(
  f: FunctionWriter,
  module: ModuleWriter,
  plan: ProductPlan,
  at: ProductAddresses,
  block: Block,
  width: number,
): void {
  const { product, target, rows, packA, packB, depth } = plan;
  const { a, b, cRow, k, finish } = product;
  const { steps, step, column } = block;
  const [left, right, sums, row] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(block.blockB).set(right);
  f.get(block.blockA).set(left);
  f.get(block.firstRow).set(row).get(at.c);
  scaled(f, row, cRow);
  scaled(f, column, 4);
  f.op("i32.add", "i32.add").set(sums);
  const tile = (size: number, finished: boolean): Callee =>
    tileFunction(
      module,
      {
        rows: size,
        columns: width,
        aRow: packA ? 4 : a.row,
        aStep: packA ? 4 * size : a.step,
        bStep: packB === "in place" ? b.step : 4 * width,
        cRow,
        ...(finished && finish ? { finish } : {}),
      },
      target,
    );
  eachTile(f, rows, block.fromTile, block.toTile, (size) => {
    const operands = (): void => {
      f.get(left).get(right).get(sums).get(steps);
      if (at.accumulate) f.i32(1);
      else f.get(step);
    };
    const finished = (): void => {
      operands();
      at.finishing?.(row, column);
      f.call(tile(size, true));
    };
    if (!finish || k <= depth) finished();
    else {
      f.get(step).get(steps).op("i32.add").i32(k).op("i32.eq");
      f.if(finished, () => {
        operands();
        f.call(tile(size, false));
      });
    }
    if (packA) {
      f.get(left);
      scaled(f, steps, 4 * size);
      f.op("i32.add").set(left);
    } else f.advance(left, size * a.row);
    f.advance(sums, size * cRow).advance(row, size);
  });
  f.release(left, right, sums, row);
}

/** Does `body` for the tiles of a range, written for either size. */
function eachTile(f: FunctionWriter, rows: RowTiles, from: Local, to: Local, body: (size: number) => void): void {
  const { size, full, rest } = rows;
  const tile = f.local("i32");
  f.forRange(
    tile,
    () => f.get(from),
    () => f.get(to),
    1,
    () => {
      if (rest === 0) body(size);
      else
        f.get(tile)
          .i32(full)
          .op("i32.lt_s")
          .if(
            () => {
              body(size);
            },
            () => {
              body(size - 1);
            },
          );
    },
  );
  f.release(tile);
}

/** The first row of a tile. */
function startOf(f: FunctionWriter, { size, full, rest }: RowTiles, tile: Local, row: Local): void {
  scaled(f, tile, size);
  f.set(row);
  if (rest === 0) return;
  f.get(tile).i32(full).op("i32.gt_s");
  f.if(() => f.get(row).get(tile).i32(full).op("i32.sub", "i32.sub").set(row));
}

/** Which part of `count` the block `index` of so many is. */
export function range(f: FunctionWriter, index: Local, blocks: number, count: number, from: Local, to: Local): void {
  if (blocks === 1) {
    f.i32(0).set(from).i32(count).set(to);
    return;
  }
  f.get(index).i32(count).op("i32.mul").i32(blocks).op("i32.div_u").set(from);
  f.get(index).i32(1).op("i32.add").i32(count).op("i32.mul").i32(blocks).op("i32.div_u").set(to);
}

/** piece = high · size + low. */
export function divide(f: FunctionWriter, piece: Local | undefined, size: number, high: Local, low: Local): void {
  if (!piece) {
    f.i32(0).set(high).i32(0).set(low);
    return;
  }
  if (size === 1) {
    f.get(piece).set(high).i32(0).set(low);
    return;
  }
  f.get(piece).i32(size).op("i32.div_u").set(high);
  f.get(piece).i32(size).op("i32.rem_u").set(low);
}

/** Leaves local · factor on the stack. */
export function scaled(f: FunctionWriter, local: Local, factor: number): void {
  f.get(local);
  if (factor !== 1) f.i32(factor).op("i32.mul");
}
