import type { NdArray } from "../graph/array";
import type { Tensor } from "../graph/tensor";
import type { LoopUpdate } from "../train/execute";
import { answer } from "./answers";
import { type DebuggerEnvironment, createCore } from "./core";
import { createLoopPlayer, playProgram } from "./free-programs";
import type { DebugGraph } from "./graph";
import type { Inspector } from "./inspector";
import type { Stop } from "./player";
import type { DebugOptions, DebugReply, DebugRequest } from "./requests";
import { type TrainingPlayer, createTrainingPlayer } from "./training-player";

export type { DebuggerEnvironment } from "./core";

/** A debugger of one training, loop or program. */
export interface Debugger {
  readonly training: TrainingPlayer;
  /** Awaited before each update of a loop that the user wrote. */
  readonly loop: (update: LoopUpdate) => Promise<void>;
  playProgram(graph: DebugGraph, bind: (leaf: Tensor) => NdArray | undefined): Promise<void>;
  /** Stands still at a problem that keeps the program from running, until it is told to go on. */
  standAt(problem: Problem): Promise<void>;
  /** Never throws: what cannot be answered says why. */
  ask(request: DebugRequest): DebugReply;
  /** The run is to end: nothing waits any longer. */
  leave(): void;
  readonly inspector: Inspector;
  /** Whether the program was let go. */
  readonly detached: boolean;
}

/** Why a program cannot be run. */
export interface Problem {
  readonly kind: "shape" | "error";
  readonly message: string;
  readonly places: readonly { readonly file: string; readonly line: number; readonly column: number }[];
}

export function createDebugger(options: DebugOptions, environment: DebuggerEnvironment): Debugger {
  const core = createCore(options, environment);
  const { player, inspector, begin } = core;
  const leave = (): void => {
    player.intent = { kind: "leave" };
    begin();
    core.wake();
  };
  return {
    training: createTrainingPlayer(core),
    loop: createLoopPlayer(core),
    playProgram: (graph, bind) => playProgram(core, graph, bind),
    async standAt({ kind, message, places }) {
      inspector.problem = { message, places };
      environment.emit({ kind: "ready" });
      await core.started;
      if (core.detached || player.intent.kind === "leave") return;
      if (kind === "shape" && !core.breakpoints.filter("shape")) return;
      const description = kind === "shape" ? "Shapes do not fit" : "The program failed";
      const stop: Stop = { reason: "exception", description, text: message, breakpoints: [] };
      await core.standWithout(stop);
    },
    ask(request) {
      try {
        switch (request.kind) {
          case "start":
            begin();
            return { ok: true, result: null };
          case "attach":
            return { ok: true, result: null };
          case "move":
            if (request.target !== undefined && inspector.targetOf(request.target) === undefined)
              return {
                ok: false,
                message: `There is no target ${request.target} at this stop; ask for the targets anew`,
              };
            core.go(request);
            return { ok: true, result: null };
          case "pause":
            player.pauseRequested = true;
            begin();
            return { ok: true, result: null };
          case "detach":
            core.detached = true;
            leave();
            return { ok: true, result: null };
          default:
            return { ok: true, result: answer(inspector, request) };
        }
      } catch (error) {
        return { ok: false, message: error instanceof Error ? error.message : String(error) };
      }
    },
    leave,
    inspector,
    get detached() {
      return core.detached;
    },
  };
}
