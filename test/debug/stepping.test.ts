/** Stepping over whole trainings and programs, forwards, backwards and forwards again: the same states, bit for bit. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { evaluate } from "../../engine/plan/evaluate";
import { createJsBackend } from "../../engine/backends/js";
import { createNodeFiles } from "../../engine/host/node-files";
import { loadProgram } from "../../engine/host/program";
import { changedTraining } from "../../engine/host/tasks/train";
import { runTraining } from "../../engine/train/run";
import { join } from "node:path";
import { shelf } from "../support/cli";
import { type DebuggedSession, openSession } from "./support/session";

const trainings = shelf.filter((file) => /^export default training\(/m.test(readFileSync(file, "utf8")));
const loops = shelf.filter((file) => /await minimize\(/.test(readFileSync(file, "utf8")));
const programs = shelf.filter((file) => !trainings.includes(file) && !loops.includes(file));
const ITERATIONS = 2;

/** A moment: where it is, and the value that has just come about. */
interface Moment {
  readonly at: string;
  readonly value: Float64Array | undefined;
}

function momentOf({ scene: { episode, position } }: DebuggedSession): Moment {
  const before = position.index > 0 ? episode.graph.steps[position.index - 1] : undefined;
  return {
    at: `${episode.iteration}:${position.index}`,
    value: before && episode.values.of(before.node).data,
  };
}

async function walk(session: DebuggedSession, how: "over" | "back"): Promise<Moment[]> {
  const moments: Moment[] = [momentOf(session)];
  for (;;) {
    const stop = await session.move(how, { granularity: "node" });
    assert.ok(stop, "it does not end without a last stop");
    if (/^At the (?:end|beginning)/.test(stop.description)) return moments;
    moments.push(momentOf(session));
  }
}

function assertSame(actual: readonly Moment[], expected: readonly Moment[]): void {
  assert.deepEqual(
    actual.map(({ at }) => at),
    expected.map(({ at }) => at),
  );
  actual.forEach(({ at, value }, i) => {
    const other = expected[i].value;
    const same = value?.length === other?.length && (value?.every((x, j) => Object.is(x, other?.[j])) ?? true);
    assert.ok(same, `the value before ${at} is the same to the last bit`);
  });
}

describe("stepping through every example", () => {
  for (const file of [...trainings, ...programs]) {
    it(`${file}: forwards, back to the beginning, and forwards again`, async () => {
      const session = await openSession(file, { stopOnEntry: true, maxSteps: ITERATIONS });
      await session.start();
      const forwards = await walk(session, "over");
      const { episode } = session.scene;
      const perIteration = episode.graph.steps.length;
      const iterations = trainings.includes(file) ? ITERATIONS : 1;
      assert.equal(forwards.length, perIteration * iterations, "each node of each iteration is a step");
      // From the end the first step back leads to the last node.
      await session.move("back", { granularity: "node" });
      const backwards = await walk(session, "back");
      assertSame(backwards.reverse(), forwards);
      assertSame(await walk(session, "over"), forwards);
      assert.equal(await session.move("over"), undefined, "then it ends");
    }).timeout(120_000);
  }

  for (const file of trainings) {
    it(`${file}: values are the plain evaluator's, and the training is what it is without a debugger`, async () => {
      const session = await openSession(file, { stopOnEntry: true, maxSteps: ITERATIONS });
      await session.start();
      for (let iteration = 0; iteration < ITERATIONS; iteration++) {
        const { graph, values } = session.scene.episode;
        assert.equal(session.scene.episode.iteration, iteration);
        const nodes = graph.steps.map(({ node }) => node);
        const truth = evaluate(nodes, (leaf) =>
          leaf.inputs.length === 0 ? leafOf(leaf.op, () => values.of(leaf)) : undefined,
        );
        while (session.scene.episode.iteration === iteration) {
          const { index } = session.scene.position;
          const stop = await session.move("over", { granularity: index % 3 === 0 ? "line" : "node" });
          if (!stop || stop.description.startsWith("At the end")) break;
        }
        nodes.forEach((node, i) => {
          const [actual, expected] = [values.of(node).data, truth[i].data];
          const scale = expected.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 1e-300);
          const wrong = actual.findIndex(
            (x, j) => !(Math.abs(x - expected[j]) <= 1e-9 * scale || Object.is(x, expected[j])),
          );
          assert.equal(
            wrong,
            -1,
            `${node.op} ${node.phase}: element ${wrong} is ${actual[wrong]}, not ${expected[wrong]}`,
          );
        });
      }
      const stepped = await session.finish();
      const program = await loadProgram(session.file);
      assert.ok(program.training);
      const { values: alone } = await runTraining(
        changedTraining(program.training, { maxSteps: ITERATIONS, workers: 0 }),
        {
          backend: createJsBackend(),
          files: createNodeFiles(session.file, join(process.cwd(), "dist", "assets")),
          now: () => performance.now(),
        },
      );
      assert.deepEqual(stepped, alone);
    }).timeout(120_000);
  }

  for (const file of loops) {
    it(`${file}: the updates of a loop are gone back to, and looked at again`, async () => {
      const session = await openSession(file, { stopOnEntry: true });
      await session.start();
      const forwards: Moment[] = [momentOf(session)];
      while (session.scene.episode.iteration < 2) {
        assert.ok(await session.move("over", { granularity: "node" }));
        forwards.push(momentOf(session));
      }
      const backwards = await walk(session, "back");
      assertSame(backwards.reverse(), forwards);
      await session.finish();
    });
  }
});

/** What the evaluator computes by itself is not bound. */
function leafOf<T>(op: string, value: () => T): T | undefined {
  return op === "constant" || op === "size" || op === "iota" || op === "full" ? undefined : value();
}
