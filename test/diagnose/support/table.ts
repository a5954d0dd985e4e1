import { holdOut, secondHoldOut } from "./holdout";
import { own } from "./own";
import { type Row, diagnose, given, rowOf, totalsOf, unmet } from "./run";

/**
 * The program behind scripts/findings.mjs: trains every set, prints what was found, and the totals. Arguments: a set's name
 * (given, own, holdout, second), a part of an id, --seeds=N, --long for messages.
 */
const options = process.argv.slice(2);
const seeds = Number(options.find((option) => option.startsWith("--seeds="))?.slice(8) ?? 2);
const long = options.includes("--long");
const names = options.filter((option) => !option.startsWith("--"));
const sets = { given: given(), own: own(), holdout: holdOut(), second: secondHoldOut() };

for (const [set, specs] of Object.entries(sets)) {
  const rest = names.filter((name) => !(name in sets));
  if (names.some((name) => name in sets) && !names.includes(set)) continue;
  const rows: Row[] = [];
  for (const spec of specs) {
    if (rest.length > 0 && !rest.some((name) => spec.id.includes(name))) continue;
    for (let seed = 1; seed <= seeds; seed++) {
      const row = rowOf(spec, await diagnose(spec, (spec.seed ?? 0) + 100 * (seed - 1)));
      rows.push(row);
      print(row);
    }
  }
  if (rows.length === 0) continue;
  const totals = totalsOf(rows);
  const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(1)} %`);
  console.log(
    `\n${set}: ${totals.faulty} faulty and ${totals.healthy} healthy runs · recall ${percent(totals.recall)} · right cause ${percent(totals.right)}, strict ${percent(totals.strict)} · false alarms ${percent(totals.falseAlarms)}\n`,
  );
}

function print(row: Row): void {
  const { spec, verdict, flagged, codes, right, strict } = row;
  const doubts = unmet(row);
  const verdictText =
    spec.label === "healthy"
      ? flagged
        ? "FALSE ALARM"
        : "ok"
      : !flagged
        ? "MISSED"
        : strict
          ? "ok"
          : right
            ? "symptom only"
            : "WRONG CAUSE";
  const remarks = verdict.standing.filter(({ severity }) => severity === "information").map(({ code }) => `(${code})`);
  const withdrawn = new Set(
    verdict.raised.map(({ code }) => code).filter((code) => !codes.includes(code) && !remarks.includes(`(${code})`)),
  );
  console.log(
    [
      spec.id.padEnd(42),
      (spec.cause ?? "healthy").padEnd(24),
      verdictText.padEnd(12),
      [...codes, ...remarks].join(", "),
      withdrawn.size > 0 ? `[withdrawn: ${[...withdrawn].join(", ")}]` : "",
      doubts.length > 0 ? `NOT AS LABELLED: ${doubts.join(", ")}` : "",
      `train ${verdict.train.toFixed(2)} val ${verdict.validation.toFixed(2)}`,
      `${verdict.seconds.toFixed(1)} s, diagnosis ${(100 * verdict.overhead).toFixed(0)} %`,
    ].join(" "),
  );
  if (!long) return;
  for (const { message, evidence, remedy } of verdict.standing) {
    console.log(
      `      ${message}\n      ${(evidence ?? []).map(({ label, value }) => `${label}: ${value}`).join(" · ")}\n      → ${remedy}`,
    );
  }
}
