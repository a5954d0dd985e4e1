/**
 * Where the engine falls off: `node bench/cliffs.mjs` times 200 operations of random shapes against TensorFlow.js on
 * WebAssembly, and lists all on which that is faster. What looks slow is measured again, for longer.
 *
 *   --count=200   shapes
 *   --seed=1      of the shapes
 *   --only=7,31   these numbers of the list alone
 *   --json        all results as JSON
 */
import { parseArgs } from "node:util";
import { ensureInstalled, fail } from "../scripts/ensure.mjs";
import { Runner, contestants } from "./cpu/contestants.mjs";
import { compare, geometricMean, median, ratioOf } from "./cpu/measure.mjs";
import { bundleEngine, installPeers, writeArrays } from "./cpu/prepare.mjs";

/** Peer's time over ours, at least. */
const WANTED = 0.8;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const runners = [];
process.once("exit", () => runners.forEach((runner) => runner.end()));

try {
  await ensureInstalled();
  await installPeers();
  const { bundle, arraysOf, randomShapes } = await bundleEngine();
  const { list } = contestants({ bundle, threads: 1, peers: ["tfjs"] });
  runners.push(...list.filter(({ name }) => name !== "tfjs-cpu").map((contestant) => new Runner(contestant)));
  const wanted = values.only?.split(",").map(Number);
  const shapes = randomShapes(Number(values.count), Number(values.seed));
  const results = [];
  for (const [i, shape] of shapes.entries()) {
    if (wanted && !wanted.includes(i + 1)) continue;
    let result = await time(shape, arraysOf, { seconds: 0.1, rounds: 3 });
    if (result.ratio < WANTED) result = await time(shape, arraysOf, { seconds: 0.6, rounds: 6 });
    results.push({ number: i + 1, title: shape.title, ...result });
    if (process.stderr.isTTY) process.stderr.write(`\r${i + 1} of ${shapes.length}`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r");
  if (values.json) console.log(JSON.stringify(results, undefined, 2));
  else print(results);
  runners.forEach((runner) => runner.end());
} catch (error) {
  fail(error);
}

async function time(workload, arraysOf, { seconds, rounds }) {
  const { file, remove } = writeArrays(workload, arraysOf);
  try {
    const results = await compare(runners, workload, { file, threads: 1, seconds, rounds });
    const [ours, peer] = [results.get("ours"), results.get("tfjs-wasm")];
    const note = ours.note ?? peer.note;
    const disturbed = ours.disturbed || peer.disturbed;
    return { ours: ours.ms, peer: peer.ms, ratio: ratioOf(ours, peer), note, disturbed };
  } finally {
    remove();
  }
}

function print(results) {
  const counted = results.filter(({ ratio }) => ratio !== undefined).sort((a, b) => a.ratio - b.ratio);
  const line = ({ number, title, ours, peer, ratio, disturbed }) =>
    `${String(number).padStart(4)}  ${ratio.toFixed(2).padStart(7)}×  ${ours.toFixed(4).padStart(10)} ms  ` +
    `${peer.toFixed(4).padStart(10)} ms  ${title}${disturbed ? " (disturbed)" : ""}`;
  const slow = counted.filter(({ ratio }) => ratio < WANTED);
  const heading = `${"no".padStart(4)}  ${"ratio".padStart(8)}  ${"Backstep".padStart(13)}  ${"tfjs-wasm".padStart(13)}`;
  console.log(`${slow.length} of ${counted.length} under ${WANTED}:\n${heading}`);
  for (const each of slow) console.log(line(each));
  const least = counted.slice(slow.length, slow.length + 5);
  if (least.length > 0) console.log(`the next:\n${least.map(line).join("\n")}`);
  const ratios = counted.map(({ ratio }) => ratio);
  if (ratios.length > 0) {
    console.log(
      `least ${ratios[0].toFixed(2)}×, median ${median(ratios).toFixed(2)}×, geometric mean ${geometricMean(ratios).toFixed(2)}×`,
    );
  }
  for (const { number, title, note } of results) if (note !== undefined) console.log(`${number}  ${title}: ${note}`);
}
