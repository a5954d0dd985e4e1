/** The standard scenarios of the protocol's test-suite client, against `backstep dap` and, for what steps, against the small program. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PassThrough } from "node:stream";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import { createDebugSession } from "../../engine/dap/adapter";
import { temporaryFolder } from "../support/folder";
import { FILE } from "./program";
import { PROGRAMS, createTestLauncher } from "./support";

const PRINTS = `console.log("Content-Length: 3"); console.error("to stderr");`;

/** Speaks with an adapter of this process. */
class InlineClient extends DebugClient {
  constructor() {
    super("node", "", "backstep");
    const [input, output] = [new PassThrough(), new PassThrough()];
    createDebugSession(createTestLauncher()).start(input, output);
    this.connect(output, input);
  }
}

/** Speaks with the command line. */
class CommandClient extends DebugClient {
  readonly child: ChildProcessWithoutNullStreams;
  stderr = "";

  constructor() {
    super("node", "", "backstep");
    this.child = spawn(process.execPath, [join("out", "cli", "backstep.mjs"), "dap"]);
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.connect(this.child.stdout, this.child.stdin);
  }

  async exit(): Promise<number | null> {
    return this.child.exitCode ?? ((await once(this.child, "exit")) as [number | null])[0];
  }
}

describe("standard scenarios", () => {
  let client: DebugClient;
  beforeEach(() => (client = new InlineClient()));
  afterEach(() => client.stop());

  it("initialize says what the adapter can do", async () => {
    const { body } = await client.initializeRequest();
    assert.equal(body?.supportsConfigurationDoneRequest, true);
  });

  it("an unknown request fails", async () => {
    await client.initializeRequest();
    await assert.rejects(client.send("illegalRequest"), /there is no request illegalRequest/);
  });

  it("a program runs to its end", async () => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program: FILE }),
      client.waitForEvent("terminated"),
    ]);
  });

  it("a program stops on entry", async () => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program: FILE, stopOnEntry: true }),
      client.assertStoppedLocation("entry", { path: FILE, line: 5 }),
    ]);
  });

  it("output is told", async () => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program: FILE }),
      client.assertOutput("stdout", "iteration 1 w 1.96\niteration 2 w 1.8032\n"),
    ]);
  });

  it("a breakpoint is hit", () => client.hitBreakpoint({ program: FILE }, { path: FILE, line: 6 }));

  it("a conditional breakpoint is hit where its condition holds", async () => {
    // x·w is 2, then 3.92.
    const breakpoints = [{ line: 6, condition: "h > 3" }];
    await Promise.all([
      client.waitForEvent("initialized").then(async () => {
        await client.setBreakpointsRequest({ source: { path: FILE }, breakpoints });
        await client.configurationDoneRequest();
      }),
      client.launch({ program: FILE }),
      client.assertStoppedLocation("breakpoint", { path: FILE, line: 6 }),
    ]);
    assert.equal((await client.evaluateRequest({ expression: "iteration" })).body.result, "1");
  });

  it("a breakpoint where nothing is computed moves to the next line", () =>
    client.hitBreakpoint(
      { program: FILE },
      { path: FILE, line: 7 },
      { path: FILE, line: 10 },
      { path: FILE, line: 10 },
    ));

  it("a breakpoint behind the last line is not verified", async () => {
    await client.initializeRequest();
    const launched = client.launchRequest({ program: FILE } as object);
    await client.waitForEvent("initialized");
    const { body } = await client.setBreakpointsRequest({ source: { path: FILE }, breakpoints: [{ line: 50 }] });
    assert.equal(body.breakpoints[0].verified, false);
    await Promise.all([client.configurationDoneRequest(), launched]);
  });

  it("an exception stops", async () => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program: PROGRAMS.throws }),
      client.assertStoppedLocation("exception", { path: FILE, line: 5 }),
    ]);
    const { body } = await client.exceptionInfoRequest({ threadId: 1 });
    assert.equal(body.description, "The program throws");
  });

  it("pause, continue and step", async () => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program: PROGRAMS.long }).then(() => client.pauseRequest({ threadId: 1 })),
      client.waitForEvent("stopped"),
    ]);
    await Promise.all([client.nextRequest({ threadId: 1 }), client.waitForEvent("stopped")]);
    await Promise.all([client.stepBackRequest({ threadId: 1 }), client.waitForEvent("stopped")]);
    await Promise.all([
      client.continueRequest({ threadId: 1 }),
      client.pauseRequest({ threadId: 1 }),
      client.waitForEvent("stopped"),
    ]);
  });

  it("variables are set, and what follows from them", async () => {
    await Promise.all([client.hitBreakpoint({ program: FILE }, { path: FILE, line: 6 })]);
    const { body } = await client.setVariableRequest({ variablesReference: 1, name: "w", value: "7" });
    assert.equal(body.value, "7");
    // h = x·w, x = 1.
    assert.equal((await client.evaluateRequest({ expression: "h" })).body.result, "7");
  });
});

