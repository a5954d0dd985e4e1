import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { statSync } from "node:fs";
import type { DebugReply, DebugRequest, DebugResults } from "../debug/requests";
import type { Look, LookResult } from "../view/looks";
import { watchMemory } from "./memory";
import { describeFileError } from "./node-files";
import type { ExitCode, HostMessage, HostRequest, Task } from "./messages";

/** A host from outside: how it is started, told, timed and ended. */

export interface HostOptions {
  /** A worker thread of this process, or a process of its own. */
  readonly kind: "thread" | "process";
  /** The host's program: `host.mjs` beside its `assets/`. */
  readonly script: URL;
  readonly task: Task;
  /** Whatever it says, but for answers to looks and how it ended. */
  readonly onMessage: (message: HostMessage) => void;
  /** Text that user code printed; without it, it goes where this process prints. */
  readonly onOutput?: (text: string) => void;
  /** MiB of memory that the task may fill. Default 4096. */
  readonly memoryLimit?: number;
  /** Where the user sets the time limit, for the message. Default `--time-limit`. */
  readonly timeSetting?: string;
  /** Node's program, for a process; by default that of this process. */
  readonly execPath?: string;
}

/** How a host ended; `failure` is for the user to read. */
export interface HostEnd {
  readonly exitCode: ExitCode;
  readonly failure: string | null;
}

export interface Host {
  pause(): void;
  resume(): void;
  /** Asks it to save and end; a host that does not react within a few seconds is ended. */
  stop(): void;
  /** After a training's end, or at once: it is needed no more. */
  close(): void;
  /** Ends it without saving. */
  kill(): void;
  /** To a live host. */
  order(request: Extract<HostRequest, { readonly kind: "check" | "abandon" }>): void;
  /** Rejects never: what cannot be answered is `nothing` with a reason. */
  look(look: Look): Promise<LookResult>;
  /** Asks a training's debugger. Rejects with words for the user. */
  debug<R extends DebugRequest>(request: R): Promise<DebugResults[R["kind"]]>;
  /** Has a debugged training write a checkpoint of where it stands into this file. Rejects with words for the user. */
  keep(path: string): Promise<void>;
  readonly ended: Promise<HostEnd>;
}

/** MiB. */
const DEFAULT_MEMORY = 4096;
/** How long a host may take to save and end once it was asked to. */
const GRACE_MS = 10_000;
/** Node fires a timer at once that is longer than this. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Starts a host and hands it its task. Never throws: what goes wrong is in `ended`. */
export function startHost(options: HostOptions): Host {
  const { task, onMessage } = options;
  const memoryLimit = options.memoryLimit ?? DEFAULT_MEMORY;
  const looks = new Map<number, (result: LookResult) => void>();
  const questions = new Map<number, (reply: DebugReply) => void>();
  const keeping = new Map<number, (failure: string | null) => void>();
  let tickets = 0;
  let finished = false;
  let limit: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let settle: (end: HostEnd) => void = () => undefined;
  const ended = new Promise<HostEnd>((resolve) => (settle = resolve));

  const finish = (exitCode: ExitCode, failure: string | null): void => {
    if (finished) return;
    finished = true;
    clearTimeout(limit);
    clearTimeout(grace);
    memory.stop();
    for (const resolve of looks.values()) resolve({ kind: "nothing", reason: "The run has ended." });
    looks.clear();
    for (const resolve of questions.values()) resolve(OVER);
    questions.clear();
    for (const resolve of keeping.values()) resolve(OVER.message);
    keeping.clear();
    void program.end().then(() => settle({ exitCode, failure }));
  };
  /** Of a live host the file that it checks. */
  let { file } = task;
  const startLimit = (what: string, of = file): void => {
    file = of;
    clearTimeout(limit);
    const problem = `${file}: ${what} did not finish within ${task.timeLimit} s; look for an endless loop, or allow more with ${options.timeSetting ?? "--time-limit"}`;
    limit = setTimeout(() => finish(1, problem), Math.min(LONGEST_TIMER, task.timeLimit * 1000));
  };
  const receive = (message: HostMessage): void => {
    if (finished) return;
    switch (message.kind) {
      case "limited":
        return startLimit(message.what, message.file);
      case "alive":
        clearTimeout(limit);
        return onMessage(message);
      case "memory":
        return memory.report(message.held);
      case "paused":
        memory.rest(message.paused);
        return onMessage(message);
      case "ended":
        memory.rest(true);
        return onMessage(message);
      case "looked":
        looks.get(message.ticket)?.(message.result);
        looks.delete(message.ticket);
        return;
      case "debugged":
        questions.get(message.ticket)?.(message.reply);
        questions.delete(message.ticket);
        return;
      case "kept":
        keeping.get(message.ticket)?.(message.failure);
        keeping.delete(message.ticket);
        return;
      case "failure":
        return finish(message.exitCode, message.message);
      case "done":
        return finish(message.exitCode, null);
      default:
        return onMessage(message);
    }
  };
  const onExit = (code: number | null, signal: string | null): void => {
    // Node aborts when V8's heap is full.
    if (signal === "SIGABRT" || code === 134) return finish(1, describeMemory(file, memoryLimit));
    if (signal !== null) return finish(1, `${file}: its process was ended by ${signal}`);
    finish(1, `${file}: the program ended itself with process.exit(${code})`);
  };
  const onError = (error: unknown): void => finish(1, describeCrash(file, error, memoryLimit));

  const problem = fileProblem(task);
  const program =
    problem === undefined
      ? (options.kind === "thread" ? startThread : startProcess)(options, memoryLimit, { receive, onExit, onError })
      : { post: () => undefined, end: () => Promise.resolve(), pid: undefined };
  const memory = watchMemory(program.pid, memoryLimit, () => finish(1, describeMemory(file, memoryLimit)));
  if (problem === undefined) {
    program.post({ kind: "task", task });
    startLimit("its top-level code");
  } else {
    finish(2, problem);
  }

  const request = (message: HostRequest): void => {
    if (!finished) program.post(message);
  };
  const expectEnd = (): void => {
    grace ??= setTimeout(
      () => finish(130, `${task.file}: it did not react within ${GRACE_MS / 1000} s and was ended`),
      GRACE_MS,
    );
  };
  return {
    pause: () => request({ kind: "pause" }),
    resume: () => request({ kind: "resume" }),
    stop() {
      request({ kind: "stop" });
      expectEnd();
    },
    close() {
      request({ kind: "close" });
      expectEnd();
    },
    kill: () => finish(130, null),
    order: request,
    look(look) {
      if (finished) return Promise.resolve({ kind: "nothing", reason: "The run has ended." });
      const ticket = tickets++;
      return new Promise((resolve) => {
        looks.set(ticket, resolve);
        request({ kind: "look", ticket, look });
      });
    },
    async debug<R extends DebugRequest>(question: R) {
      const ticket = tickets++;
      const reply = finished
        ? OVER
        : await new Promise<DebugReply>((resolve) => {
            questions.set(ticket, resolve);
            request({ kind: "debug", ticket, request: question });
          });
      if (!reply.ok) throw new Error(reply.message);
      return reply.result as DebugResults[R["kind"]];
    },
    async keep(path) {
      const ticket = tickets++;
      const failure = finished
        ? OVER.message
        : await new Promise<string | null>((resolve) => {
            keeping.set(ticket, resolve);
            request({ kind: "keep", ticket, path });
          });
      if (failure !== null) throw new Error(failure);
    },
    ended,
  };
}

