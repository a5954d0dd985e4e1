/** Pure parts of the tensor view: reading answers, slices, pages, cells, colours, texts, and what is kept. */
import assert from "node:assert/strict";
import {
  ZOOMS,
  cellAt,
  cellSize,
  cellsInSight,
  domainOf,
  fittingZoom,
  labelStep,
  marginOf,
  roomFor,
} from "../../webview/tensor/cells";
import { asCsv, asText, cellName, cellText, fullNumber } from "../../webview/tensor/numbers";
import { extentText, moved, pageStart, turned } from "../../webview/tensor/paging";
import { readPicture, readValues } from "../../webview/tensor/picture";
import { TENSOR_REQUEST, type TensorArguments, type TensorPicture } from "../../webview/tensor/protocol";
import { contrast, readableInk, shadeOf, shadesOf } from "../../webview/tensor/shades";
import {
  indexOf,
  questionOf,
  shownAxes,
  slicedAxes,
  valueAt,
  wholeTensor,
  withAxis,
  withIndex,
  type Slicing,
} from "../../webview/tensor/slicing";
import {
  firstChoice,
  lookOf,
  MOST_PINS,
  restoreChoice,
  withExpression,
  withLayout,
  withPin,
  withSubject,
} from "../../webview/tensor/state";
import { parseExpression } from "../../engine/debug/expressions/parse";
import type { Palette } from "../../webview/views/look-pixels";
import { stoppedClient } from "../dap/support";

/** As an adapter sends it: here the part of a matrix of 100 × 50 from row 10 and column 20 on. */
function sent(values: unknown, change: Record<string, unknown> = {}): unknown {
  return {
    expression: "h",
    shape: [100, 50],
    dtype: "float32",
    slice: [],
    rows: { axis: 0, size: 100, first: 10, count: 2 },
    columns: { axis: 1, size: 50, first: 20, count: 3 },
    values,
    statistics: { size: 5000, least: -2, most: 4, mean: "NaN", deviation: 1, norm: "Infinity", zeros: 3, notFinite: 1 },
    histogram: { least: -2, most: 4, counts: [1, 2] },
    title: "h",
    note: null,
    place: { file: "/m.nn.ts", line: 3 },
    pixels: false,
    ...change,
  };
}

function picture(change: Record<string, unknown> = {}): TensorPicture {
  const read = readPicture(sent([1, 2, 3, 4, 5, 6], change));
  assert.ok(read);
  return read;
}

describe("a tensor as it arrives", () => {
  // IEEE 754: 1 is 3FF0…, −2 is C000…, NaN 7FF8…, infinity 7FF0…; little-endian, the last byte comes first.
  const bytes = ["000000000000f03f", "00000000000000c0", "000000000000f87f", "000000000000f07f"];
  const base64 = Buffer.from(bytes.join(""), "hex").toString("base64");

  it("is read from the bytes of float64s in base64", () =>
    assert.deepEqual([...(readValues(base64) ?? [])], [1, -2, NaN, Infinity]));

  it("is read from a list, in which what is no number is a text", () =>
    assert.deepEqual(
      [...(readValues([1, "NaN", "-Infinity", "Infinity", null]) ?? [])],
      [1, NaN, -Infinity, Infinity, NaN],
    ));

  for (const [what, value] of [
    ["text that is no base64", "%%%"],
    ["bytes that are no whole number of float64s", Buffer.from([1, 2, 3]).toString("base64")],
    ["a list with other texts", [1, "two"]],
    ["nothing", undefined],
  ] as const) {
    it(`is not read from ${what}`, () => assert.equal(readValues(value), null));
  }

  it("has its figures as numbers, whichever they are", () => {
    const { statistics, values, rows } = picture();
    assert.deepEqual([statistics.mean, statistics.norm, statistics.notFinite], [NaN, Infinity, 1]);
    assert.deepEqual([values.length, rows.first], [6, 10]);
  });

  for (const [what, body] of [
    ["that lacks values", sent([1, 2, 3])],
    ["without a shape", sent([1, 2, 3, 4, 5, 6], { shape: "64" })],
    ["with half an axis", sent([1, 2, 3, 4, 5, 6], { rows: { axis: 0, size: 2 } })],
    ["without statistics", sent([1, 2, 3, 4, 5, 6], { statistics: null })],
    ["that is none", "h"],
  ] as const) {
    it(`is refused as a picture ${what}`, () => assert.equal(readPicture(body), null));
  }
});

