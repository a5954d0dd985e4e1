/** Why what an iteration is given is 0 or NaN: the data, the learning rate and the optimiser's state each in their own words. */
import assert from "node:assert/strict";
import type { DebugRequest } from "../../engine/debug/requests";
import { line } from "./support/models";
import { openSession, programFile } from "./support/session";

type Question = Extract<DebugRequest, { kind: "explain" }>;

interface Case {
  readonly what: string;
  readonly ask: Question["what"];
  readonly expression: string;
  /** Set at the stop, before it is asked. */
  readonly set?: readonly [target: string, value: string];
  readonly text?: string;
  /** How many iterations before. */
  readonly after?: number;
  readonly says: readonly RegExp[];
}

const IMPORTS = "Linear, Module, adam, fromArrays, cosine, mse, sgd, training";
/** The rate of the second update is 0, by the schedule. */
const ANNEALED = line("schedule: cosine({ epochs: 1 }),", IMPORTS);
const ADAM = line("", IMPORTS).replace("sgd({", "adam({");

const CASES: readonly Case[] = [
  {
    what: "a learning rate that its schedule makes 0",
    ask: "zero",
    expression: "learningRate",
    text: ANNEALED,
    after: 1,
    says: [/^learningRate is 0: the optimiser or its schedule gives a learning rate of 0 \(line 13\)/, /above 0/],
  },
  {
    what: "a learning rate that was set to 0 at the stop",
    ask: "zero",
    expression: "learningRate",
    set: ["learningRate", "0"],
    says: [/^learningRate is 0: learningRate was set to 0 by hand\. Set another value/],
  },
  {
    what: "an input that was set to NaN at the stop",
    ask: "not-finite",
    expression: "input",
    set: ["input[1][0]", "NaN"],
    says: [/^input\[1, 0\] is NaN because it was set so by hand\. Set another/],
  },
  {
    what: "the optimiser's state before the first update",
    ask: "zero",
    expression: "optimizer.firstMoment.linear.weight",
    text: ADAM,
    says: [/is a state of the optimiser, which begins with 0\. The first update/],
  },
  {
    what: "the optimiser's state after updates with gradients of 0",
    ask: "zero",
    expression: "optimizer.firstMoment.linear.weight",
    text: ADAM.replace("inputs: [[1], [2]]", "inputs: [[0], [0]]"),
    after: 2,
    says: [/is a state of the optimiser, and every gradient that went into it was 0/, /Ask about the gradient/],
  },
  {
    what: "the data",
    ask: "zero",
    expression: "input",
    text: line().replace("inputs: [[1], [2]]", "inputs: [[0], [2]]"),
    says: [/^input\[0, 0\] is 0: input\[0, 0\] is 0 in the data\.$/],
  },
  {
    what: "an input that was set at the stop",
    ask: "zero",
    expression: "input",
    set: ["input[1][0]", "0"],
    says: [/^input\[1, 0\] is 0: input\[1, 0\] was set to 0 by hand/],
  },
];

describe("why what an iteration is given is 0 or no number", () => {
  for (const { what, ask, expression, set, text = line(), after = 0, says } of CASES) {
    it(what, async () => {
      const session = await openSession(programFile(text), { stopOnEntry: true, maxSteps: after + 1 });
      await session.start();
      while (session.scene.episode.iteration < after) await session.move("out");
      if (set) session.ask({ kind: "setExpression", target: set[0], value: set[1], frame: 0 });
      const { summary } = session.ask({ kind: "explain", expression, frame: 0, what: ask });
      for (const words of says) assert.match(summary, words);
      if (expression !== "input") assert.doesNotMatch(summary, /in the data/);
      session.ask({ kind: "detach" });
    });
  }
});
