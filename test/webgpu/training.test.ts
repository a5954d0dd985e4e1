import assert from "node:assert/strict";
import type { IterationEvent, StartEvent, TrainingEvent } from "../../engine/train/events";
import { backstep, jsonLines, shelf } from "../support/cli";

/** The same few updates on the CPU and on the GPU, by the command line: in a process of its own, through Dawn. */
const UPDATES = 3;
/** Of the loss, relative: float32 in another order. */
const BOUND = 1e-5;

/** Those that train by themselves or export no training say nothing of iterations. */
const OWN_LOOPS = ["cosine", "custom-gradient", "hand-written-loop", "mini-batches", "perceptron", "shared-input"];

describe("a training on the GPU", function () {
  this.timeout(120_000);

  for (const file of shelf.filter((path) => !OWN_LOOPS.some((name) => path.endsWith(`/${name}.nn.ts`))))
    it(`loses what it loses on the CPU: ${file}`, async () => {
      const [cpu, gpu] = await Promise.all(["cpu", "webgpu"].map((device) => train(file, device)));
      assert.match(gpu.device, /^webgpu: ./);
      assert.equal(gpu.losses.length, UPDATES);
      gpu.losses.forEach((loss, i) => {
        const expected = cpu.losses[i];
        assert.ok(
          Math.abs(loss - expected) <= BOUND * Math.abs(expected),
          `update ${i + 1}: ${loss} on the GPU, ${expected} on the CPU`,
        );
      });
    });

  it("tells of an index out of range where the model says it", async () => {
    const { code, stderr } = await backstep("train", "test/webgpu/fixtures/out-of-range.nn.ts", "--device", "webgpu");
    assert.equal(code, 1);
    assert.match(stderr, /out-of-range\.nn\.ts:\d+:\d+: .*index 9 is out of range for an axis of size 4/);
  });
});

async function train(file: string, device: string): Promise<{ device: string; losses: number[] }> {
  const ended = await backstep("train", file, "--device", device, "--max-steps", String(UPDATES), "--json");
  assert.equal(ended.code, 0, ended.stderr);
  const events = jsonLines<TrainingEvent>(ended);
  const start = events.find((event): event is StartEvent => event.type === "start");
  const iterations = events.filter((event): event is IterationEvent => event.type === "iteration");
  return { device: start?.device ?? "", losses: iterations.map(({ loss }) => loss) };
}