describe("backstep dap", () => {
  const folder = temporaryFolder();
  let client: CommandClient;
  beforeEach(() => (client = new CommandClient()));
  afterEach(() => client.child.kill());

  it("ends when its client disconnects", async () => {
    await client.initializeRequest();
    await client.disconnectRequest();
    assert.equal(await client.exit(), 0);
    assert.equal(client.stderr, "");
  });

  it("ends when its input closes", async () => {
    await client.initializeRequest();
    client.child.stdin.end();
    assert.equal(await client.exit(), 0);
  });

  it("a missing file fails in words, and ends the session", async () => {
    const ended = client.waitForEvent("terminated");
    const missing = resolve("examples/nowhere.nn.ts");
    await assert.rejects(client.launch({ program: missing }), new RegExp(`${missing}: there is no such file`));
    await ended;
    await client.disconnectRequest();
    assert.equal(await client.exit(), 0);
  });

  it("says that it cannot attach", async () => {
    await client.initializeRequest();
    await assert.rejects(client.attachRequest({ run: "digits" } as object), /backstep dap cannot attach/);
  });

  it("trains without debugging: what the program prints are events, and nothing else is on standard output", async () => {
    const program = folder.write("prints.nn.ts", `${readFileSync("examples/xor.nn.ts", "utf8")}\n${PRINTS}`);
    const texts: string[] = [];
    client.on("output", ({ body }) => texts.push(body.output));
    const exited = client.waitForEvent("exited");
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program, noDebug: true, maxSteps: 3 }),
      client.waitForEvent("terminated"),
    ]);
    assert.equal((await exited).body.exitCode, 0);
    assert.match(texts.join(""), /Content-Length: 3\n/);
    assert.match(texts.join(""), /to stderr\n/);
    await client.disconnectRequest();
    assert.equal(await client.exit(), 0);
    assert.equal(client.stderr, "");
  });

  describe("debugging a training", () => {
    const program = resolve("examples/xor.nn.ts");
    const text = readFileSync(program, "utf8").split("\n");
    const lineOf = (code: string): number => text.findIndex((line) => line.includes(code)) + 1;
    const hidden = { path: program, line: lineOf("tanh(this.hidden(x))") };
    const output = { path: program, line: lineOf("this.output(h)") };
    const thread = { threadId: 1 };

    it("stops on entry, at the first line that computes", async () => {
      await Promise.all([
        client.configurationSequence(),
        client.launch({ program, stopOnEntry: true }),
        client.assertStoppedLocation("entry", hidden),
      ]);
    });

    it("hits a breakpoint forward and backward, and goes back to where it was", async () => {
      await client.hitBreakpoint({ program }, output);
      const [, there] = await Promise.all([
        client.continueRequest(thread),
        client.assertStoppedLocation("breakpoint", output),
      ]);
      assert.match(there.body.stackFrames[0].name, /backward/);
      const back = client.assertStoppedLocation("breakpoint", output);
      await client.send("reverseContinue", thread);
      assert.doesNotMatch((await back).body.stackFrames[0].name, /backward/);
    });

    it("steps, shows the batch, and computes with its names", async () => {
      await Promise.all([
        client.configurationSequence(),
        client.launch({ program, stopOnEntry: true }),
        client.assertStoppedLocation("entry", hidden),
      ]);
      await Promise.all([client.nextRequest(thread), client.assertStoppedLocation("step", output)]);
      const { stackFrames } = (await client.stackTraceRequest(thread)).body;
      const { scopes } = (await client.scopesRequest({ frameId: stackFrames[0].id })).body;
      assert.ok(scopes.some(({ presentationHint }) => presentationHint === "locals"));
      // The four rows of the truth table, each with two inputs: four of eight are 1.
      const expression = "x.sum()";
      const { result } = (await client.evaluateRequest({ expression, frameId: stackFrames[0].id, context: "watch" }))
        .body;
      assert.match(result, /\b4\b/);
    });

    it("ends where it stands when it is told to", async () => {
      await client.hitBreakpoint({ program }, output);
      const exited = client.waitForEvent("exited", 15_000);
      await Promise.all([client.terminateRequest({}), client.waitForEvent("terminated", 15_000)]);
      assert.equal((await exited).body.exitCode, 130);
    });

    it("a host that is killed ends the session", async () => {
      await client.hitBreakpoint({ program }, output);
      client.child.kill("SIGTERM");
      assert.equal(await client.exit(), 0);
    });
  });

  it("a training that is ended saves and says so", async () => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ program: "examples/xor.nn.ts", noDebug: true, epochs: 1_000_000 }),
      client.waitForEvent("output"),
    ]);
    const exited = client.waitForEvent("exited", 10_000);
    await client.terminateRequest({});
    assert.equal((await exited).body.exitCode, 130);
  });
});
