import assert from "node:assert/strict";
import * as nn from "../../engine/nn";
import { SIZES, offersOf, questionAt } from "../../extension/language/sizes";
import { calleeOf, constructionAt, masked } from "../../extension/language/source-text";
import { FILE, issue, layerCall, module, rangeOf, report } from "./reports";

/** `|` is the cursor. */
function split(marked: string): { text: string; offset: number } {
  const offset = marked.indexOf("|");
  return { text: marked.slice(0, offset) + marked.slice(offset + 1), offset };
}

describe("extension: brackets and arguments of a text that may be half-typed", () => {
  for (const [text, tokens] of [
    ['f("a(", b)', 'f("   , b)'],
    ["f(1) // (", "f(1)     "],
    ["a /* ( */ b", "a         b"],
    ["f(`x$" + "{g(1)}y)`)", "f(`   g(1)    )"],
    ["x.replace(/[(/]/g, 1)", "x.replace(/     g, 1)"],
    ["a / b / c", "a / b / c"],
    ["f('it\\'s (')", "f('        )"],
    ["'never closed\nf(1)", "'            \nf(1)"],
  ] as const)
    it(`tokens of ${JSON.stringify(text)}`, () => assert.equal(masked(text), tokens));

  for (const [marked, found] of [
    ["a = new Linear(|784, 128);", ["Linear", 0, ["784", "128"]]],
    ["a = new Linear(784, |)", ["Linear", 1, ["784", ""]]],
    ["a = new Linear(784,| 128)", ["Linear", 1, ["784", "128"]]],
    ["a = new Linear(|)", ["Linear", 0, [""]]],
    ["a = new nn.Conv2d(1, 6, { a: [1, 2] }, |)", ["Conv2d", 3, ["1", "6", "{ a: [1, 2] }", ""]]],
    ["new Sequential(new Linear(2, 3|), new ReLU())", ["Linear", 1, ["2", "3"]]],
    ["new Sequential(new Linear(2, 3), |)", ["Sequential", 1, ["new Linear(2, 3)", ""]]],
    ["a = new Linear(784, |;\nb = 3", ["Linear", 1, ["784", ""]]],
    ["a = new Linear(max(1, 2|), 3)", undefined],
    ["a = new Conv2d(1, 6, { padding: | })", undefined],
    ["a = linear(784, |)", undefined],
    ["a = 'new Linear(|'", undefined],
    ["|", undefined],
  ] as const)
    it(`around the cursor in ${marked}`, () => {
      const { text, offset } = split(marked);
      const at = constructionAt(text, offset);
      assert.deepEqual(at && [at.type, at.index, at.args.map(({ start, end }) => text.slice(start, end))], found);
    });

  for (const [call, name] of [
    ["this.hidden(x)", "hidden"],
    ["relu(this.hidden(x))", "relu"],
    ["x.reshape([-1, f(2)]).relu()", "relu"],
    ["this.blocks[i](h)", "this.blocks[i]"],
    ["new Linear(784, 128)", "Linear"],
    ["map<Tensor>(x)", "map"],
    ["f(')')", "f"],
    ["x", undefined],
  ] as const)
    it(`the name in ${call}`, () => {
      const span = calleeOf(call);
      assert.equal(span && call.slice(span.start, span.end), name);
    });
});

describe("extension: sizes that would fit", () => {
  const isModule = (type: string): boolean => type === "Block";
  for (const [marked, asked] of [
    ["a = new Linear(|)", "a = new Linear(7919, 7907)"],
    ["a = new Linear(4|, 10)", "a = new Linear(7919, 10)"],
    ["a = new Linear(784, |)", "a = new Linear(784, 7919)"],
    ["a = new Linear(size|, 10)", "a = new Linear(7919, 10)"],
    ["a = new Linear(784, |;", "a = new Linear(784, 7919);"],
    ["a = new Conv2d(|)", "a = new Conv2d(7919, 7907, 7907)"],
    // A stand-in that the heads do not divide would be another mistake.
    ["a = new MultiHeadAttention(|6, 4)", "a = new MultiHeadAttention(31676, 4)"],
    ["a = new Block(3, |)", "a = new Block(3, 7919)"],
    ["a = new Linear(784, 10, |)", undefined],
    ["a = new Linear(2 * 3|, 10)", undefined],
    ["a = new Map(|)", undefined],
  ] as const)
    it(`${marked} asks by ${asked}`, () => {
      const { text, offset } = split(marked);
      assert.equal(questionAt(text, offset, isModule)?.text.trimEnd(), asked);
    });

  it("of an input are those of what comes in", () => {
    const { text, offset } = split("hidden = new Linear(|, 128);\nthis.hidden(x)");
    const question = questionAt(text, offset, isModule);
    assert.ok(question);
    const probed = report({
      modules: [module("hidden", "Linear", rangeOf(question.text, "new Linear(7919, 128)"))],
      calls: [layerCall(rangeOf(question.text, "this.hidden(x)"))],
    });
    assert.deepEqual(offersOf(question, probed, FILE), [{ size: 784, why: "fits hidden's input [N, 784]" }]);
    assert.deepEqual(offersOf(question, report(), FILE), []);
  });

  it("of an output are those that the fixes of what follows put there", () => {
    const { text, offset } = split("a = new Linear(2, |);\nb = new Linear(64, 1);\nthis.b(this.a(x))");
    const question = questionAt(text, offset, isModule);
    assert.ok(question);
    const at = rangeOf(question.text, "7919");
    const complaint = rangeOf(question.text, "this.b(this.a(x))");
    const probed = report({
      modules: [module("a", "Linear", rangeOf(question.text, "new Linear(2, 7919)"))],
      calls: [layerCall(complaint, { name: "b", inputs: [["N", 7919]] })],
      issues: [
        issue(complaint, [
          { title: "Change b's inputs to 7919", edits: [{ range: rangeOf(question.text, "64"), text: "7919" }] },
          { title: "Change a's outputs to 64", edits: [{ range: at, text: "64" }] },
          // More than this argument: no size alone.
          {
            title: "Both",
            edits: [
              { range: at, text: "32" },
              { range: rangeOf(question.text, "1"), text: "2" },
            ],
          },
        ]),
      ],
    });
    assert.deepEqual(offersOf(question, probed, FILE), [{ size: 64, why: "fits what b takes" }]);
    assert.deepEqual(offersOf(question, probed, "/w/other.ts"), []);
  });

  it("are asked where the engine's layers have them", () => {
    const layers = Object.entries(nn).flatMap(([name, value]) => {
      const { sizes } = value as { sizes?: unknown };
      return Array.isArray(sizes) && sizes.length > 0 ? [{ name, sizes: sizes as Size[] }] : [];
    });
    assert.ok(layers.length >= 20, "the engine says of its layers which arguments are sizes");
    for (const { name, sizes } of layers) {
      const input = sizes.find(({ role }) => role === "input" || role === "both");
      assert.deepEqual(SIZES[name]?.input, input && { argument: input.argument, axis: input.axis }, name);
      for (const { argument } of sizes) assert.ok(argument < SIZES[name].needed, name);
    }
  });
});

interface Size {
  readonly argument: number;
  readonly axis: number;
  readonly role: string;
}
