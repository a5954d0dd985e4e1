import fc from "fast-check";
import {
  ExpressionError,
  clipboardText,
  complete,
  evaluateCondition,
  evaluateExpression,
  formatMessage,
  formatValue,
  parseAssignment,
  parseTarget,
  writeTarget,
} from "../../engine/debug/expressions";
import { OPERATIONS } from "../../engine/debug/expressions/signatures";
import { NAMES, VALUES } from "./expressions-names";

const RUNS = 3000;

const pieces = [
  ...Object.keys(VALUES),
  ...Object.keys(OPERATIONS),
  ..."+ - * / % ** @ ( ) [ ] , . : ! ? ... ∂ ∂loss/∂ && || ?? == != < <= > >= = += { } ' \" true null NaN Infinity".split(
    " ",
  ),
  ..."0 1 2 -1 0.5 1e9 1e300 7 shape norm grad T weight keepDims: item list".split(" "),
  " ",
];

/** Strings that nearly are expressions: most of what can go wrong lies beyond the first syntax error. */
const nearly = fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join(""));

/** Trees that can always be read; what they mean is another matter. */
const { sound } = fc.letrec<{ sound: string }>((tie) => ({
  sound: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      ...Object.keys(VALUES),
      "1",
      "0",
      "-2",
      "3.5",
      "'a'",
      "'int32'",
      "null",
      "true",
      "1e9",
      "[]",
      "[1, 2]",
    ),
    fc
      .tuple(tie("sound"), fc.constantFrom("+", "-", "*", "/", "**", "%", "@", "==", "&&", "||", "??"), tie("sound"))
      .map(([a, sign, b]) => `((${a}) ${sign} (${b}))`),
    fc
      .tuple(fc.constantFrom(...Object.keys(OPERATIONS)), fc.array(tie("sound"), { maxLength: 3 }))
      .map(([name, given]) => `${name}(${given.join(", ")})`),
    fc
      .tuple(
        tie("sound"),
        fc.constantFrom(...Object.keys(OPERATIONS), "shape", "T", "grad", "dead", "list"),
        fc.array(tie("sound"), { maxLength: 2 }),
      )
      .map(([x, name, given]) => `(${x}).${name}(${given.join(", ")})`),
    fc.tuple(tie("sound"), tie("sound")).map(([x, at]) => `(${x})[${at}]`),
    fc.tuple(tie("sound"), tie("sound"), tie("sound")).map(([x, from, to]) => `(${x})[${from}:${to}, ...]`),
    fc.array(tie("sound"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
  ),
}));

/** Runs it; only errors in words, which do not blame the engine, may come out. */
function survives(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    if (error.message.includes("internal:") || error.message === "")
      throw new Error(`said ${error.message}`, { cause: error });
  }
}

function everything(text: string): void {
  survives(() => {
    const value = evaluateExpression(text, NAMES);
    formatValue(value);
    formatValue(value, { hex: true, digits: 3 });
    clipboardText(value, {}, 20);
  });
  survives(() => void evaluateCondition(text, NAMES));
  survives(() => void parseAssignment(text));
  survives(() => {
    const target = parseTarget(text);
    if (VALUES.W.kind === "tensor") writeTarget(target, VALUES.W.array, { kind: "number", value: 1 }, NAMES);
  });
  formatMessage(`{${text}} and ${text}`, NAMES);
}

describe("expressions of any kind", () => {
  it("random text gives a value or an error in words", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), everything), { numRuns: RUNS });
  });

  it("random pieces of expressions give a value or an error in words", () => {
    fc.assert(fc.property(nearly, everything), { numRuns: RUNS });
  });

  it("random trees of operations give a value or an error in words", () => {
    fc.assert(fc.property(sound, everything), { numRuns: RUNS });
  });

  it("completions of any text at any place", () => {
    const text = fc.oneof(nearly, fc.string({ unit: "binary", maxLength: 30 }));
    fc.assert(
      fc.property(text, fc.integer({ min: -2, max: 60 }), (written, offset) => {
        for (const { start, length } of complete(written, offset, NAMES)) {
          if (start < 0 || start + length > written.length) throw new Error(`replaces ${start} + ${length}`);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
