/** What the protocol's specification and this project's promises say of the order, number and content of messages. */
import assert from "node:assert/strict";
import { createDebugSession } from "../../engine/dap/adapter";
import { PassThrough } from "node:stream";
import { FILE, LISTING } from "./program";
import {
  type Client,
  EDITOR,
  type Message,
  PROGRAMS,
  createClient,
  createTestLauncher,
  stoppedClient,
} from "./support";

const thread = { threadId: 1 };

/** Names of events and commands of answers, in their order. */
const names = (messages: readonly Message[]): string[] => messages.map(({ event, command }) => event ?? command ?? "");
const count = ({ messages }: Client, name: string): number => names(messages).filter((each) => each === name).length;

describe("the order of messages", () => {
  it("launch is answered after configurationDone, and before the program stops", async () => {
    const client = await stoppedClient();
    const order = names(client.messages).filter((name) => !["process", "loadedSource", "thread"].includes(name));
    assert.deepEqual(order, ["initialize", "initialized", "configurationDone", "launch", "stopped"]);
  });

  it("a step is answered before it ends, a step to the program's end too", async () => {
    const client = await stoppedClient();
    client.send("next", thread);
    await client.event("stopped");
    const end = client.send("goto", { threadId: 1, targetId: 117 });
    await client.answerTo(end);
    await client.event("stopped");
    client.send("next", thread);
    await client.event("terminated");
    assert.deepEqual(
      names(client.messages).filter((name) => ["next", "goto", "stopped", "exited", "terminated"].includes(name)),
      ["stopped", "next", "stopped", "goto", "stopped", "next", "exited", "terminated"],
    );
  });

  it("requests are answered in their order, each once", async () => {
    const client = await stoppedClient();
    const sent = ["threads", "stackTrace", "modules", "loadedSources", "threads"].map((name) =>
      client.send(name, thread),
    );
    await client.settle();
    const answers = client.messages.filter(({ request_seq = 0 }) => request_seq >= sent[0]);
    assert.deepEqual(
      answers.map(({ request_seq }) => request_seq),
      sent,
    );
  });

  it("every message has the next sequence number", async () => {
    const client = await stoppedClient();
    await client.ask("next", thread);
    assert.deepEqual(
      client.messages.map(({ seq }) => seq),
      client.messages.map((_, index) => index + 1),
    );
  });
});

describe("memory", () => {
  // 3.0 as a float64, little endian: 00 00 00 00 00 00 08 40. The tensor w has 8 bytes.
  const data = "AAAAAAAACEA=";
  for (const [what, args, written] of [
    ["all of it fits", { data }, 8],
    ["what reaches beyond the tensor is not written", { data, offset: 4 }, null],
    ["what begins before the tensor is not written", { data, offset: -4 }, null],
    ["a part of it is, where that is allowed", { data, offset: 4, allowPartial: true }, 4],
  ] as const) {
    it(what, async () => {
      const client = await stoppedClient();
      const before = await client.ask("readMemory", { memoryReference: "w", count: 8 });
      const { success, body } = await client.ask("writeMemory", { memoryReference: "w", ...args });
      assert.equal(success ? body.bytesWritten : null, written);
      const { body: after } = await client.ask("readMemory", { memoryReference: "w", count: 8 });
      assert.equal(after.data === before.body.data, written === null);
    });
  }
});

