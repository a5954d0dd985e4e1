/**
 * Conversations with the adapter about the small program of program.ts, one file for each group of requests. `UPDATE_GOLDEN=1` writes
 * them anew; then read what changed: every line is an expectation.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requestNames } from "../../engine/dap/adapter";
import { FILE, LISTING } from "./program";
import { EDITOR, type Message, PROGRAMS, createClient } from "./support";

/** A request, or text for the reader. */
type Line = readonly [command: string, args?: unknown] | string;

const folder = join("test", "dap", "golden");
const source = { path: FILE };
const thread = { threadId: 1 };
/** Of the frame on top, and of the one below. */
const [top, below] = [1000, 1001];
const locals = 1;

const begin = (launch: object = { stopOnEntry: true }): readonly Line[] => [
  ["initialize", EDITOR],
  ["launch", { program: FILE, ...launch }],
  ["configurationDone"],
];

/** Conversations of a group; each begins with a client of its own. */
const GROUPS: Readonly<Record<string, readonly (readonly Line[])[]>> = {
  lifecycle: [
    ["A program runs to its end", ...begin({}), ["threads"], ["disconnect"]],
    ["It stops at its beginning, and is ended", ...begin(), ["threads"], ["terminate"], ["disconnect"]],
    ["It stops at its beginning, and the client goes", ...begin(), ["disconnect", { terminateDebuggee: true }]],
    [
      "A training that is joined goes on when the client goes",
      ["initialize", EDITOR],
      ["attach", { run: "tiny-1" }],
      ["configurationDone"],
      ["stackTrace", thread],
      ["disconnect"],
    ],
    ["Back to the beginning, with what was set", ...begin(), ["next", thread], ["restart"], ["stackTrace", thread]],
    [
      "Loaded anew: breakpoints stay, with their ids",
      ["initialize", EDITOR],
      ["launch", { program: FILE }],
      ["setBreakpoints", { source, breakpoints: [{ line: 6 }] }],
      ["configurationDone"],
      ["restart", { arguments: { program: FILE } }],
      ["stackTrace", thread],
    ],
    [
      "Without debugging nothing stops",
      ["initialize", EDITOR],
      ["launch", { program: FILE, noDebug: true, stopOnEntry: true }],
      ["setBreakpoints", { source, breakpoints: [{ line: 5 }] }],
      ["configurationDone"],
    ],
    [
      "Without debugging, a program that throws",
      ["initialize", EDITOR],
      ["launch", { program: PROGRAMS.throws, noDebug: true }],
      ["configurationDone"],
    ],
    ["A name that is no model file's", ...begin({ program: PROGRAMS.misnamed })],
  ],
  failures: [
    [
      "A missing file",
      ["initialize", EDITOR],
      ["launch", { program: "/models/nowhere.nn.ts" }],
      ["threads"],
      ["disconnect"],
    ],
    ["No file", ["initialize", EDITOR], ["launch", {}]],
    ["Wrong types", ["initialize", EDITOR], ["launch", { program: FILE, epochs: "three" }]],
    ["A file that cannot be read", ["initialize", EDITOR], ["launch", { program: PROGRAMS.broken }]],
    [
      "A program that throws stops there",
      ["initialize", EDITOR],
      ["launch", { program: PROGRAMS.throws }],
      ["configurationDone"],
      ["exceptionInfo", thread],
      ["stackTrace", thread],
    ],
    ["No such training", ["initialize", EDITOR], ["attach", { run: "tiny-2" }]],
    ["Before anything", ["threads"], ["launch", { program: FILE }], ["next", thread]],
    [
      "Before a program",
      ["initialize", EDITOR],
      ["initialize", EDITOR],
      ["stackTrace", thread],
      ["setBreakpoints", { source, lines: [5] }],
    ],
    [
      "Before it begins",
      ["initialize", EDITOR],
      ["launch", { program: FILE }],
      ["stackTrace", thread],
      ["launch", { program: FILE }],
    ],
    [
      "While it runs",
      ["initialize", EDITOR],
      ["launch", { program: PROGRAMS.long }],
      ["setExceptionBreakpoints", { filters: [] }],
      ["configurationDone"],
      ["variables", { variablesReference: locals }],
      ["evaluate", { expression: "w" }],
      ["next", thread],
      ["configurationDone"],
      ["disconnect"],
    ],
    [
      "What is not there",
      ...begin(),
      ["scopes", { frameId: 7 }],
      ["variables", { variablesReference: 77 }],
      ["next", { threadId: 2 }],
      ["evaluate", { expression: "nothing", frameId: top }],
      ["evaluate", { expression: " " }],
      ["stepBack", thread],
      ["goto", { threadId: 1, targetId: 5 }],
      ["restartFrame", { frameId: 5 }],
      ["exceptionInfo", thread],
      ["source", { sourceReference: 12 }],
      ["locations", { locationReference: 3 }],
      ["cancel", { requestId: 99 }],
      ["cancel", { progressId: "9" }],
      ["disassemble", { memoryReference: "w", instructionCount: 1 }],
      ["pause", thread],
    ],
    [
      "What is of another type",
      ...begin(),
      ["next", { threadId: "one" }],
      ["next"],
      ["next", { threadId: 1, granularity: "word" }],
      ["stackTrace", { threadId: 1, startFrame: -1 }],
      ["variables", { variablesReference: 1, filter: "all" }],
      ["setBreakpoints", { source, breakpoints: [{ line: 0 }] }],
      ["setBreakpoints", { source, breakpoints: [{ line: 5, mode: "sideways" }] }],
      ["setBreakpoints", { source: {}, breakpoints: [] }],
      ["setBreakpoints", { source, breakpoints: "all" }],
      ["writeMemory", { memoryReference: "w", data: "%%%" }],
      ["readMemory", { memoryReference: "w", count: 1e12 }],
      ["completions", { text: "w", column: 1, line: 3 }],
      ["backstep/tensor", { expression: "w", from: [1] }],
    ],
  ],
  breakpoints: [
    [
      "A line stops forward and backward",
      ["initialize", EDITOR],
      ["launch", { program: FILE }],
      ["setBreakpoints", { source, breakpoints: [{ line: 6 }, { line: 8 }, { line: 20 }] }],
      ["configurationDone"],
      ["continue", thread],
      ["continue", thread],
      ["continue", thread],
    ],
    [
      "Modes, conditions, counts and messages",
      ["initialize", EDITOR],
      ["launch", { program: FILE }],
      [
        "setBreakpoints",
        {
          source,
          breakpoints: [
            { line: 5, mode: "backward", hitCondition: "2" },
            { line: 6, condition: "h > 5", mode: "forward" },
            { line: 10, logMessage: "h is {h}" },
            { line: 10, condition: "", logMessage: "", hitCondition: " ", mode: "update" },
          ],
        },
      ],
      ["configurationDone"],
      ["continue", thread],
      ["setBreakpoints", { source, breakpoints: [] }],
      ["continue", thread],
    ],
    [
      "In the backward listing",
      ...begin(),
      ["loadedSources"],
      ["setBreakpoints", { source: { name: LISTING, sourceReference: 1374086679 }, breakpoints: [{ line: 2 }] }],
      ["continue", thread],
      ["stackTrace", thread],
    ],
    [
      "Functions",
      ...begin(),
      ["setFunctionBreakpoints", { breakpoints: [{ name: "re*" }, { name: "conv" }] }],
      ["continue", thread],
      ["continue", thread],
    ],
    [
      "Data",
      ...begin(),
      ["dataBreakpointInfo", { variablesReference: locals, name: "w" }],
      ["dataBreakpointInfo", { name: "h" }],
      [
        "setDataBreakpoints",
        {
          breakpoints: [
            { dataId: "w", accessType: "write", condition: "w < 1.9" },
            { dataId: "w", accessType: "read" },
          ],
        },
      ],
      ["continue", thread],
      ["evaluate", { expression: "w", frameId: top }],
    ],
    [
      "Exceptions",
      ...begin(),
      [
        "setExceptionBreakpoints",
        { filters: ["vanishing", "all"], filterOptions: [{ filterId: "not-finite", condition: "iteration > 0" }] },
      ],
      ["evaluate", { expression: "w = nan", context: "repl" }],
      ["continue", thread],
    ],
    [
      "Places",
      ...begin(),
      ["breakpointLocations", { source, line: 1, endLine: 8 }],
      ["breakpointLocations", { source, line: 5, endLine: 6, column: 16 }],
      ["breakpointLocations", { source, line: 7 }],
    ],
  ],
  moves: [
    [
      "Forward, back, and over the end of an iteration",
      ...begin(),
      ["next", thread],
      ["stepIn", { threadId: 1, granularity: "instruction" }],
      ["stepBack", { threadId: 1, granularity: "statement" }],
      ["stepOut", { threadId: 1, granularity: "line" }],
      ["stackTrace", thread],
      ["reverseContinue", thread],
    ],
    [
      "To a target",
      ...begin(),
      ["stepInTargets", { frameId: top }],
      ["stepIn", { threadId: 1, targetId: 101 }],
      ["gotoTargets", { source, line: 5 }],
      ["goto", { threadId: 1, targetId: 104 }],
      ["stackTrace", thread],
      ["restartFrame", { frameId: below }],
    ],
    ["Far, with progress", ...begin(), ["goto", { threadId: 1, targetId: 116 }]],
    [
      "Pause",
      ["initialize", EDITOR],
      ["launch", { program: PROGRAMS.long, stopOnEntry: true }],
      ["configurationDone"],
      ["reverseContinue", thread],
      ["threads"],
    ],
  ],
  stack: [
    [
      "Forward",
      ...begin(),
      ["stackTrace", thread],
      ["stackTrace", { threadId: 1, startFrame: 0, levels: 1 }],
      ["stackTrace", { threadId: 1, startFrame: 1, levels: 20, format: { line: true, module: true } }],
      ["scopes", { frameId: top }],
    ],
    [
      "Backward, and the text of it",
      ...begin(),
      ["goto", { threadId: 1, targetId: 103 }],
      ["stackTrace", thread],
      ["source", { sourceReference: 1374086679, source: { sourceReference: 1374086679 } }],
      ["source", { sourceReference: 0, source }],
      ["loadedSources"],
    ],
    ["The update, which nobody wrote", ...begin(), ["goto", { threadId: 1, targetId: 105 }], ["stackTrace", thread]],
    ["Modules", ...begin(), ["modules", {}], ["modules", { startModule: 1, moduleCount: 1 }]],
  ],
  values: [
    [
      "Variables",
      ...begin(),
      ["next", thread],
      ["variables", { variablesReference: locals }],
      ["variables", { variablesReference: 3, filter: "indexed", start: 4998, count: 10 }],
      ["variables", { variablesReference: 3, filter: "indexed", start: 254, count: 2, format: { hex: true } }],
      ["variables", { variablesReference: 3, filter: "named" }],
      ["locations", { locationReference: 1 }],
    ],
    [
      "Setting, with what follows",
      ...begin(),
      ["setVariable", { variablesReference: locals, name: "w", value: "w + 1" }],
      ["setVariable", { variablesReference: locals, name: "h", value: "1" }],
      ["setExpression", { expression: "w", value: "5", frameId: top }],
      ["next", thread],
      ["evaluate", { expression: "h", frameId: top, context: "watch" }],
    ],
    [
      "Expressions",
      ...begin(),
      ["evaluate", { expression: "w * 3", frameId: top, context: "hover" }],
      ["evaluate", { expression: "big[255]", context: "watch", format: { hex: true } }],
      ["evaluate", { expression: "big", context: "clipboard" }],
      ["evaluate", { expression: "w = 4", context: "repl" }],
      ["evaluate", { expression: "w = 4", context: "watch" }],
      ["evaluate", { expression: "red", context: "of our own" }],
    ],
    [
      "Completions",
      ...begin(),
      ["completions", { text: "lo", column: 3, frameId: top }],
      ["completions", { text: "w +\n  i + h", column: 4, line: 2 }],
      ["completions", { text: "w", column: 1 }],
    ],
    [
      "Memory",
      ...begin(),
      // 2.0 in float64, little-endian: 00 00 00 00 00 00 00 40.
      ["readMemory", { memoryReference: "w", count: 8 }],
      ["readMemory", { memoryReference: "w", offset: 6, count: 8 }],
      ["readMemory", { memoryReference: "w", offset: 8, count: 4 }],
      ["readMemory", { memoryReference: "w", count: 0 }],
      // 3.0: 00 00 00 00 00 00 08 40.
      ["writeMemory", { memoryReference: "w", data: "AAAAAAAACEA=" }],
      ["evaluate", { expression: "w", frameId: top }],
      ["writeMemory", { memoryReference: "w", offset: 6, data: "CEAAAA==", allowPartial: true }],
    ],
  ],
  own: [
    [
      "Tensors",
      ...begin(),
      ["backstep/tensor", { expression: "big", most: 3, from: [0, 10], of: "gradient", slice: [] }],
      ["backstep/tensor", { expression: "bad", encoding: "array" }],
      ["backstep/tensor", { expression: "big", most: 2, encoding: "base64" }],
    ],
    [
      "Why, what and where",
      ...begin(),
      ["backstep/explain", { expression: "h", what: "not-finite", frameId: top }],
      ["backstep/inlineValues", { source, line: 1, endLine: 9, frameId: top }],
      ["backstep/situation"],
      ["backstep/sourceText", { name: LISTING }],
    ],
  ],
  client: [
    [
      "Counting from 0, with URIs",
      ["initialize", { linesStartAt1: false, columnsStartAt1: false, pathFormat: "uri" }],
      ["launch", { program: `file://${FILE}`, stopOnEntry: true }],
      ["setBreakpoints", { source: { path: `file://${FILE}` }, breakpoints: [{ line: 5, column: 0 }] }],
      ["configurationDone"],
      ["stackTrace", thread],
      ["breakpointLocations", { source: { path: `file://${FILE}` }, line: 4, endLine: 5 }],
      ["gotoTargets", { source: { path: `file://${FILE}` }, line: 4, column: 14 }],
      ["stepInTargets", { frameId: top }],
      ["completions", { text: "w +\n  i + h", column: 3, line: 1 }],
      ["modules", {}],
      ["variables", { variablesReference: locals }],
      ["locations", { locationReference: 1 }],
      ["backstep/explain", { expression: "h", what: "zero" }],
      ["backstep/inlineValues", { source: { path: `file://${FILE}` }, line: 4 }],
      ["backstep/tensor", { expression: "big", most: 1 }],
      ["continue", thread],
    ],
    [
      "A plain client hears of nothing that it does not know",
      ["initialize", { adapterID: "backstep" }],
      ["launch", { program: FILE, stopOnEntry: true }],
      ["configurationDone"],
      ["goto", { threadId: 1, targetId: 116 }],
      ["evaluate", { expression: "w = 1", context: "repl" }],
      ["writeMemory", { memoryReference: "w", data: "AAAAAAAACEA=" }],
      ["evaluate", { expression: "red" }],
    ],
    ["Neither paths nor URIs", ["initialize", { pathFormat: "inode" }]],
  ],
};

