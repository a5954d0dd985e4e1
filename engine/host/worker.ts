import { resolve } from "node:path";
import { isMainThread } from "node:worker_threads";
import { setDataFiles } from "../train/execute";
import { IssuesError } from "../train/failures";
import { openChannel } from "./channel";
import { Failure, describeInternal, userFailure } from "./failure";
import type { HostRequest, LoaderRequest, Task } from "./messages";
import { createNodeFiles } from "./node-files";
import { locateUser } from "./program";
import { type Session, createSession } from "./session";
import { check } from "./tasks/check";
import { compareDevices } from "./tasks/devices";
import { checkLive } from "./tasks/live";
import { checkModelGradients } from "./tasks/gradients";
import { findRate } from "./tasks/rate";
import { serveBatches } from "./tasks/serve-batches";
import { trace } from "./tasks/trace";
import { train } from "./tasks/train";
import { setVectorFlags } from "./vector-flags";

/**
 * The engine host's program, a worker thread or a child process: the user's code runs here, so that who started it can always
 * answer, time it and end it.
 */

// The engine's own frames must not push the user's off the stack.
Error.stackTraceLimit = 100;

// The process of a child is the engine's alone.
if (isMainThread) setVectorFlags();

// A thread's `process.exit` ends the thread; a signal to itself would end the editor.
if (!isMainThread) {
  const kill = process.kill.bind(process);
  process.kill = (pid, signal) => {
    if (pid !== process.pid) return kill(pid, signal);
    throw new Error(
      "process.kill: a model file runs inside the editor and may not end its process; use process.exit()",
    );
  };
}

const channel = openChannel();
let session: Session | undefined;
let receive: ((request: HostRequest) => void) | undefined;
let answerBatch: Promise<(request: LoaderRequest) => void> | undefined;

channel.listen((request) => {
  if (!("kind" in request))
    return void answerBatch?.then(
      (answer) => answer(request),
      () => undefined,
    );
  if (request.kind !== "task") return receive?.(request);
  ({ session, receive } = createSession(request.task, channel));
  // Waiting for messages alone keeps no host alive: a program that waits for nothing is found out.
  channel.hold(false);
  const running = session;
  const main = async (): Promise<void> => {
    setDataFiles(createNodeFiles(resolve(request.task.file), running.assets));
    if (!request.loader) return carryOut(request.task, running);
    channel.hold(true);
    answerBatch = serveBatches(running, channel);
    await answerBatch;
  };
  main().catch(reportFailure);
  if (!request.loader) process.once("beforeExit", () => reportFailure(new Failure(waitsForNothing(request.task))));
});

function carryOut(task: Task, running: Session): Promise<void> {
  switch (task.kind) {
    case "check":
      return check(task, running);
    case "live":
      return checkLive(running, channel);
    case "train":
      return train(task, running);
    case "trace":
      return trace(task, running);
    case "gradients":
      return checkModelGradients(task, running);
    case "rate":
      return findRate(task, running);
    case "devices":
      return compareDevices(task, running);
    default:
      return task satisfies never;
  }
}

function waitsForNothing({ file }: Task): string {
  return `${file}: it waits for a promise that nothing will fulfil; look at its \`await\`s`;
}

// What user code leaves behind: promises that nobody awaits, timers that throw.
process.on("unhandledRejection", (reason) => reportStray(reason, " (in a promise that nobody awaits)"));
process.on("uncaughtException", (error) => reportStray(error, ""));

function reportFailure(error: unknown): void {
  if (error instanceof IssuesError) session?.send({ kind: "failure", message: error.message, exitCode: 1 });
  else if (error instanceof Failure)
    session?.send({ kind: "failure", message: error.message, exitCode: error.exitCode });
  else session?.send({ kind: "failure", message: describeInternal(error), exitCode: 1 });
}

function reportStray(error: unknown, how: string): void {
  // What an earlier text left behind is no fault of the one that is checked now; the host is replaced after it.
  if (!session || session.task.kind === "live") return;
  const file = resolve(session.task.file);
  const failure = userFailure(error, { file, files: [file], locate: locateUser });
  reportFailure(failure instanceof Failure ? new Failure(failure.message + how, failure.exitCode) : failure);
}
