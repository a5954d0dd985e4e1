/**
 * How fast the engine computes on a CPU, beside other libraries: `node bench/cpu.mjs`. The same work on the same numbers, each
 * contestant in its own process, all in turns; milliseconds per step, and how many times as long a peer takes.
 *
 *   --only=mlp,lenet      workloads whose names begin so
 *   --peers=none          or some of torch, jax, tfjs; all by default
 *   --threads=1           threads of PyTorch and of the engine
 *   --seconds=1           that each contestant is measured on each workload
 *   --rounds=5            turns in which it is
 *   --json                the results as JSON
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { PlainError, ensureInstalled, fail } from "../scripts/ensure.mjs";
import { Runner, contestants } from "./cpu/contestants.mjs";
import { compare, ratioOf } from "./cpu/measure.mjs";
import { bundleEngine, installPeers, writeArrays } from "./cpu/prepare.mjs";
import { describeContestants, describeFigures, describeMeans, header, row } from "./cpu/table.mjs";

const PEERS = ["torch", "jax", "tfjs"];
/** Trainings whose layer figures are timed, too. */
const WITH_STATISTICS = ["mlp-64", "lenet-64", "transformer", "lstm"];

const runners = [];
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
process.once("exit", endAll);

try {
  const options = readOptions();
  await ensureInstalled();
  if (options.peers.some((name) => name !== "torch")) await installPeers();
  const report = await run(options);
  if (options.json) console.log(JSON.stringify(report, undefined, 2));
  endAll();
} catch (error) {
  fail(error);
}

async function run(options) {
  const { bundle, workloads, arraysOf } = await bundleEngine();
  const chosen = workloads().filter(({ name }) => options.only.some((start) => name.startsWith(start)));
  if (chosen.length === 0) throw new PlainError(`no workload begins with ${options.only.join(" or ")}`);
  const { list, absent, withStatistics } = contestants({ ...options, bundle });
  const print = options.json ? () => undefined : (line) => console.log(line);
  print(
    `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores · Node ${process.versions.node} · ` +
      `${options.threads} thread${options.threads > 1 ? "s" : ""} · ${new Date().toISOString().slice(0, 16)}`,
  );
  for (const line of absent) print(`absent: ${line}`);
  print(header(list));
  const rows = [];
  let group;
  for (const workload of chosen) {
    if (group !== groupOf(workload)) {
      endAll();
      group = groupOf(workload);
      runners.push(...list.map((contestant) => new Runner(contestant)));
    }
    const extra = WITH_STATISTICS.includes(workload.name) ? [new Runner(withStatistics)] : [];
    runners.push(...extra);
    const made = await measureOne(runners, workload, { ...options, arraysOf });
    if (extra.length > 0) runners.pop().end();
    rows.push(made);
    print(row(made, list));
  }
  print(describeMeans(rows, list));
  print(describeFigures(rows));
  print(describeContestants(rows, list));
  return { node: process.versions.node, threads: options.threads, absent, rows };
}

async function measureOne(all, workload, { arraysOf, threads, seconds, rounds }) {
  const { file, remove } = writeArrays(workload, arraysOf);
  try {
    const results = await compare(all, workload, { file, threads, seconds, rounds });
    const ours = results.get("ours");
    const figures =
      ours.ms !== undefined && workload.task.kind === "training" ? await figuresOf(workload, file) : undefined;
    const { name, title, task, operations, bytes } = workload;
    const measured = Array.from(results, ([who, { ms, note, info, disturbed }]) => [
      who,
      { ms, note, info, disturbed, ratio: who === "ours" ? undefined : ratioOf(ours, results.get(who)) },
    ]);
    return {
      name,
      title,
      kind: task.kind,
      task,
      operations,
      bytes,
      figures,
      results: Object.fromEntries(measured),
    };
  } finally {
    remove();
  }
}

/** Tracing and planning are timed in a process that has done neither before, and in one that has. */
async function figuresOf(workload, file) {
  const fresh = new Runner(runners[0]);
  try {
    const { figures } = await firstFigures(fresh, workload, file);
    const { figures: again } = await firstFigures(fresh, workload, file);
    return { ...figures, traceAgain: again.trace, planAgain: again.plan, compileAgain: again.compile };
  } finally {
    fresh.end();
  }
}

async function firstFigures(runner, workload, file) {
  await runner.ask({ do: "load", workload, file }, 60);
  return runner.ask({ do: "figures" }, 60);
}

/** Workloads of a group share processes; each training has its own, as it would have. */
function groupOf({ name, task }) {
  return task.kind === "training" ? name : name.split("-")[0];
}

function endAll() {
  for (const runner of runners.splice(0)) runner.end();
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      peers: { type: "string", default: PEERS.join(",") },
      threads: { type: "string", default: "1" },
      seconds: { type: "string", default: "1" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const peers = values.peers === "none" ? [] : values.peers.split(",");
  const unknown = peers.find((name) => !PEERS.includes(name));
  if (unknown !== undefined)
    throw new PlainError(`--peers: there is no ${unknown}; the peers are ${PEERS.join(", ")}, or none`);
  const number = (name, least) => {
    const value = Number(values[name]);
    if (!(value >= least)) throw new PlainError(`--${name} must be a number from ${least}, got ${values[name]}`);
    return value;
  };
  return {
    only: values.only.split(","),
    peers,
    threads: Math.floor(number("threads", 1)),
    seconds: number("seconds", 0.05),
    rounds: Math.floor(number("rounds", 1)),
    json: values.json,
  };
}
