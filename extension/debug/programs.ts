import { EventEmitter, type DebugSession, type Disposable, type Event } from "vscode";
import type { DebugEvent, DebugRequest, DebugRuntime, FrameRecord, Situation, Stopped } from "../../engine/api/debug";
import type { DebuggedRun } from "../run/debugging";

/** A run that a debug session of this window has in its hands. */
export interface Program {
  readonly session: DebugSession;
  /** Id of the run. */
  readonly run: string;
  /** Absolute path of the model file. */
  readonly path: string;
  /** Whether the session began the run, and so ends it. */
  readonly launched: boolean;
  readonly runtime: DebugRuntime;
  /** Where it stands; null while it goes. */
  readonly stop: Stop | null;
  /** Writes a checkpoint of where it stands into a file. Rejects with words for the user. */
  keep(path: string): Promise<void>;
  /** Paths of the files that it was built from; none before it is loaded. */
  files(): Promise<ReadonlySet<string>>;
}

export interface Stop {
  readonly told: Stopped;
  readonly situation: Situation | null;
  /** The innermost frame that has a place. */
  readonly frame: FrameRecord | null;
}

/** The debugged programs of this window. */
export interface Programs extends Disposable {
  of(session: DebugSession | undefined): Program | undefined;
  list(): readonly Program[];
  ofRun(run: string): Program | undefined;
  /** One stopped, went on, began or ended. */
  readonly onDidChange: Event<Program>;
  /** The session's side of a run: what it asks and hears passes through here. */
  add(begun: Begun): DebuggedRun;
}

export interface Begun extends Pick<Program, "session" | "run" | "path" | "launched"> {
  readonly debug: (listener: (event: DebugEvent) => void) => DebuggedRun;
  readonly listener: (event: DebugEvent) => void;
}

interface Held extends Program {
  stop: Stop | null;
}

export function createPrograms(): Programs {
  const held = new Map<string, Held>();
  const changed = new EventEmitter<Program>();

  function goesOn(program: Held): void {
    if (program.stop === null) return;
    program.stop = null;
    changed.fire(program);
  }

  function drop(program: Held): void {
    if (held.get(program.session.id) !== program) return;
    held.delete(program.session.id);
    program.stop = null;
    changed.fire(program);
  }

  async function stands(program: Held, told: Stopped): Promise<void> {
    const mine: Stop = { told, situation: null, frame: null };
    program.stop = mine;
    const [situation, frames] = await Promise.all([
      program.runtime.ask({ kind: "situation" }).catch(() => null),
      program.runtime.ask({ kind: "frames" }).catch((): readonly FrameRecord[] => []),
    ]);
    // By now it may have gone on.
    if (program.stop !== mine) return;
    program.stop = { told, situation, frame: frames.find(({ file }) => file !== null) ?? null };
    changed.fire(program);
  }

  return {
    of: (session) => session && held.get(session.id),
    list: () => [...held.values()],
    ofRun: (run) => [...held.values()].find((program) => program.run === run),
    onDidChange: changed.event,
    add({ session, run, path, launched, debug, listener }) {
      const hear = (event: DebugEvent): void => {
        listener(event);
        switch (event.kind) {
          case "stopped":
            void stands(program, event);
            return;
          case "continued":
            return goesOn(program);
          case "ended":
            return drop(program);
          default:
            return;
        }
      };
      const debugged = debug(hear);
      let files: Promise<ReadonlySet<string>> | undefined;
      const program: Held = {
        session,
        run,
        path,
        launched,
        runtime: debugged,
        stop: null,
        keep: (file) => debugged.keep(file),
        files() {
          files ??= debugged
            .ask({ kind: "sources" })
            .then((all) => new Set([path, ...all.filter(({ generated }) => !generated).map(({ file }) => file)]))
            .catch(() => {
              // Before it is loaded it has none to tell of.
              files = undefined;
              return new Set([path]);
            });
          return files;
        },
      };
      held.set(session.id, program);
      changed.fire(program);
      return {
        ask<R extends DebugRequest>(request: R) {
          if (request.kind === "move" || request.kind === "detach") goesOn(program);
          return debugged.ask(request);
        },
        keep: (file) => debugged.keep(file),
        dispose() {
          debugged.dispose();
          drop(program);
        },
      };
    },
    dispose: () => changed.dispose(),
  };
}
