import assert from "node:assert/strict";
import { lineEdit, movedLine, withEdit, type LineEdit } from "../../extension/language/lines";

type Change = readonly [from: readonly [number, number], to: readonly [number, number], text: string];

/** A text editor of its own: applies a change to a list of lines, in VS Code's coordinates (from 0). */
function applied(lines: readonly string[], [from, to, text]: Change): string[] {
  const before = [...lines.slice(0, from[0]), lines[from[0]].slice(0, from[1])].join("\n");
  const after = [lines[to[0]].slice(to[1]), ...lines.slice(to[0] + 1)].join("\n");
  return `${before}${text}${after}`.split("\n");
}

describe("extension: where lines go while a text is edited", () => {
  const text = ["one", "two", "three", "four", "five"];
  const cases: readonly { name: string; changes: readonly Change[] }[] = [
    { name: "a character in the middle", changes: [[[2, 1], [2, 1], "x"]] },
    { name: "Enter at the end of a line", changes: [[[1, 3], [1, 3], "\n"]] },
    { name: "Enter at the beginning of a line", changes: [[[2, 0], [2, 0], "\n"]] },
    { name: "a pasted line", changes: [[[1, 0], [1, 0], "new\n"]] },
    { name: "a removed line", changes: [[[1, 0], [2, 0], ""]] },
    { name: "lines joined", changes: [[[1, 3], [2, 0], ""]] },
    { name: "several lines replaced", changes: [[[1, 1], [3, 2], "a\nb"]] },
    {
      name: "two edits, one after the other",
      changes: [
        [[0, 0], [0, 0], "a\nb\n"],
        [[3, 0], [4, 0], ""],
      ],
    },
    { name: "all replaced", changes: [[[0, 0], [4, 4], "else"]] },
  ];
  for (const { name, changes } of cases) {
    it(`${name}: a line is followed only to a line with the same text`, () => {
      let lines: string[] = text;
      let edits: readonly LineEdit[] = [];
      for (const change of changes) {
        const [[startLine, startCharacter], [endLine, endCharacter], inserted] = change;
        const range = {
          start: { line: startLine, character: startCharacter },
          end: { line: endLine, character: endCharacter },
        };
        edits = withEdit(edits, lineEdit({ range, text: inserted }));
        lines = applied(lines, change);
      }
      const followed = text.map((_, i) => movedLine(i + 1, edits));
      followed.forEach((line, i) => {
        if (line !== null) assert.equal(lines[line - 1], text[i]);
      });
      // Nothing is lost without need: every line outside the lines that the changes touch is followed.
      const touched = new Set<string>();
      let current: string[] = text;
      for (const change of changes) {
        for (let i = change[0][0]; i <= change[1][0]; i++) touched.add(current[i]);
        current = applied(current, change);
      }
      text.forEach((line, i) => {
        if (!touched.has(line)) assert.notEqual(followed[i], null, line);
      });
    });
  }

  it("typing on one line stays one edit", () => {
    const typed = { first: 3, last: 3, delta: 0 };
    const edits = [typed, typed, typed].reduce<readonly LineEdit[]>(withEdit, []);
    assert.deepEqual(edits, [typed]);
  });
});
