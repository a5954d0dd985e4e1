/** What is told of a way to the next stop that takes long. */
import assert from "node:assert/strict";
import { createProgress } from "../../engine/debug/progress";
import type { DebugEvent } from "../../engine/debug/requests";
import { line } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";

type Told = Extract<DebugEvent, { kind: "progress" }>;

const progressOf = (events: readonly DebugEvent[]): Told[] =>
  events.flatMap((event) => (event.kind === "progress" ? [event] : []));

describe("progress", () => {
  it("is told of after half a second, ten times a second, and ends once", () => {
    const events: DebugEvent[] = [];
    let time = 1000;
    const progress = createProgress(
      (event) => events.push(event),
      () => time,
    );
    const tellFor = (milliseconds: number): void => {
      for (const until = time + milliseconds; time < until; time += 10)
        progress.tell({ title: "Searching", message: String(time), fraction: null });
    };
    progress.begin();
    tellFor(500);
    assert.deepEqual(events, []);
    tellFor(1000);
    assert.deepEqual(
      progressOf(events).map(({ message }) => Number(message)),
      Array.from({ length: 10 }, (_, i) => 1500 + 100 * i),
    );
    progress.end();
    progress.end();
    assert.deepEqual(
      progressOf(events).map(({ done }) => done),
      [...Array<boolean>(10).fill(false), true],
    );
    assert.equal(new Set(progressOf(events).map(({ id }) => id)).size, 1);
    progress.begin();
    tellFor(400);
    assert.equal(progressOf(events).length, 11, "each way has its own half second");
    tellFor(200);
    assert.notEqual(progressOf(events).at(-1)?.id, progressOf(events)[0].id);
  });
});

/** A second for each look at the clock: everything lasts long. */
async function open(options: { stopAtIteration?: number; maxSteps?: number }): Promise<DebuggedSession> {
  let time = 0;
  const session = await openSession(programFile(line().replace("epochs: 6", "epochs: 400")), {
    ...options,
    now: () => (time += 1000),
  });
  await session.start();
  return session;
}

/** A breakpoint at which it never stops. */
function seekInVain(session: DebuggedSession): void {
  session.ask({
    kind: "setBreakpoints",
    file: session.file,
    breakpoints: [{ line: 5, condition: "iteration < 0" }],
  });
}

describe("a search that lasts", () => {
  it("backwards: tells which iteration it has come to, and how much of the past that is", async () => {
    const session = await open({ stopAtIteration: 40, maxSteps: 60 });
    seekInVain(session);
    const stop = await session.move("reverse");
    assert.match(stop?.description ?? "", /^At the beginning/);
    const told = progressOf(session.events).filter(({ title }) => title === "Searching backwards");
    const reached = told
      .filter(({ done }) => !done)
      .map(({ message }) => Number(/^iteration (\d+)$/.exec(message)?.[1]));
    assert.deepEqual([...new Set(reached)].slice(0, 3), [39, 38, 37]);
    assert.deepEqual(
      reached,
      [...reached].sort((a, b) => b - a),
    );
    for (const { fraction, message, done } of told) {
      if (!done) assert.equal(fraction, (40 - Number(message.slice(10))) / 40);
    }
    assert.equal(told.at(-1)?.done, true);
    const kinds = session.events.map((event) =>
      event.kind === "progress" ? (event.done ? "done" : "on") : event.kind,
    );
    assert.ok(kinds.lastIndexOf("done") < kinds.lastIndexOf("stopped"), "nothing is under way while it stands");
    await session.finish();
  });

  it("forwards: tells which iteration it has come to", async () => {
    const session = await open({ stopAtIteration: 2, maxSteps: 30 });
    seekInVain(session);
    assert.equal(await session.move("continue"), undefined);
    const told = progressOf(session.events).filter(({ title }) => title === "Looking for the next stop");
    assert.equal(told[0].message, "iteration 3");
    assert.equal(told.at(-2)?.message, "iteration 29");
    assert.equal(told.at(-1)?.done, true);
  });

  it("to an iteration that was asked for: tells how far it is", async () => {
    const session = await open({ stopAtIteration: 20, maxSteps: 30 });
    const told = progressOf(session.events);
    assert.equal(told.at(-1)?.done, true);
    assert.equal(told.at(-2)?.message, "iteration 19 of 20");
    assert.equal(told.at(-2)?.fraction, 19 / 20);
    await session.finish();
  });

  it("a program that runs with nothing to look for tells nothing", async () => {
    const session = await open({ stopAtIteration: 0, maxSteps: 30 });
    assert.equal(await session.move("continue"), undefined);
    assert.deepEqual(progressOf(session.events), []);
  });

  for (const how of ["reverse", "continue"] as const) {
    it(`${how}: pause ends it where it has come to, from where it goes on either way`, async () => {
      const session = await open({ stopAtIteration: 200, maxSteps: 400 });
      seekInVain(session);
      const before = session.ask({ kind: "situation" });
      const from = session.events.length;
      const moved = session.move(how);
      while (progressOf(session.events.slice(from)).filter(({ done }) => !done).length < 30)
        await new Promise((next) => setImmediate(next));
      session.ask({ kind: "pause" });
      assert.equal((await moved)?.reason, "pause");
      assert.equal(progressOf(session.events).at(-1)?.done, true);
      const { iteration } = session.scene.episode;
      assert.ok(
        how === "reverse" ? iteration < 200 && iteration > 0 : iteration > 200 && iteration < 400,
        `${iteration}`,
      );
      const values = session.scene.episode.values.of(session.scene.episode.graph.output).data[0];
      // The same moment, come to from the beginning.
      const other = await open({ stopAtIteration: iteration });
      const { episode } = other.scene;
      assert.ok(Math.abs(episode.values.of(episode.graph.output).data[0] - values) < 1e-6);
      await other.finish();
      // Back to where it came from.
      session.ask({
        kind: "setBreakpoints",
        file: session.file,
        breakpoints: [{ line: 5, condition: "iteration == 200" }],
      });
      await session.move(how === "reverse" ? "continue" : "reverse");
      assert.equal(session.scene.episode.iteration, 200);
      while (session.scene.position.index > 0) await session.move("back");
      assert.equal(session.ask({ kind: "situation" }).loss, before.loss);
      await session.finish();
    });
  }
});
