/** A program that stands under a debugger has all the time that people take. */
import assert from "node:assert/strict";
import { start } from "./support";

const PROGRAM = `import { log, variable } from "backstep";
const x = variable(2);
const J = log(x);
export default J;
`;

describe("the time limit under a debugger", () => {
  for (const waits of ["before it begins", "at a stop"] as const) {
    it(`does not run while the program waits ${waits}`, async () => {
      const started = start(PROGRAM, (file) => ({
        kind: "train",
        file,
        timeLimit: 1,
        device: "cpu",
        report: "events",
        debug: { stopOnEntry: true },
      }));
      const { host, messages } = started;
      const stopped = (): boolean =>
        messages.some((each) => each.kind === "debugEvent" && each.event.kind === "stopped");
      await started.first("debugEvent");
      if (waits === "at a stop") await host.debug({ kind: "start" });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      if (waits === "before it begins") {
        assert.equal(stopped(), false);
        await host.debug({ kind: "start" });
      }
      for (let i = 0; i < 200 && !stopped(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
      const frames = await host.debug({ kind: "frames" });
      assert.equal(frames[0].line, 2);
      await host.debug({ kind: "move", how: "continue" });
      assert.deepEqual(await started.end(), { exitCode: 0, failure: null });
    });
  }
});