const OVER: Extract<DebugReply, { ok: false }> = { ok: false, message: "The program has ended" };

interface Listeners {
  readonly receive: (message: HostMessage) => void;
  readonly onExit: (code: number | null, signal: string | null) => void;
  readonly onError: (error: unknown) => void;
}

interface Running {
  post(request: HostRequest): void;
  end(): Promise<void>;
  /** Of a process of its own. */
  readonly pid: number | undefined;
}

function startThread({ script, onOutput }: HostOptions, memoryLimit: number, listeners: Listeners): Running {
  const worker = new Worker(script, {
    stdout: onOutput !== undefined,
    stderr: onOutput !== undefined,
    resourceLimits: { maxOldGenerationSizeMb: memoryLimit },
  });
  if (onOutput) for (const stream of [worker.stdout, worker.stderr]) stream.setEncoding("utf8").on("data", onOutput);
  worker.on("message", listeners.receive);
  worker.on("error", listeners.onError);
  worker.on("exit", (code) => listeners.onExit(code, null));
  return {
    post: (request) => worker.postMessage(request),
    end: async () => {
      await worker.terminate();
    },
    pid: undefined,
  };
}

function startProcess({ script, onOutput, execPath }: HostOptions, memoryLimit: number, listeners: Listeners): Running {
  const child = fork(fileURLToPath(script), [], {
    execPath: execPath ?? process.execPath,
    execArgv: [`--max-old-space-size=${memoryLimit}`],
    // In the editor's own process Node is inside Electron, which runs as plain Node when told so.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    serialization: "advanced",
    stdio: ["ignore", onOutput ? "pipe" : "inherit", onOutput ? "pipe" : "inherit", "ipc"],
  });
  if (onOutput) for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", onOutput);
  child.on("message", (message) => listeners.receive(message as HostMessage));
  child.on("error", listeners.onError);
  const exited = new Promise<void>((resolve) => {
    child.on("exit", (code, signal) => {
      listeners.onExit(code, signal);
      resolve();
    });
    child.on("error", () => resolve());
  });
  return {
    post: (request) => {
      if (child.connected) child.send(request, () => undefined);
    },
    end: () => {
      child.kill("SIGKILL");
      return exited;
    },
    pid: child.pid,
  };
}

function fileProblem({ file, ...task }: Task): string | undefined {
  if (task.kind === "live" || (task.kind === "devices" && !task.measure)) return undefined;
  if ("text" in task && task.text !== undefined) return undefined;
  try {
    return statSync(file).isDirectory() ? `${file}: this is a folder, a model file is needed` : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === "ENOENT" || code === "ENOTDIR";
    return missing ? `${file}: there is no such file` : describeFileError(error, file, file);
  }
}

/** The host answers for what user code throws; what arrives here ended it. */
function describeCrash(file: string, error: unknown, memoryLimit: number): string {
  const { code } = error as { code?: unknown };
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return describeMemory(file, memoryLimit);
  return `${file}: internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function describeMemory(file: string, memoryLimit: number): string {
  return `${file}: the program ran out of memory (more than ${memoryLimit} MiB); make the model or the batch smaller, or look for a list that grows without end`;
}