describe("the end", () => {
  it("a host that is killed ends the session once", async () => {
    const client = await stoppedClient();
    const message = "tiny.nn.ts: its process was ended by SIGKILL";
    client.launcher.tell({ kind: "ended", exitCode: 1, message });
    client.launcher.tell({ kind: "ended", exitCode: 1, message });
    client.launcher.debuggees[0].kill();
    await client.settle();
    assert.deepEqual([count(client, "exited"), count(client, "terminated")], [1, 1]);
    const output = client.messages.find(({ event }) => event === "output");
    assert.deepEqual(output?.body, { category: "stderr", output: `${message}\n` });
    assert.match((await client.ask("variables", { variablesReference: 1 })).body.error.format, /the program has ended/);
    assert.equal((await client.ask("disconnect")).success, true);
  });

  it("a host that dies while it is asked answers what waits", async () => {
    const client = await stoppedClient();
    client.launcher.debuggees[0].ask = () => new Promise(() => undefined);
    const waiting = [client.send("next", thread), client.send("stackTrace", thread), client.send("threads")];
    await client.settle();
    client.launcher.tell({ kind: "ended", exitCode: 1, message: "out of memory" });
    for (const sequence of waiting) assert.equal((await client.answerTo(sequence)).success, false);
    const order = ["next", "output", "exited", "terminated", "stackTrace", "threads"];
    assert.deepEqual(names(client.messages).slice(-order.length), order);
    assert.equal(count(client, "terminated"), 1);
  });

  for (const [how, args, told] of [
    ["what was launched ends with its client", {}, ["kill"]],
    ["unless the client says otherwise", { terminateDebuggee: false }, []],
  ] as const) {
    it(how, async () => {
      const client = await stoppedClient();
      await client.ask("disconnect", args);
      await client.session.closed;
      assert.deepEqual(client.launcher.told, told);
      assert.equal(client.launcher.asked.at(-1)?.kind === "detach", told.length === 0);
    });
  }

  for (const [how, args, told] of [
    ["what was joined goes on", {}, []],
    ["unless the client says otherwise: then it saves and ends", { terminateDebuggee: true }, ["terminate"]],
  ] as const) {
    it(how, async () => {
      const client = createClient();
      await client.ask("initialize", EDITOR);
      client.send("attach", { run: "tiny-1" });
      await client.event("initialized");
      await client.ask("disconnect", args);
      assert.deepEqual(client.launcher.told, told);
      assert.equal(client.launcher.asked.at(-1)?.kind === "detach", told.length === 0);
    });
  }

  for (const command of ["cancel", "disconnect"]) {
    for (const when of ["while it is joined", "before its breakpoints are set"]) {
      it(`what was to be joined goes on: ${command} ${when}`, async () => {
        const client = createClient();
        let join: () => void = () => undefined;
        const joined = new Promise<void>((resolve) => (join = resolve));
        const attach = client.launcher.attach.bind(client.launcher);
        client.launcher.attach = (...given) => joined.then(() => attach(...given));
        await client.ask("initialize", EDITOR);
        const attached = client.send("attach", { run: "tiny-1" });
        await client.settle();
        if (when === "before its breakpoints are set") {
          join();
          await client.event("initialized");
        }
        await client.ask(command, command === "cancel" ? { requestId: attached } : {});
        join();
        await client.settle();
        assert.equal((await client.answerTo(attached)).success, false);
        assert.deepEqual(client.launcher.told, []);
        assert.equal(client.launcher.asked.at(-1)?.kind, "detach");
      });
    }
  }

  it("a client that vanishes takes what was launched with it", async () => {
    const client = await stoppedClient();
    client.session.dispose();
    await client.session.closed;
    assert.deepEqual(client.launcher.told, ["kill"]);
  });

  it("a program that is to end stops nowhere on its way", async () => {
    const client = await stoppedClient();
    client.launcher.debuggees[0].terminate = () => new Promise(() => undefined);
    await client.ask("terminate");
    const stop = { direction: "backward", description: "Breakpoint", text: null, breakpoints: [] } as const;
    client.launcher.tell({ kind: "stopped", reason: "breakpoint", ...stop });
    assert.deepEqual(client.launcher.asked.at(-1), { kind: "move", how: "continue" });
    assert.equal(count(client, "stopped"), 1);
    client.session.dispose();
  });

  it("progress ends with the program", async () => {
    const client = await stoppedClient();
    client.launcher.tell({ kind: "progress", id: 4, title: "Replaying", message: "", fraction: null, done: false });
    client.launcher.tell({ kind: "ended", exitCode: 0, message: null });
    await client.settle();
    assert.deepEqual(names(client.messages).slice(-4), ["progressStart", "progressEnd", "exited", "terminated"]);
  });
});

