import assert from "node:assert/strict";
import type { Task } from "../../engine/api/host";
import { moons, start } from "./support";

const of =
  (kind: "gradients" | "rate") =>
  (file: string): Task => ({ kind, file, timeLimit: 10 });

describe("Check Gradients", function () {
  this.timeout(60_000);

  it("finds every gradient of a sound model right", async () => {
    const run = start(moons(), of("gradients"));
    const { reports } = await run.first("gradients");
    assert.deepEqual(
      reports.map(({ name, passed, line }) => [name, passed, line]),
      [
        ["hidden.weight", true, 10],
        ["hidden.bias", true, 10],
        ["output.weight", true, 10],
        ["output.bias", true, 10],
      ],
    );
    for (const { error } of reports) assert.ok(error < 1e-8, String(error));
    assert.equal((await run.end()).exitCode, 0);
  });

  it("finds the parameters behind a wrong formula of the user's own", async () => {
    const text = moons("", "")
      .replace("relu,", "customFunction,")
      .replace(
        "class Moons",
        `// The derivative of x² is 2x, not x.
const square = customFunction({ name: "square", forward: (x: Tensor) => x.mul(x), backward: (g: Tensor, [x]: Tensor[]) => g.mul(x) });

class Moons`,
      )
      .replace("relu(", "square(");
    const run = start(text, of("gradients"));
    const { reports } = await run.first("gradients");
    assert.deepEqual(
      reports.map(({ name, passed }) => [name, passed]),
      [
        ["hidden.weight", false],
        ["hidden.bias", false],
        ["output.weight", true],
        ["output.bias", true],
      ],
    );
    // Half of the true gradient.
    const { worst } = reports[0];
    assert.ok(Math.abs(worst.analytic / worst.numeric - 0.5) < 1e-6);
    assert.equal((await run.end()).exitCode, 1);
  });
});

describe("Find Learning Rate", function () {
  this.timeout(60_000);

  it("raises the rate by equal factors until the loss blows up, and suggests one below that", async () => {
    const run = start(moons(), of("rate"));
    const { result } = await run.first("rate");
    const { points, suggestion, current } = result;
    assert.equal(current, 0.01);
    const factors = points.slice(1).map(({ rate }, i) => rate / points[i].rate);
    // 1e-6 to 10 in 120 updates.
    for (const factor of factors) assert.ok(Math.abs(factor / 10 ** (7 / 119) - 1) < 1e-9);
    const best = points.reduce((a, b) => (b.loss < a.loss ? b : a));
    assert.ok(suggestion !== null && suggestion < best.rate && suggestion > 1e-5, `${suggestion} of ${best.rate}`);
    await run.end();
  });

  it("suggests nothing where no rate helps", async () => {
    // A loss that does not depend on the data has nowhere to fall.
    const text = moons("").replace("loss: crossEntropy", "loss: (output: Tensor) => output.mul(0).mean().add(1)");
    const run = start(text, of("rate"));
    assert.equal((await run.first("rate")).result.suggestion, null);
    await run.end();
  });
});
