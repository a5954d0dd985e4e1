/** The expression that Variables offers for a variable gives the variable: the same tensor, bit for bit. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { VariableRecord } from "../../engine/debug/requests";
import { type DebuggedSession, openSession, programFile } from "./support/session";

/** Two models with parameters of the same names, two optimisers with states of the same names. */
const TWO_MODELS = `import { adam, add, Linear, minimize, Module, mse, mul, relu, tensor, variable, type Tensor } from "backstep";
class Net extends Module {
  hidden = new Linear(1, 2);
  output = new Linear(2, 1);
  forward(x: Tensor) {
    const h = relu(this.hidden(x));
    return this.output(h);
  }
}
const student = new Net();
const teacher = new Net();
const nameless = [new Net()];
const slope = variable(0);
const x = tensor([[1], [2]]);
const optimizer = adam({ learningRate: 0.1 });
const second = adam({ learningRate: 0.2 });
for (let i = 0; i < 2; i++) {
  const y = add(student(x), mul(slope, teacher(x))).add(nameless[0](x));
  const loss = mse(y, tensor([[1], [0]]));
  await minimize(loss, optimizer);
  const again = mse(teacher(x), tensor([[0], [0]]));
  await minimize(again, second);
}
`;

/** Within the block `inner` is the block's, from outside the model's; so is `scale`. */
const NESTED = `import { Linear, Module, add, mul, relu, mse, adam, training, variable, fromArrays, type Tensor } from "backstep";
class Block extends Module {
  inner = new Linear(2, 2);
  forward(x: Tensor) {
    const scale = this.inner(x);
    return relu(scale);
  }
}
class Net extends Module {
  inner = new Linear(2, 2);
  blocks = [new Block(), new Block()];
  scale = variable([1, 2]);
  forward(x: Tensor) {
    let h = this.inner(x);
    for (const block of this.blocks) h = add(h, block(h));
    return mul(h, this.scale).sum(1).unsqueeze(-1);
  }
}
export default training({
  model: new Net(),
  data: fromArrays({ inputs: [[1, 2], [3, 4]], targets: [1, 2] }),
  loss: mse,
  optimizer: adam({ learningRate: 0.1 }),
  batchSize: 2,
  epochs: 2,
});
`;

const STOPS = 7;
/** Of each scope in each frame. */
const MOST = 120;
const MOST_INSIDE = 8;
/** So many digits tell all numbers apart. */
const format = { digits: 17 };

/** What is wrong with what is offered at a stop, and how much is offered. */
function wrongAt(session: DebuggedSession): { readonly wrong: string[]; readonly offered: number } {
  const wrong: string[] = [];
  let offered = 0;
  for (const frame of session.ask({ kind: "frames" })) {
    for (const scope of session.ask({ kind: "scopes", frame: frame.id })) {
      let left = MOST;
      const walk = (reference: number, path: string, depth: number): void => {
        for (const item of session.ask({ kind: "variables", reference, count: MOST_INSIDE, format })) {
          if (left-- < 0) return;
          if (item.evaluateName !== null) {
            offered++;
            const problem = differenceOf(session, item, frame.id);
            if (problem !== undefined)
              wrong.push(`${session.where()}, frame ${frame.name}, ${scope.name}${path}/${item.name}: ${problem}`);
          }
          if (item.reference > 0 && depth < 3) walk(item.reference, `${path}/${item.name}`, depth + 1);
        }
      };
      walk(scope.reference, "", 0);
    }
  }
  return { wrong, offered };
}

function differenceOf(session: DebuggedSession, item: VariableRecord, frame: number): string | undefined {
  const expression = item.evaluateName ?? "";
  let got: VariableRecord;
  try {
    got = session.ask({ kind: "evaluate", expression, frame, context: "variables", format });
  } catch (error) {
    return `${expression} gives no value: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (item.memory !== null && got.memory !== null && item.memory !== got.memory)
    return `${expression} is another tensor`;
  // Modules and other groups show their parts instead of a value; texts stand in quotes where they are evaluated.
  if (item.reference > 0 && !item.value.startsWith("[")) return undefined;
  const shown = got.value.replace(/^"(.*)"$/, "$1");
  return item.value === shown || item.value.startsWith(`${shown} · `)
    ? undefined
    : `${expression} is ${got.value}, not ${item.value}`;
}

describe("the expression of a variable", () => {
  const examples = readdirSync("examples").filter((name) => name.endsWith(".ts"));
  const programs: readonly (readonly [what: string, file: () => string])[] = [
    ...examples.map((name) => [name, () => join("examples", name)] as const),
    ["two models and two optimisers in one loop", () => programFile(TWO_MODELS)],
    ["modules whose names hide each other", () => programFile(NESTED)],
  ];
  for (const [what, file] of programs) {
    it(`${what}: gives the same, bit for bit`, async () => {
      const session = await openSession(file(), { stopOnEntry: true, maxSteps: 2 });
      let stop = await session.start();
      let all = 0;
      for (let i = 0; stop && i < STOPS; i++) {
        const { wrong, offered } = wrongAt(session);
        assert.deepEqual(wrong, []);
        all += offered;
        const { steps } = session.scene.episode.graph;
        stop = await session.move("into");
        for (let step = 0; stop && step < steps.length / (STOPS - 2); step++)
          stop = await session.move("over", { granularity: "node" });
      }
      assert.ok(all > 100, `${all} expressions were offered`);
      await session.finish();
    }).timeout(60_000);
  }

  it("names the optimiser's tensors in a loop of the user's", async () => {
    const session = await openSession(programFile(TWO_MODELS), { stopOnEntry: true });
    await session.start();
    const state = session.ask({ kind: "scopes", frame: 0 }).find(({ name }) => name === "Optimiser state");
    const [kind] = session.ask({ kind: "variables", reference: state?.reference ?? 0 });
    const names = session
      .ask({ kind: "variables", reference: kind.reference })
      .map(({ name, evaluateName }) => `${name}: ${evaluateName}`);
    assert.deepEqual(names.slice(0, 2), [
      "hidden.weight: optimizer.firstMoment.hidden.weight",
      "hidden.bias: optimizer.firstMoment.hidden.bias",
    ]);
    await session.finish();
  });

  it("says of two models with a parameter of the same name which one it means", async () => {
    const session = await openSession(programFile(TWO_MODELS), { stopOnEntry: true });
    await session.start();
    const scope = session.ask({ kind: "scopes", frame: 0 }).find(({ name }) => name === "Parameters");
    const weights = session
      .ask({ kind: "variables", reference: scope?.reference ?? 0 })
      .filter(({ name }) => name.startsWith("hidden.weight"))
      .map(({ name, evaluateName }) => `${name}: ${evaluateName}`);
    assert.deepEqual(weights, [
      "hidden.weight: hidden.weight",
      "hidden.weight (2): teacher.hidden.weight",
      // No variable holds the third.
      "hidden.weight (3): null",
    ]);
    await session.finish();
  });
});