describe("cancel", () => {
  it("a request that waits is not asked any more", async () => {
    const client = await stoppedClient();
    const evaluated = client.send("evaluate", { expression: "w" });
    const second = client.send("evaluate", { expression: "x" });
    assert.equal((await client.ask("cancel", { requestId: second })).success, true);
    assert.equal((await client.answerTo(evaluated)).success, true);
    const answer = await client.answerTo(second);
    assert.deepEqual([answer.success, answer.message], [false, "cancelled"]);
    await client.settle();
    assert.equal(client.launcher.asked.filter(({ kind }) => kind === "evaluate").length, 1);
  });

  it("a request that is never answered does not stop the next", async () => {
    const client = await stoppedClient();
    const [debuggee] = client.launcher.debuggees;
    const ask = debuggee.ask.bind(debuggee);
    debuggee.ask = (request) => (request.kind === "modules" ? new Promise(() => undefined) : ask(request));
    const stuck = client.send("modules");
    const next = client.send("threads");
    await client.settle();
    await client.ask("cancel", { requestId: stuck });
    assert.equal((await client.answerTo(stuck)).message, "cancelled");
    assert.equal((await client.answerTo(next)).success, true);
  });

  for (const program of [PROGRAMS.slow, PROGRAMS.never]) {
    it(`launching ${program}`, async () => {
      const client = createClient();
      await client.ask("initialize", EDITOR);
      const launched = client.send("launch", { program });
      await client.settle();
      await client.ask("cancel", { requestId: launched });
      assert.equal((await client.answerTo(launched)).message, "cancelled");
      await client.event("terminated");
    });

    for (const command of ["disconnect", "terminate"]) {
      it(`${command} while ${program} is launched`, async () => {
        const client = createClient();
        await client.ask("initialize", EDITOR);
        const launched = client.send("launch", { program });
        await client.settle();
        assert.equal((await client.ask(command)).success, true);
        assert.equal((await client.answerTo(launched)).success, false);
        assert.deepEqual(client.launcher.told, program === PROGRAMS.slow ? ["kill"] : []);
      });
    }
  }

  it("progress: the program is paused", async () => {
    const client = await stoppedClient();
    client.launcher.tell({ kind: "progress", id: 4, title: "Replaying", message: "", fraction: 0, done: false });
    assert.equal((await client.ask("cancel", { progressId: "4" })).success, true);
    assert.equal(client.launcher.asked.at(-1)?.kind, "pause");
  });
});

describe("moves", () => {
  for (const [command, args, asked] of [
    ["next", {}, { how: "over" }],
    ["next", { granularity: "statement" }, { how: "over", granularity: "line" }],
    ["stepIn", { granularity: "line" }, { how: "into", granularity: "line" }],
    ["stepIn", { targetId: 101 }, { how: "into", target: 101 }],
    ["stepOut", { granularity: "instruction" }, { how: "out", granularity: "node" }],
    ["continue", {}, { how: "continue" }],
    ["goto", { targetId: 104 }, { how: "target", target: 104 }],
    ["restartFrame", { frameId: 1001 }, { how: "restartFrame", frame: 1001 }],
  ] as const) {
    it(`${command} ${JSON.stringify(args)}`, async () => {
      const client = await stoppedClient();
      await client.ask(command, { ...thread, ...args });
      assert.deepEqual(client.launcher.asked.at(-1), { kind: "move", ...asked });
    });
  }

  it("one that cannot be made leaves the stop as it is", async () => {
    const client = await stoppedClient();
    const before = await client.ask("stackTrace", thread);
    assert.equal((await client.ask("stepBack", thread)).body.error.showUser, true);
    assert.deepEqual((await client.ask("stackTrace", thread)).body, before.body);
    assert.equal(count(client, "stopped"), 1);
  });

  it("pause stops a program that runs", async () => {
    const client = createClient();
    await client.ask("initialize", EDITOR);
    client.send("launch", { program: PROGRAMS.long });
    await client.event("initialized");
    await client.ask("configurationDone");
    assert.equal((await client.ask("pause", thread)).success, true);
    assert.equal((await client.event("stopped")).body.reason, "pause");
    client.session.dispose();
  });

  it("frames are asked for once a stop, and again after a value was set", async () => {
    const client = await stoppedClient();
    const asked = (): number => client.launcher.asked.filter(({ kind }) => kind === "frames").length;
    await client.ask("stackTrace", { ...thread, levels: 1 });
    await client.ask("stackTrace", { ...thread, startFrame: 1, levels: 19 });
    assert.equal(asked(), 1);
    await client.ask("setExpression", { expression: "w", value: "3" });
    await client.ask("stackTrace", thread);
    assert.equal(asked(), 2);
  });

  it("a training that others resume and stop", async () => {
    const client = await stoppedClient();
    client.launcher.tell({ kind: "continued" });
    assert.deepEqual((await client.event("continued")).body, { threadId: 1, allThreadsContinued: true });
    assert.equal((await client.ask("scopes", { frameId: 1000 })).message, "notStopped");
    const again = { direction: "forward", description: "Paused", text: null, breakpoints: [] } as const;
    client.launcher.tell({ kind: "stopped", reason: "pause", ...again });
    assert.equal((await client.event("stopped")).body.preserveFocusHint, undefined);
    client.launcher.tell({ kind: "stopped", reason: "pause", ...again });
    assert.equal((await client.event("stopped")).body.preserveFocusHint, true, "the user is there already");
  });
});

