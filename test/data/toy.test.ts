import assert from "node:assert/strict";
import {
  blobs,
  circles,
  type Dataset,
  gates,
  type GateName,
  linearData,
  moons,
  sineData,
  spirals,
  summary,
  xor,
} from "../../engine/data/index";
import { assertClose, inputsOf, load, targetsOf } from "./support";

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];

describe("gates", () => {
  const tables: [GateName, number[]][] = [
    ["and", [0, 0, 0, 1]],
    ["or", [0, 1, 1, 1]],
    ["xor", [0, 1, 1, 0]],
    ["nand", [1, 1, 1, 0]],
    ["nor", [1, 0, 0, 0]],
    ["xnor", [1, 0, 0, 1]],
  ];
  for (const [gate, table] of tables) {
    it(`${gate} has its truth table`, async () => {
      const loaded = await load(gates(gate));
      assert.deepEqual(inputsOf(loaded), corners);
      assert.deepEqual(targetsOf(loaded).flat(), table);
      assert.deepEqual(loaded.fields.targets, [{ shape: [1], dtype: "float32" }]);
    });
  }

  it("not has one input", async () => {
    const loaded = await load(gates("not"));
    assert.deepEqual(inputsOf(loaded), [[0], [1]]);
    assert.deepEqual(targetsOf(loaded), [[1], [0]]);
  });

  it("three inputs: xor is the parity", async () => {
    assert.deepEqual(targetsOf(await load(gates("xor", { inputs: 3 }))).flat(), [0, 1, 1, 0, 1, 0, 0, 1]);
  });

  it("targets as −1/1 and as labels", async () => {
    assert.deepEqual(targetsOf(await load(gates("and", { targets: "plusMinus" }))).flat(), [-1, -1, -1, 1]);
    const labels = await load(gates("and", { targets: "index" }));
    assert.deepEqual(labels.fields.targets, [{ shape: [], dtype: "int32", classes: 2 }]);
    assert.ok(labels.get(3, { seed: 0, epoch: 0, training: true }).targets[0] instanceof Int32Array);
  });

  it("an unknown gate names the known ones", () => {
    assert.throws(
      () => gates("nxor" as GateName),
      /gates\("nxor"\): there is no such gate\. Choose one of and, or, xor/,
    );
  });
});

describe("point clouds and curves without noise follow their formulas", () => {
  const s = Math.SQRT1_2;
  const cases: [string, Dataset, number[][], number[]][] = [
    ["xor", xor(), corners, [0, 1, 1, 0]],
    [
      "xor of six points begins again",
      xor({ count: 6, targets: "index" }),
      [...corners, [0, 0], [0, 1]],
      [0, 1, 1, 0, 0, 1],
    ],
    [
      "moons, as make_moons(4, shuffle=False)",
      moons({ count: 4 }),
      [
        [1, 0],
        [0, 0.5],
        [-1, 0],
        [2, 0.5],
      ],
      [0, 1, 0, 1],
    ],
    [
      "moons of six: the middle of each half circle",
      moons({ count: 6 }),
      [
        [1, 0],
        [0, 0.5],
        [0, 1],
        [1, -0.5],
        [-1, 0],
        [2, 0.5],
      ],
      [0, 1, 0, 1, 0, 1],
    ],
    [
      "circles, as make_circles(8, factor=0.25, shuffle=False)",
      circles({ count: 8, factor: 0.25 }),
      [
        [1, 0],
        [0.25, 0],
        [0, 1],
        [0, 0.25],
        [-1, 0],
        [-0.25, 0],
        [0, -1],
        [0, -0.25],
      ],
      [0, 1, 0, 1, 0, 1, 0, 1],
    ],
    [
      "spirals of half a turn",
      spirals({ count: 4, turns: 0.5 }),
      [
        [0, 0.5],
        [0, -0.5],
        [-1, 0],
        [1, 0],
      ],
      [0, 1, 0, 1],
    ],
    [
      "spirals of four arms start at right angles",
      spirals({ count: 4, classes: 4, turns: 0.125 }),
      [
        [s, s],
        [-s, s],
        [-s, -s],
        [s, -s],
      ],
      [0, 1, 2, 3],
    ],
    [
      "blobs about given centres",
      blobs({
        count: 3,
        noise: 0,
        centers: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      }),
      [
        [1, 2, 3],
        [4, 5, 6],
        [1, 2, 3],
      ],
      [0, 1, 0],
    ],
    [
      "sineData",
      sineData({ count: 3, amplitude: 2, frequency: 0.5, range: [-Math.PI, Math.PI] }),
      [[-Math.PI], [0], [Math.PI]],
      [-2, 0, 2],
    ],
  ];
  for (const [name, data, points, targets] of cases) {
    it(name, async () => {
      const loaded = await load(data);
      assertClose(inputsOf(loaded), points);
      assertClose(
        targetsOf(loaded),
        targets.map((target) => [target]),
      );
      assert.equal(data.length, points.length);
      assert.deepEqual(data.fields, loaded.fields);
    });
  }

  it("linearData is w·x + b", async () => {
    const loaded = await load(linearData({ count: 20, weights: [2, -3], bias: 0.5, range: [10, 20] }));
    const inputs = inputsOf(loaded);
    assertClose(
      targetsOf(loaded),
      inputs.map(([a, b]) => [2 * a - 3 * b + 0.5]),
      1e-5,
    );
    assert.ok(inputs.flat().every((x) => x >= 10 && x < 20));
  });
});

describe("noise", () => {
  it("has the standard deviation that was asked for", async () => {
    const loaded = await load(blobs({ count: 4000, noise: 2, centers: [[5, -5]] }));
    const [x, y] = summary(loaded).fields[0].columns;
    // Standard errors: 2/√4000 ≈ 0.032 for the mean, 2/√8000 ≈ 0.022 for the deviation; bounds at more than 4 of them.
    for (const [column, mean] of [[x, 5] as const, [y, -5] as const]) {
      assert.ok(Math.abs(column.mean - mean) < 0.14);
      assert.ok(Math.abs(column.std - 2) < 0.1);
    }
  });

  it("is the same for one seed and another for another", async () => {
    const points = async (seed: number): Promise<number[][]> => inputsOf(await load(moons({ noise: 0.1, seed })));
    assert.deepEqual(await points(1), await points(1));
    assert.notDeepEqual(await points(1), await points(2));
  });
});

describe("options of the toy data", () => {
  const cases: [string, () => Dataset, RegExp][] = [
    ["a count of 0", () => moons({ count: 0 }), /^DataError: moons: count is 0\. Give a whole number of at least 1$/],
    ["a negative noise", () => circles({ noise: -1 }), /circles: noise is -1\. Give a number of at least 0/],
    ["a factor above 1", () => circles({ factor: 2 }), /factor is 2\. Give a number from 0 to 1/],
    ["a reversed range", () => sineData({ range: [1, 0] }), /range is \[1, 0\]/],
    ["unequal centres", () => blobs({ centers: [[1], [1, 2]] }), /the centers differ in length/],
    ["three classes as 0/1", () => spirals({ classes: 3, targets: "zeroOne" }), /targets is "zeroOne" with 3 classes/],
  ];
  for (const [name, make, message] of cases) it(name, () => assert.throws(make, message));
});