describe("the debug adapter's answer", () => {
  /** The program of the adapter's tests has a vector of 5,000 elements, each its index. */
  for (const encoding of ["base64", "array"] as const) {
    it(`is read where values are sent as ${encoding}`, async () => {
      const client = await stoppedClient();
      const question = questionOf("big", "value", { ...wholeTensor, from: [0, 128] }, [5000], 128);
      const asked: TensorArguments = { ...question, encoding };
      const { success, body } = await client.ask(TENSOR_REQUEST, asked);
      assert.equal(success, true);
      const read = readPicture(body);
      assert.ok(read);
      assert.deepEqual([read.shape, read.rows.count, read.columns.first, read.columns.count], [[5000], 1, 128, 128]);
      for (const column of [128, 255]) assert.equal(valueAt(read, [0, column]), column);
    });
  }
});

describe("slices of a tensor", () => {
  const shape = [16, 3, 5, 7];
  const ask = (slicing: Slicing, of = shape): unknown => questionOf("w", "value", slicing, of, 128);

  it("show the last two axes first, and every other axis by its index", () => {
    assert.deepEqual(shownAxes(wholeTensor, 4), { rows: 2, columns: 3 });
    assert.deepEqual(slicedAxes(wholeTensor, 4), [0, 1]);
    assert.deepEqual(shownAxes(wholeTensor, 1), { rows: null, columns: 0 });
    assert.deepEqual(shownAxes(wholeTensor, 0), { rows: null, columns: null });
  });

  it("ask the same whether the shape is known or not, as long as nothing was chosen", () =>
    assert.deepEqual(ask(wholeTensor), questionOf("w", "value", wholeTensor, null, 128)));

  it("name the index of each axis that is not shown, in order", () => {
    const chosen = withIndex(withIndex(wholeTensor, shape, 0, 9), shape, 1, 2);
    assert.deepEqual(ask(chosen), { expression: "w", of: "value", slice: [9, 2], most: 128, from: [0, 0] });
  });

  it("keep an index inside the tensor", () => {
    assert.deepEqual(withIndex(wholeTensor, shape, 1, 99).index, [0, 2, 0, 0]);
    assert.deepEqual(withIndex(wholeTensor, shape, 1, -1).index, [0, 0, 0, 0]);
    assert.equal(withIndex(wholeTensor, shape, 1, 0.5), wholeTensor);
  });

  it("swap rows and columns where both are to be the same axis", () => {
    const swapped = withAxis(wholeTensor, 4, "rows", 3);
    assert.deepEqual(swapped.axes, { rows: 3, columns: 2 });
    assert.deepEqual(withAxis(wholeTensor, 4, "columns", 0).axes, { rows: 2, columns: 0 });
    assert.equal(withAxis(wholeTensor, 1, "rows", 0), wholeTensor);
  });

  it("remember an axis's index while it is shown", () => {
    const chosen = withIndex(wholeTensor, shape, 0, 9);
    const shown = withAxis(chosen, 4, "rows", 0);
    assert.deepEqual(slicedAxes(shown, 4), [1, 2]);
    assert.deepEqual(withAxis(shown, 4, "rows", 2).index[0], 9);
  });

  it("fall back to the last two axes where the tensor has fewer than were chosen", () => {
    const chosen = withAxis(wholeTensor, 4, "rows", 3);
    assert.deepEqual(shownAxes(chosen, 2), { rows: 0, columns: 1 });
  });

  it("put every cell at its full index", () => {
    const part = picture({
      shape: [4, 100, 8, 50],
      slice: [3, 7],
      rows: { axis: 1, size: 100, first: 10, count: 2 },
      columns: { axis: 3, size: 50, first: 20, count: 3 },
    });
    assert.deepEqual(indexOf(part, [11, 22]), [3, 11, 7, 22]);
    assert.equal(cellName(part, "value", [11, 22]), "h[3, 11, 7, 22]");
    // Transposed: rows are the later axis.
    const turnedAround = picture({
      shape: [50, 100],
      rows: { axis: 1, size: 100, first: 10, count: 2 },
      columns: { axis: 0, size: 50, first: 20, count: 3 },
    });
    assert.deepEqual(indexOf(turnedAround, [11, 22]), [22, 11]);
  });

  it("find a cell's value in the page, and none outside it", () => {
    assert.deepEqual(
      [
        [10, 20],
        [10, 22],
        [11, 20],
        [11, 22],
      ].map(([row, column]) => valueAt(picture(), [row, column])),
      [1, 3, 4, 6],
    );
    for (const cell of [
      [9, 20],
      [12, 20],
      [10, 19],
      [10, 23],
    ] as const) {
      assert.equal(valueAt(picture(), cell), undefined);
    }
  });
});

