import assert from "node:assert/strict";
import { complete } from "../../engine/debug/expressions";
import { NAMES, VALUES } from "./expressions-names";

/** The text with the cursor at |, some of what is offered, some of what is not, and the text that it replaces. */
const PLACES: readonly (readonly [text: string, offered: string[], not: string[], replaced: string])[] = [
  ["|", ["h", "hidden", "iteration", "softmax", "gradcheck", "NaN", "true"], ["weight", "norm2"], ""],
  ["hi|", ["hidden"], ["h", "iteration"], "hi"],
  ["HI|", ["hidden"], [], "HI"],
  ["1 + it|", ["iteration"], ["h"], "it"],
  ["soft|max(h)", ["softmax", "softplus"], ["sigmoid"], "softmax"],
  ["h.|", ["shape", "norm", "grad", "softmax", "T"], ["concat", "h", "zerosLike2"], ""],
  ["h.no|", ["norm"], ["shape"], "no"],
  ["h.no|rm() > 3", ["norm"], [], "norm"],
  ["hidden.|", ["weight", "bias"], ["norm"], ""],
  ["this.hidden.w|", ["weight"], ["bias"], "w"],
  ["layers.0.|", ["weight", "bias"], ["norm"], ""],
  ["layers[0].|", ["weight", "bias"], ["norm"], ""],
  ["softmax(h, 0).ma|", ["max"], ["shape"], "ma"],
  ["softmax(h|", ["h", "hidden"], ["iteration"], "h"],
  ["matmul(W, h.|", ["shape"], ["W"], ""],
  ["W[0].|", ["shape"], ["W"], ""],
  ["(h).|", ["shape"], ["W"], ""],
  ["∂loss/∂hid|", ["hidden"], ["softmax", "h"], "hid"],
  ["∂loss/∂hidden.|", ["weight", "bias"], ["norm"], ""],
  ["∂loss/∂h.|", ["norm"], ["h"], ""],
  ["h.shape.|", ["length"], ["norm"], ""],
];

const NOTHING = ["'h|", "1|", "h |", "unknown.|", "nothing.|", "1.5.|", "h) |"];

describe("completions of the debugger", () => {
  for (const [marked, offered, not, replaced] of PLACES) {
    it(marked, () => {
      const offset = marked.indexOf("|");
      const text = marked.replace("|", "");
      const found = complete(text, offset, NAMES);
      const labels = found.map(({ label }) => label);
      for (const label of offered) assert.ok(labels.includes(label), `${label} is missing among ${labels.join(", ")}`);
      for (const label of not) assert.ok(!labels.includes(label), `${label} is offered`);
      for (const { start, length } of found) assert.equal(text.slice(start, start + length), replaced);
      assert.equal(new Set(labels).size, labels.length, "each once");
    });
  }

  for (const marked of NOTHING) {
    it(`nothing at ${marked}`, () => {
      assert.deepEqual(complete(marked.replace("|", ""), marked.indexOf("|"), NAMES), []);
    });
  }

  it("says what operations take", () => {
    const [softmax] = complete("softma", 6, NAMES);
    assert.deepEqual(softmax, {
      label: "softmax",
      insert: "softmax",
      kind: "function",
      detail: "softmax(x: tensor, axis?: integer)",
      start: 0,
      length: 6,
    });
  });

  it("computes nothing", () => {
    const names = {
      ...NAMES,
      lookup: (name: string) => {
        const value = VALUES[name];
        if (value.kind !== "tensor") return value;
        return {
          ...value,
          get array(): never {
            throw new Error("computed");
          },
        };
      },
      gradcheck: () => assert.fail("computed"),
    };
    assert.ok(complete("softmax(h).", 11, names).length > 0);
    assert.ok(complete("gradcheck(h).", 13, names).length > 0);
    assert.ok(complete("h.", 2, names).length > 0);
  });

  it("takes any offset", () => {
    for (const offset of [-1, 99, NaN, 0.5]) assert.ok(complete("h", offset, NAMES).length > 0);
  });
});
