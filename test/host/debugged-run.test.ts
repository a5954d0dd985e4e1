/** What is kept of a debugged run: its history, its metrics, its checkpoint, its weights. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DebugEvent, DebugOptions, DebugRequest } from "../../engine/debug/requests";
import { readCheckpoint } from "../../engine/host/output-folder";
import { type RunHistory, emptyHistory, extendHistory } from "../../engine/view/history";
import { line } from "../debug/support/models";
import { type Started, start } from "./support";

interface Debugged extends Started {
  /** The next event of this kind. */
  readonly next: <K extends DebugEvent["kind"]>(kind: K) => Promise<Extract<DebugEvent, { kind: K }>>;
  readonly ask: (request: DebugRequest) => Promise<unknown>;
  readonly out: string;
}

function debugged(options: DebugOptions | undefined, report: "events" | "ticks" = "ticks"): Debugged {
  const heard: DebugEvent[] = [];
  let wake: () => void = () => undefined;
  let out = "";
  const started = start(
    line().replace("epochs: 6", options ? "epochs: 8" : "epochs: 100000"),
    (file, folder) => {
      out = join(folder, "run");
      return { kind: "train", file, report, device: "cpu", timeLimit: 10, out, ...(options && { debug: options }) };
    },
    {},
  );
  const poll = setInterval(() => {
    const events = started.messages.flatMap((message) => (message.kind === "debugEvent" ? [message.event] : []));
    if (events.length > heard.length) {
      heard.push(...events.slice(heard.length));
      wake();
    }
  }, 1);
  void started.end().then(() => clearInterval(poll));
  let at = 0;
  return {
    ...started,
    out,
    ask: (request) => started.host.debug(request),
    async next(kind) {
      for (;;) {
        for (; at < heard.length; at++) if (heard[at].kind === kind) return heard[at++] as never;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

async function move(run: Debugged, how: "over" | "back" | "continue"): Promise<void> {
  await run.ask({ kind: "move", how });
  if (how !== "continue") await run.next("stopped");
}

async function toIteration(run: Debugged, wanted: number): Promise<void> {
  for (;;) {
    const { iteration } = (await run.ask({ kind: "situation" })) as { iteration: number };
    if (iteration === wanted) return;
    await move(run, iteration < wanted ? "over" : "back");
  }
}

const set = (run: Debugged, target: string, value: string): Promise<unknown> =>
  run.ask({ kind: "setExpression", target, value, frame: 0 });

/** Begun before its first iteration with w = 1, b = 0. */
async function begun(): Promise<Debugged> {
  const run = debugged({ stopOnEntry: true });
  await run.next("ready");
  await run.ask({ kind: "start" });
  await run.next("stopped");
  await set(run, "linear.weight[0][0]", "1");
  await set(run, "linear.bias[0]", "0");
  return run;
}

/** What the panel draws by the end, and what the folder keeps. */
async function kept(run: Debugged): Promise<{ drawn: unknown; saved: unknown; metrics: unknown; weights: unknown }> {
  await run.end();
  const ticks = run.messages.flatMap((message) => (message.kind === "tick" ? [message.tick] : []));
  const curves = ({ loss, epochs, iteration, epoch }: RunHistory): unknown => ({
    loss: loss.map(({ iteration: n, mean }) => [n, mean]),
    epochs: epochs.map((each) => [each.epoch, each.iteration, each.loss]),
    iteration,
    epoch,
  });
  const lines = readFileSync(join(run.out, "metrics.jsonl"), "utf8").trim().split("\n");
  const { state, values } = await readCheckpoint(run.out);
  return {
    drawn: curves(ticks.reduce(extendHistory, emptyHistory)),
    saved: curves(JSON.parse(readFileSync(join(run.out, "history.json"), "utf8")) as RunHistory),
    metrics: lines.map((text) => {
      const { epoch, loss } = JSON.parse(text) as { epoch: number; loss: number };
      return [epoch, loss];
    }),
    weights: { state, values },
  };
}

describe("host: a debugged run", () => {
  it("whose past was changed leaves the history, metrics and checkpoint of what was lived last", async () => {
    const first = await begun();
    await toIteration(first, 2);
    await set(first, "linear.weight[0][0]", "-3");
    await move(first, "continue");
    const again = await begun();
    await toIteration(again, 6);
    // All of it is drawn before it is void.
    await again.first("tick");
    await toIteration(again, 2);
    await set(again, "linear.weight[0][0]", "-3");
    await move(again, "continue");
    const expected = await kept(first);
    assert.deepEqual(await kept(again), expected);
    assert.equal((expected.metrics as unknown[]).length, 8);
  }).timeout(20_000);

  it("that is attached to has its weights kept as they stand, with what was changed", async () => {
    const run = debugged(undefined);
    await run.first("tick");
    await run.ask({ kind: "attach", options: {} });
    await run.ask({ kind: "start" });
    await run.next("stopped");
    await set(run, "linear.weight[0][0]", "12.5");
    const { iteration } = (await run.ask({ kind: "situation" })) as { iteration: number };
    const path = join(run.folder, "kept.safetensors");
    await run.host.keep(path);
    const { values, state } = await readCheckpoint(path);
    assert.equal(values.get("linear.weight")?.data[0], 12.5);
    assert.equal(state.iteration, iteration);
    await run.ask({ kind: "detach" });
    await assert.rejects(run.host.keep(path), /no training is being debugged/);
    run.host.stop();
    await run.end();
    await assert.rejects(run.host.keep(path), /ended/);

    const next = debugged({ stopOnEntry: true, keepWeightsOf: path });
    await next.next("ready");
    await next.ask({ kind: "start" });
    await next.next("stopped");
    const answer = await next.ask({ kind: "evaluate", expression: "linear.weight[0][0]", frame: 0, context: "watch" });
    assert.equal((answer as { value: string }).value, "12.5");
    next.host.kill();
    await next.end();
  }).timeout(20_000);

  it("says where weights of before cannot be read, and begins with fresh ones", async () => {
    const missing = join("no", "such", "folder");
    assert.ok(!existsSync(missing));
    const run = debugged({ stopOnEntry: true, keepWeightsOf: missing });
    const said = await run.next("output");
    assert.equal(said.category, "important");
    assert.match(said.text, /cannot be kept: .*no.such.folder.*fresh/);
    await run.ask({ kind: "start" });
    assert.equal((await run.next("stopped")).reason, "entry");
    run.host.kill();
    await run.end();
  });
});