describe("values", () => {
  it("a client that asks for all gets no more than a thousand, and is told", async () => {
    const client = await stoppedClient();
    const { variables } = (await client.ask("variables", { variablesReference: 3 })).body;
    assert.equal(variables.length, 1_001);
    assert.equal(variables[999].name, "[999]");
    assert.match(variables[1_000].value, /more than 1000/);
  });

  it("huge counts are cut", async () => {
    const client = await stoppedClient();
    await client.ask("variables", { variablesReference: 3, start: 0, count: Number.MAX_SAFE_INTEGER });
    const asked = client.launcher.asked.at(-1);
    assert.ok(asked?.kind === "variables" && asked.count === 100_000);
  });

  it("breakpoints on generated texts are found again in another session, by their reference alone", async () => {
    const first = await stoppedClient();
    const { sources } = (await first.ask("loadedSources")).body;
    const reference = sources.find(({ name }: { name: string }) => name === LISTING).sourceReference;
    assert.ok(Number.isInteger(reference) && reference > 0 && reference < 2 ** 31);
    const second = createClient();
    await second.ask("initialize", EDITOR);
    second.send("launch", { program: FILE });
    await second.event("initialized");
    const source = { sourceReference: reference };
    const { breakpoints } = (await second.ask("setBreakpoints", { source, breakpoints: [{ line: 1 }] })).body;
    assert.deepEqual([breakpoints[0].verified, breakpoints[0].source.name], [true, LISTING]);
    second.session.dispose();
  });

  it("a breakpoint that is bound later is known by the client's id", async () => {
    const client = await stoppedClient();
    const set = async (line: number): Promise<number> => {
      const { breakpoints } = (await client.ask("setBreakpoints", { source: { path: FILE }, breakpoints: [{ line }] }))
        .body;
      return breakpoints[0].id as number;
    };
    await set(5);
    const id = await set(6);
    // The runtime's ids are its own; it has counted two.
    client.launcher.tell({ kind: "breakpoint", breakpoint: { id: 2, verified: true, line: 6, message: "forward" } });
    const { body } = await client.event("breakpoint");
    assert.deepEqual(
      [body.reason, body.breakpoint.id, body.breakpoint.line, body.breakpoint.message],
      ["changed", id, 6, "forward"],
    );
    client.launcher.tell({ kind: "breakpoint", breakpoint: { id: 1, verified: true } });
    await client.settle();
    assert.equal(count(client, "breakpoint"), 1, "the replaced one is gone");
  });
});

describe("over streams", () => {
  const speak = async (...texts: readonly string[]): Promise<string> => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const session = createDebugSession(createTestLauncher());
    session.start(input, output);
    for (const text of texts) input.write(text);
    input.end();
    await session.closed;
    // What was asked before is answered all the same.
    await new Promise((resolve) => setImmediate(resolve));
    return String(output.read() ?? "");
  };
  const framed = (text: string): string => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  const request = framed('{"seq":7,"type":"request","command":"initialize"}');

  it("the end of the input closes the session", async () => assert.match(await speak(request), /"request_seq":7/));

  for (const [what, text] of [
    ["no JSON", framed("{")],
    ["no object", framed("[]") + framed("null") + framed("7")],
    ["no length", "Content-Length: many\r\n\r\n"],
    ["no message", framed("{}") + framed('{"type":"request"}')],
    ["an answer to nothing", framed('{"type":"response","request_seq":1,"success":true}')],
    ["an empty message", framed("")],
  ] as const) {
    it(`${what} is passed over`, async () => assert.match(await speak(text, request), /"request_seq":7/));
  }

  it("messages may come in pieces", async () => {
    const [head, tail] = [request.slice(0, 30), request.slice(30)];
    assert.match(await speak(head, tail), /"request_seq":7/);
  });
});
