import {
  type CheckCommand,
  type Command,
  HELP,
  type TraceCommand,
  type TrainCommand,
  UsageError,
  parseCommand,
} from "./arguments";
import { emptyReport } from "../check/records";
import { setVectorFlags } from "../host/vector-flags";
import { serveDebugAdapter } from "./dap";
import { printReport } from "./print-check";
import { createProgress } from "./print-train";
import { printRecords } from "./print-trace";
import { runTask } from "./run-task";
import { VERSION } from "./version";

/** The `backstep` command. User code runs in an engine host (see run-task.ts); this thread prints. */

// A reader that has seen enough (`backstep … | head`) closes the pipe; that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// For the host, which is a thread of this process.
setVectorFlags();

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
    case "dap":
      return serveDebugAdapter(command.timeLimit);
    default:
      return command satisfies never;
  }
}

async function check(command: CheckCommand): Promise<number> {
  let worst = 0;
  for (const file of command.files) {
    const code = await runTask({ kind: "check", file, timeLimit: command.timeLimit }, command.json, {
      onMessage: (message) => {
        if (message.kind === "report") process.stdout.write(printReport(file, message.report, command.json));
      },
      // Whoever reads JSON gets an object for each file, also where the check could not be finished.
      onFailure: (message) => {
        if (!command.json) return;
        const issue = { code: "program", severity: "error", message } as const;
        process.stdout.write(printReport(file, { ...emptyReport, issues: [issue] }, true));
      },
    });
    worst = Math.max(worst, code);
  }
  return worst;
}

async function train(command: TrainCommand): Promise<number> {
  const progress = createProgress(command.json, process.stdout);
  const { file, timeLimit, device, threads, epochs, seed, maxSteps, out, resume } = command;
  const task = {
    kind: "train",
    report: "events",
    file,
    timeLimit,
    device,
    threads,
    epochs,
    seed,
    maxSteps,
    out,
    resume,
  } as const;
  return runTask(task, command.json, {
    onMessage: (message) => {
      if (message.kind === "event") progress.show(message.event);
    },
    onFailure: () => progress.end(),
  }).finally(() => progress.end());
}

async function trace(command: TraceCommand): Promise<number> {
  const { json, ...task } = command;
  return runTask(task, json, {
    onMessage: (message) => {
      if (message.kind === "records") process.stdout.write(printRecords(message.records, command.json));
    },
  });
}
