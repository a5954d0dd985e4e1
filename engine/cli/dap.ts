import { resolve } from "node:path";
import { type Host, type HostMessage, type TrainTask, startHost } from "../api/host";
import { createDebugSession } from "../dap/adapter";
import { type Debuggee, type LaunchArguments, type Launcher, debugOptions } from "../dap/launcher";
import type { DebugEvent, DebugRequest, DebugResults } from "../debug/requests";
import { createProgress } from "./print-train";

/** `backstep dap`: the debug adapter on standard input and output, for any editor. User code runs in a worker thread, as always. */

/** Serves one client until it disconnects or closes standard input. */
export async function serveDebugAdapter(timeLimit: number): Promise<number> {
  const programs = new Set<Program>();
  const session = createDebugSession(createLauncher(programs, timeLimit));
  const onSignal = (): void => {
    session.dispose();
    for (const { host } of programs) host?.kill();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.stdin.on("end", () => session.dispose());
  session.start(process.stdin, process.stdout);
  await session.closed;
  process.stdin.destroy();
  // A training that its client left to itself goes on to its end.
  await Promise.all([...programs].flatMap(({ host }) => host?.ended ?? []));
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
  return 0;
}

interface Program extends Debuggee {
  /** null until it begins. */
  readonly host: Host | null;
}

function createLauncher(programs: Set<Program>, timeLimit: number): Launcher {
  return {
    async launch(args, listener) {
      const program = (args.noDebug ? startUndebugged : startDebugged)(args, timeLimit, listener);
      programs.add(program);
      return program;
    },
    async attach() {
      throw new Error(
        "backstep dap cannot attach: no training runs in it. Launch the model file, with resume to go on from a checkpoint",
      );
    },
  };
}

type Listener = (event: DebugEvent) => void;

function startDebugged(args: LaunchArguments, timeLimit: number, listener: Listener): Program {
  const host = start(args, { ...taskOf(args, timeLimit), debug: debugOptions(args) }, listener);
  return {
    host,
    description: args.program,
    ask: (request) => host.debug(request),
    async terminate() {
      host.stop();
      await host.ended;
    },
    kill: () => host.kill(),
  };
}

/** Trains at full speed: there is nothing to ask, and it begins when it is told to. */
function startUndebugged(args: LaunchArguments, timeLimit: number, listener: Listener): Program {
  let host: Host | null = null;
  const answer = (request: DebugRequest): DebugResults[DebugRequest["kind"]] => {
    switch (request.kind) {
      case "sources":
      case "modules":
      case "setExceptionFilters":
        return [];
      case "start":
        host = start(args, taskOf(args, timeLimit), listener);
        return null;
      case "detach":
        return null;
      default:
        throw new Error("the program runs without debugging");
    }
  };
  setImmediate(() => listener({ kind: "ready" }));
  return {
    get host() {
      return host;
    },
    description: args.program,
    async ask<R extends DebugRequest>(request: R) {
      return answer(request) as DebugResults[R["kind"]];
    },
    async terminate() {
      if (host === null) return listener({ kind: "ended", exitCode: 0, message: null });
      host.stop();
      await host.ended;
    },
    kill: () => host?.kill(),
  };
}

function taskOf(args: LaunchArguments, timeLimit: number): TrainTask {
  const folder = args.cwd ?? process.cwd();
  return {
    kind: "train",
    report: "events",
    file: resolve(folder, args.program),
    timeLimit: args.timeLimit ?? timeLimit,
    device: "cpu",
    epochs: args.epochs,
    seed: args.seed,
    maxSteps: args.maxSteps,
    resume: args.resume === undefined ? undefined : resolve(folder, args.resume),
    ...(args.overfit && { overfit: true }),
  };
}

function start(args: LaunchArguments, task: TrainTask, listener: Listener): Host {
  const say = (text: string): void => listener({ kind: "output", category: "console", text });
  const progress = createProgress(false, { write: say });
  let ended = false;
  const hear = (event: DebugEvent): void => {
    ended ||= event.kind === "ended";
    listener(event);
  };
  const onMessage = (message: HostMessage): void => {
    if (message.kind === "debugEvent") hear(message.event);
    else if (message.kind === "event") progress.show(message.event);
    else if (message.kind === "note") say(`${message.message}\n`);
  };
  const host = startHost({
    kind: "thread",
    script: new URL("./worker.mjs", import.meta.url),
    task,
    onMessage,
    // Standard output is the protocol's alone.
    onOutput: (text) => listener({ kind: "output", category: "stdout", text }),
    ...(args.memoryLimit !== undefined && { memoryLimit: args.memoryLimit }),
    timeSetting: "timeLimit",
  });
  void host.ended.then(({ exitCode, failure }) => {
    if (!ended) hear({ kind: "ended", exitCode, message: failure });
  });
  return host;
}
