import type { DebugProtocol } from "@vscode/debugprotocol";
import { ProtocolServer } from "@vscode/debugadapter/lib/protocol.js";
import {
  breakpointLocations,
  dataBreakpointInfo,
  setBreakpoints,
  setDataBreakpoints,
  setExceptionBreakpoints,
  setFunctionBreakpoints,
} from "./breakpoints";
import { explain, inlineValues, situation, sourceText, tensor } from "./custom";
import { type Fields, RequestError, fieldsOf, optionalText, optionalWhole } from "./fields";
import type { Launcher } from "./launcher";
import { attach, configurationDone, disconnect, initialize, launch, restart, terminate } from "./lifecycle";
import { goTo, gotoTargets, moving, pause, restartFrame, stepIn, stepInTargets } from "./moves";
import { type Session, type State, ask, createSession, giveIn, messageOf, tellHeld } from "./session";
import { exceptionInfo, scopes, stackTrace, threads } from "./stack";
import { loadedSources, locations, modules, source } from "./texts";
import { completions, evaluate, readMemory, setExpression, setVariable, variables, writeMemory } from "./variables";

/** Every request that is answered. All others get an error. */
const REQUESTS = {
  initialize: { when: "any", answer: initialize },
  launch: { when: "connected", answer: launch, turn: "long", leadsToStops: true, showUser: true },
  attach: { when: "connected", answer: attach, turn: "long", leadsToStops: true, showUser: true },
  configurationDone: { when: "loaded", answer: configurationDone, leadsToStops: true },
  restart: { when: "begun", answer: restart, turn: "long", leadsToStops: true, showUser: true },
  terminate: { when: "started", answer: terminate, turn: "now" },
  disconnect: { when: "any", answer: disconnect, turn: "now" },
  cancel: { when: "any", answer: cancel, turn: "now" },

  setBreakpoints: { when: "loaded", answer: setBreakpoints },
  setFunctionBreakpoints: { when: "loaded", answer: setFunctionBreakpoints },
  setExceptionBreakpoints: { when: "loaded", answer: setExceptionBreakpoints },
  setDataBreakpoints: { when: "loaded", answer: setDataBreakpoints },
  dataBreakpointInfo: { when: "loaded", answer: dataBreakpointInfo },
  breakpointLocations: { when: "loaded", answer: breakpointLocations },

  continue: { when: "stopped", answer: moving("continue"), leadsToStops: true, showUser: true },
  next: { when: "stopped", answer: moving("over"), leadsToStops: true, showUser: true },
  stepIn: { when: "stopped", answer: stepIn, leadsToStops: true, showUser: true },
  stepOut: { when: "stopped", answer: moving("out"), leadsToStops: true, showUser: true },
  stepBack: { when: "stopped", answer: moving("back"), leadsToStops: true, showUser: true },
  reverseContinue: { when: "stopped", answer: moving("reverse"), leadsToStops: true, showUser: true },
  restartFrame: { when: "stopped", answer: restartFrame, leadsToStops: true, showUser: true },
  goto: { when: "stopped", answer: goTo, leadsToStops: true, showUser: true },
  pause: { when: "begun", answer: pause, turn: "whileRunning", leadsToStops: true },
  stepInTargets: { when: "stopped", answer: stepInTargets },
  gotoTargets: { when: "stopped", answer: gotoTargets },

  threads: { when: "started", answer: threads },
  stackTrace: { when: "stopped", answer: stackTrace },
  scopes: { when: "stopped", answer: scopes },
  exceptionInfo: { when: "stopped", answer: exceptionInfo },
  variables: { when: "stopped", answer: variables },
  evaluate: { when: "stopped", answer: evaluate },
  setVariable: { when: "stopped", answer: setVariable },
  setExpression: { when: "stopped", answer: setExpression },
  completions: { when: "stopped", answer: completions },
  locations: { when: "stopped", answer: locations },
  readMemory: { when: "stopped", answer: readMemory },
  writeMemory: { when: "stopped", answer: writeMemory },

  source: { when: "loaded", answer: source },
  loadedSources: { when: "loaded", answer: loadedSources },
  modules: { when: "loaded", answer: modules },

  "backstep/tensor": { when: "stopped", answer: tensor },
  "backstep/explain": { when: "stopped", answer: explain },
  "backstep/inlineValues": { when: "stopped", answer: inlineValues },
  "backstep/situation": { when: "loaded", answer: situation },
  "backstep/sourceText": { when: "loaded", answer: sourceText },
} as const satisfies Readonly<Record<string, Entry>>;

/** The names of all requests that are answered. */
export const requestNames: readonly string[] = Object.keys(REQUESTS);

/** A debug adapter: VS Code's `DebugAdapter`, to be used inline; with `start(input, output)` it speaks over streams. */
export interface DebugAdapterSession extends ProtocolServer {
  /** Resolves when the client has disconnected, or is gone. */
  readonly closed: Promise<void>;
  /** The client is gone. */
  dispose(): void;
}

export function createDebugSession(launcher: Launcher): DebugAdapterSession {
  return new Adapter(launcher);
}

interface Entry {
  /** In which states of the session it can be answered. */
  readonly when: "any" | "connected" | "started" | "loaded" | "begun" | "stopped";
  readonly answer: (session: Session, args: Fields, adapter: Requests) => object | Promise<object>;
  /**
   * Requests are answered one after the other, in their order. Except: `long` ones let the next begin, `now` ones do not wait,
   * and `whileRunning` those do not that come while the program runs.
   */
  readonly turn?: "long" | "now" | "whileRunning";
  /** The program may stop because of it: that is told after the answer. */
  readonly leadsToStops?: true;
  /** Whether the user would not learn otherwise why nothing happens. */
  readonly showUser?: true;
}

