import type { PoolGeometry } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import { type RoomyPlane, gather } from "./planes";

/** Windows of more elements are gone through by loops. */
const UNROLLED = 16;

/** Where the code stands: at one output, or four neighbours in a row. */
export interface Windows {
  readonly lanes: 1 | 4;
  /** The lowest lane that no block before this one has done. */
  readonly firstLane: number;
  /** Address of the first window's first element in the plane that `windows` was given. */
  readonly window: Local;
  /** Address of the first output. */
  readonly output: Local;
  /** Numbers of the first output's row and column. */
  readonly row: Local;
  readonly column: Local;
}

/**
 * Goes through the outputs of a plane, four at a time where a row has as many; the last four of a row may overlap those before.
 *
 * @param plane address of a plane with rows as long as the roomy plane's
 */
export function eachWindows(
  f: FunctionWriter,
  { output, stride, padding }: PoolGeometry,
  { size, shift }: RoomyPlane,
  [plane, outputs]: readonly [plane: Local, outputs: Local],
  body: (windows: Windows) => void,
): void {
  const [rows, columns] = output;
  if (rows === 0 || columns === 0) return;
  const lanes = columns >= 4 ? 4 : 1;
  const locals = ["i32", "i32", "i32", "i32", "i32", "i32"].map(() => f.local("i32"));
  const [rowStart, outputStart, window, at, row, column] = locals;
  f.get(plane)
    .i32(((shift[0] - padding[0]) * size[1] + shift[1] - padding[1]) * 4)
    .op("i32.add")
    .set(rowStart);
  f.get(outputs).set(outputStart);
  const whole = Math.floor(columns / lanes) * lanes;
  f.forRange(
    row,
    () => f.i32(0),
    () => f.i32(rows),
    1,
    () => {
      f.get(rowStart).set(window).get(outputStart).set(at);
      f.forRange(
        column,
        () => f.i32(0),
        () => f.i32(whole),
        lanes,
        () => {
          body({ lanes, firstLane: 0, window, output: at, row, column });
          f.advance(window, lanes * stride[1] * 4).advance(at, lanes * 4);
        },
      );
      if (whole < columns) {
        const back = whole - (columns - 4);
        f.advance(window, -back * stride[1] * 4).advance(at, -back * 4);
        f.i32(columns - 4).set(column);
        body({ lanes, firstLane: back, window, output: at, row, column });
      }
      f.advance(rowStart, stride[0] * size[1] * 4).advance(outputStart, columns * 4);
    },
  );
  f.release(...locals);
}

/** One element of each window. */
export interface WindowElement {
  /** Its address in the first window is this and `offset` bytes. */
  readonly address: Local;
  readonly offset: number;
  /** Leaves how many elements further than the window's first it stands in a plane of rows of the image's length, an i32. */
  readonly distance: () => void;
}

/** Goes through the elements of the windows in row-major order. */
export function eachElement(
  f: FunctionWriter,
  { window, dilation, input }: PoolGeometry,
  rowLength: number,
  from: Local,
  body: (element: WindowElement) => void,
): void {
  const [rows, columns] = window;
  if (rows * columns <= UNROLLED) {
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++)
        body({
          address: from,
          offset: (y * dilation[0] * rowLength + x * dilation[1]) * 4,
          distance: () => f.i32(y * dilation[0] * input[1] + x * dilation[1]),
        });
    return;
  }
  const locals = ["i32", "i32", "i32", "i32", "i32", "i32"].map(() => f.local("i32"));
  const [rowStart, address, rowDistance, distance, rowsLeft, columnsLeft] = locals;
  f.get(from).set(rowStart).i32(0).set(rowDistance);
  f.repeat(rowsLeft, rows, () => {
    f.get(rowStart).set(address).get(rowDistance).set(distance);
    f.repeat(columnsLeft, columns, () => {
      body({ address, offset: 0, distance: () => f.get(distance) });
      f.advance(address, dilation[1] * 4).advance(distance, dilation[1]);
    });
    f.advance(rowStart, dilation[0] * rowLength * 4).advance(rowDistance, dilation[0] * input[1]);
  });
  f.release(...locals);
}

/** Leaves the element of each window in its lane. */
export function loadElements(
  f: FunctionWriter,
  { address, offset }: WindowElement,
  lanes: Windows["lanes"],
  stride: number,
): void {
  if (lanes === 1) f.get(address).memory("v128.load32_zero", offset);
  else gather(f, address, offset, stride);
}

/** Stores as many lanes as there are windows where the outputs stand. */
export function storeOutputs(f: FunctionWriter, { lanes, output }: Windows, value: Local): void {
  f.get(output).get(value);
  if (lanes === 1) f.laneMemory("v128.store32_lane", 0);
  else f.memory("v128.store");
}
