import assert from "node:assert/strict";
import { createChoice } from "../../../engine/backends/wasm/choice";

/** Has it choose for so many runs; @returns how many of the last `counted` ran on several threads */
function play(runs: number, counted: number, milliseconds: (together: boolean, inARow: number) => number): number {
  const choice = createChoice();
  const taken: boolean[] = [];
  let inARow = 0;
  for (let i = 0; i < runs; i++) {
    const together = choice.next();
    inARow = taken.at(-1) === together ? inARow + 1 : 1;
    taken.push(together);
    choice.took(together, milliseconds(together, inARow));
  }
  return taken.slice(-counted).filter(Boolean).length;
}

describe("whether a program runs on several threads", () => {
  it("is found out by trying both", () => {
    assert.ok(play(1000, 500, (together) => (together ? 1 : 1.5)) > 400);
    assert.ok(play(1000, 500, (together) => (together ? 1.5 : 1)) < 50);
  });

  it("is not judged by the first runs after the others slept", () =>
    assert.ok(play(1000, 500, (together, inARow) => (together ? (inARow < 4 ? 9 : 1) : 1.5)) > 400));

  it("changes when other work takes the other processors, and when it ends", () => {
    let i = 0;
    const time = (together: boolean): number => {
      i++;
      return together ? (i > 400 && i < 1200 ? 6 : 1) : 1.5;
    };
    assert.ok(play(1100, 300, time) < 60, "while it is there");
    i = 0;
    assert.ok(play(4000, 500, time) > 400, "afterwards");
  });
});
