import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import {
  type CheckCommand,
  type Command,
  HELP,
  type TraceCommand,
  type TrainCommand,
  UsageError,
  parseCommand,
} from "./arguments";
import type { WorkerMessage, WorkerTask } from "./messages";
import { printReport } from "./print-check";
import { createProgress } from "./print-train";
import { printRecords } from "./print-trace";
import { VERSION } from "./version";

/** The `backstep` command. User code runs in a worker thread; this thread prints, times and interrupts. */

// A reader that has seen enough (`backstep … | head`) closes the pipe; that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`backstep: ${error.message}\n`);
    return 2;
  }
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return 0;
    case "version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case "check":
      return check(command);
    case "train":
      return train(command);
    case "trace":
      return trace(command);
    default:
      return command satisfies never;
  }
}

async function check(command: CheckCommand): Promise<number> {
  let worst = 0;
  for (const file of command.files) {
    const code = await runWorker({ ...command, file }, (message) => {
      if (message.kind === "report") process.stdout.write(printReport(file, message.report, command.json));
    });
    worst = Math.max(worst, code);
  }
  return worst;
}

async function train(command: TrainCommand): Promise<number> {
  const progress = createProgress(command.json, process.stdout);
  return runWorker(command, (message) => {
    if (message.kind === "event") progress.show(message.event);
  }).finally(() => progress.end());
}

async function trace(command: TraceCommand): Promise<number> {
  return runWorker(command, (message) => {
    if (message.kind === "records") process.stdout.write(printRecords(message.records, command.json));
  });
}

/** Runs one command in a worker thread and returns the exit code. */
async function runWorker(command: WorkerTask["command"], onMessage: (message: WorkerMessage) => void): Promise<number> {
  if (!existsSync(command.file)) {
    process.stderr.write(`backstep: ${command.file}: there is no such file\n`);
    return 2;
  }
  const interrupt = new SharedArrayBuffer(4);
  const data: WorkerTask = { command, assets: fileURLToPath(new URL("./assets", import.meta.url)), interrupt };
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
    workerData: data,
    // What the user's code prints must not mix with machine-readable output, and a check runs nothing worth printing.
    stdout: command.json || command.kind === "check",
  });
  if (command.kind === "check") worker.stdout.resume();
  else if (command.json) worker.stdout.pipe(process.stderr, { end: false });
  let interrupts = 0;
  const onInterrupt = (): void => {
    // The first asks to save and stop, the second stops at once.
    if (++interrupts > 1) process.exit(130);
    Atomics.store(new Int32Array(interrupt), 0, 1);
    process.stderr.write("\nbackstep: stopping after this iteration (again to stop at once)\n");
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  try {
    return await new Promise<number>((resolve) => {
      let finished = false;
      const finish = (code: number): void => {
        finished = true;
        clearTimeout(limit);
        resolve(code);
      };
      const limit = setTimeout(() => {
        process.stderr.write(
          `backstep: ${command.file}: its code did not finish within ${command.timeLimit} s; look for an endless loop at the top level or in forward, or allow more with --time-limit\n`,
        );
        finish(1);
      }, command.timeLimit * 1000);
      worker.on("message", (message: WorkerMessage) => {
        if (finished) return;
        if (message.kind === "alive") clearTimeout(limit);
        else if (message.kind === "failure") {
          process.stderr.write(`backstep: ${message.message}\n`);
          finish(message.exitCode);
        } else if (message.kind === "done") finish(message.exitCode);
        else onMessage(message);
      });
      worker.on("error", (error) => {
        process.stderr.write(`backstep: ${command.file}: ${describeCrash(error)}\n`);
        finish(1);
      });
      worker.on("exit", (code) => {
        if (finished) return;
        process.stderr.write(`backstep: ${command.file}: the program ended itself (process.exit ${code})\n`);
        finish(code === 0 ? 1 : code);
      });
    });
  } finally {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onInterrupt);
    await worker.terminate();
  }
}

function describeCrash(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return "the program ran out of memory; make the model or the batch smaller";
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
