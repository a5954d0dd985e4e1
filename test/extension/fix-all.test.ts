import assert from "node:assert/strict";
import fc from "fast-check";
import type { CheckReport, Fix, Issue } from "../../engine/api/host";
import { chosenEdits, fixedText, withEdits } from "../../extension/language/fix-all";
import { helpfulFixes } from "../../extension/language/helpful-fixes";
import { replacementsBetween } from "../../extension/language/text-diff";
import { FILE, issue, rangeOf, report } from "./reports";

function change(text: string, piece: string, to: string, nth = 0): Fix {
  return { title: `${piece} to ${to}`, edits: [{ range: rangeOf(text, piece, nth), text: to }] };
}

/** A checker of its own: each `N!` is a mistake that wants to be `N`, and `(…)` hides what is in it. */
function checked(text: string): CheckReport {
  const issues: Issue[] = [];
  const open = /\((.*?)\)/s.exec(text);
  if (open) issues.push(issue(rangeOf(text, open[0]), [change(text, open[0], open[1])]));
  const hidden = open ? [open.index, open.index + open[0].length] : [0, 0];
  for (const { 0: piece, index } of text.matchAll(/\d+!/g)) {
    if (index >= hidden[0] && index < hidden[1]) continue;
    const nth = text.slice(0, index + piece.length).split(piece).length - 2;
    issues.push(issue(rangeOf(text, piece, nth), [change(text, piece, piece.slice(0, -1), nth)]));
  }
  return report({ issues });
}

async function fixed(text: string, check: (text: string) => CheckReport | null = checked): Promise<unknown> {
  return fixedText(FILE, text, null, (each) => Promise.resolve(check(each)));
}

describe("extension: fix all", () => {
  for (const [name, text, result] of [
    ["two at once", "a 1! b 2! c", { text: "a 1 b 2 c", before: 2, left: 0 }],
    ["what a mistake hid, in a second round", "1! (2! x)", { text: "1 2 x", before: 2, left: 0 }],
    ["a clean text stays", "a 1 b", undefined],
    ["over several lines", "a\n1!\nb\n22!", { text: "a\n1\nb\n22", before: 2, left: 0 }],
  ] as const)
    it(name, async () => assert.deepEqual(await fixed(text), result));

  it("keeps the best text where a fix makes another mistake", async () => {
    const text = "1! 7";
    const check = (now: string): CheckReport =>
      now.includes("8")
        ? report({ issues: [issue(rangeOf(now, "8"), [change(now, "8", "7")])] })
        : report({
            issues: [...checked(now).issues, issue(rangeOf(now, "7"), [change(now, "7", "8")])],
          });
    // "1 8" and "1 7" have one each, for ever: the first of them is taken.
    assert.deepEqual(await fixed(text, check), { text: "1 8", before: 2, left: 1 });
  });

  it("changes nothing where fixes help nothing, or the text cannot be run", async () => {
    const stubborn = (now: string): CheckReport =>
      report({ issues: [issue(rangeOf(now, "x"), [change(now, "x", "xx")])] });
    assert.equal(await fixed("x", stubborn), undefined);
    let first = true;
    const breaks = (now: string): CheckReport | null => (first ? ((first = false), checked(now)) : null);
    assert.equal(await fixed("1!", breaks), undefined);
    assert.equal(await fixed("1!", () => null), undefined);
  });

  it("counts errors before warnings", async () => {
    const check = (now: string): CheckReport =>
      now === "1!"
        ? checked(now)
        : report({ issues: [1, 2, 3].map(() => issue(rangeOf(now, "1"), [], { severity: "warning" })) });
    assert.deepEqual(await fixed("1!", check), { text: "1", before: 1, left: 3 });
  });

  it("tries the other fixes of what is left", async () => {
    // The first fix of "x" makes it worse, the second mends it.
    const check = (now: string): CheckReport =>
      report({
        issues: [...now.matchAll(/[xy]/g)].map(({ 0: piece }) =>
          issue(rangeOf(now, piece), [change(now, piece, "yy"), change(now, piece, "z")]),
        ),
      });
    assert.deepEqual(await fixed("a x b", check), { text: "a z b", before: 1, left: 0 });
  });

  it("takes of overlapping fixes the first, of two insertions at a place one, and of the same edit one", () => {
    const text = "abcdef";
    const insert = (to: string): Fix => ({
      title: to,
      edits: [{ range: { ...rangeOf(text, "f"), endColumn: rangeOf(text, "f").column }, text: to }],
    });
    const all = [
      issue(rangeOf(text, "a"), [change(text, "bcd", "1")]),
      issue(rangeOf(text, "c"), [change(text, "de", "2")]),
      issue(rangeOf(text, "b"), [change(text, "bcd", "1")]),
      issue(rangeOf(text, "f"), [insert("x")]),
      issue(rangeOf(text, "f"), [insert("y")]),
      // Elsewhere, or of another file.
      issue({ ...rangeOf(text, "a"), file: "/w/b.ts" }, [change(text, "a", "9")]),
      issue(rangeOf(text, "a"), [
        { title: "there", edits: [{ range: { ...rangeOf(text, "a"), file: "/w/b.ts" }, text: "9" }] },
      ]),
    ];
    assert.equal(withEdits(text, chosenEdits(all, FILE)), "a1exf");
  });
});

