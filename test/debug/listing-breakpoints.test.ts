/** A breakpoint on any line of the backward listing: the line that it is said to be on is the line at which it stops. */
import assert from "node:assert/strict";
import { line } from "./support/models";
import { type DebuggedSession, openSession, programFile } from "./support/session";

const LISTING = "backward pass";

const optimizer = (text: string): string =>
  line("", "Linear, Module, adam, fromArrays, mse, sgd, training").replace("sgd({ learningRate: 0.1 })", text);

const PROGRAMS: readonly (readonly [what: string, text: string])[] = [
  ["plain descent: one line for a parameter", line()],
  ["adam: three lines for a parameter", optimizer("adam({ learningRate: 0.1 })")],
  ["momentum", optimizer("sgd({ learningRate: 0.1, momentum: 0.9 })")],
  ["gradients clipped by their norm: lines for what parameters share", line("clip: { norm: 1 },")],
  ["a penalty", line("l2: 0.1,")],
];

async function open(text: string): Promise<DebuggedSession> {
  return openSession(programFile(text), { maxSteps: 1 });
}

describe("breakpoints in the listing", () => {
  for (const [what, text] of PROGRAMS) {
    it(`${what}: each stops at the line that it is verified on`, async () => {
      const probe = await open(text);
      const listing = probe.ask({ kind: "sourceText", name: LISTING }).text.split("\n");
      await probe.finish();
      assert.ok(listing.some((row) => row.includes("←")));
      for (let at = 1; at <= listing.length; at++) {
        const session = await open(text);
        const [bound] = session.ask({ kind: "setBreakpoints", file: LISTING, breakpoints: [{ line: at }] });
        const stop = await session.start();
        const where = `line ${at}: ${listing[at - 1]}`;
        assert.equal(stop !== undefined, bound.verified, where);
        if (!stop) continue;
        const [top] = session.ask({ kind: "frames" });
        assert.deepEqual([top.generated, top.file, top.line], [true, LISTING, bound.line], where);
        assert.equal(await session.move("continue"), undefined, `${where} stops once`);
      }
    });
  }
});