describe("pages of a large matrix", () => {
  it("begin at multiples of their size", () => {
    assert.deepEqual(
      [0, 127, 128, 299, 1000].map((index) => pageStart(index, 300, 128)),
      [0, 0, 128, 256, 256],
    );
    assert.equal(pageStart(0, 0, 128), 0);
  });

  it("are turned until there are no more", () => {
    const starts: (number | null)[] = [0];
    for (let at = starts[0]; at !== null; starts.push(at)) {
      at = turned({ size: 300, first: at, count: Math.min(128, 300 - at) }, 1, 128);
    }
    assert.deepEqual(starts, [0, 128, 256, null]);
    assert.equal(turned({ size: 300, first: 256, count: 44 }, -1, 128), 128);
    assert.equal(turned({ size: 300, first: 0, count: 128 }, -1, 128), null);
  });

  it("say what of how much they show", () => {
    assert.equal(extentText({ size: 4096, first: 128, count: 128 }), "128–255 of 4,096");
    assert.equal(extentText({ size: 64, first: 0, count: 64 }), "64");
  });

  for (const [key, far, to] of [
    ["ArrowDown", false, [6, 7]],
    ["ArrowUp", false, [4, 7]],
    ["ArrowLeft", false, [5, 6]],
    ["ArrowRight", false, [5, 8]],
    ["ArrowDown", true, [99, 7]],
    ["ArrowRight", true, [5, 49]],
    ["Home", false, [5, 0]],
    ["End", false, [5, 49]],
    ["Home", true, [0, 0]],
    ["End", true, [99, 49]],
    ["PageDown", false, [25, 7]],
    ["PageUp", false, [0, 7]],
    ["a", false, null],
  ] as const) {
    it(`${far ? "Ctrl+" : ""}${key} brings the cursor to ${JSON.stringify(to)}`, () =>
      assert.deepEqual(moved([5, 7], key, far, 100, 50, 20), to));
  }

  it("end where the matrix ends", () => {
    assert.deepEqual(moved([99, 49], "ArrowDown", false, 100, 50, 20), [99, 49]);
    assert.deepEqual(moved([0, 0], "ArrowLeft", false, 0, 0, 20), [0, 0]);
  });
});

describe("cells of a heat map", () => {
  const room = { width: 800, height: 500 };

  it("are as large as fit, and no larger than is of use", () => {
    assert.equal(ZOOMS[fittingZoom(2, 2, room)], 64);
    assert.equal(ZOOMS[fittingZoom(10, 20, room)], 36);
    assert.equal(ZOOMS[fittingZoom(128, 128, room)], 6);
  });

  it("all fit at the fitting zoom, and not at the next", () => {
    for (const [rows, columns] of [
      [20, 20],
      [30, 60],
      [60, 30],
    ]) {
      const zoom = fittingZoom(rows, columns, room);
      const fits = (at: number): boolean =>
        cellSize(at).width * columns <= room.width && cellSize(at).height * rows <= room.height;
      assert.deepEqual([fits(zoom), fits(zoom + 1)], [true, false]);
    }
  });

  it("of a vector stay readable: it is scrolled", () => {
    assert.ok(roomFor(cellSize(fittingZoom(1, 500, { width: 300, height: 500 }))) >= 6);
  });

  it("hold numbers from 36 pixels on", () => {
    assert.equal(roomFor(cellSize(ZOOMS.indexOf(24))), 0);
    assert.ok(roomFor(cellSize(ZOOMS.indexOf(36))) >= 4);
  });

  it("are found under the pointer where they were drawn", () => {
    const shown = picture();
    const [cell, margin, scroll] = [
      { width: 10, height: 10 },
      { width: 30, height: 20 },
      { left: 5, top: 0 },
    ];
    const at = (x: number, y: number): unknown => cellAt(shown, cell, margin, scroll, { x, y });
    assert.deepEqual(at(30, 20), [10, 20]);
    assert.deepEqual(at(35, 20), [10, 21]);
    assert.deepEqual(at(36, 39), [11, 21]);
    assert.deepEqual([at(29, 25), at(35, 19), at(35, 40), at(60, 25)], [null, null, null, null]);
    assert.deepEqual(cellsInSight(shown, cell, margin, scroll, { width: 45, height: 25 }), {
      firstRow: 0,
      endRow: 1,
      firstColumn: 0,
      endColumn: 2,
    });
  });

  it("have a margin for the longest of their names", () =>
    assert.ok(
      marginOf(picture({ rows: { axis: 0, size: 100000, first: 0, count: 2 } })).width > marginOf(picture()).width,
    ));

  for (const [largest, size, step] of [
    [20, 24, 1],
    [20, 12, 2],
    [20, 6, 5],
    [20, 2, 10],
    [30, 2, 20],
    [60, 2, 50],
  ] as const) {
    it(`of ${size} pixels with names of ${largest} are named at every ${step}`, () =>
      assert.equal(labelStep(largest, size), step));
  }
});

