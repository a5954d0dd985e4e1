import assert from "node:assert/strict";
import {
  Location,
  Position,
  SourceBreakpoint,
  Uri,
  commands,
  debug,
  window,
  workspace,
  type DebugConfiguration,
  type DebugSession,
  type Disposable,
  type Extension,
} from "vscode";
import type { BackstepApi } from "../../extension/main";
import { activated, folder, until } from "./support";

/** The line `const h = tanh(this.hidden(x));` of xor.nn.ts, and the one behind it. */
const HIDDEN = 11;
const OUTPUT = 12;

const endless = `import { Linear, Module, linearData, mse, sgd, training, type Tensor } from "backstep";

class Line extends Module {
  line = new Linear(2, 1);

  forward(x: Tensor) {
    return this.line(x);
  }
}

export default training({
  model: new Line(),
  data: linearData({ weights: [3, -2], bias: 1, noise: 0.1, count: 200 }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.01 }),
  epochs: 1_000_000,
});
`;

interface Frame {
  readonly id: number;
  readonly name: string;
  readonly line: number;
  readonly source?: { readonly path?: string };
}

interface Situation {
  readonly state: string;
  readonly iteration: number;
  readonly direction: string;
}

interface Message {
  readonly type: string;
  readonly event?: string;
  readonly body?: { readonly reason?: string; readonly description?: string; readonly text?: string };
}

/** What adapters sent, by their sessions, oldest first. */
const heard = new Map<string, Message[]>();

