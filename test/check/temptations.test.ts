/** Programs that tempt a check into saying something wrong, or nothing: each with what is to be said, of the text and of its prediction. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import type { LiveChecker } from "../../engine/api/host";
import { ask, liveChecker } from "../support/live";

interface Program {
  readonly input?: string;
  readonly target?: string;
  readonly top?: string;
  readonly fields: string;
  readonly forward: string;
  readonly loss?: string;
}

const classes = `{ shape: [], dtype: "int32", classes: 3 }`;

function program({
  input = "[8]",
  target = classes,
  top = "",
  fields,
  forward,
  loss = "B.crossEntropy",
}: Program): string {
  return `import * as B from "backstep";
import { Linear, Module, relu, type Tensor } from "backstep";
${top}
class Net extends Module {
  ${fields}
  forward(x: Tensor): any { ${forward} }
}
export default B.training({
  model: new Net(),
  data: B.custom({ length: 4, inputs: { shape: ${input}, dtype: "float32" }, targets: ${target}, get: () => ({ inputs: [], targets: [] }) }),
  loss: ${loss},
  optimizer: B.adam(),
  batchSize: 2,
});
`;
}

const residual = (scale: string): Program => ({
  top: `class Block extends Module {
  inner = new Linear(16, 16);
  scale = ${scale};
  forward(x: Tensor) { return x.add(relu(this.inner(x)).mul(this.scale)); }
}`,
  fields: "first = new Linear(8, 16); blocks = [1, 2, 3].map(() => new Block()); last = new Linear(16, 3);",
  forward: "return this.last(this.blocks.reduce((h, block) => block(h), relu(this.first(x))));",
});

const CASES: readonly (readonly [what: string, given: Program, codes: readonly string[]])[] = [
  [
    "a size above half a million is a size",
    {
      input: "[512, 512, 3]",
      fields: "last = new Linear(3 * 512 * 512, 3);",
      forward: "return this.last(x.reshape([-1, 3 * 512 * 512]));",
    },
    [],
  ],
  [
    "the batch times a million, and back",
    {
      input: "[1024, 1024, 4]",
      fields: "last = new Linear(4, 3);",
      forward:
        "const [n, h, w, c] = x.shape; return this.last(x.reshape([n * h * w, c])).reshape([n, h * w, 3]).mean(1);",
    },
    [],
  ],
  [
    "an axis that a shape does not have",
    { fields: "last = new Linear(8, 3);", forward: "return this.last(x.reshape([x.shape[0], x.shape[2]]));" },
    ["program"],
  ],
  [
    "a loss that returns nothing",
    {
      fields: "last = new Linear(8, 3);",
      forward: "return this.last(x);",
      loss: "(y: Tensor, t: Tensor) => { B.crossEntropy(y, t); }",
    },
    ["loss-type"],
  ],
  [
    "one class",
    { target: `{ shape: [1], dtype: "float32" }`, fields: "last = new Linear(8, 1);", forward: "return this.last(x);" },
    ["loss-classes"],
  ],
  ["residual blocks that begin at nothing (Bachlechner et al. 2020)", residual("B.variable(0)"), []],
  [
    "residual blocks that begin at next to nothing (Touvron et al. 2021)",
    residual("new B.Parameter([16], B.initializers.constant(1e-6))"),
    [],
  ],
  [
    "a second output with a weak loss",
    {
      fields: "first = new Linear(8, 16); main = new Linear(16, 3); side = new Linear(16, 3);",
      forward: "const h = relu(this.first(x)); return { y: this.main(h), side: this.side(h) };",
      loss: "({ y, side }: any, t: Tensor) => B.crossEntropy(y, t).add(B.crossEntropy(side, t).mul(1e-5))",
    },
    [],
  ],
  [
    "a correction of low rank beside a frozen layer (Hu et al. 2021)",
    {
      fields: `base = new Linear(8, 3); a = new Linear(8, 8, { bias: false }); b = new Linear(8, 3, { bias: false, initializer: B.initializers.zeros });
  constructor() { super(); B.freeze(this.base); }`,
      forward: "return this.base(x).add(this.b(this.a(x)).mul(2));",
    },
    [],
  ],
  [
    "a layer that only a stopped gradient would reach",
    {
      fields: "first = new Linear(8, 16); last = new Linear(16, 3);",
      forward: "return this.last(relu(this.first(x)).stopGradient());",
    },
    ["unused-parameter"],
  ],
  [
    "the same, frozen",
    {
      fields: "first = new Linear(8, 16); last = new Linear(16, 3); constructor() { super(); B.freeze(this.first); }",
      forward: "return this.last(relu(this.first(x)).stopGradient());",
    },
    [],
  ],
];

describe("temptations", function () {
  this.timeout(60_000);
  let live: LiveChecker;
  before(() => (live = liveChecker()));
  after(() => live.close());

  for (const [what, given, codes] of CASES)
    it(`${what}: ${codes.join(", ") || "nothing to say"}`, async () => {
      const file = resolve("test/check/model.nn.ts");
      const { result, prediction } = await ask(live, {
        file,
        texts: { [file]: program(given) },
        network: true,
        prediction: true,
      });
      const issues = [...result.report.issues, ...(prediction?.issues ?? [])];
      assert.deepEqual(
        issues.map(({ code }) => code),
        codes,
        JSON.stringify(issues, null, 1),
      );
      for (const { message } of issues) assert.doesNotMatch(message, /internal:|TypeError/);
    });

  it("what a file does to everybody's prototypes ends with it", async () => {
    const file = resolve("test/check/model.nn.ts");
    const healthy = program({ fields: "last = new Linear(8, 3);", forward: "return this.last(x);" });
    for (const harm of [
      "B.Tensor.prototype.add = () => { throw new Error('harm'); };",
      "Linear.prototype.forward = () => { throw new Error('harm'); };",
    ]) {
      await ask(live, { file, texts: { [file]: `${healthy}\n${harm}` } }).catch(() => undefined);
      const { result } = await ask(live, { file, texts: { [file]: healthy } });
      assert.deepEqual(result.report.issues, [], harm);
    }
  });
});
