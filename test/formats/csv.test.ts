import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type CsvOptions, readCsv } from "../../engine/formats";
import { assertConsistent, damaged, damages, valueOrFormatError } from "./arbitraries";

const read = (text: string, options?: CsvOptions, file?: string): ReturnType<typeof readCsv> =>
  readCsv(new TextEncoder().encode(text), options, file);

const values = (text: string, options?: CsvOptions): [number[], number[]] => {
  const { features } = read(text, options);
  return [[...features.shape], [...features.data]];
};

describe("CSV", () => {
  const numeric: [name: string, text: string, options: CsvOptions, shape: number[], data: number[]][] = [
    ["a header", "a,b\n1,2\n3,4\n", {}, [2, 2], [1, 2, 3, 4]],
    ["no header", "1,2\n3,4", {}, [2, 2], [1, 2, 3, 4]],
    ["a header of numbers, when told", "2020,2021\n3,4\n", { header: true }, [1, 2], [3, 4]],
    ["CR LF, and CR alone", "a,b\r\n1,2\r3,4\r\n", {}, [2, 2], [1, 2, 3, 4]],
    ["a byte order mark", "\ufeffa,b\n1,2\n", {}, [1, 2], [1, 2]],
    ["blank lines and spaces", "\n\na , b\n\n 1 ,\t2 \n\n", {}, [1, 2], [1, 2]],
    ["semicolons", "a;b\n1;2\n", { delimiter: ";" }, [1, 2], [1, 2]],
    ["tabs", "a\tb\n1\t2\n", { delimiter: "\t" }, [1, 2], [1, 2]],
    ["quoted cells", '"a, ""x""",b\n"1","2"\n', {}, [1, 2], [1, 2]],
    ["comments", "# made by hand\na,b\n# more\n1,2\n", { comment: "#" }, [1, 2], [1, 2]],
    ["chosen columns by name, in that order", "a,b,c\n1,2,3\n", { features: ["c", "a"] }, [1, 2], [3, 1]],
    ["chosen columns by index, from either end", "a,b,c\n1,2,3\n", { features: [0, -1] }, [1, 2], [1, 3]],
    ["no feature columns", "a\n1\n2\n", { features: [] }, [2, 0], []],
    ["every form of number", "1,-2,+3,.5,1.,1e3,2.5E-1\n", {}, [1, 7], [1, -2, 3, 0.5, 1, 1000, 0.25]],
    ["float32", "0.1\n", { header: false }, [1, 1], [Math.fround(0.1)]],
    ["float64", "0.1\n1e300\n", { dtype: "float64" }, [2, 1], [0.1, 1e300]],
  ];
  for (const [name, text, options, shape, data] of numeric) {
    it(`reads ${name}`, () => assert.deepEqual(values(text, options), [shape, data]));
  }

  it("names the columns", () => {
    assert.deepEqual(read("w,h,kind\n1,2,x\n", { labels: ["kind"] }).featureNames, ["w", "h"]);
    assert.deepEqual(read("1,2,3\n", { labels: [0] }).featureNames, ["column 2", "column 3"]);
  });

  const labels: [name: string, text: string, labels: CsvOptions["labels"], indices: number[], categories: string[]][] =
    [
      ["categories, sorted", "x,kind\n1,pear\n2,apple\n3,pear\n", ["kind"], [1, 0, 1], ["apple", "pear"]],
      ["categories by index", "1,pear\n2,apple\n", [-1], [1, 0], ["apple", "pear"]],
      ["categories that are numbers, sorted as such", "x,k\n1,10\n2,9\n3,2\n", ["k"], [2, 1, 0], ["2", "9", "10"]],
      [
        "categories in a given order",
        "x,k\n1,b\n2,a\n",
        [{ column: "k", categories: ["b", "unused", "a"] }],
        [0, 2],
        ["b", "unused", "a"],
      ],
      ["class indices as they are", "x,k\n1,3\n2,1\n", [{ column: "k", as: "index" }], [3, 1], ["0", "1", "2", "3"]],
      ["quoted categories", 'x,k\n1,"a, b\nc"\n2,"say ""hi"""\n', ["k"], [0, 1], ["a, b\nc", 'say "hi"']],
      ["a category called none", "x,k\n1,none\n2,some\n", ["k"], [0, 1], ["none", "some"]],
      ["letters beyond ASCII", "x,k\n1,größe\n", ["k"], [0], ["größe"]],
    ];
  for (const [name, text, wanted, indices, categories] of labels) {
    it(`labels: ${name}`, () => {
      const [column] = read(text, { labels: wanted }).labels;
      assert.deepEqual([[...column.indices.data], column.categories], [indices, categories]);
      assert.deepEqual(column.indices.shape, [indices.length]);
    });
  }

  it("several label columns are all left out of the features", () => {
    const table = read("k,x,m\na,1,q\nb,2,p\n", { labels: ["m", "k"] });
    assert.deepEqual(
      table.labels.map((column) => [column.name, [...column.indices.data]]),
      [
        ["m", [1, 0]],
        ["k", [0, 1]],
      ],
    );
    assert.deepEqual([...table.features.data], [1, 2]);
  });

  it("keeps missing cells as NaN and −1 and lists them", () => {
    const table = read("x,y,k\n1,,a\nNaN,?,b\n3,n/a,\n", { labels: ["k"], missing: "keep" });
    assert.deepEqual([...table.features.data], [1, NaN, NaN, NaN, 3, NaN]);
    assert.deepEqual([...table.labels[0].indices.data], [0, 1, -1]);
    assert.deepEqual(table.missing, [
      { line: 2, column: '"y"', text: "" },
      { line: 3, column: '"x"', text: "NaN" },
      { line: 3, column: '"y"', text: "?" },
      { line: 4, column: '"y"', text: "n/a" },
      { line: 4, column: '"k"', text: "" },
    ]);
  });

  const mistakes: [name: string, text: string, options: CsvOptions, message: RegExp][] = [
    ["nothing", "", {}, /^t\.csv: the table is empty\./],
    ["blank lines only", "\n\n", {}, /the table is empty/],
    ["a header only", "a,b\n", {}, /a header but no rows/],
    ["a missing cell", "a,b\n1,2\n3,\n", {}, /^t\.csv: line 3, column "b": the cell is empty\. .*missing: "keep"/],
    [
      "more missing cells",
      "a,b\n1,nan\n,4\n",
      {},
      /line 2, column "b": the cell says "nan" \(and 1 more cells after it\)/,
    ],
    ["a missing label", "a,k\n1,\n", { labels: ["k"] }, /line 2, column "k": the cell is empty/],
    ["a word among numbers", "a,b\n1,2\n3,four\n", {}, /line 3, column "b": "four" is no number\. .*labels/],
    ["a word without header", "1,2\n3,four\n", {}, /line 2, column 2: "four" is no number/],
    ["a header taken for numbers", "year,2020\n1,2\n", {}, /line 1, column 1: "year" is no number\. .*header: true/],
    ["a number beyond float32", "a\n1e39\n", {}, /line 2, column "a": 1e39 is beyond float32/],
    ["a number beyond float64", "a\n1e999\n", { dtype: "float64" }, /1e999 is beyond float64/],
    ["Infinity", "a\ninf\n", {}, /"inf" is no number/],
    ["hexadecimal", "a\n0x10\n", {}, /"0x10" is no number/],
    ["a short row", "a,b\n1,2\n3\n", {}, /line 3: the row has 1 cells, the first row 2/],
    ["a long row", "a,b\n1,2,3\n", {}, /line 2: the row has 3 cells, the first row 2/],
    [
      "a quote never closed",
      'a,b\n1,2\n"3,4\n5,6\n7,8\n',
      {},
      /line 3: a quote in the row that begins here is never closed/,
    ],
    ["a quote in mid-cell", 'a,b\n1,2\n3,4"5\n', {}, /line 3: a quote stands in the middle of a cell/],
    ["text after a quote", 'a,b\n"1"x,2\n', {}, /line 2: a quote stands in the middle/],
    [
      "a line after quoted line breaks",
      'a,k\r\n1,"x\r\ny"\r\n\r\nz,q\r\n',
      { labels: ["k"] },
      /line 5, column "a": "z"/,
    ],
    ["a line after comments", "#1\na\n#3\n\n1\n#6\nx\n", { comment: "#" }, /line 7, column "a": "x"/],
    [
      "an unknown name",
      "a,b\n1,2\n",
      { labels: ["c"] },
      /line 1: there is no column "c"; the table has 2 columns: "a", "b"\./,
    ],
    ["an unknown index", "a,b\n1,2\n", { labels: [2] }, /there is no column 2/],
    ["a name without header", "1,2\n", { labels: ["a"] }, /2 columns without names\. /],
    ["a name that two columns have", "a,a\n1,2\n", { features: ["a"] }, /two columns are named "a"/],
    [
      "an unknown category",
      "x,k\n1,c\n",
      { labels: [{ column: "k", categories: ["a"] }] },
      /line 2, column "k": "c" is none of the categories "a"/,
    ],
    ["a class index that is none", "x,k\n1,-1\n", { labels: [{ column: "k", as: "index" }] }, /"-1" is no class index/],
    ["a huge class index", "x,k\n1,2000000000\n", { labels: [{ column: "k", as: "index" }] }, /beyond 1,000,000/],
  ];
  for (const [name, text, options, message] of mistakes) {
    it(`refuses ${name}`, () => {
      assert.throws(() => read(text, options, "t.csv"), { name: "FormatError", message });
    });
  }

  it("refuses UTF-16 and broken UTF-8", () => {
    assert.throws(() => readCsv(Uint8Array.of(0xff, 0xfe, 0x61, 0)), /the text is UTF-16\. Save the table as UTF-8/);
    const latin = Uint8Array.from(Buffer.from("x,k\n1,gr\xf6\xdfe\n", "latin1"));
    assert.throws(() => readCsv(latin, { labels: ["k"] }), /line 2, column "k": .*not valid UTF-8/);
  });

  for (const delimiter of ["", ",,", '"', "\n"]) {
    it(`refuses the delimiter ${JSON.stringify(delimiter)}`, () => {
      assert.throws(() => read("1", { delimiter }), {
        name: "RangeError",
        message: /delimiter is .* give one character/,
      });
    });
  }

  it("stops at an endless quoted cell", () => {
    const text = `a,b\n1,"${"x,1\n".repeat(4_500_000)}`;
    assert.throws(
      () => read(text, { labels: ["b"] }),
      /line 2: a quote in the row that begins here is never closed, or/,
    );
  });

  const cell = fc.double({ noNaN: true, noDefaultInfinity: true });
  const category = fc.string({ minLength: 1, unit: fc.constantFrom("a", "b", ",", '"', "\n", "é", "1", "#") });
  const rows = fc.array(fc.tuple(cell, cell, category), { minLength: 1, maxLength: 20 });
  const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

  it("round trip of numbers and quoted categories", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom("\n", "\r\n"), (written, newline) => {
        const text = ["x,y,k", ...written.map(([x, y, k]) => `${x},${y},${quote(k)}`)].join(newline);
        const table = read(text, { labels: ["k"], dtype: "float64" });
        // String() keeps no sign of zero.
        assert.deepEqual(
          [...table.features.data],
          written.flatMap(([x, y]) => [x + 0, y + 0]),
        );
        const [{ indices, categories }] = table.labels;
        assert.deepEqual(
          Array.from(indices.data, (index) => categories[index]),
          written.map(([, , k]) => k),
        );
      }),
    );
  });

  it("damage gives a table or a FormatError", () => {
    fc.assert(
      fc.property(rows, damages, (written, damage) => {
        const text = ["x,y,k", ...written.map(([x, y, k]) => `${x},${y},${quote(k)}`)].join("\n");
        const bytes = damaged(new TextEncoder().encode(text), damage);
        const table = valueOrFormatError(() => readCsv(bytes, { labels: [-1] }, "t.csv"), "t.csv");
        if (table === undefined) return;
        assertConsistent(table.features);
        assert.equal(table.features.shape[0], table.rows);
        assert.ok(table.features.data.every(Number.isFinite));
      }),
      { numRuns: 500 },
    );
  });
});
