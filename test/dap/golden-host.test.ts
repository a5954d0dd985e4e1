/**
 * A conversation with `backstep dap` about a real training, as an editor leads it. `UPDATE_GOLDEN=1` writes it anew; then read what
 * changed: every line is an expectation. The numbers of the first stops are derived in test/debug.
 */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EDITOR } from "./support";

const MODEL = `import { Linear, Module, fromArrays, initializers, mse, sgd, tanh, training, type Tensor } from "backstep";

class Net extends Module {
  hidden = new Linear(2, 2, { initializer: initializers.constant(0.5), biasInitializer: initializers.zeros });
  output = new Linear(2, 1, { initializer: initializers.constant(1), biasInitializer: initializers.zeros });

  forward(x: Tensor) {
    const h = tanh(this.hidden(x));
    return this.output(h);
  }
}

export default training({
  model: new Net(),
  data: fromArrays({ inputs: [[1, 0], [0, 1]], targets: [[1], [0]] }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.1 }),
  batchSize: 2,
  shuffle: false,
  validation: false,
  epochs: 2,
});
`;

interface Message {
  readonly type: "response" | "event";
  readonly command?: string;
  readonly event?: string;
  readonly request_seq?: number;
  readonly success?: boolean;
  readonly message?: string;
  readonly body?: Record<string, unknown>;
}

/** A request, with `$top` for the innermost frame and `$Locals` for a scope of the last answers; `stopped` waits for a stop. */
type Line = readonly [command: string, args?: Readonly<Record<string, unknown>>] | "stopped" | "terminated";

const thread = { threadId: 1 };
const source = { path: "$model" };
const stop = (command: string, more: object = {}): readonly Line[] => [
  [command, { ...thread, ...more }],
  "stopped",
  ["stackTrace", thread],
];

const CONVERSATION: readonly Line[] = [
  ["initialize", EDITOR],
  ["launch", { program: "$model" }],
  ["setBreakpoints", { source, breakpoints: [{ line: 8 }, { line: 2 }, { line: 17, condition: "iteration == 1" }] }],
  [
    "setFunctionBreakpoints",
    { breakpoints: [{ name: "backward:Linear", condition: "iteration == 7" }, { name: "nothing" }] },
  ],
  ["breakpointLocations", { source, line: 7, endLine: 10 }],
  ["configurationDone"],
  "stopped",
  ["threads"],
  ["stackTrace", thread],
  ["modules", {}],
  ["loadedSources"],
  ["scopes", { frameId: "$top" }],
  ["variables", { variablesReference: "$Locals" }],
  ["evaluate", { expression: "hidden.weight", frameId: "$top", context: "hover" }],
  ["completions", { text: "hidden.w", column: 9, frameId: "$top" }],
  ["stepInTargets", { frameId: "$top" }],
  ...stop("next"),
  ["evaluate", { expression: "h[0]", frameId: "$top", context: "watch" }],
  ["evaluate", { expression: "loss", frameId: "$top", context: "watch" }],
  ...stop("continue"),
  ["scopes", { frameId: "$top" }],
  ["variables", { variablesReference: "$This operation" }],
  ["variables", { variablesReference: "$Training" }],
  ...stop("stepIn"),
  ...stop("stepBack"),
  ...stop("stepBack"),
  ["setExpression", { expression: "hidden.weight[0][0]", value: "1", frameId: "$top" }],
  ["evaluate", { expression: "loss", frameId: "$top", context: "watch" }],
  ["dataBreakpointInfo", { name: "output.bias", frameId: "$top" }],
  ["setDataBreakpoints", { breakpoints: [{ dataId: "output.bias", condition: "value[0] != before[0]" }] }],
  ["setBreakpoints", { source, breakpoints: [] }],
  ...stop("continue"),
  ["evaluate", { expression: "output.bias", frameId: "$top", context: "watch" }],
  ...stop("reverseContinue"),
  ["gotoTargets", { source, line: 9 }],
  ["backstep/situation"],
  ["backstep/inlineValues", { source, line: 1, endLine: 12, frameId: "$top" }],
  ["setDataBreakpoints", { breakpoints: [] }],
  ["continue", thread],
  "terminated",
  ["disconnect"],
];

