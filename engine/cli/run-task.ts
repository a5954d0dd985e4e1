import { type HostMessage, type Task, startHost } from "../api/host";

export interface HostListener {
  onMessage(message: HostMessage): void;
  /** Called before a failure's line goes to stderr. */
  onFailure?(message: string): void;
}

/** Exit codes of the contract: a mistake on the command line, stopped by a signal. */
const USAGE = 2;
const INTERRUPTED = 130;

/** Runs one task in a host of its own, and returns the exit code: 0, 1 for a mistake in the program, 2 for one on the command line. */
export async function runTask(task: Task, json: boolean, listener: HostListener): Promise<number> {
  /** Whether it trains, and looks for a wish to stop between iterations. */
  let trains = false;
  let asked = false;
  const host = startHost({
    // A driver of the graphics card may bring its process down.
    kind: task.kind === "train" && task.device === "webgpu" ? "process" : "thread",
    script: new URL("./worker.mjs", import.meta.url),
    task,
    // What the user's code prints must not mix with machine-readable output, and a check runs nothing worth printing.
    onOutput: task.kind === "check" ? () => undefined : json ? (text) => process.stderr.write(text) : undefined,
    onMessage: (message) => {
      if (message.kind === "alive") trains = task.kind === "train";
      else if (message.kind === "note") process.stderr.write(`backstep: ${message.message}\n`);
      else listener.onMessage(message);
    },
  });
  const onSignal = (): void => {
    // Of a training the first signal asks to save and stop, the second stops at once.
    if (!trains || asked) return host.kill();
    asked = true;
    process.stderr.write("\nbackstep: stopping after this iteration (again to stop at once)\n");
    host.stop();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    const { exitCode, failure } = await host.ended;
    if (failure === null || exitCode === INTERRUPTED) return exitCode;
    if (exitCode !== USAGE) listener.onFailure?.(failure);
    process.stderr.write(`backstep: ${failure}\n`);
    return exitCode;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
