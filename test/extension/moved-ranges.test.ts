import assert from "node:assert/strict";
import fc from "fast-check";
import { movedRange, type TextChange, type TextRange } from "../../extension/language/lines";

/** Offsets and positions of a text, on their own. */
function positionAt(text: string, offset: number): TextRange["start"] {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length - 1, character: lines[lines.length - 1].length };
}

function textAt(text: string, { start, end }: TextRange): string {
  const lines = text.split("\n").slice(start.line, end.line + 1);
  lines[lines.length - 1] = lines[lines.length - 1].slice(0, end.character);
  lines[0] = lines[0].slice(start.character);
  return lines.join("\n");
}

type Part = readonly [from: number, to: number, inserted: string];

/** The change as VS Code tells of it, and the text after it; parts are in terms of the text before them all. */
function edited(text: string, parts: readonly Part[]): { changes: TextChange[]; text: string } {
  const changes = parts.map(([from, to, inserted]) => ({
    range: { start: positionAt(text, from), end: positionAt(text, to) },
    text: inserted,
  }));
  const after = [...parts]
    .sort((a, b) => b[0] - a[0])
    .reduce((now, [from, to, inserted]) => now.slice(0, from) + inserted + now.slice(to), text);
  return { changes, text: after };
}

describe("extension: where ranges go while a text is edited", () => {
  const text = "class A {\n  f(x) {\n    return relu(HERE(x));\n  }\n}\n";
  const from = text.indexOf("HERE");
  const here = { start: positionAt(text, from), end: positionAt(text, from + 4) };
  const at = (needle: string): number => text.indexOf(needle);
  const cases: readonly { name: string; parts: readonly Part[]; kept: boolean }[] = [
    { name: "typing before it on its line", parts: [[at("relu"), at("relu"), "abs("]], kept: true },
    { name: "typing right before it", parts: [[from, from, "!"]], kept: true },
    { name: "typing right behind it", parts: [[from + 4, from + 4, "2"]], kept: true },
    { name: "Enter before it", parts: [[at("relu"), at("relu"), "\n      "]], kept: true },
    { name: "joining its line with the one before", parts: [[at("\n    return"), at("return"), " "]], kept: true },
    { name: "a line pasted above", parts: [[at("    return"), at("    return"), "    // new\n"]], kept: true },
    { name: "lines removed above", parts: [[0, at("    return"), ""]], kept: true },
    { name: "everything behind it removed", parts: [[from + 4, text.length, ""]], kept: true },
    {
      name: "several cursors, before and behind",
      parts: [
        [2, 2, "a\nb"],
        [at("relu"), at("relu"), "xy"],
        [from + 6, from + 7, ""],
      ],
      kept: true,
    },
    { name: "typing in it", parts: [[from + 2, from + 2, "x"]], kept: false },
    { name: "its beginning removed", parts: [[from - 2, from + 1, ""]], kept: false },
    { name: "its end replaced", parts: [[from + 3, from + 6, "y"]], kept: false },
    { name: "all of it replaced", parts: [[from, from + 4, "HERE"]], kept: false },
  ];
  for (const { name, parts, kept } of cases) {
    it(`${name}: it ${kept ? "moves along" : "is gone"}`, () => {
      const { changes, text: after } = edited(text, parts);
      for (const order of [changes, [...changes].reverse()]) {
        const moved = movedRange(here, order);
        if (kept) assert.equal(moved && textAt(after, moved), "HERE");
        else assert.equal(moved, null);
      }
    });
  }

  it("a range still holds its text after any edits outside it, one after the other", () => {
    const part = fc.tuple(fc.nat(60), fc.nat(6), fc.constantFrom("", "a", "bc", "\n", "x\n  y", "\n\n"));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (edits) => {
        let now = text;
        let range: TextRange | null = here;
        for (const [offset, length, inserted] of edits) {
          const start = offset % (now.length + 1);
          const end = Math.min(now.length, start + length);
          const place = now.indexOf("HERE");
          const touches: boolean = start < place + 4 && end > place;
          const step = edited(now, [[start, end, inserted]]);
          range = range && movedRange(range, step.changes);
          assert.equal(range === null, touches);
          if (range === null) return;
          now = step.text;
          assert.equal(textAt(now, range), "HERE");
        }
      }),
    );
  });
});
