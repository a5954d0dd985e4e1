/** A client that sends what it is told to, in order, and writes down what comes. */
import type { DebugEvent, DebugRequest } from "../../engine/debug/requests";
import { type DebugAdapterSession, createDebugSession } from "../../engine/dap/adapter";
import type { Debuggee, Launcher } from "../../engine/dap/launcher";
import { FILE } from "./program";
import { startProgram } from "./runtime";

/** A message as it comes; tests look at what they expect. */
export interface Message {
  readonly type: "request" | "response" | "event";
  readonly seq: number;
  readonly command?: string;
  readonly event?: string;
  readonly request_seq?: number;
  readonly success?: boolean;
  readonly message?: string;
  /** Bodies are as many as messages: taken as they come, the assertions check them. */
  readonly body?: ReturnType<typeof JSON.parse>;
}

/** Programs by their file's name: what the launcher of tests finds on its disk. */
export const PROGRAMS = {
  tiny: FILE,
  long: "/models/long.nn.ts",
  throws: "/models/throws.nn.ts",
  broken: "/models/broken.nn.ts",
  /** Is never ready. */
  slow: "/models/slow.nn.ts",
  /** Never even starts. */
  never: "/models/never.nn.ts",
  misnamed: "/models/tiny.ts",
} as const;

export interface TestLauncher extends Launcher {
  /** What was started, and what the runtimes were asked. */
  readonly debuggees: Debuggee[];
  readonly asked: DebugRequest[];
  /** What happened to the debuggees. */
  readonly told: string[];
  /** Tells the adapter something that no program here tells by itself. */
  tell(event: DebugEvent): void;
}

export function createTestLauncher(): TestLauncher {
  const debuggees: Debuggee[] = [];
  const asked: DebugRequest[] = [];
  const told: string[] = [];
  let hear: (event: DebugEvent) => void = () => undefined;
  const keep = (debuggee: Debuggee): Debuggee => {
    const kept: Debuggee = {
      ...debuggee,
      terminate: () => (told.push("terminate"), debuggee.terminate()),
      kill: () => (told.push("kill"), debuggee.kill()),
    };
    debuggees.push(kept);
    return kept;
  };
  const note = (request: DebugRequest): unknown => asked.push(request);
  return {
    debuggees,
    asked,
    told,
    tell: (event) => hear(event),
    async launch(args, listener) {
      hear = listener;
      switch (args.program) {
        case PROGRAMS.tiny:
        case PROGRAMS.misnamed:
          return keep(startProgram({ ...args, asked: note }, listener));
        case PROGRAMS.long:
          return keep(startProgram({ ...args, length: Infinity, silent: true, asked: note }, listener));
        case PROGRAMS.throws:
          return keep(startProgram({ ...args, throws: true, asked: note }, listener));
        case PROGRAMS.slow:
          return keep(startProgram({ ...args, asked: note }, (event) => event.kind === "ready" || listener(event)));
        case PROGRAMS.broken: {
          setImmediate(() =>
            listener({ kind: "ended", exitCode: 1, message: `${args.program}:3:7: Unexpected token` }),
          );
          return keep(startProgram(args, () => undefined));
        }
        case PROGRAMS.never:
          return new Promise(() => undefined);
        default:
          throw new Error(`${args.program}: there is no such file`);
      }
    },
    async attach(args, listener) {
      hear = listener;
      if (args.run !== "tiny-1") throw new Error(`there is no training ${args.run ?? args.program ?? ""}`);
      return keep(startProgram({ stopOnEntry: true, asked: note }, listener));
    },
  };
}

export interface Client {
  readonly session: DebugAdapterSession;
  readonly launcher: TestLauncher;
  readonly messages: readonly Message[];
  /** Resolves with the answer. */
  ask(command: string, args?: unknown): Promise<Message>;
  /** Without waiting; the request's sequence number. */
  send(command: string, args?: unknown): number;
  answerTo(sequence: number): Promise<Message>;
  /** The next event of this name from the place that was read up to. */
  event(name: string): Promise<Message>;
  /** Whatever comes by itself has come. */
  settle(): Promise<void>;
}

/** @param heard each message as it comes */
export function createClient(heard: (message: Message) => void = () => undefined): Client {
  const launcher = createTestLauncher();
  const session = createDebugSession(launcher);
  const messages: Message[] = [];
  const waiting = new Set<() => boolean>();
  let sequence = 0;
  let read = 0;
  session.onDidSendMessage((sent) => {
    // As a client on the other side of a pipe would get it.
    const message = JSON.parse(JSON.stringify(sent)) as Message;
    messages.push(message);
    heard(message);
    for (const look of waiting) if (look()) waiting.delete(look);
  });
  const found = (look: () => Message | undefined, what: string): Promise<Message> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} came`)), 2_000);
      const check = (): boolean => {
        const message = look();
        if (message === undefined) return false;
        clearTimeout(timer);
        resolve(message);
        return true;
      };
      if (!check()) waiting.add(check);
    });
  const client: Client = {
    session,
    launcher,
    messages,
    send(command, args) {
      sequence += 1;
      const request = { type: "request", seq: sequence, command, ...(args !== undefined && { arguments: args }) };
      session.handleMessage(request);
      return sequence;
    },
    answerTo: (number) =>
      found(
        () => messages.find((each) => each.type === "response" && each.request_seq === number),
        `answer to ${number}`,
      ),
    ask: (command, args) => client.answerTo(client.send(command, args)),
    event: (name) =>
      found(() => {
        const index = messages.findIndex((each, at) => at >= read && each.event === name);
        if (index !== -1) read = index + 1;
        return messages[index];
      }, `event ${name}`),
    async settle() {
      for (let quiet = 0, count = -1, turns = 0; quiet < 4 && turns < 200; quiet += 1, turns += 1) {
        if (count !== messages.length) quiet = 0;
        count = messages.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  return client;
}

/** What editors say of themselves. */
export const EDITOR = {
  adapterID: "backstep",
  clientID: "test",
  linesStartAt1: true,
  columnsStartAt1: true,
  pathFormat: "path",
  supportsVariableType: true,
  supportsVariablePaging: true,
  supportsMemoryReferences: true,
  supportsProgressReporting: true,
  supportsInvalidatedEvent: true,
  supportsMemoryEvent: true,
  supportsANSIStyling: true,
};

/** A client whose program stands at its beginning. */
export async function stoppedClient(initialize: object = {}, launch: object = {}): Promise<Client> {
  const client = createClient();
  await client.ask("initialize", { ...EDITOR, ...initialize });
  const launched = client.send("launch", { program: FILE, stopOnEntry: true, ...launch });
  await client.event("initialized");
  await client.ask("configurationDone");
  await client.answerTo(launched);
  await client.event("stopped");
  return client;
}
