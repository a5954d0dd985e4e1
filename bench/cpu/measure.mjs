/**
 * Measures contestants side by side: in each round every one runs for a moment, so that whatever slows the machine slows all.
 * A moment that others disturbed is repeated. Where a busy machine leaves no other, processor time is taken instead of that on
 * the clock if the contestants have one thread, else the quicker samples; and the row is marked.
 */
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { TooSlow } from "./contestants.mjs";

/** Seconds that a contestant may take to load a workload and do its first steps. */
const PATIENCE = 40;
/** A contestant that needs longer for a step is not measured again: what its first steps took is its figure. */
const SLOW_MS = 2000;
/** A sample lasts at least this long. */
const SAMPLE_MS = 2;
/** Samples of a quiet moment hardly differ: third quartile over first. */
const MOST_SPREAD = 1.3;
/** Cores that others may use beyond those that are left over. */
const OTHERS = 0.3;
/** Relative difference of what is compared. */
const TOLERANCE = 1e-3;

/**
 * Each contestant on one workload.
 * @returns by name: {ms, rounds}, the median of its rounds and these, `disturbed` if others disturbed all; or {note} why it has none
 */
export async function compare(runners, workload, { file, threads, seconds, rounds }) {
  const results = new Map();
  const ready = [];
  for (const runner of runners) {
    const result = { rounds: [] };
    results.set(runner.name, result);
    try {
      const { unsupported, info } = await runner.ask({ do: "load", workload, file }, PATIENCE);
      result.info = info;
      if (unsupported !== undefined) {
        result.note = unsupported;
        continue;
      }
      const { numbers, ms } = await runner.ask({ do: "check" }, PATIENCE);
      Object.assign(result, { numbers, checkMs: ms / (workload.task.kind === "training" ? numbers.length : 1) });
      ready.push({ runner, result });
    } catch (error) {
      result.note = error.message;
      if (!(error instanceof TooSlow)) runner.end();
    }
  }
  judge(ready, workload);
  const agreed = ready.filter(({ result }) => result.note === undefined);
  for (const each of agreed) await warmUp(each, seconds);
  const fast = agreed.filter(({ result }) => result.steps !== undefined);
  await measure(fast, { threads, seconds, rounds });
  for (const { result } of agreed) result.ms = median(result.rounds.map(({ ms }) => ms));
  return results;
}

/** Peer's time over ours: the median over rounds, as both were measured at nearly the same moment. */
export function ratioOf(ours, peer) {
  if (ours?.ms === undefined || peer?.ms === undefined) return undefined;
  const pairs = peer.rounds.flatMap(({ round, ms }) => {
    const own = ours.rounds.find((each) => each.round === round);
    return own ? [ms / own.ms] : [];
  });
  return pairs.length > 0 ? median(pairs) : peer.ms / ours.ms;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Whoever computes something else than most is out. */
function judge(ready, { task }) {
  if (ready.length === 0) return;
  const typical = ready[0].result.numbers.map((_, i) => median(ready.map(({ result }) => result.numbers[i])));
  // A sum near 0 is as exact as its terms, so single elements are compared on the scale of all.
  const scale = task.kind === "training" ? 0 : typical[0];
  for (const { result } of ready) {
    const error = Math.max(
      ...result.numbers.map((value, i) => Math.abs(value - typical[i]) / Math.max(Math.abs(typical[i]), scale)),
    );
    if (!(error <= TOLERANCE)) {
      const shown = result.numbers.slice(0, 3).map((value) => Number(value).toPrecision(5));
      result.note = `computes something else: ${shown.join(", ")}`;
    }
  }
}

/** Lets compilers do their work, and finds out how many steps make a sample. */
async function warmUp({ runner, result }, seconds) {
  if (result.checkMs > SLOW_MS) {
    result.rounds.push({ round: -1, ms: result.checkMs });
    return;
  }
  const until = performance.now() + seconds * 500;
  let fastest = Infinity;
  let samples = 1;
  do {
    const { ms } = await runner.ask({ do: "run", steps: 1, samples }, PATIENCE);
    fastest = Math.min(fastest, ...ms);
    samples = Math.min(1000, Math.ceil(50 / Math.max(fastest, 0.001)));
  } while (performance.now() < until);
  result.steps = Math.max(1, Math.ceil(SAMPLE_MS / Math.max(fastest, 1e-5)));
  result.samples = Math.max(1, Math.round((seconds * 1000) / Math.max(fastest, 1e-5) / result.steps));
}

/** Adds rounds to the results; those of a contestant that never had a quiet moment are marked. */
async function measure(fast, { threads, seconds, rounds }) {
  const quiet = availableParallelism() - threads + OTHERS;
  await waitForQuiet(quiet);
  const wanted = new Map(fast.map((each) => [each, Array.from({ length: rounds }, (_, round) => round)]));
  const poor = new Map(fast.map((each) => [each, []]));
  const spent = new Map(fast.map((each) => [each, 0]));
  for (let attempt = 0; attempt < 2 * rounds && fast.some((each) => wanted.get(each).length > 0); attempt++) {
    // Another begins each time: the first after a pause may find the processor in another state.
    const order = fast.map((_, i) => fast[(i + attempt) % fast.length]);
    for (const each of order) {
      const { runner, result } = each;
      const [round] = wanted.get(each);
      if (round === undefined) continue;
      const samples = Math.max(1, Math.round(result.samples / rounds));
      const before = busyTime();
      const began = performance.now();
      let answer;
      try {
        answer = await runner.ask({ do: "run", steps: result.steps, samples }, PATIENCE);
      } catch (error) {
        result.note = error.message;
        wanted.set(each, []);
        continue;
      }
      const wall = performance.now() - began;
      spent.set(each, spent.get(each) + wall);
      const others = (busyTime() - before - answer.cpu) / wall;
      const isDisturbed = (others > quiet && wall > 50) || spread(answer.ms) > MOST_SPREAD;
      if (isDisturbed) poor.get(each).push({ round, ms: undisturbed(answer, { steps: result.steps, threads }) });
      else result.rounds.push({ round, ms: median(answer.ms) });
      if (!isDisturbed || attempt >= rounds) wanted.get(each).shift();
      if (spent.get(each) > 3 * seconds * 1000) wanted.set(each, []);
    }
  }
  for (const each of fast) {
    const { result } = each;
    if (result.rounds.length > 0 || result.note !== undefined) continue;
    result.rounds.push(...poor.get(each));
    result.disturbed = true;
  }
}

/** Waits until others leave as many cores as are wanted, but not for ever: what is measured then is marked. */
async function waitForQuiet(quiet) {
  for (const until = performance.now() + 15_000; performance.now() < until;) {
    const before = busyTime();
    const began = performance.now();
    await sleep(150);
    if ((busyTime() - before) / (performance.now() - began) <= quiet) return;
  }
}

/** Milliseconds of work of all processors since the machine started. */
function busyTime() {
  return cpus().reduce((total, { times }) => total + times.user + times.nice + times.sys + times.irq, 0);
}

/** What a step of a disturbed moment would have taken. */
function undisturbed({ ms, cpu }, { steps, threads }) {
  const quick = percentile(ms, 0.2);
  return threads === 1 ? Math.min(quick, cpu / (ms.length * steps)) : quick;
}

function spread(samples) {
  return samples.length < 5 ? 1 : percentile(samples, 0.75) / percentile(samples, 0.25);
}

function percentile(samples, part) {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