describe("colours of a tensor", () => {
  /** Shares as they are, in thousandths, told apart by the palette. */
  const palette: Palette = {
    diverging: (share) => 5000 + Math.round(share * 1000),
    sequential: (share) => 10000 + Math.round(share * 1000),
  };

  it("stand for the whole tensor, or for the part that is shown", () => {
    assert.deepEqual(domainOf(picture(), false), { least: -2, most: 4 });
    assert.deepEqual(domainOf(picture(), true), { least: 1, most: 6 });
  });

  it("stand for what is finite where the whole is not", () => {
    const bad = picture({ statistics: { ...picture().statistics, least: "NaN", most: "NaN" } });
    assert.deepEqual(domainOf(bad, false), { least: 1, most: 6 });
    assert.deepEqual(domainOf({ ...bad, values: Float64Array.of(NaN, Infinity) }, true), { least: 0, most: 0 });
  });

  it("lie evenly around 0 where there are numbers of both signs", () => {
    const range = { least: -2, most: 4 };
    assert.deepEqual(
      [-4, -2, 0, 1, 4].map((value) => shadeOf(value, range, palette)),
      [4000, 4500, 5000, 5250, 6000],
    );
  });

  it("go from the least to the greatest where there are none below 0", () => {
    const range = { least: 1, most: 3 };
    assert.deepEqual(
      [1, 2, 3].map((value) => shadeOf(value, range, palette)),
      [10000, 10500, 11000],
    );
  });

  it("tell apart numbers that a float32 cannot hold", () => {
    const range = { least: -1e-60, most: 1e-60 };
    assert.deepEqual([shadeOf(-1e-60, range, palette), shadeOf(5e-61, range, palette)], [4000, 5500]);
  });

  it("are the same for equal numbers", () => {
    assert.equal(shadeOf(7, { least: 7, most: 7 }, palette), 10000);
    assert.equal(shadeOf(0, { least: 0, most: 0 }, palette), 10000);
  });

  it("are none for what is no number", () => {
    const values = Float64Array.of(NaN, Infinity, -Infinity, 1, 1, 1);
    assert.deepEqual([...shadesOf({ ...picture(), values }, { least: 0, most: 1 }, palette)].slice(0, 3), [0, 0, 0]);
  });

  it("are written on with the ink that is read best", () => {
    const grey = (part: number) => ({ colour: { red: part, green: part, blue: part, alpha: 1 } });
    const [black, white] = [grey(0), grey(1)];
    assert.equal(contrast(black.colour, white.colour), 21);
    assert.equal(readableInk(grey(0.9).colour, [black, white]), black);
    assert.equal(readableInk(grey(0.2).colour, [black, white]), white);
  });
});

