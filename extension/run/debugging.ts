import type { DebugEvent, DebugRequest, DebugRuntime } from "../../engine/api/debug";
import type { Host, HostEnd } from "../../engine/api/host";

/** A run's program, as its debugger asks it. */
export interface DebuggedRun extends DebugRuntime {
  /** Writes a checkpoint of where it stands into a file. Rejects with words for the user. */
  keep(path: string): Promise<void>;
  /** Hears no more of it. The run itself goes on, or not, as it was told to. */
  dispose(): void;
}

/** Who debugs a run, if somebody does: at most one. */
export interface Debugging {
  debug(host: () => Host | null, listener: (event: DebugEvent) => void): DebuggedRun;
  readonly active: boolean;
  event(event: DebugEvent): void;
  /** The host has ended: a debugger hears of it, unless the program said so itself. */
  left(end: HostEnd): void;
}

export function createDebugging(changed: () => void): Debugging {
  let listener: ((event: DebugEvent) => void) | undefined;

  const event = (told: DebugEvent): void => {
    const heard = listener;
    // Nothing can be asked any more.
    if (told.kind === "ended") listener = undefined;
    heard?.(told);
    if (told.kind === "ended" && heard) changed();
  };

  return {
    debug(host, mine) {
      if (listener) throw new Error("this run is being debugged already");
      listener = mine;
      changed();
      return {
        ask<R extends DebugRequest>(request: R) {
          const living = host();
          return living ? living.debug(request) : Promise.reject(new Error("the run has ended"));
        },
        keep: (path) => host()?.keep(path) ?? Promise.reject(new Error("the run has ended")),
        dispose() {
          if (listener !== mine) return;
          listener = undefined;
          changed();
        },
      };
    },
    get active() {
      return listener !== undefined;
    },
    event,
    left: ({ exitCode, failure }) => event({ kind: "ended", exitCode, message: failure }),
  };
}
