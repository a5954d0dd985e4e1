import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { DebugEvent, DebugRequest } from "../../engine/api/debug";
import type { Host } from "../../engine/api/host";
import { completed, isEmpty, offersFor, problemOf, PASSES } from "../../extension/debug/configuration";
import { elementText, numberText } from "../../extension/debug/explain-texts";
import { expressionAt } from "../../extension/debug/expressions";
import { stopText } from "../../extension/format";
import { createDebugging } from "../../extension/run/debugging";
import { beginsWith, taskOf } from "../../extension/run/order";

const launch = { type: "backstep", request: "launch", name: "Debug", program: "/w/a.nn.ts" };

describe("extension: debug configurations", () => {
  const wrong: readonly [name: string, configuration: Record<string, unknown>, problem: RegExp][] = [
    ["another request", { ...launch, request: "start" }, /^"request" is "start"; it must be "launch"/],
    ["no program", { ...launch, program: undefined }, /^"program" is missing; it must be the path of a model file/],
    ["an empty program", { ...launch, program: "" }, /^"program" is ""/],
    ["a program that is no text", { ...launch, program: 3 }, /^"program" is 3/],
    ["a text for a flag", { ...launch, stopOnEntry: "yes" }, /^"stopOnEntry" is "yes"; it must be true or false\.$/],
    ["an iteration before the first", { ...launch, stopAtIteration: -1 }, /"stopAtIteration" is -1; .* from 0\.$/],
    ["half an epoch", { ...launch, epochs: 0.5 }, /"epochs" is 0\.5; .* from 1\.$/],
    ["no epochs", { ...launch, epochs: 0 }, /"epochs" is 0/],
    ["an unknown pass", { ...launch, passes: "both" }, /"both"; it must be one of all, forward, backward, update\.$/],
    ["no memory", { ...launch, historyLimit: 0 }, /"historyLimit" is 0/],
    ["a checkpoint without a path", { ...launch, resume: "" }, /"resume" is ""; it must be a path\.$/],
  ];
  for (const [name, configuration, problem] of wrong) {
    it(`with ${name} are refused`, () => {
      assert.match(problemOf({ ...launch, ...configuration }) ?? "nothing is wrong", problem);
    });
  }

  const right: readonly [name: string, configuration: Record<string, unknown>][] = [
    ["nothing but a program", {}],
    [
      "everything",
      {
        stopOnEntry: true,
        stopAtIteration: 0,
        stopAtFinding: false,
        passes: "backward",
        historyLimit: 16,
        epochs: 1,
        seed: 0,
        maxSteps: 1,
        overfit: true,
        resume: "c",
      },
    ],
    ["what others define", { preLaunchTask: "build", presentation: { order: 1 }, console: 3 }],
  ];
  for (const [name, configuration] of right) {
    it(`with ${name} are taken`, () => assert.equal(problemOf({ ...launch, ...configuration }), null));
  }

  it("to attach need no program", () => {
    assert.equal(problemOf({ type: "backstep", request: "attach", name: "Attach" }), null);
  });

  it("are completed by settings and whole paths, and say themselves what they say", () => {
    const defaults = { passes: "forward", historyLimit: 64 } as const;
    const given = { ...launch, program: "models/a.nn.ts", resume: "/c", passes: "update", epochs: 2 };
    assert.deepEqual(completed(given, defaults, "/w"), {
      ...given,
      program: "/w/models/a.nn.ts",
      historyLimit: 64,
    });
    assert.equal(completed(given, defaults, undefined).program, "models/a.nn.ts");
  });

  it("that are offered are sound, differ in name, and are those of one model", () => {
    const offers = offersFor("/w/a.nn.ts", "a.nn.ts");
    for (const offer of offers) {
      assert.equal(problemOf(offer), null);
      assert.equal(offer.program, "/w/a.nn.ts");
    }
    assert.equal(new Set(offers.map(({ name }) => name)).size, offers.length);
    assert.deepEqual(
      offers.map(({ stopOnEntry, stopAtFinding }) => [stopOnEntry, stopAtFinding]),
      [
        [undefined, undefined],
        [true, undefined],
        [undefined, true],
      ],
    );
  });

  it("are empty where VS Code asks for one", () => {
    assert.equal(isEmpty({}), true);
    assert.equal(isEmpty({ name: "x" }), false);
  });

  it("are described in package.json as they are read", () => {
    const { contributes } = JSON.parse(readFileSync("package.json", "utf8"));
    const [{ type, configurationAttributes, configurationSnippets, initialConfigurations }] = contributes.debuggers;
    assert.equal(type, "backstep");
    const { properties } = configurationAttributes.launch as {
      properties: Record<string, { type: string; enum?: string[]; minimum?: number; markdownDescription: string }>;
    };
    assert.deepEqual(properties.passes.enum, [...PASSES]);
    assert.deepEqual(contributes.configuration.properties["backstep.debug.passes"].enum, [...PASSES]);
    for (const [name, { type: of, minimum, markdownDescription }] of Object.entries(properties)) {
      assert.match(markdownDescription, /\.$/, name);
      const bad = of === "boolean" ? 1 : of === "integer" ? (minimum ?? 0) - 1 : 7;
      // The schema's least size of the history is what makes sense, not what can be read.
      const value = name === "historyLimit" ? 0 : bad;
      assert.match(problemOf({ ...launch, [name]: value }) ?? "nothing is wrong", new RegExp(`^"${name}"`), name);
    }
    for (const each of [...initialConfigurations, ...configurationSnippets.map(({ body }: { body: object }) => body)])
      assert.equal(problemOf(each), null, JSON.stringify(each));
  });
});

