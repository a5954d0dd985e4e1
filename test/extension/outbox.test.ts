import assert from "node:assert/strict";
import { createOutbox } from "../../extension/panel/outbox";
import { emptyHistory, extendHistory, type Tick, type ToPanel } from "../../webview/protocol";

function tick(iteration: number, more: Partial<Tick> = {}): Tick {
  const loss = [{ iteration, mean: 1 / iteration, least: 0, most: 1, span: 1 }];
  return {
    iteration,
    epoch: 1,
    learningRate: 0.1,
    examplesPerSecond: 1,
    loss,
    flow: [],
    epochs: [],
    findings: [],
    ...more,
  };
}

/** Time that only the test moves. */
function clock(): {
  now(): number;
  after(work: () => void, milliseconds: number): { cancel(): void };
  pass(milliseconds: number): void;
} {
  let time = 0;
  let plans: { at: number; work: () => void }[] = [];
  return {
    now: () => time,
    after(work, milliseconds) {
      const plan = { at: time + milliseconds, work };
      plans.push(plan);
      return { cancel: () => (plans = plans.filter((each) => each !== plan)) };
    },
    pass(milliseconds) {
      const end = time + milliseconds;
      while (true) {
        const next = plans.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        plans = plans.filter((each) => each !== next);
        time = Math.max(time, next.at);
        next.work();
      }
      time = end;
    },
  };
}

describe("extension: messages to the panel", () => {
  it("are at most ten a second for three runs at full speed, and lose nothing", () => {
    const time = clock();
    const posted: { at: number; message: ToPanel }[] = [];
    const outbox = createOutbox((message) => posted.push({ at: time.now(), message }), time);
    const whole = new Map<string, Tick[]>();
    for (let i = 1; i <= 500; i++) {
      for (const run of ["a", "b", "c"]) {
        const told = tick(i);
        whole.set(run, [...(whole.get(run) ?? []), told]);
        outbox.later({ type: "tick", run, tick: told });
      }
      if (i % 50 === 0) outbox.later({ type: "runs", runs: [] });
      time.pass(10);
    }
    time.pass(1000);
    for (let from = 0; from < 6000; from += 10) {
      const inSecond = posted.filter(({ at }) => at >= from && at < from + 1000).length;
      assert.ok(inSecond <= 10, `${inSecond} messages within a second`);
    }
    for (const run of ["a", "b", "c"]) {
      const ticks = posted.flatMap(({ message }) =>
        message.type === "tick" && message.run === run ? [message.tick] : [],
      );
      const [panel, truth] = [ticks, whole.get(run) ?? []].map((list) => list.reduce(extendHistory, emptyHistory));
      assert.deepEqual(panel.loss, truth.loss);
      assert.equal(panel.iteration, 500);
    }
  });

  it("keep the order of a run's ticks and its state", () => {
    const time = clock();
    const posted: string[] = [];
    const outbox = createOutbox((message) => posted.push(message.type), time);
    outbox.later({ type: "tick", run: "a", tick: tick(1) });
    outbox.later({ type: "tick", run: "a", tick: tick(2) });
    outbox.now({ type: "state", run: "a", state: "ended", failure: null, end: null });
    time.pass(1000);
    assert.deepEqual(posted, ["tick", "state"]);
  });

  it("say only the last of what replaces itself", () => {
    const time = clock();
    const posted: ToPanel[] = [];
    const outbox = createOutbox((message) => posted.push(message), time);
    outbox.later({ type: "runs", runs: [] });
    time.pass(0);
    for (const layer of [1, 2, 3]) outbox.later({ type: "cursor", run: "a", layer });
    time.pass(1000);
    assert.deepEqual(posted.slice(1), [{ type: "cursor", run: "a", layer: 3 }]);
  });

  it("stop when nobody looks", () => {
    const time = clock();
    const posted: ToPanel[] = [];
    const outbox = createOutbox((message) => posted.push(message), time);
    outbox.later({ type: "tick", run: "a", tick: tick(1) });
    outbox.clear();
    time.pass(1000);
    assert.deepEqual(posted, []);
  });
});
