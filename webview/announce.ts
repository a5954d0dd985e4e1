/** What is said aloud: changes of state and new findings, never ticks. */
import { describeEnd, STATE_NAMES } from "./format";
import { findingKey, type RunHistory } from "./protocol";

/** What changed between two histories of one run that a listener wants to know; "" for nothing. */
export function announcement(before: RunHistory | null, after: RunHistory): string {
  const said: string[] = [];
  if (!before || before.state !== after.state) {
    said.push(after.end && after.state === "ended" ? describeEnd(after.end) : `${STATE_NAMES[after.state]}.`);
  }
  if (after.findings !== before?.findings) {
    const known = new Set(before?.findings.map(findingKey));
    for (const finding of after.findings) {
      if (!known.has(findingKey(finding))) said.push(`${STATE_WORDS[finding.severity]}: ${finding.message}`);
    }
  }
  return said.join(" ");
}

const STATE_WORDS = { error: "Error", warning: "Warning", information: "Note" };
