import { readFileSync } from "node:fs";

/**
 * The memory of hosts. V8 limits each one's heap, but not the typed arrays that it makes: left alone, a program that allocates for
 * ever would take the whole editor, or the machine, with it. So the resident memory of the process is looked at a few times a
 * second.
 */

interface Watched {
  /** The process in which the host runs; `undefined` is this one. */
  readonly pid: number | undefined;
  /** MiB that it may add. */
  readonly limit: number;
  /** Resident MiB of the process when it started. */
  readonly base: number;
  readonly exceeded: () => void;
}

const LOOK_MS = 200;
const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

/** Calls `exceeded` once the process has grown by more than `limit` MiB. @returns what ends the watch */
export function watchMemory(pid: number | undefined, limit: number, exceeded: () => void): () => void {
  const entry: Watched = { pid, limit, base: pid === undefined ? residentMiB(pid) : 0, exceeded };
  watched.add(entry);
  timer ??= setInterval(look, LOOK_MS).unref();
  return () => {
    watched.delete(entry);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Of several threads the one that began last is held to be the one that grows: the others ran well before it. */
function look(): void {
  const over = [...watched].filter(({ pid, base, limit }) => residentMiB(pid) - base > limit);
  const [latest] = over.slice(-1);
  if (!latest) return;
  watched.delete(latest);
  latest.exceeded();
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