describe("a conversation with backstep dap about a training", () => {
  let folder = "";
  before(() => (folder = mkdtempSync(join(tmpdir(), "backstep-golden-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("goes as it went", async () => {
    const model = join(folder, "net.nn.ts");
    writeFileSync(model, MODEL);
    const text = await converse(model);
    const file = join("test", "dap", "golden-host.txt");
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, text);
    assert.ok(existsSync(file), `${file} is missing; UPDATE_GOLDEN=1 writes it`);
    assert.equal(text, readFileSync(file, "utf8"), `${file}; UPDATE_GOLDEN=1 writes it anew`);
  }).timeout(60_000);
});

async function converse(model: string): Promise<string> {
  const child = spawn(process.execPath, [join("out", "cli", "backstep.mjs"), "dap"]);
  const written: string[] = [];
  const stable = createStabiliser(model);
  const pipe = openPipe(child, (message) => written.push(...show(message, stable)));
  const named = new Map<string, unknown>([["$model", model]]);
  for (const line of CONVERSATION) {
    if (typeof line === "string") {
      await pipe.event(line);
      continue;
    }
    const [command, args] = line;
    const given = args && fill(args, named);
    written.push(`→ ${command}${args ? ` ${stable(JSON.stringify(given))}` : ""}`);
    const answer = pipe.ask(command, given);
    // Answered once breakpoints are set.
    if (command === "launch") await pipe.event("initialized");
    else note(await answer, named);
  }
  child.kill();
  return `${written.join("\n")}\n`;
}

function note({ command, body }: Message, named: Map<string, unknown>): void {
  if (command === "stackTrace") named.set("$top", (body?.stackFrames as readonly { id: number }[])[0].id);
  if (command !== "scopes") return;
  for (const { name, variablesReference } of body?.scopes as readonly { name: string; variablesReference: number }[])
    named.set(`$${name}`, variablesReference);
}

function fill(args: object, named: ReadonlyMap<string, unknown>): object {
  return JSON.parse(
    JSON.stringify(args, (_, value: unknown) =>
      typeof value === "string" && named.has(value) ? named.get(value) : value,
    ),
  ) as object;
}

/** Ids of nodes and the folder differ from run to run. */
function createStabiliser(model: string): (text: string) => string {
  const nodes = new Map<string, string>();
  return (text) =>
    text
      .replaceAll(model, "net.nn.ts")
      .replace(
        /node-\d+/g,
        (node) =>
          nodes.get(node) ??
          (nodes.set(node, `node-${String.fromCharCode(97 + nodes.size)}`), nodes.get(node) as string),
      );
}

function show({ type, command, event, success, message, body }: Message, stable: (text: string) => string): string[] {
  const content = stable(JSON.stringify(body ?? {}));
  // What the training prints names its device.
  if (type === "event") return event === "output" ? [] : [`  ! ${event} ${content}`];
  return [success ? `← ${command} ${content}` : `← ${command} failed: ${message}`];
}

interface Pipe {
  ask(command: string, args: object | undefined): Promise<Message>;
  event(name: string): Promise<void>;
}

function openPipe(child: ChildProcessWithoutNullStreams, heard: (message: Message) => void): Pipe {
  let buffer = Buffer.alloc(0);
  let sequence = 0;
  const answers = new Map<number, (message: Message) => void>();
  const events: string[] = [];
  const waiting = new Map<string, () => void>();
  const receive = (message: Message): void => {
    heard(message);
    if (message.type === "response") answers.get(message.request_seq ?? 0)?.(message);
    const { event } = message;
    if (event === undefined) return;
    const wake = waiting.get(event);
    waiting.delete(event);
    if (wake) wake();
    else events.push(event);
  };
  child.stdout.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const end = buffer.indexOf("\r\n\r\n");
      const length = Number(
        /Content-Length: (\d+)/.exec(buffer.subarray(0, Math.max(0, end)).toString())?.[1] ?? Infinity,
      );
      if (end < 0 || buffer.length < end + 4 + length) return;
      const message = JSON.parse(buffer.subarray(end + 4, end + 4 + length).toString()) as Message;
      buffer = buffer.subarray(end + 4 + length);
      receive(message);
    }
  });
  return {
    ask(command, args) {
      const seq = ++sequence;
      const text = JSON.stringify({ type: "request", seq, command, arguments: args });
      child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
      return new Promise((resolve) => answers.set(seq, resolve));
    },
    event(name) {
      const at = events.indexOf(name);
      if (at < 0) return new Promise((resolve) => waiting.set(name, resolve));
      events.splice(at, 1);
      return Promise.resolve();
    },
  };
}