describe("extension: the expression under the mouse", () => {
  /** `|` is where the mouse is, `⟨⟩` stand around what is expected; without them nothing is. */
  const cases: readonly string[] = [
    "const ⟨|h⟩ = relu(this.hidden(x));",
    "const ⟨h|⟩ = relu(this.hidden(x));",
    "return ⟨this.hidden.wei|ght⟩.norm();",
    "return ⟨this.hid|den⟩.weight;",
    "return ⟨th|is⟩.hidden.weight;",
    "print(⟨logits.gr|ad⟩)",
    "const y = ⟨w|⟩eight;".replace("⟩eight", "eight⟩"),
    "⟨layers[0].wei|ght⟩",
    "⟨layers[|0]⟩.weight",
    "⟨this.layers[2].b|ias⟩!.x",
    "⟨a?.|b⟩?.c",
    "relu(⟨this.hidde|n⟩(x))",
    "f(x).gr|ad",
    "layers[i].wei|ght",
    "[...⟨xs.al|l⟩]",
    'print("the lo|gits")',
    "print('it\\'s lo|gits')",
    `print(\`loss \${⟨los|s⟩} at\`)`,
    `print(\`lo|ss \${x} at\`)`,
    `print(\`\${{ a: ⟨b|c⟩ }.a} lo\`)`,
    `print(\`\${x} lo|ss\`)`,
    "x = 1; // logi|ts",
    "x = /* logi|ts */ y",
    "x = /* logits */ ⟨y|⟩",
    "con|st x = 1",
    "x = 1|e5",
    "x = 0xf|f",
    "x = 1 +| 2",
    "  ⟨lo|ss⟩",
    "  | loss",
    "⟨Δ|w⟩ = 1",
    "",
  ];
  for (const marked of cases) {
    it(JSON.stringify(marked), () => {
      const column = [...marked.replace(/[⟨⟩]/g, "")].join("").indexOf("|");
      const text = marked.replace(/[⟨⟩|]/g, "");
      const bare = marked.replace("|", "");
      const start = bare.indexOf("⟨");
      const expected = start < 0 ? null : { start, end: bare.indexOf("⟩") - 1 };
      assert.deepEqual(expressionAt(text, Math.max(0, column)), expected);
    });
  }
});

