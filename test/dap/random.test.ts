/**
 * Requests in any order, with any arguments: each is answered once, nothing crashes, nothing hangs, no error is one of ours. The seed
 * stands in a failure's message; `SEED=… npm test -- test/dap/random.test.ts` repeats it.
 */
import assert from "node:assert/strict";
import type { DebugEvent } from "../../engine/debug/requests";
import { requestNames } from "../../engine/dap/adapter";
import { FILE, LISTING } from "./program";
import { type Client, EDITOR, PROGRAMS, createClient } from "./support";

const REQUESTS = 10_000;
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

describe("random requests", () => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): unknown => rejections.push(reason);
  before(() => process.on("unhandledRejection", onRejection));
  after(() => process.off("unhandledRejection", onRejection));

  it(`${REQUESTS} of them, seed ${seed}`, async () => {
    const random = createRandom(seed);
    const succeeded = new Set<string>();
    let sent = 0;
    for (let round = 0; sent < REQUESTS; round += 1) {
      const client = createClient();
      const where = `seed ${seed}, session ${round}`;
      const requests = await converse(client, random, Math.min(20 + random.below(180), REQUESTS - sent));
      sent += requests;
      check(client, where);
      for (const { command = "", success } of client.messages) if (success) succeeded.add(command);
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(rejections, [], `seed ${seed}`);
    // Otherwise little was tried.
    const never = requestNames.filter((name) => !succeeded.has(name));
    assert.ok(never.length <= 6, `seed ${seed}: never with success: ${never.join(", ")}`);
  });
});

/** Returns how many requests were sent. */
async function converse(client: Client, random: Random, length: number): Promise<number> {
  const began = random.chance(0.8);
  let count = 0;
  const send = (command: string, args?: unknown): void => {
    count += 1;
    client.send(command, args);
  };
  if (began) {
    send("initialize", { ...EDITOR, linesStartAt1: random.chance(0.5), pathFormat: random.of(["path", "uri"]) });
    if (random.chance(0.1)) send("attach", { run: "tiny-1" });
    else send("launch", { program: random.of([FILE, FILE, FILE, PROGRAMS.long, PROGRAMS.throws]), stopOnEntry: true });
    await client.settle();
    if (random.chance(0.9)) send("configurationDone");
    await client.settle();
  }
  while (count < length) {
    if (random.chance(0.02)) client.session.handleMessage(malformed(random) as never);
    else if (random.chance(0.01)) client.launcher.tell(event(random));
    else send(command(random), argumentsOf(random));
    if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve));
  }
  send("disconnect", {});
  await client.settle();
  return count;
}