describe("conversations", () => {
  for (const [name, conversations] of Object.entries(GROUPS)) {
    it(name, async () => {
      const text = (await Promise.all(conversations.map(converse))).join("\n\n");
      const file = join(folder, `${name}.txt`);
      if (process.env.UPDATE_GOLDEN) writeFileSync(file, `${text}\n`);
      assert.ok(existsSync(file), `${file} is missing; UPDATE_GOLDEN=1 writes it`);
      assert.equal(`${text}\n`, readFileSync(file, "utf8"), `${file}; UPDATE_GOLDEN=1 writes it anew`);
    });
  }

  it("are about every request, and each file has its group", () => {
    const asked = new Set(
      Object.values(GROUPS)
        .flat(2)
        .map((line) => (typeof line === "string" ? line : line[0])),
    );
    assert.deepEqual(
      requestNames.filter((name) => !asked.has(name)),
      [],
    );
    assert.deepEqual(
      readdirSync(folder).sort(),
      Object.keys(GROUPS)
        .map((name) => `${name}.txt`)
        .sort(),
    );
  });
});

async function converse(lines: readonly Line[]): Promise<string> {
  const written: string[] = [];
  const client = createClient((message) => written.push(show(message)));
  for (const line of lines) {
    if (typeof line === "string") written.push(`# ${line}`);
    else {
      const [command, args] = line;
      const shown = args === undefined ? "" : args === EDITOR ? " (an editor)" : ` ${JSON.stringify(args)}`;
      written.push(`→ ${command}${shown}`);
      client.send(command, args);
      await client.settle();
    }
  }
  client.session.dispose();
  return written.join("\n");
}

function show({ type, event, command, success, message, body }: Message): string {
  // What it can do is the same for all; capabilities.test.ts looks at it.
  if (command === "initialize" && success) return `← initialize {…}`;
  const more = body === undefined || Object.keys(body).length === 0 ? "" : ` ${JSON.stringify(body)}`;
  if (type === "event") return `  ! ${event}${more}`;
  return success ? `← ${command}${more}` : `← ${command} failed: ${message}${more}`;
}
