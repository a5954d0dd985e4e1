import { type Debugger, type Problem, createDebugger } from "../debug/debugger";
import { graphOfProgram } from "../debug/graph";
import type { DebugOptions, DebugReply } from "../debug/requests";
import { backward } from "../autodiff/gradients";
import { reachable } from "../graph/order";
import { type Tensor, isResult } from "../graph/tensor";
import { withTrace } from "../graph/trace";
import { leafValue } from "../train/check-gradients";
import type { Checkpoint } from "../train/checkpoint";
import { IssuesError } from "../train/failures";
import type { Probe } from "../train/probe";
import type { RunAccess } from "../train/run-access";
import { Failure } from "./failure";
import { readCheckpoint, writeCheckpoint } from "./output-folder";
import { type LoadedProgram, programResult, wantedIn } from "./program";
import type { Session } from "./session";

/** The debugger of a training's host: there from the beginning, or once somebody attaches. */
export interface Debugging {
  readonly debugger: Debugger | undefined;
  readonly probe: Probe;
  /** The run can be looked into: breakpoints can be bound. */
  ready(access: RunAccess): void;
}

/** @param options of a task that begins under a debugger */
export async function openDebugging(session: Session, options: DebugOptions | undefined): Promise<Debugging> {
  let debugging: Debugger | undefined;
  let access: RunAccess | undefined;
  const create = (given: DebugOptions, weights?: Parameters<typeof createDebugger>[1]["weights"]): Debugger => {
    const made = createDebugger(given, {
      emit: (event) => {
        // From here on it waits for people: the time limit is of the program's own code.
        if (event.kind === "ready" || event.kind === "stopped") session.send({ kind: "alive" });
        session.send({ kind: "debugEvent", event });
      },
      breathe: session.breathe,
      onRest: session.rest,
      now: () => performance.now(),
      onUserCode: (running) =>
        session.send(running ? { kind: "limited", what: "its forward or its loss" } : { kind: "alive" }),
      weights,
    });
    session.onStop = () => made.leave();
    return made;
  };
  if (options) {
    const { keepWeightsOf } = options;
    debugging = create(options, keepWeightsOf === undefined ? undefined : await weightsOf(keepWeightsOf, session));
    // Until it is told to begin it waits for messages alone.
    session.hold(true);
  }
  session.debug = (request): DebugReply => {
    if (!debugging || debugging.detached) {
      if (request.kind !== "attach") return { ok: false, message: "No debugger is attached to this training" };
      if (!access) {
        const message =
          "There is no training to attach to: it is about to begin, or the file trains in a loop of its own, which can be debugged from its start only";
        return { ok: false, message };
      }
      // Whoever attaches wants to see where it is.
      debugging = create(request.options);
      debugging.inspector.player.pauseRequested = true;
      debugging.training.ready(access, false);
      session.hold(true);
    }
    if (request.kind === "start") session.hold(false);
    return debugging.ask(request);
  };
  session.keep = async (path) => {
    const checkpoint = await (debugging?.detached === false ? debugging.training.checkpoint() : undefined);
    if (!checkpoint) throw new Failure("no training is being debugged");
    await writeCheckpoint(path, checkpoint);
  };
  const current = (): Probe | undefined => debugging?.training.probe;
  return {
    get debugger() {
      return debugging;
    },
    probe: {
      beforeIteration: (moment) => current()?.beforeIteration?.(moment),
      afterIteration: (moment) => current()?.afterIteration?.(moment),
      notFinite: (moment) => current()?.notFinite?.(moment),
      beforeEnd: (moment) => current()?.beforeEnd?.(moment),
    },
    ready(found) {
      access = found;
      debugging?.training.ready(found, found.fresh);
    },
  };
}

/** Weights of a session before; where they cannot be read, the program begins with fresh ones, and the user is told. */
async function weightsOf(path: string, { send }: Session): Promise<Checkpoint["values"] | undefined> {
  try {
    return (await readCheckpoint(path)).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `The weights of before cannot be kept: ${reason}. The program begins with fresh ones.\n`;
    send({ kind: "debugEvent", event: { kind: "output", category: "important", text } });
    return undefined;
  }
}

/** Steps through a program without a training: its result, and the way back to what it was made of. */
export async function debugProgram(program: LoadedProgram, debugging: Debugger, seed: number): Promise<boolean> {
  const output = programResult(program);
  if (!output) return false;
  const wanted = wantedIn(output);
  const graph = withTrace(program.trace, () => {
    const scalar = output.dtype === "float32" && output.knownShape?.every((dim) => dim === 1) === true;
    const pass = scalar && wanted.length > 0 ? backward(output, wanted, undefined, { locals: true }) : undefined;
    return graphOfProgram(output, pass, namedBeside(program, output));
  });
  await debugging.playProgram(graph, (leaf) => leafValue(leaf, seed));
  return true;
}

/** What the text computes and names beside its result. */
function namedBeside({ trace }: LoadedProgram, output: Tensor): Tensor[] {
  const inside = new Set(reachable([output]));
  return trace.nodes.filter(
    (node) =>
      !inside.has(node) &&
      isResult(node) &&
      node.inputs.length > 0 &&
      reachable([node]).every((leaf) => leaf.op !== "input" && leaf.op !== "recovered"),
  );
}

/** Why a program cannot be run, with the places that the message names. */
export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof IssuesError) {
    const errors = error.issues.filter(({ severity, range }) => severity === "error" && range);
    const places = errors.flatMap(({ range }) => (range ? [range] : []));
    // What user code threw while the graph was built is an issue too.
    const thrown = errors.every(({ code }) => code === "program" || code === "data");
    return { kind: thrown ? "error" : "shape", message, places };
  }
  const places = [...message.matchAll(/^(.+?):(\d+):(\d+): /gm)].map(([, file, line, column]) => ({
    file,
    line: Number(line),
    column: Number(column),
  }));
  return { kind: "error", message, places };
}

/** Whether an error is one of the user's program, which can be shown where it stands. */
export function isShown(error: unknown): boolean {
  return error instanceof IssuesError || (error instanceof Failure && error.exitCode === 1);
}