/** What is asked and not answered yet. */
interface Requests {
  cancel(sequence: number): void;
}

interface Pending {
  readonly command: string;
  readonly cancel: () => void;
}

/** Numbers of errors, which the protocol wants. */
const ERROR_ID = 1;

class Adapter extends ProtocolServer implements DebugAdapterSession, Requests {
  readonly closed: Promise<void>;
  readonly #session: Session;
  readonly #pending = new Map<number, Pending>();
  #queue: Promise<void> = Promise.resolve();
  #close: () => void = () => undefined;

  constructor(launcher: Launcher) {
    super();
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.#session = createSession(launcher, (event, body) => {
      this.sendEvent({ type: "event", seq: 0, event, ...(body && { body }) });
    });
    // The library tells so when a stream ends, or brings what is no message. A stream that cannot be written to closes, too.
    this.on("close", () => this.dispose());
    this.on("error", () => undefined);
  }

  override handleMessage(message: DebugProtocol.ProtocolMessage | null): void {
    if (typeof message !== "object" || message?.type !== "request") return;
    this.#receive(message);
  }

  override dispose(): void {
    if (this.#session.state !== "ended") disconnect(this.#session, {});
    this.#close();
  }

  cancel(sequence: number): void {
    const pending = this.#pending.get(sequence);
    // Answered meanwhile: the protocol leaves it at that.
    if (pending === undefined) return;
    pending.cancel();
    // Half a start is of no use.
    if (pending.command === "launch" || pending.command === "attach") giveIn(this.#session);
  }

  #receive(request: Partial<DebugProtocol.Request>): void {
    const command = typeof request.command === "string" ? request.command : "";
    const sequence = typeof request.seq === "number" ? request.seq : 0;
    const entry: Entry | undefined = Object.hasOwn(REQUESTS, command)
      ? REQUESTS[command as keyof typeof REQUESTS]
      : undefined;
    const session = this.#session;
    let answered = false;
    let holding = false;
    let cancelled: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (cancelled = resolve));

    const respond = (answer: object): void => {
      if (answered) return;
      answered = true;
      if (this.#pending.get(sequence) === pending) this.#pending.delete(sequence);
      const response = { type: "response", seq: 0, request_seq: sequence, command, success: true, ...answer };
      this.sendResponse(response);
      if (holding) {
        session.holds -= 1;
        tellHeld(session);
      }
      if (command === "disconnect" && response.success) this.#close();
    };
    const refuse = (error: unknown): void => {
      const known = error instanceof RequestError;
      const format = known ? error.message : `internal: ${messageOf(error)}`;
      const showUser = known && entry?.showUser === true && error.word === undefined;
      const message = known ? (error.word ?? format) : format;
      respond({ success: false, message, body: { error: { id: ERROR_ID, format, ...(showUser && { showUser }) } } });
    };
    const pending: Pending = {
      command,
      cancel: () => {
        refuse(new RequestError(`${command} was cancelled`, "cancelled"));
        cancelled();
      },
    };
    const work = async (): Promise<void> => {
      if (answered) return;
      try {
        if (entry === undefined)
          throw new RequestError(command === "" ? "a request needs a command" : `there is no request ${command}`);
        check(session, entry.when);
        const args = fieldsOf(request.arguments, "arguments");
        if (entry.leadsToStops) {
          holding = true;
          session.holds += 1;
        }
        respond({ body: await entry.answer(session, args, this) });
      } catch (error) {
        refuse(error);
      }
    };

    this.#pending.set(sequence, pending);
    if (entry?.turn === "now" || (entry?.turn === "whileRunning" && session.state === "running")) void work();
    else {
      this.#queue = this.#queue.then(() => {
        const worked = work();
        return entry?.turn === "long" ? undefined : Promise.race([worked, over]);
      });
    }
  }
}

/** A request that waits is answered; long work of the program is interrupted, so that it stops where it is. */
async function cancel(session: Session, args: Fields, requests: Requests): Promise<object> {
  const request = optionalWhole(args, "requestId");
  const progress = optionalText(args, "progressId");
  if (request !== undefined) requests.cancel(request);
  if (progress === undefined) return {};
  if (!session.progress.has(progress)) throw new RequestError(`there is no progress ${progress}`);
  await ask(session, { kind: "pause" });
  return {};
}

const STATES: Readonly<Record<Entry["when"], readonly State[]>> = {
  any: ["fresh", "connected", "loading", "configuring", "running", "stopped", "ended"],
  connected: ["connected", "loading", "configuring", "running", "stopped"],
  started: ["loading", "configuring", "running", "stopped"],
  loaded: ["configuring", "running", "stopped"],
  begun: ["running", "stopped"],
  stopped: ["stopped"],
};

function check({ state }: Session, when: Entry["when"]): void {
  if (STATES[when].includes(state)) return;
  switch (state) {
    case "fresh":
      throw new RequestError("initialize must come first");
    case "connected":
      throw new RequestError("no program is being debugged; send launch or attach first");
    case "loading":
      throw new RequestError("the program is still being loaded; wait for the event initialized");
    case "configuring":
      throw new RequestError("the program has not begun; send configurationDone first");
    case "running":
      throw new RequestError("the program is running; pause it first", "notStopped");
    case "ended":
      throw new RequestError("the program has ended");
    case "stopped":
      throw new Error("whatever can be asked can be asked of a stopped program");
    default:
      state satisfies never;
  }
}
