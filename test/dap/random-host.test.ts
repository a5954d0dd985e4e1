/**
 * Requests in any order to the real thing: `backstep dap` as a process, with a program that runs in its engine host. Each request is
 * answered once, with words where it fails; nothing crashes; every session can be ended. `SEED=… REQUESTS=10000 npm test --
 * test/dap/random-host.test.ts` repeats one, or tries for longer.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requestNames } from "../../engine/dap/adapter";
import { EDITOR, type Message } from "./support";

const REQUESTS = Number(process.env.REQUESTS ?? 1_200);
const PER_SESSION = Number(process.env.PER_SESSION ?? 200);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Small programs: one that trains, one that computes, one that loops by itself, and some that fail. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "training.nn.ts": `import { Linear, Module, fromArrays, mse, relu, sgd, training, type Tensor } from "backstep";

class Small extends Module {
  hidden = new Linear(2, 3);
  output = new Linear(3, 1);

  forward(x: Tensor) {
    const h = relu(this.hidden(x));
    return this.output(h);
  }
}

export default training({
  model: new Small(),
  data: fromArrays({ inputs: [[0, 0], [0, 1], [1, 0], [1, 1]], targets: [[0], [1], [1], [0]] }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
  batchSize: 2,
  epochs: 500,
});
`,
  "program.nn.ts": `import { add, exp, log, mul, sin, variable } from "backstep";

const x = variable(2);
const z = variable([1, 2, 3]);
const a = mul(x, z);
const b = log(x);
const c = sin(mul(a, b));
const y = add(exp(b), c).sum();

export default y;
`,
  "loop.nn.ts": `import { add, item, minimize, mse, mul, sgd, tensor, variable } from "backstep";

const slope = variable(0);
const bias = variable(0);
const optimizer = sgd({ learningRate: 0.3 });
for (let step = 0; step < 30; step++) {
  const loss = mse(add(mul(slope, tensor([1, 2, 3])), bias), tensor([2, 4, 6]));
  await minimize(loss, optimizer);
  if (step % 10 === 0) console.log(step);
}
`,
  "shapes.nn.ts": `import { matmul, variable } from "backstep";

export default matmul(variable([[1, 2]]), variable([[1, 2]])).sum();
`,
  "throws.nn.ts": `throw new Error("of its own");
`,
  "syntax.nn.ts": `const = 7;
`,
};

describe("random requests to the real runtime", () => {
  const folder = mkdtempSync(join(tmpdir(), "backstep-random-"));
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(folder, name), text);
  const processes = new Set<ChildProcess>();
  after(() => {
    for (const process of processes) process.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it(`${REQUESTS} of them, seed ${seed}`, async function () {
    // What hangs is killed, and says what it was asked.
    this.timeout(300_000 + 200 * REQUESTS);
    const random = createRandom(seed);
    const succeeded = new Set<string>();
    for (let session = 0, sent = 0; sent < REQUESTS; session += 1) {
      const where = `seed ${seed}, session ${session}`;
      const client = connect(processes, where);
      await converse(client, random, folder, Math.min(PER_SESSION, REQUESTS - sent));
      sent += client.sent.length;
      check(client, where);
      for (const { command = "", success } of client.messages) if (success) succeeded.add(command);
    }
    // Otherwise little was tried; chance may leave one or the other out.
    const wanted = ["next", "stepIn", "stepBack", "variables", "evaluate", "stackTrace", "setBreakpoints"];
    const never = wanted.filter((command) => !succeeded.has(command));
    assert.ok(never.length <= 3, `seed ${seed}: never with success: ${never.join(", ")}`);
  });
});

const MOVES = ["configurationDone", "next", "stepIn", "stepOut", "stepBack", "continue", "reverseContinue", "restart"];

/** What the answers gave, to be asked for. */
interface Known {
  readonly frames: number[];
  readonly references: number[];
  readonly targets: number[];
  readonly memory: string[];
  readonly data: string[];
  readonly names: string[];
  readonly sources: object[];
}

interface Connection {
  readonly messages: readonly Message[];
  readonly sent: readonly { readonly seq: number; readonly command: string; readonly args: unknown }[];
  readonly known: Known;
  send(command: string, args?: unknown): number;
  /** Bytes as they are. */
  write(text: string): void;
  /** Resolves once all requests are answered; but for a launch, which waits for `configurationDone`. */
  answered(): Promise<void>;
  /** Resolves once the program stands still or is over; where it runs for long, after asking it to. */
  rest(): Promise<void>;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  readonly errors: () => string;
}

