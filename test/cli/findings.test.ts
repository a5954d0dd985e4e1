import assert from "node:assert/strict";
import { createProgress } from "../../engine/cli/print-train";
import type { FindingEvent } from "../../engine/train/events";

const finding = (more: Partial<FindingEvent> = {}): FindingEvent => ({
  type: "finding",
  code: "dying-relu",
  severity: "warning",
  message: "half of hidden is dead",
  remedy: "lower the learning rate",
  layer: "hidden",
  file: "a.nn.ts",
  line: 7,
  iteration: 1,
  ...more,
});

function printed(json: boolean, ...events: FindingEvent[]): string {
  let text = "";
  const progress = createProgress(json, { write: (more) => (text += more) });
  for (const event of events) progress.show(event);
  return text;
}

describe("findings on the terminal", () => {
  const first = "warning: a.nn.ts:7: half of hidden is dead [dying-relu]\n    lower the learning rate\n";

  it("are told once, however often their figures change", () =>
    assert.equal(printed(false, finding(), finding({ message: "60 % of hidden is dead" })), first));

  it("are told of each layer", () =>
    assert.equal(
      printed(false, finding(), finding({ layer: "output", remedy: undefined, line: 8 })),
      `${first}warning: a.nn.ts:8: half of hidden is dead [dying-relu]\n`,
    ));

  it("that no longer hold are taken back, and told again if they return", () => {
    const withdrawn = finding({ withdrawn: true });
    assert.equal(
      printed(false, finding(), withdrawn, withdrawn, finding()),
      `${first}no longer: a.nn.ts:7: dying-relu\n${first}`,
    );
  });

  it("are all there in JSON, with evidence and remedy", () => {
    const events = [finding({ evidence: [{ label: "dead", value: "50 %" }] }), finding({ withdrawn: true })];
    const lines = printed(true, ...events)
      .trimEnd()
      .split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      events,
    );
  });
});
