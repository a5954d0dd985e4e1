import { skipped } from "../check/predict";
import type { Prediction } from "../check/records";
import type { Host, HostEnd } from "./client";
import type { CheckOrder, CheckResult, HostMessage } from "./messages";

/** Checks while one types: warm hosts that take one check after the other, and are replaced when user code has harmed them. */
export interface LiveChecker {
  /** Asks for a check. What was asked before and is wanted no more is to be abandoned by who asked. */
  check(order: CheckOrder, heard: Heard): { abandon(): void };
  /** Ends all hosts. */
  close(): void;
}

export interface Heard {
  checked(result: CheckResult): void;
  predicted?(prediction: Prediction): void;
  /** The host ended before it could answer: an endless loop, a full memory. The text is for the user. */
  failed(failure: string): void;
}

/** Starts a host with a live task. */
export type StartLive = (onMessage: (message: HostMessage) => void) => Host;

/** How long a check may keep others waiting before a second host helps out, and before an abandoned one is ended. */
const PATIENCE_MS = 200;
const MOST_HOSTS = 2;
/** Checks after which a host is replaced: what user code leaves in memory must not pile up. */
const CHECKS_PER_HOST = 500;

interface Job {
  readonly ticket: number;
  readonly order: CheckOrder;
  readonly heard: Heard;
  abandoned: boolean;
  /** Its report is out; what fails now is the prediction alone. */
  answered: boolean;
}

interface Worker {
  readonly host: Host;
  job: Job | undefined;
  checks: number;
}

/** Nothing is started before the first check. */
export function createLiveChecker(start: StartLive): LiveChecker {
  const workers = new Set<Worker>();
  const queue: Job[] = [];
  let tickets = 0;
  let closed = false;
  let impatience: NodeJS.Timeout | undefined;

  function add(): Worker {
    const worker: Worker = { host: start((message) => hear(worker, message)), job: undefined, checks: 0 };
    workers.add(worker);
    void worker.host.ended.then((end) => gone(worker, end));
    return worker;
  }

  function hear(worker: Worker, message: HostMessage): void {
    const { job } = worker;
    if (!job || !("ticket" in message) || message.ticket !== job.ticket) return;
    switch (message.kind) {
      case "checked":
        job.answered = true;
        if (!job.abandoned) job.heard.checked(message.result);
        return;
      case "predicted":
        if (!job.abandoned) job.heard.predicted?.(message.prediction);
        return;
      case "rested":
        worker.job = undefined;
        if (!message.clean || worker.checks >= CHECKS_PER_HOST) replace(worker);
        return pump();
      default:
        return;
    }
  }

  function gone(worker: Worker, { failure }: HostEnd): void {
    workers.delete(worker);
    const { job } = worker;
    worker.job = undefined;
    if (job && !job.abandoned && !closed) {
      const reason = failure ?? "the check was ended";
      if (job.answered) job.heard.predicted?.(skipped(reason));
      else job.heard.failed(reason);
    }
    pump();
  }

  function replace(worker: Worker): void {
    workers.delete(worker);
    worker.host.kill();
    if (!closed && workers.size === 0) add();
  }

  function pump(): void {
    if (closed) return;
    while (queue.length > 0) {
      const idle = [...workers].find(({ job }) => job === undefined) ?? (workers.size === 0 ? add() : undefined);
      if (!idle) break;
      const job = queue.shift() as Job;
      idle.job = job;
      idle.checks++;
      idle.host.order({ kind: "check", ticket: job.ticket, order: job.order });
    }
    if (queue.length > 0) return void (impatience ??= setTimeout(grow, PATIENCE_MS));
    clearTimeout(impatience);
    impatience = undefined;
  }

  /** Work has waited too long: what is wanted no more makes room, else a second host helps out. */
  function grow(): void {
    impatience = undefined;
    if (queue.length === 0) return;
    const useless = [...workers].find(({ job }) => job?.abandoned);
    if (useless) {
      workers.delete(useless);
      useless.job = undefined;
      useless.host.kill();
    }
    if (workers.size < MOST_HOSTS) add();
    pump();
  }

  return {
    check(order, heard) {
      const job: Job = { ticket: tickets++, order, heard, abandoned: false, answered: false };
      queue.push(job);
      pump();
      return {
        abandon() {
          if (job.abandoned) return;
          job.abandoned = true;
          const at = queue.indexOf(job);
          if (at >= 0) return void queue.splice(at, 1);
          const worker = [...workers].find((each) => each.job === job);
          worker?.host.order({ kind: "abandon", ticket: job.ticket });
        },
      };
    },
    close() {
      closed = true;
      clearTimeout(impatience);
      queue.length = 0;
      for (const { host } of workers) host.kill();
    },
  };
}