function connect(processes: Set<ChildProcess>, where: string): Connection {
  const child = spawn(process.execPath, [process.env.BACKSTEP ?? join("out", "cli", "backstep.mjs"), "dap"]);
  processes.add(child);
  const messages: Message[] = [];
  const sent: { seq: number; command: string; args: unknown }[] = [];
  const open = new Map<number, string>();
  const due = (): number[] =>
    [...open.keys()].filter((seq) => open.get(seq) !== "launch" && open.get(seq) !== "attach");
  const known: Known = {
    frames: [0],
    references: [0],
    targets: [0],
    memory: ["nothing"],
    data: ["nothing"],
    names: ["x"],
    sources: [{}],
  };
  const waiting = new Set<() => void>();
  let running = false;
  let errors = "";
  let received = Buffer.alloc(0);
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  child.stdin.on("error", () => undefined);
  child.stdout.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      if (end === -1) break;
      const header = /^Content-Length: (\d+)$/.exec(received.subarray(0, end).toString());
      if (header === null) throw new Error(`${where}: no message: ${received.subarray(0, 200).toString()}`);
      const length = Number(header[1]);
      if (received.length < end + 4 + length) break;
      const message = JSON.parse(received.subarray(end + 4, end + 4 + length).toString()) as Message;
      received = received.subarray(end + 4 + length);
      messages.push(message);
      if (message.type === "response") {
        open.delete(message.request_seq ?? 0);
        if (message.success) learn(known, message);
        if (message.success && MOVES.includes(message.command ?? "")) running = true;
      } else if (["stopped", "terminated"].includes(message.event ?? "")) running = false;
      for (const wake of waiting) wake();
    }
  });
  const ended = new Promise<number | null>((resolve) =>
    child.on("close", (code) => {
      processes.delete(child);
      for (const wake of waiting) wake();
      resolve(code);
    }),
  );
  const connection: Connection = {
    messages,
    sent,
    known,
    ended,
    errors: () => errors,
    write: (text) => child.stdin.write(text),
    send(command, args) {
      const seq = sent.length + 1;
      sent.push({ seq, command, args });
      open.set(seq, command);
      const text = JSON.stringify({ seq, type: "request", command, ...(args !== undefined && { arguments: args }) });
      child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
      return seq;
    },
    answered: () =>
      new Promise((resolve, reject) => {
        // Nothing that is asked takes as long.
        const timer = setTimeout(() => {
          const left = sent.filter(({ seq }) => due().includes(seq)).map((each) => JSON.stringify(each));
          const last = sent.slice(-12).map((each) => JSON.stringify(each));
          child.kill("SIGKILL");
          reject(new Error(`${where}: not answered: ${left.join("; ")}\nlast: ${last.join("\n")}`));
        }, 30_000);
        const look = (): void => {
          if (due().length > 0 && child.exitCode === null && child.signalCode === null) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async rest() {
      for (let wait = 0; running && child.exitCode === null; wait += 1) {
        if (wait === 10) connection.send("pause", { threadId: 1 });
        if (wait > 1_000) throw new Error(`${where}: runs on: ${JSON.stringify(sent.slice(-12))}`);
        await turn(Math.min(wait, 20));
      }
    },
  };
  return connection;
}

/** Keeps what can be asked for next; the newest counts most. */
function learn(known: Known, { body }: Message): void {
  const keep = <T>(list: T[], value: T | undefined): void => {
    if (value === undefined || value === null || value === 0) return;
    list.push(value);
    if (list.length > 30) list.shift();
  };
  for (const frame of body?.stackFrames ?? []) {
    keep(known.frames, frame.id);
    if (frame.source) keep(known.sources, { path: frame.source.path, sourceReference: frame.source.sourceReference });
  }
  for (const scope of body?.scopes ?? []) keep(known.references, scope.variablesReference);
  for (const variable of body?.variables ?? []) {
    keep(known.references, variable.variablesReference);
    keep(known.memory, variable.memoryReference);
    keep(known.names, variable.evaluateName ?? variable.name);
  }
  for (const target of body?.targets ?? []) keep(known.targets, target.id);
  for (const source of body?.sources ?? []) keep(known.sources, source);
  keep(known.data, body?.dataId);
}

async function converse(client: Connection, random: Random, folder: string, length: number): Promise<void> {
  const name = random.of(["training.nn.ts", "training.nn.ts", "program.nn.ts", "loop.nn.ts", ...Object.keys(PROGRAMS)]);
  const program = join(folder, name);
  const heard = (event: string): boolean => client.messages.some((message) => message.event === event);
  if (random.chance(0.95)) {
    client.send("initialize", { ...EDITOR, linesStartAt1: random.chance(0.9) });
    client.send("launch", { program, cwd: folder, stopOnEntry: random.chance(0.9) });
    for (let wait = 0; wait < 2_000 && !heard("initialized") && !heard("terminated"); wait += 1) await turn(5);
    if (random.chance(0.95)) client.send("configurationDone");
    if (heard("initialized")) await client.answered();
  }
  // After the end all is refused: that is soon tried.
  for (let after = 0; client.sent.length < length && after < 15; after += heard("terminated") ? 1 : 0) {
    if (random.chance(0.01)) client.write(malformed(random));
    else {
      const name = command(random);
      client.send(name, random.chance(0.02) ? junk(random) : argumentsOf(random, client.known, folder, program));
    }
    // A program that runs by itself is stopped, as it may run for long.
    if (random.chance(0.05)) client.send("pause", { threadId: 1 });
    if (random.chance(0.85)) await client.answered();
    // Most requests are for a program that stands still.
    if (random.chance(0.9)) await client.rest();
  }
  client.send("disconnect", { terminateDebuggee: true });
  await client.answered();
  await client.ended;
}

function check({ messages, sent, errors }: Connection, where: string): void {
  const answers = messages.filter(({ type }) => type === "response");
  const numbers = answers.flatMap(({ request_seq = 0 }) => (request_seq > 0 ? request_seq : []));
  assert.equal(new Set(numbers).size, numbers.length, `${where}: answered twice`);
  const left = sent.filter(({ seq }) => !numbers.includes(seq));
  assert.deepEqual(left, [], `${where}: not answered`);
  for (const { success, message, body, request_seq = 0 } of answers) {
    if (success) continue;
    const asked = `${JSON.stringify(sent[request_seq - 1] ?? {})} ${body?.error?.format}`;
    assert.ok(message && body.error.format, `${where}: fails without words: ${asked}`);
    // JavaScript's own errors are ours.
    assert.doesNotMatch(
      body.error.format,
      /internal:|undefined|\[object|is not a function|Cannot read|is not iterable|Invalid array length/,
      `${where}: ${asked}`,
    );
  }
  const strange = messages.find(({ event, body }) => event === "output" && /internal:/.test(body?.output));
  assert.equal(strange, undefined, where);
  assert.ok(messages.filter(({ event }) => event === "terminated").length <= 1, `${where}: ended twice`);
  assert.equal(errors(), "", where);
}

const turn = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const COMMON = [
  ...["next", "stepIn", "stepOut", "stepBack", "continue", "reverseContinue", "stackTrace", "stackTrace", "scopes"],
  ...["scopes", "variables", "variables", "evaluate", "setBreakpoints", "setVariable", "setExpression", "gotoTargets"],
];

function command(random: Random): string {
  if (random.chance(0.6)) return random.of(COMMON);
  const name = random.of(requestNames);
  // Else most sessions would soon be over.
  if (name === "disconnect" || (name === "terminate" && random.chance(0.9))) return "threads";
  return random.chance(0.02) ? random.of(["", "toString", "__proto__", "runInTerminal", `${name} `]) : name;
}

const EXPRESSIONS = [
  ...["x", "h", "loss", "a", "c.grad", "hidden.weight", "hidden.weight.grad.norm()", "slope", "iteration", "h.shape"],
  ...[
    "softmax(h)[0]",
    "x[0]",
    "x[9999]",
    "x[0:1]",
    "a[..]",
    "h.norm() > 0",
    "gradcheck(x)",
    "gradcheck(hidden.weight)",
  ],
  ...[
    "hidden.weight = 2",
    "x = x * 2",
    "learningRate = 1",
    "batch.inputs",
    "1 / 0",
    "(",
    "",
    "h.",
    "nan",
    "x + 'text'",
  ],
  ...["matmul(h, h)", "zeros(1e9)", "red", "this.hidden", "model", "constructor", "__proto__", "((((((((1))))))))"],
];

/** The fields of all requests, with values that fit sometimes. */
function argumentsOf(random: Random, known: Known, folder: string, program: string): unknown {
  const expression = (): string => (random.chance(0.4) ? random.of(known.names) : random.of(EXPRESSIONS));
  const condition = (): string | undefined =>
    random.of([undefined, undefined, "iteration == 1", "h.norm() > 0", "(", "x", "loss < 1", "'", "nothing"]);
  const breakpoint = (): object => ({
    line: random.below(26),
    name: random.of(["*", "hidden", "Linear", "backward:*", "mat*", "relu", "[", ""]),
    dataId: random.of([...known.data, "hidden.weight", "loss", "h", "slope", "x.grad"]),
    condition: condition(),
    hitCondition: random.of([undefined, undefined, "2", "% 3", ">= 2", "?"]),
    logMessage: random.of([undefined, undefined, "x is {x}", "{", "{(}", "{h.norm()} }"]),
    mode: random.of([undefined, "forward", "backward", "update"]),
  });
  const source = (): object => random.of([{ path: program }, { path: program }, ...known.sources]);
  const reference = (): number => (random.chance(0.9) ? random.of(known.references) : random.below(400));
  const fields: Record<string, () => unknown> = {
    threadId: () => (random.chance(0.98) ? 1 : 2),
    frameId: () => (random.chance(0.7) ? random.of(known.frames.slice(-4)) : random.of([...known.frames, 77])),
    variablesReference: reference,
    name: () => random.of(["weight", "0", "[0]", "h", "x", "learningRate", "loss", ...known.names]),
    value: () =>
      random.of(["1", "0", "x + 1", "nan", "1e308", "-inf", "[1, 2]", "[[1, 2], [3, 4]]", "'text'", "?", ""]),
    expression,
    context: () => random.of(["repl", "watch", "hover", "clipboard", "variables", "else"]),
    source,
    sourceReference: () => random.of([0, 5, 1374086679]),
    line: () => random.below(26),
    endLine: () => random.below(40),
    column: () => random.of([0, 1, 9, 20]),
    breakpoints: () => Array.from({ length: random.below(4) }, breakpoint),
    filters: () =>
      random.of([[], ["not-finite"], ["not-finite", "vanishing", "exploding", "dead", "shape", "finding"]]),
    filterOptions: () => [{ filterId: random.of(["vanishing", "dead", "else"]), condition: condition() }],
    targetId: () => random.of([...known.targets, 3]),
    granularity: () => random.of(["line", "statement", "instruction"]),
    start: () => random.of([0, 0, 1, 5, 1e12]),
    count: () => random.of([0, 1, 8, 100, 1e9]),
    startFrame: () => random.below(3),
    levels: () => random.below(4),
    memoryReference: () => random.of(known.memory),
    offset: () => random.below(40) - 4,
    data: () => random.of(["AAAAAAAACEA=", "AAAAAAAAAEA=", "AAAA", "", "%"]),
    text: expression,
    requestId: () => random.below(200),
    progressId: () => random.of(["1", "2"]),
    locationReference: () => random.below(9),
    filter: () => random.of(["indexed", "named"]),
    format: () => random.of([{ hex: true }, {}]),
    slice: () => [random.below(3)],
    from: () => random.of([[0, 0], [0, 1], [1], []]),
    of: () => random.of(["value", "gradient", "change", "jacobian-denominator", "jacobian-numerator"]),
    most: () => random.of([1, 16, 1e9]),
    rows: () => random.below(3),
    columns: () => random.below(3),
    what: () => random.of(["zero", "not-finite"]),
    terminateDebuggee: () => random.chance(0.5),
    program: () => random.of([program, join(folder, "throws.nn.ts"), join(folder, "nothing.nn.ts")]),
    stopOnEntry: () => true,
    arguments: () => random.of([{ program, cwd: folder, stopOnEntry: true }, { program: 7 }, undefined, undefined]),
  };
  const chosen = Object.entries(fields).filter(([key]) =>
    // These make another request of it.
    ["filter", "granularity", "targetId", "column", "slice", "rows", "columns", "from"].includes(key)
      ? random.chance(0.4)
      : random.chance(0.93),
  );
  return Object.fromEntries(chosen.map(([key, make]) => [key, random.chance(0.005) ? junk(random) : make()]));
}

function junk(random: Random): unknown {
  return random.of([null, true, -1, 1.5, 1e300, "text", [], {}, [null], [[]], { line: null }, "\u0000", [1, "2"]]);
}

/** Messages that are none, in a frame that is right: after another one nothing can be read any more. */
function malformed(random: Random): string {
  const text = random.of([
    ...["null", "7", "[]", "{}", '{"type":"request"}', '{"type":"request","seq":"one","command":"threads"}'],
    ...['{"type":"event","event":"stopped"}', '{"type":"response","request_seq":1,"success":true}', '{"type":7}'],
  ]);
  return `Content-Length: ${text.length}\r\n\r\n${text}`;
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