describe("extension: fixes that help", () => {
  /** As many errors as exclamation marks, each with its number as message. */
  const count = (text: string): Issue[] =>
    [...text.matchAll(/(\d)!/g)].map(({ 0: piece, 1: digit }) => issue(rangeOf(text, piece), [], { message: digit }));
  const cases: readonly [name: string, text: string, offered: readonly string[], helpful: readonly string[]][] = [
    ["those that mend it, in their order", "1! 2", ["x", "1", "3! 4!", "5"], ["x", "1", "5"]],
    ["one mistake of two", "1! 2!", ["1", "1! 3!"], ["1"]],
    ["it hid another", "1!", ["2!", "1! ", "2! 3!"], ["2!"]],
    ["one that cannot be run", "1!", ["(", "1"], ["1"]],
    ["none", "1!", ["1! 2!"], []],
  ];
  for (const [name, text, offered, helpful] of cases) {
    it(name, async () => {
      const fixes = offered.map((to) => change(text, "1!", to));
      const [first, ...rest] = count(text);
      const wrong = { ...first, fixes };
      const found = await helpfulFixes(wrong, {
        issues: [wrong, ...rest],
        textOf: () => Promise.resolve(text),
        probe: (texts) => {
          const now = texts.get(FILE) ?? "";
          return Promise.resolve(now.includes("(") ? null : report({ issues: count(now) }));
        },
      });
      assert.deepEqual(
        found.map(({ edits }) => edits[0].text),
        helpful,
      );
    });
  }
});

describe("extension: what to replace to make one text of another", () => {
  for (const [name, before, after, replaced] of [
    ["a number", "a = new Linear(784, 1);\nb", "a = new Linear(64, 1);\nb", [["78", "6"]]],
    ["a line more", "a\nb\n", "a\nx\nb\n", [["", "x\n"]]],
    ["a line less", "a\nx\nb\n", "a\nb\n", [["x\n", ""]]],
    [
      "two places",
      "a1\nb\nc2\n",
      "a3\nb\nc4\n",
      [
        ["1", "3"],
        ["2", "4"],
      ],
    ],
    [
      "neighbours",
      "a1\nc2\n",
      "a3\nc4\n",
      [
        ["1", "3"],
        ["2", "4"],
      ],
    ],
    ["nothing", "a\n", "a\n", []],
  ] as const)
    it(name, () =>
      assert.deepEqual(
        replacementsBetween(before, after).map(({ start, end, text }) => [before.slice(start, end), text]),
        replaced,
      ),
    );

  it("of any two texts makes the second", () => {
    const lines = fc
      .array(fc.constantFrom("a", "b", "", "ab", "a1", "a2"), { maxLength: 12 })
      .map((list) => list.join("\n"));
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const result = [...replacementsBetween(before, after)]
          .reverse()
          .reduce((now, { start, end, text }) => now.slice(0, start) + text + now.slice(end), before);
        assert.equal(result, after);
      }),
    );
  });
});
