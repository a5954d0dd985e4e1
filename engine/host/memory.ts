import { readFileSync } from "node:fs";

/**
 * The memory of hosts. V8 limits each one's heap, but not the typed arrays that it makes: left alone, a program that allocates for
 * ever would take the whole editor, or the machine, with it. So the resident memory of the process is looked at a few times a
 * second. Threads share one process: each that is able to says what it holds, and what nobody owns up to is the newest's of those
 * that say nothing because they are busy.
 */
export interface MemoryWatch {
  /** What a thread says that it holds, in MiB. */
  report(held: number): void;
  /** Whether it waits, and so cannot take more. */
  rest(resting: boolean): void;
  stop(): void;
}

interface Watched {
  /** The process in which the host runs; `undefined` is this one. */
  readonly pid: number | undefined;
  /** MiB that it may take. */
  readonly limit: number;
  /** Resident MiB of the process when it started, and what the other threads said they held. */
  readonly base: number;
  readonly others: number;
  held: number;
  reported: number;
  resting: boolean;
  readonly exceeded: () => void;
}

const LOOK_MS = 200;
/** A thread that said nothing for so long is busy. */
const BUSY_MS = 1000;
const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

/** Calls `exceeded` once the host has taken more than `limit` MiB. */
export function watchMemory(pid: number | undefined, limit: number, exceeded: () => void): MemoryWatch {
  const base = pid === undefined ? residentMiB(pid) : 0;
  const entry: Watched = {
    pid,
    limit,
    base,
    others: heldByOthers(undefined),
    held: 0,
    reported: -Infinity,
    resting: false,
    exceeded,
  };
  watched.add(entry);
  timer ??= setInterval(look, LOOK_MS).unref();
  return {
    report(held) {
      entry.held = held;
      entry.reported = performance.now();
    },
    rest(resting) {
      entry.resting = resting;
    },
    stop() {
      watched.delete(entry);
      if (watched.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function look(): void {
  const over = [...watched].filter((entry) => {
    if (entry.pid !== undefined) return residentMiB(entry.pid) > entry.limit;
    if (!isBusy(entry)) return entry.held > entry.limit;
    const grown = residentMiB(undefined) - entry.base - (heldByOthers(entry) - entry.others);
    return grown > entry.limit;
  });
  const [latest] = over.slice(-1);
  if (!latest) return;
  watched.delete(latest);
  latest.exceeded();
}

function isBusy({ resting, reported }: Watched): boolean {
  return !resting && performance.now() - reported > BUSY_MS;
}

function heldByOthers(entry: Watched | undefined): number {
  return [...watched].reduce((sum, each) => (each === entry || each.pid !== undefined ? sum : sum + each.held), 0);
}

/** Of another process only Linux tells; elsewhere its own end by the system is the limit. */
function residentMiB(pid: number | undefined): number {
  if (pid === undefined) return process.memoryUsage.rss() / 2 ** 20;
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kibibytes === undefined ? 0 : Number(kibibytes) / 2 ** 10;
  } catch {
    return 0;
  }
}
