/**
 * The worth of the findings, on the trainings with a verdict and on a part of our own (all of them: scripts/findings.mjs). Each
 * training must first be what its label says.
 */
import assert from "node:assert/strict";
import { own } from "./support/own";
import { type Row, diagnose, given, rowOf, totalsOf, unmet } from "./support/run";

const SECONDS = 120_000;

async function rowsOf(specs: ReturnType<typeof given>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const spec of specs) rows.push(rowOf(spec, await diagnose(spec, spec.seed ?? 0)));
  return rows;
}

function assertBars(rows: readonly Row[]): void {
  assert.deepEqual(
    rows.flatMap((row) => unmet(row).map((claim) => `${row.spec.id}: ${claim}`)),
    [],
  );
  const { recall, strict, falseAlarms } = totalsOf(rows);
  const list = rows.map(({ spec, codes }) => `${spec.id}: ${codes.join(", ")}`).join("\n");
  assert.ok(recall >= 0.95, `recall ${recall}\n${list}`);
  assert.ok(strict >= 0.8, `right causes ${strict}\n${list}`);
  assert.ok(!(falseAlarms > 0.05), `false alarms ${falseAlarms}\n${list}`);
}

describe("diagnose: trainings with a verdict", () => {
  it("given: faults found, with their cause, and no false alarm", async function () {
    this.timeout(SECONDS);
    assertBars(await rowsOf(given()));
  });

  it("own: every second of the faulty and of the healthy", async function () {
    this.timeout(SECONDS);
    assertBars(await rowsOf(own().filter((_, i) => i % 2 === 0)));
  });
});