describe("extension: texts of the debugger", () => {
  it("name elements and numbers", () => {
    assert.equal(elementText("h", [3, 1]), "h[3, 1]");
    assert.equal(elementText("loss", []), "loss");
    assert.deepEqual([NaN, "NaN", "Infinity", "-Infinity", 0, -0, 0.1234567, 1e-20].map(numberText), [
      "NaN",
      "NaN",
      "∞",
      "-∞",
      "0",
      "-0",
      "0.12346",
      "1e-20",
    ]);
  });

  it("say where a program stands, as far as that is known", () => {
    assert.equal(stopText("backward", 3), "Stopped: backward, iteration 3");
    assert.equal(stopText("forward", undefined), "Stopped: forward");
    assert.equal(stopText(undefined, undefined), "Stopped");
  });
});

describe("extension: a debugged run", () => {
  const situation: DebugRequest = { kind: "situation" };

  it("answers its debugger, rejects with the reason, and has one debugger at a time", async () => {
    let changes = 0;
    const debugging = createDebugging(() => changes++);
    const asked: DebugRequest[] = [];
    const host = {
      debug(request: DebugRequest): Promise<never> {
        asked.push(request);
        return request.kind === "pause" ? Promise.reject(new Error("not now")) : Promise.resolve(null as never);
      },
    } as unknown as Host;
    const first = debugging.debug(
      () => host,
      () => undefined,
    );
    assert.equal(debugging.active, true);
    assert.throws(
      () =>
        debugging.debug(
          () => host,
          () => undefined,
        ),
      /being debugged already/,
    );
    assert.equal(await first.ask({ kind: "detach" }), null);
    await assert.rejects(first.ask({ kind: "pause" }), /^Error: not now$/);
    assert.deepEqual(asked, [{ kind: "detach" }, { kind: "pause" }]);
    first.dispose();
    assert.equal(debugging.active, false);
    assert.equal(changes, 2);
    // Disposed once more, it takes nobody else's place away.
    const second = debugging.debug(
      () => host,
      () => undefined,
    );
    first.dispose();
    assert.equal(debugging.active, true);
    second.dispose();
  });

  it("tells once that it has ended, however it ends", async () => {
    const heard: DebugEvent[] = [];
    const debugging = createDebugging(() => undefined);
    const debugged = debugging.debug(
      () => null,
      (event) => heard.push(event),
    );
    debugging.event({ kind: "ready" });
    debugging.left({ exitCode: 1, failure: "its process was ended by SIGKILL" });
    debugging.left({ exitCode: 130, failure: null });
    debugging.event({ kind: "ready" });
    assert.deepEqual(heard, [
      { kind: "ready" },
      { kind: "ended", exitCode: 1, message: "its process was ended by SIGKILL" },
    ]);
    await assert.rejects(debugged.ask(situation), /the run has ended/);
  });

  it("is told what its configuration says, and nothing that it leaves out", () => {
    const order = { path: "/w/a.nn.ts", file: "a.nn.ts", purpose: "debug" } as const;
    const base = { kind: "train", file: "/w/a.nn.ts", report: "ticks", stay: true };
    assert.deepEqual(taskOf(order, undefined), base);
    const options = { stopOnEntry: true, passes: "forward" } as const;
    assert.deepEqual(
      taskOf({ ...order, overfit: true, seed: 0, maxSteps: 3, epochs: 2, checkpoint: "/c", debug: options }, "/o"),
      { ...base, out: "/o", overfit: true, seed: 0, maxSteps: 3, epochs: 2, resume: "/c", debug: options },
    );
    assert.deepEqual(taskOf({ ...order, purpose: "overfit" }, undefined), { ...base, overfit: true });
  });

  it("keeps the folder whose weights it begins with", () => {
    const order = { path: "/w/a.nn.ts", file: "a.nn.ts", purpose: "debug" } as const;
    assert.equal(beginsWith({ ...order, debug: { keepWeightsOf: "/runs/1" } }, "/runs/1"), true);
    assert.equal(beginsWith({ ...order, checkpoint: "/runs/1" }, "/runs/1"), true);
    assert.equal(beginsWith({ ...order, debug: {} }, "/runs/1"), false);
  });
});