function check({ messages }: Client, where: string): void {
  const answers = messages.filter(({ type }) => type === "response");
  // Those of malformed messages have no number of a request.
  const numbers = answers.flatMap(({ request_seq = 0 }) => (request_seq > 0 ? request_seq : []));
  assert.equal(new Set(numbers).size, numbers.length, `${where}: answered twice`);
  assert.equal(Math.max(...numbers), numbers.length, `${where}: not answered`);
  for (const { command, success, message, body } of answers) {
    if (success) continue;
    assert.ok(message && body.error.format, `${where}: ${command} fails without words: ${JSON.stringify(body)}`);
    assert.doesNotMatch(body.error.format, /internal|undefined|\[object/, `${where}: ${command}`);
  }
  const ends = messages.filter(({ event }) => event === "terminated");
  assert.ok(ends.length <= 1, `${where}: ended ${ends.length} times`);
  assert.ok(
    messages.every(
      ({ type, event }, index) => type !== "event" || event === "terminated" || index < lastEvent(messages, ends[0]),
    ),
    `${where}: told something after the end`,
  );
}

/** Where events end: at `terminated`, where there is one. */
function lastEvent(messages: Client["messages"], end: Client["messages"][number] | undefined): number {
  return end === undefined ? Infinity : messages.indexOf(end);
}

const COMMON = [
  "next",
  "stepIn",
  "stepBack",
  "continue",
  "stackTrace",
  "variables",
  "evaluate",
  "setBreakpoints",
  "pause",
];

function command(random: Random): string {
  if (random.chance(0.4)) return random.of(COMMON);
  const name = random.of(requestNames);
  // Else most sessions would soon be over.
  if (["disconnect", "terminate", "launch", "attach"].includes(name) && random.chance(0.8)) return "threads";
  return random.chance(0.02) ? random.of(["", "toString", "__proto__", "runInTerminal", `${name} `]) : name;
}

/** The fields of all requests, with values that fit sometimes. */
function argumentsOf(random: Random): unknown {
  if (random.chance(0.03)) return junk(random);
  const fields: Record<string, () => unknown> = {
    threadId: () => (random.chance(0.95) ? 1 : 2),
    frameId: () => random.of([1000, 1001, 1002, 0]),
    variablesReference: () => random.of([0, 1, 2, 3, 77]),
    name: () => random.of(["w", "w", "w", "h", LISTING, "nothing"]),
    value: () => random.of(["1", "w + 1", "nan", "?"]),
    expression: () => random.of(["w", "h > 1", "big", "w = 3", "red", "(", ""]),
    context: () => random.of(["repl", "watch", "hover", "clipboard", "else"]),
    source: () =>
      random.of([{ path: FILE }, { path: `file://${FILE}` }, { sourceReference: 1374086679 }, { name: LISTING }, {}]),
    sourceReference: () => random.of([0, 1374086679, 5]),
    line: () => random.of([0, 1, 4, 5, 6, 1e9]),
    endLine: () => random.of([5, 100]),
    column: () => random.of([-1, 0, 1, 15, 1e9]),
    breakpoints: () => [
      { line: random.below(12), name: "re*", dataId: "w", condition: random.of(["w > 9", "w > 1", "(", undefined]) },
    ],
    lines: () => [random.below(12)],
    filters: () => random.of([["not-finite"], ["all"], []]),
    filterOptions: () => [{ filterId: "vanishing", condition: "w > 1" }],
    targetId: () => 98 + random.below(22),
    granularity: () => random.of(["line", "statement", "instruction"]),
    start: () => random.below(6_000),
    count: () => random.of([0, 8, 100, 1e15]),
    startFrame: () => random.below(4),
    levels: () => random.below(4),
    memoryReference: () => random.of(["w", "w", "big", "else"]),
    offset: () => random.below(20) - 4,
    data: () => random.of(["AAAAAAAACEA=", "AAAAAAAAAEA=", "", "%"]),
    text: () => random.of(["w", "lo\nw", ""]),
    requestId: () => random.below(200),
    progressId: () => random.of(["1", "2"]),
    locationReference: () => random.below(3),
    filter: () => random.of(["indexed", "named"]),
    format: () => random.of([{ hex: true }, {}]),
    slice: () => [random.below(3)],
    from: () => random.of([[0, 1], [1], []]),
    what: () => random.of(["zero", "not-finite"]),
    terminateDebuggee: () => random.chance(0.5),
    run: () => random.of(["tiny-1", "tiny-2"]),
    program: () => random.of([FILE, PROGRAMS.long, PROGRAMS.throws, PROGRAMS.broken, PROGRAMS.never]),
    arguments: () =>
      random.of([{ program: FILE, stopOnEntry: true }, { program: PROGRAMS.long }, { program: 7 }, undefined]),
  };
  const chosen = Object.entries(fields).filter(() => random.chance(0.85));
  return Object.fromEntries(chosen.map(([name, make]) => [name, random.chance(0.02) ? junk(random) : make()]));
}

function junk(random: Random): unknown {
  return random.of([null, true, -1, 1.5, 1e300, "text", [], {}, [null], [[]], { line: null }, "\u0000", [1, "2"]]);
}

function malformed(random: Random): unknown {
  return random.of([
    null,
    7,
    "text",
    [],
    {},
    { type: "request" },
    { type: "request", seq: "one", command: "threads" },
    { type: "request", seq: -1, command: 7, arguments: [] },
    { type: "event", event: "stopped" },
    { type: "response", request_seq: 1, success: true },
    { type: 7, seq: 1, command: "next" },
  ]);
}

function event(random: Random): DebugEvent {
  const progress = { kind: "progress", id: 2, title: "Replaying", message: "", fraction: null } as const;
  const stopped = {
    kind: "stopped",
    reason: "pause",
    direction: "forward",
    description: "",
    text: null,
    breakpoints: [],
  } as const;
  const output = { kind: "output", category: "stdout", text: "\u001b[1m", file: FILE, line: 1 } as const;
  return random.of<DebugEvent>([
    { kind: "ready" },
    { kind: "continued" },
    { kind: "invalidated" },
    { kind: "ended", exitCode: 1, message: "killed" },
    { ...progress, done: false },
    { ...progress, done: true },
    { kind: "breakpoint", breakpoint: { id: random.below(9), verified: true, line: 5 } },
    stopped,
    output,
  ]);
}

interface Random {
  below(bound: number): number;
  chance(probability: number): boolean;
  of<T>(values: readonly T[]): T;
}

/** Mulberry32. */
function createRandom(start: number): Random {
  let state = start;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return { below, chance: (probability) => next() < probability, of: (values) => values[below(values.length)] };
}