describe("the debugger", () => {
  let api: BackstepApi;
  const listeners: Disposable[] = [];
  const made: Uri[] = [];
  const xor = (): Uri => Uri.joinPath(folder(), "xor.nn.ts");

  before(async () => {
    api = ((await activated()) as unknown as Extension<BackstepApi>).exports;
    listeners.push(
      debug.registerDebugAdapterTrackerFactory("backstep", {
        createDebugAdapterTracker: ({ id }) => ({
          onDidSendMessage: (message: Message) => void heard.set(id, [...(heard.get(id) ?? []), message]),
        }),
      }),
    );
  });
  afterEach(async () => {
    debug.removeBreakpoints(debug.breakpoints);
    await debug.stopDebugging();
    await until("no session is left", () => debug.activeDebugSession === undefined);
    await commands.executeCommand("notifications.clearAll");
  });
  after(async () => {
    for (const listener of listeners) void listener.dispose();
    await commands.executeCommand("workbench.action.closeAllEditors");
    for (const uri of made) await workspace.fs.delete(uri).then(undefined, () => undefined);
  });

  async function model(name: string, text: string): Promise<Uri> {
    const uri = Uri.joinPath(folder(), name);
    await workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    made.push(uri);
    return uri;
  }

  const stopAt = (uri: Uri, line: number, condition?: string): void =>
    debug.addBreakpoints([new SourceBreakpoint(new Location(uri, new Position(line - 1, 0)), true, condition)]);

  const session = (): Promise<DebugSession> => until("a session goes", () => debug.activeDebugSession);
  const stops = ({ id }: DebugSession): Message[] => (heard.get(id) ?? []).filter(({ event }) => event === "stopped");

  /** Starts, and waits for the first stop. */
  async function begun(configuration: DebugConfiguration): Promise<DebugSession> {
    assert.equal(await debug.startDebugging(workspace.workspaceFolders?.[0], configuration), true);
    const started = await session();
    await until("it stops", () => stops(started).length > 0);
    return started;
  }

  /** Does something that lets the program go on, and waits for the next stop. */
  async function then(at: DebugSession, request: string, args: object = {}): Promise<Message> {
    const before = stops(at).length;
    await at.customRequest(request, { threadId: 1, ...args });
    await until(`it stops after ${request}`, () => stops(at).length > before);
    return stops(at)[before];
  }

  const situation = async (at: DebugSession): Promise<Situation> => at.customRequest("backstep/situation");
  const frames = async (at: DebugSession): Promise<readonly Frame[]> => {
    const { stackFrames } = (await at.customRequest("stackTrace", { threadId: 1 })) as { stackFrames: Frame[] };
    return stackFrames;
  };
  /** Of the innermost frame in the file. The workbench may name files by addresses. */
  const lineOf = async (at: DebugSession): Promise<number | undefined> =>
    (await frames(at)).find(({ source }) => source?.path?.endsWith(xor().path))?.line;
  const value = async (at: DebugSession, expression: string): Promise<string> => {
    const [{ id: frameId }] = await frames(at);
    const { result } = (await at.customRequest("evaluate", { expression, frameId, context: "watch" })) as {
      result: string;
    };
    return result;
  };
  const number = async (at: DebugSession, expression: string): Promise<number> => {
    const text = await value(at, expression);
    assert.ok(Number.isFinite(Number(text)), `${expression} is ${text}`);
    return Number(text);
  };
  const launch = (more: object = {}): DebugConfiguration => ({
    type: "backstep",
    request: "launch",
    name: "XOR",
    program: xor().fsPath,
    ...more,
  });

  describe("configurations", () => {
    const wrong: readonly [name: string, configuration: () => object][] = [
      ["without a sound pass", () => ({ passes: "both" })],
      ["of a file that does not exist", () => ({ program: Uri.joinPath(folder(), "gone.nn.ts").fsPath })],
      ["of a file that is no model", () => ({ program: Uri.joinPath(folder(), "app.ts").fsPath })],
    ];
    for (const [name, configuration] of wrong) {
      it(`${name} begin nothing once the message is read`, async () => {
        let answer: boolean | undefined;
        void debug.startDebugging(undefined, launch(configuration())).then((started) => (answer = started));
        await until("the message is dismissed", async () => {
          await commands.executeCommand("notifications.clearAll");
          return answer !== undefined;
        });
        assert.equal(answer, false);
        assert.equal(debug.activeDebugSession, undefined);
      });
    }
  });

  it("F5 without launch.json stops at a breakpoint forward, and there again as the gradient comes back", async () => {
    await window.showTextDocument(xor());
    stopAt(xor(), HIDDEN);
    await commands.executeCommand("backstep.debug");
    const at = await session();
    await until("it stops", () => stops(at).length > 0);
    assert.equal(stops(at)[0].body?.reason, "breakpoint");
    const { iteration, direction } = await situation(at);
    assert.deepEqual([iteration, direction], [0, "forward"]);
    assert.equal(await lineOf(at), HIDDEN);
    const run = api.runs().find(({ debugged }) => debugged);
    assert.equal(run?.path, xor().fsPath);
    assert.equal(run?.summary.purpose, "debug");

    const back = await then(at, "continue");
    assert.equal(back.body?.reason, "breakpoint");
    assert.match(back.body?.description ?? "", /backward/);
    const then_ = await situation(at);
    assert.deepEqual([then_.iteration, then_.direction], [0, "backward"]);
    assert.equal(await lineOf(at), HIDDEN);
  });

  it("steps over a line and back, to the same numbers", async () => {
    stopAt(xor(), HIDDEN);
    const at = await begun(launch());
    const weight = await value(at, "hidden.weight[0][0]");
    await then(at, "next");
    assert.equal(await lineOf(at), OUTPUT);
    // Four rows of the truth table, eight units.
    assert.match(await value(at, "h"), /^\[4, 8\]/);
    const first = await value(at, "h[0][0]");
    await then(at, "stepBack");
    assert.equal(await lineOf(at), HIDDEN);
    assert.equal(await value(at, "hidden.weight[0][0]"), weight);
    await then(at, "next");
    assert.equal(await value(at, "h[0][0]"), first);
  });

  it("shows frames, scopes and variables, shape first", async () => {
    stopAt(xor(), OUTPUT);
    const at = await begun(launch());
    const [top] = await frames(at);
    assert.equal(top.line, OUTPUT);
    assert.equal(await lineOf(at), OUTPUT);
    const { scopes } = (await at.customRequest("scopes", { frameId: top.id })) as {
      scopes: { name: string; variablesReference: number }[];
    };
    assert.ok(scopes.length > 0);
    const { variables } = (await at.customRequest("variables", {
      variablesReference: scopes[0].variablesReference,
    })) as {
      variables: { name: string; value: string }[];
    };
    const h = variables.find(({ name }) => name === "h");
    assert.match(h?.value ?? variables.map(({ name }) => name).join(", "), /^\[4, 8\] float/);
  });

  it("computes anew what follows from a weight that is changed", async () => {
    stopAt(xor(), HIDDEN);
    const at = await begun(launch());
    const [{ id: frameId }] = await frames(at);
    await at.customRequest("setExpression", { expression: "hidden.bias[0]", value: "0.5", frameId });
    assert.equal(await number(at, "hidden.bias[0]"), 0.5);
    const [x0, x1, w0, w1] = [
      await number(at, "x[1][0]"),
      await number(at, "x[1][1]"),
      await number(at, "hidden.weight[0][0]"),
      await number(at, "hidden.weight[0][1]"),
    ];
    await then(at, "next");
    // The layer and the function by hand, to the six digits that values are shown with.
    const expected = Math.tanh(x0 * w0 + x1 * w1 + 0.5);
    assert.ok(Math.abs((await number(at, "h[1][0]")) - expected) < 1e-5);
  });

  it("stops where a condition holds", async () => {
    stopAt(xor(), HIDDEN, "iteration == 5");
    const at = await begun(launch());
    const { iteration, direction } = await situation(at);
    assert.deepEqual([iteration, direction], [5, "forward"]);
  });

  it("stops in the passes that the configuration names", async () => {
    stopAt(xor(), HIDDEN);
    const at = await begun(launch({ passes: "backward" }));
    assert.deepEqual((await situation(at)).direction, "backward");
  });

  it("stops when the update changes a watched parameter", async () => {
    const at = await begun(launch({ stopOnEntry: true }));
    const [{ id: frameId }] = await frames(at);
    const before = await value(at, "hidden.weight[0][0]");
    const { dataId } = (await at.customRequest("dataBreakpointInfo", { name: "hidden.weight", frameId })) as {
      dataId: string | null;
    };
    assert.ok(dataId !== null);
    await at.customRequest("setDataBreakpoints", { breakpoints: [{ dataId }] });
    const stop = await then(at, "continue");
    assert.equal(stop.body?.reason, "data breakpoint");
    assert.equal((await situation(at)).direction, "update");
    // The next update begins with what this one made.
    await then(at, "continue");
    assert.equal((await situation(at)).iteration, 1);
    assert.notEqual(await value(at, "hidden.weight[0][0]"), before);
  });

  it("begins anew on Restart, with the same initial weights", async () => {
    stopAt(xor(), HIDDEN);
    const at = await begun(launch());
    const weight = await value(at, "hidden.weight[0][0]");
    await then(at, "continue");
    await then(at, "continue");
    const before = stops(at).length;
    await commands.executeCommand("workbench.action.debug.restart");
    const again = await session();
    await until("it stops again", () => stops(again).length > (again.id === at.id ? before : 0));
    const { iteration, direction } = await situation(again);
    assert.deepEqual([iteration, direction], [0, "forward"]);
    assert.equal(await value(again, "hidden.weight[0][0]"), weight);
  });

  it("begins anew with the weights it had, and with the file as it is now", async () => {
    const weightAt = async (iteration: number): Promise<{ at: DebugSession; weight: number }> => {
      debug.removeBreakpoints(debug.breakpoints);
      stopAt(xor(), HIDDEN, `iteration == ${iteration}`);
      const at = await begun(launch());
      return { at, weight: await number(at, "hidden.weight[0][0]") };
    };
    // A program that is told to end finishes its iteration, so that what it saves is of one.
    const later = await weightAt(4);
    await debug.stopDebugging(later.at);
    await until("the session has ended", () => debug.activeDebugSession === undefined);
    const { at, weight } = await weightAt(3);
    debug.removeBreakpoints(debug.breakpoints);
    stopAt(xor(), HIDDEN);
    await commands.executeCommand("backstep.restartWithWeights");
    const again = await until("another session goes", () => {
      const { activeDebugSession } = debug;
      return activeDebugSession?.id === at.id ? undefined : activeDebugSession;
    });
    await until("it stops", () => stops(again).length > 0);
    const { iteration, direction } = await situation(again);
    assert.deepEqual([iteration, direction], [0, "forward"]);
    const kept = await number(again, "hidden.weight[0][0]");
    assert.ok([weight, later.weight].includes(kept), `${kept} is neither ${weight} nor ${later.weight}`);
  });

  it("ends its run with the session", async () => {
    stopAt(xor(), HIDDEN);
    const at = await begun(launch());
    const run = api.runs().find(({ debugged }) => debugged);
    assert.ok(run);
    await debug.stopDebugging(at);
    await until("the run is over", () => {
      const now = api.runs().find(({ summary }) => summary.id === run.summary.id);
      return now?.summary.state === "ended" && !now.debugged;
    });
  });

  it("stands where a model throws, with what it threw", async () => {
    const uri = await model("throws.nn.ts", 'const x = 1;\nthrow new Error("not today");\n');
    const at = await begun(launch({ program: uri.fsPath, name: "Throws" }));
    const [{ body }] = stops(at);
    assert.equal(body?.reason, "exception");
    assert.match(`${body?.description} ${body?.text}`, /not today/);
    const [{ line }] = await frames(at);
    assert.equal(line, 2);
  });

  it("attaches to a training, which waits, and goes on when it is let go", async () => {
    const uri = await model("attach.nn.ts", endless);
    const run = (): ReturnType<BackstepApi["runs"]>[number] | undefined =>
      api.runs().find(({ path }) => path === uri.fsPath);
    await commands.executeCommand("backstep.train", uri);
    await until("it trains", () => (run()?.summary.epochs ?? 0) > 2);
    await commands.executeCommand("backstep.attachDebugger", { run: run()?.summary.id });
    const at = await session();
    await until("it stops", () => stops(at).length > 0);
    assert.ok((await situation(at)).iteration > 0);
    assert.equal(run()?.debugged, true);
    const epochs = run()?.summary.epochs ?? 0;
    await debug.stopDebugging(at);
    await until("it trains on", () => (run()?.summary.epochs ?? 0) > epochs + 2);
    assert.equal(run()?.debugged, false);
    await commands.executeCommand("backstep.stop", uri);
    await until("it has ended", () => run()?.summary.state === "ended");
  });
});
