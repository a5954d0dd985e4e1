import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { WorkerMessage, WorkerTask } from "./messages";
import { describeFileError } from "./node-files";

export interface WorkerListener {
  onMessage(message: WorkerMessage): void;
  /** Called before a failure's line goes to stderr. */
  onFailure?(message: string): void;
}

/** Exit codes of the contract: all went well, the program has a mistake, the command line has one, stopped by a signal. */
const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;

/** Node fires a timer at once that is longer than this. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Runs one command in a worker thread, with a time limit on the user's code, and returns the exit code. */
export async function runWorker(command: WorkerTask["command"], listener: WorkerListener): Promise<number> {
  const problem = fileProblem(command.file);
  if (problem !== undefined) {
    process.stderr.write(`backstep: ${problem}\n`);
    return USAGE;
  }
  const interrupt = new SharedArrayBuffer(4);
  const worker = startWorker(command, interrupt);
  let stop: () => void = () => undefined;
  const onSignal = (): void => stop();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await new Promise<number>((resolve) => {
      let finished = false;
      let limit: NodeJS.Timeout | undefined;
      /** Whether the worker looks at the interrupt flag between iterations. */
      let trains = false;
      const finish = (code: number): void => {
        finished = true;
        clearTimeout(limit);
        resolve(code);
      };
      const fail = (message: string, code = FAILED): void => {
        if (finished) return;
        listener.onFailure?.(message);
        process.stderr.write(`backstep: ${message}\n`);
        finish(code);
      };
      const startLimit = (what: string): void => {
        clearTimeout(limit);
        limit = setTimeout(
          () =>
            fail(
              `${command.file}: ${what} did not finish within ${command.timeLimit} s; look for an endless loop, or allow more with --time-limit`,
            ),
          Math.min(LONGEST_TIMER, command.timeLimit * 1000),
        );
      };
      stop = () => {
        // Of a training the first signal asks to save and stop, the second stops at once.
        if (!trains || Atomics.exchange(new Int32Array(interrupt), 0, 1) !== 0) return finish(INTERRUPTED);
        process.stderr.write("\nbackstep: stopping after this iteration (again to stop at once)\n");
      };
      startLimit("its top-level code");
      worker.on("message", (message: WorkerMessage) => {
        if (finished) return;
        switch (message.kind) {
          case "limited":
            return startLimit(message.what);
          case "alive":
            trains = command.kind === "train";
            return clearTimeout(limit);
          case "note":
            return void process.stderr.write(`backstep: ${message.message}\n`);
          case "failure":
            return fail(message.message, message.exitCode);
          case "done":
            return finish(message.exitCode);
          default:
            return listener.onMessage(message);
        }
      });
      worker.on("error", (error) => fail(describeCrash(command.file, error)));
      worker.on("exit", (code) => fail(`${command.file}: the program ended itself with process.exit(${code})`));
    });
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    await worker.terminate();
  }
}

function fileProblem(file: string): string | undefined {
  try {
    return statSync(file).isDirectory() ? `${file}: this is a folder, a model file is needed` : undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "ENOENT" || code === "ENOTDIR"
      ? `${file}: there is no such file`
      : describeFileError(error, file, file);
  }
}

function startWorker(command: WorkerTask["command"], interrupt: SharedArrayBuffer): Worker {
  const data: WorkerTask = { command, assets: fileURLToPath(new URL("./assets", import.meta.url)), interrupt };
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
    workerData: data,
    // What the user's code prints must not mix with machine-readable output, and a check runs nothing worth printing.
    stdout: command.json || command.kind === "check",
  });
  if (command.kind === "check") worker.stdout.resume();
  else if (command.json) worker.stdout.pipe(process.stderr, { end: false });
  return worker;
}

/** The worker answers for what user code throws; what arrives here ended the thread itself. */
function describeCrash(file: string, error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    return `${file}: the program ran out of memory; make the model or the batch smaller, or look for a list that grows without end`;
  }
  return `${file}: internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