describe("a tensor in words", () => {
  for (const [value, text] of [
    [0.1 + 0.2, "0.30000000000000004"],
    [-1 / 3, "−0.3333333333333333"],
    [1e21, "1e21"],
    [-1.5e-7, "−1.5e-7"],
    [0, "0"],
    [-0, "−0"],
    [NaN, "NaN"],
    [-Infinity, "−∞"],
  ] as const) {
    it(`${text} at full precision`, () => assert.equal(fullNumber(value), text));
  }

  for (const [characters, text] of [
    [7, "−0.1235"],
    [6, "−0.123"],
    [5, "−0.12"],
    [4, ""],
  ] as const) {
    it(`in a cell of ${characters} characters is "${text}"`, () => assert.equal(cellText(-0.12345, characters), text));
  }

  it("puts an expression in parentheses before an index, but not a name", () => {
    assert.equal(cellName(picture({ expression: "log(p)" }), "value", [10, 20]), "(log(p))[10, 20]");
    assert.equal(cellName(picture({ expression: "hidden.weight" }), "value", [10, 20]), "hidden.weight[10, 20]");
    assert.equal(cellName(picture({ expression: "x[0]" }), "value", [10, 20]), "x[0][10, 20]");
  });

  it("names a cell for what is shown of the tensor", () => {
    const change = picture({ title: "h now − h before" });
    assert.equal(cellName(change, "gradient", [10, 20]), "h.grad[10, 20]");
    assert.equal(cellName(change, "change", [10, 20]), "(h now − h before)[10, 20]");
    assert.equal(cellName(picture({ expression: "a + b" }), "gradient", [10, 20]), "(a + b).grad[10, 20]");
  });

  it("has cells whose names the debugger reads", () => {
    for (const expression of ["h", "log(p)", "hidden.weight", "x[0]", "a + b"]) {
      for (const of of ["value", "gradient"] as const) {
        assert.doesNotThrow(() => parseExpression(cellName(picture({ expression }), of, [10, 20])));
      }
    }
  });

  it("is copied as numbers that read back as the same", () => {
    const values = Float64Array.of(0.1, -1 / 3, 1e300, NaN, -Infinity, 5e-324);
    const csv = asCsv({ ...picture(), values });
    assert.equal(csv, "0.1,-0.3333333333333333,1e+300\nNaN,-Infinity,5e-324\n");
    assert.deepEqual(csv.trim().split(/[,\n]/).map(Number), [...values]);
  });

  it("is copied as columns under a heading that says which part it is", () => {
    const text = asText({ ...picture(), values: Float64Array.of(-1, 2, 30, 4, 5, 6) }, "value");
    assert.equal(
      text,
      "h [100, 50] float32, from h[10, 20] to h[11, 22]\n-1.000   2.000   30.00\n 4.000   5.000   6.000\n",
    );
  });
});

describe("what the tensor view keeps", () => {
  const chosen = {
    ...firstChoice,
    expression: "h",
    slicing: withIndex(wholeTensor, [4, 5, 6], 0, 2),
  };

  it("forgets axes and pages with the tensor", () => {
    assert.equal(withExpression(chosen, "x").slicing, wholeTensor);
    assert.equal(withExpression(chosen, " h "), chosen);
  });

  it("keeps them from the value to its gradient, but not to its Jacobian, nor to the other layout", () => {
    assert.equal(withSubject(chosen, "gradient").slicing, chosen.slicing);
    assert.equal(withSubject(chosen, "jacobian").slicing, wholeTensor);
    assert.equal(withLayout({ ...chosen, layout: "denominator" }, "numerator").slicing, wholeTensor);
  });

  it("asks for a Jacobian in the layout of the settings until one is chosen", () => {
    const jacobian = withSubject(chosen, "jacobian");
    assert.equal(lookOf(jacobian, "numerator"), "jacobian-numerator");
    assert.equal(lookOf(withLayout(jacobian, "denominator"), "numerator"), "jacobian-denominator");
    assert.equal(lookOf(chosen, "numerator"), "value");
  });

  it("pins an expression once, and no more than it can ask for", () => {
    let pinned = firstChoice;
    for (let i = 0; i < MOST_PINS + 3; i++) pinned = withPin(pinned, `t${i}`, true);
    assert.deepEqual([pinned.pins.length, pinned.pins[0]], [MOST_PINS, "t3"]);
    pinned = withPin(withPin(pinned, "t5", true), "t4", false);
    assert.deepEqual([pinned.pins.at(-1), pinned.pins.includes("t4")], ["t5", false]);
    assert.deepEqual(withPin(firstChoice, "", true).pins, []);
  });

  it("comes back as it was saved", () => {
    const saved = {
      ...chosen,
      zoom: 4,
      pins: ["x"],
      face: "table",
      subject: "change",
      layout: "numerator",
      ofPart: true,
    };
    assert.deepEqual(restoreChoice(JSON.parse(JSON.stringify(saved))), saved);
  });

  for (const [what, saved] of [
    ["nothing", null],
    ["a text", "h"],
    [
      "what has other types",
      { expression: 3, face: "cube", zoom: -1, pins: "x", slicing: { axes: { rows: 1, columns: 1 } } },
    ],
  ] as const) {
    it(`begins anew from ${what}`, () => assert.deepEqual(restoreChoice(saved), firstChoice));
  }
});
