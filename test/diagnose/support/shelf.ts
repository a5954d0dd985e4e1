import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadProgram } from "../../../engine/host/program";
import { createNodeFiles } from "../../../engine/host/node-files";
import type { Training } from "../../../engine/train/training";
import { diagnoseTraining } from "./run";

/**
 * The program behind scripts/findings.mjs --shelf: trains the examples of the repository, those that take long only so far.
 * Arguments: --steps=N, parts of file names.
 */
const options = process.argv.slice(2);
const steps = Number(options.find((option) => option.startsWith("--steps="))?.slice(8) ?? 1200);
const names = options.filter((option) => !option.startsWith("--"));
let warned = 0;

for (const name of readdirSync("examples").sort()) {
  if (!name.endsWith(".nn.ts") || (names.length > 0 && !names.some((part) => name.includes(part)))) continue;
  const file = resolve("examples", name);
  // Some train in a loop of their own while they load, and print what they like.
  const { training } = await loadProgram(file);
  if (!training) {
    console.log(`${name.padEnd(34)} no training is exported`);
    continue;
  }
  const verdict = await diagnoseTraining(
    limited(training, steps),
    createNodeFiles(file, resolve(join("engine", "data", "assets"))),
  );
  const bad = verdict.standing.filter(({ severity }) => severity !== "information");
  if (bad.length > 0) warned++;
  const raised = [...new Set(verdict.raised.map(({ code, severity }) => `${code} (${severity})`))];
  console.log(
    `${name.padEnd(34)} ${bad.length > 0 ? "WARNED" : "ok"} ${raised.length > 0 ? `raised: ${raised.join(", ")}` : ""} train ${verdict.train.toFixed(2)} val ${verdict.validation.toFixed(2)}, ${verdict.seconds.toFixed(1)} s, diagnosis ${(100 * verdict.overhead).toFixed(0)} %`,
  );
  for (const { message, file: at, line } of bad) console.log(`      ${at ?? ""}:${line ?? ""} ${message}`);
}
console.log(warned === 0 ? "\nno example is warned of" : `\n${warned} examples are warned of`);
process.exitCode = warned === 0 ? 0 : 1;

function limited(training: Training, most: number): Training {
  const changed = { maxSteps: { value: Math.min(training.maxSteps, most), enumerable: true } };
  return Object.create(training, changed) as Training;
}
