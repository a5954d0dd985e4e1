import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { backstep, jsonLines, shelf } from "../support/cli";

interface Report {
  readonly file: string;
  readonly issues: readonly { readonly code: string }[];
}

interface Node {
  readonly name: string | null;
  readonly value: number;
  readonly phase: string;
  readonly role: string;
  readonly line: number | null;
}

interface TrainingEvent {
  readonly type: string;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly validation: { readonly loss: number; readonly metrics: Readonly<Record<string, number>> } | null;
}

describe("the shelf of examples", () => {
  it("checks without errors, warnings or remarks", async () => {
    const finished = await backstep("check", "--json", ...shelf);
    assert.equal(finished.code, 0, finished.stderr);
    const reports = jsonLines<Report>(finished);
    assert.deepEqual(
      reports.map(({ file, issues }) => ({ file, issues })),
      shelf.map((file) => ({ file, issues: [] })),
    );
  }).timeout(120_000);

  for (const file of shelf) {
    it(`${file} says what to look at and where to put the first breakpoint`, () => {
      const comment = readFileSync(file, "utf8").split("\n\n")[0].split("\nimport")[0];
      assert.match(comment, /^\/\/ /);
      assert.match(comment, /Look at: /);
      const place = /First breakpoint: the line of\s+(?:\/\/ )?`([^`]+)`/.exec(comment.replaceAll("\n// ", " "));
      assert.ok(place, "names the line of the first breakpoint");
      const code = readFileSync(file, "utf8").slice(comment.length);
      assert.ok(code.includes(place[1]), `${place[1]} is in the file`);
    });
  }
});

describe("free programs of the shelf", () => {
  const traced = async (file: string): Promise<Map<string, Node>> => {
    const finished = await backstep("trace", "--json", file);
    assert.equal(finished.code, 0, finished.stderr);
    return new Map(jsonLines<Node>(finished).flatMap((node) => (node.name === null ? [] : [[node.name, node]])));
  };
  const close = (node: Node | undefined, expected: number): void => {
    assert.ok(node, `${expected} is there`);
    assert.ok(
      Math.abs(node.value - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
      `${node.value} ≈ ${expected}`,
    );
  };

  it("cosine: J = cos(sin(x²) + 3x²) with every intermediate and every adjoint", async () => {
    const nodes = await traced("examples/cosine.nn.ts");
    const [x, t] = [2, 4];
    const u = Math.sin(t) + 3 * t;
    const slope = -Math.sin(u);
    const expected = {
      x,
      t,
      u1: Math.sin(t),
      u2: 3 * t,
      u,
      J: Math.cos(u),
      "dJ/dJ": 1,
      "dJ/du": slope,
      "dJ/du1": slope,
      "dJ/du2": slope,
      "dJ/dt": slope * (Math.cos(t) + 3),
      "dJ/dx": slope * (Math.cos(t) + 3) * 2 * x,
    };
    for (const [name, value] of Object.entries(expected)) close(nodes.get(name), value);
  });

  it("shared-input: y = exp(xz) + xz/log(x) + sin(log x)/(xz) and its two derivatives", async () => {
    const nodes = await traced("examples/shared-input.nn.ts");
    const [x, z] = [2, 3];
    const [a, b] = [x * z, Math.log(x)];
    close(nodes.get("y"), Math.exp(a) + a / b + Math.sin(b) / a);
    close(nodes.get("dy/dx"), z * Math.exp(a) + z / b - z / b ** 2 + Math.cos(b) / x / a - Math.sin(b) / (a * x));
    close(nodes.get("dy/dz"), x * Math.exp(a) + x / b - Math.sin(b) / (a * z));
  });

  it("custom-gradient: Σ i·softplus(xᵢ) has the derivative i·σ(xᵢ)", async () => {
    const finished = await backstep("trace", "--json", "examples/custom-gradient.nn.ts");
    const gradient = jsonLines<{ name: string | null; value: number[] }>(finished).find(
      ({ name }) => name === "dcost/dx",
    );
    [-2, -0.5, 0, 1, 3].forEach((x, i) => {
      const expected = (i + 1) / (1 + Math.exp(-x));
      assert.ok(Math.abs((gradient?.value[i] ?? NaN) - expected) <= 1e-12, `element ${i}`);
    });
  });
});

describe("trainings of the shelf", () => {
  const end = async (...args: string[]): Promise<TrainingEvent> => {
    const finished = await backstep("train", "--json", ...args);
    assert.equal(finished.code, 0, finished.stderr);
    const last = jsonLines<TrainingEvent>(finished).at(-1);
    assert.equal(last?.type, "end");
    return last;
  };
  const measured = ({ metrics, validation }: TrainingEvent): Readonly<Record<string, number>> =>
    validation?.metrics ?? metrics;

  const cases: readonly [file: string, metric: string, atLeast: number, ...args: string[]][] = [
    ["xor", "accuracy", 1],
    ["iris", "accuracy", 0.9],
    ["moons", "accuracy", 0.97],
    ["spirals", "accuracy", 0.9],
    ["linear-regression", "r2", 0.99],
    ["logistic-regression", "accuracy", 0.9],
    ["gru", "accuracy", 0.8],
    ["lstm", "r2", 0.99],
    ["transformer", "accuracy", 0.95],
    ["digits", "accuracy", 0.88, "--epochs", "1"],
  ];
  for (const [name, metric, atLeast, ...args] of cases) {
    it(`${name} reaches ${metric} ${atLeast}${args.length > 0 ? ` with ${args.join(" ")}` : ""}`, async () => {
      const value = measured(await end(`examples/${name}.nn.ts`, ...args))[metric];
      assert.ok(value >= atLeast, `${metric} is ${value}`);
    }).timeout(120_000);
  }

  it("lenet5, digits-best and the autoencoder begin to learn", async () => {
    for (const name of ["lenet5", "digits-best", "autoencoder"]) {
      const finished = await backstep("train", "--json", `examples/${name}.nn.ts`, "--max-steps", "60");
      assert.equal(finished.code, 0, finished.stderr);
      const losses = jsonLines<TrainingEvent>(finished).flatMap(({ type, loss }) =>
        type === "iteration" ? [loss] : [],
      );
      assert.equal(losses.length, 60);
      const mean = (part: readonly number[]): number => part.reduce((sum, loss) => sum + loss, 0) / part.length;
      assert.ok(mean(losses.slice(-10)) < 0.97 * mean(losses.slice(0, 10)), `${name}: ${losses.join(" ")}`);
    }
  }).timeout(120_000);

  it("hand-written-loop finds the least-squares line", async () => {
    const { code, stdout } = await backstep("train", "examples/hand-written-loop.nn.ts");
    assert.equal(code, 0);
    // Slope Σxy/Σx² and intercept ȳ of the five points, whose x have mean 0.
    assert.match(stdout, new RegExp(`slope ${(5.02 / 2.5).toFixed(3)}, intercept ${(4.99 / 5).toFixed(3)}`));
  });

  it("perceptron ends without errors", async () => {
    const { code, stdout } = await backstep("train", "examples/perceptron.nn.ts");
    assert.equal(code, 0);
    assert.match(stdout, /^round 1: 4 errors, theta \[0,0,0\]\n[^]*: 0 errors, theta \[[^\]]*\]\n$/);
  });

  it("mini-batches separates the moons", async () => {
    const { code, stdout } = await backstep("train", "examples/mini-batches.nn.ts");
    assert.equal(code, 0);
    const accuracy = Number(/validation accuracy ([\d.]+) %/.exec(stdout)?.[1]);
    assert.ok(accuracy >= 95, stdout);
  });
});
