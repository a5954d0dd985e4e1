import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createJsBackend } from "../../../engine/backends/js";
import { type Debugger, createDebugger } from "../../../engine/debug/debugger";
import type { Scene } from "../../../engine/debug/episode";
import type {
  DebugEvent,
  DebugOptions,
  DebugRequest,
  DebugResults,
  Move,
  Stopped,
} from "../../../engine/debug/requests";
import { debugProgram } from "../../../engine/host/debugging";
import { createNodeFiles } from "../../../engine/host/node-files";
import { type LoadedProgram, loadProgram } from "../../../engine/host/program";
import { changedTraining } from "../../../engine/host/tasks/train";
import { setSiteSource } from "../../../engine/graph/site";
import type { Checkpoint } from "../../../engine/train/checkpoint";
import type { TrainingEvent } from "../../../engine/train/events";
import { Executor, setDataFiles, setRunner } from "../../../engine/train/execute";
import { runTraining } from "../../../engine/train/run";
import type { StoredValues } from "../../../engine/train/store";

/** A program under a debugger, in this process: its scenes can be looked into. */
export interface DebuggedSession {
  readonly file: string;
  readonly debugger: Debugger;
  readonly events: readonly DebugEvent[];
  ask<R extends DebugRequest>(request: R): DebugResults[R["kind"]];
  /** Sets breakpoints and begins; the first stop, or undefined when it ended. */
  start(before?: (session: DebuggedSession) => void): Promise<Stopped | undefined>;
  /** Moves, and waits for the next stop; undefined when it ended. */
  move(how: Move["how"], more?: Partial<Move>): Promise<Stopped | undefined>;
  readonly scene: Scene;
  /** `line direction top frame`, for tables. */
  where(): string;
  /** Lets it run to its end; final parameters by name. */
  finish(): Promise<ReadonlyMap<string, StoredValues> | undefined>;
}

const folders: string[] = [];
after(() => {
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
  setSiteSource(undefined);
});

/** Writes a program into a folder of its own. */
export function programFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "backstep-debug-"));
  folders.push(folder);
  const file = join(folder, "model.nn.ts");
  writeFileSync(file, text);
  return file;
}

export interface SessionOptions extends DebugOptions {
  readonly maxSteps?: number;
  readonly epochs?: number;
  /** What the run tells of itself, and saves. */
  readonly onEvent?: (event: TrainingEvent) => void;
  readonly save?: (checkpoint: Checkpoint) => Promise<string>;
  /** The debugger's clock, in milliseconds. */
  readonly now?: () => number;
}

/** Loads a model file and has it wait under a debugger. */
export async function openSession(
  path: string,
  { maxSteps, epochs, onEvent, save, now = () => performance.now(), ...options }: SessionOptions = {},
): Promise<DebuggedSession> {
  const file = resolve(path);
  const events: DebugEvent[] = [];
  const stops: (Stopped | undefined)[] = [];
  let waiting: ((stop: Stopped | undefined) => void) | undefined;
  const tell = (stop: Stopped | undefined): void => {
    const heard = waiting;
    waiting = undefined;
    if (heard) heard(stop);
    else stops.push(stop);
  };
  const nextStop = (): Promise<Stopped | undefined> =>
    stops.length > 0 ? Promise.resolve(stops.shift()) : new Promise((heard) => (waiting = heard));
  let ready: () => void = () => undefined;
  const readied = new Promise<void>((heard) => (ready = heard));
  const made = createDebugger(options, {
    emit: (event) => {
      events.push(event);
      if (event.kind === "stopped") tell(event);
      if (event.kind === "ready") ready();
    },
    breathe: () => new Promise((next) => setImmediate(next)),
    onRest: () => undefined,
    now,
    onUserCode: () => undefined,
  });
  const executor = new Executor(createJsBackend(), 0, undefined, made.loop);
  setRunner(executor);
  setDataFiles(createNodeFiles(file, join(process.cwd(), "dist", "assets")));
  let values: ReadonlyMap<string, StoredValues> | undefined;
  let failure: Error | undefined;
  const run = async (program: LoadedProgram): Promise<void> => {
    if (!program.training) {
      await debugProgram(program, made, 0);
      return;
    }
    const files = createNodeFiles(file, join(process.cwd(), "dist", "assets"));
    const changed = {
      ...(maxSteps === undefined ? {} : { maxSteps }),
      ...(epochs === undefined ? {} : { epochs }),
      workers: 0,
    };
    ({ values } = await runTraining(
      changedTraining(program.training, changed),
      { backend: createJsBackend(), files, now: () => performance.now() },
      {
        probe: made.training.probe,
        onReady: (access) => made.training.ready(access, access.fresh),
        onEvent: (event) => {
          onEvent?.(event);
          made.training.observe(event);
        },
        ...(save && { save }),
      },
    ));
  };
  const ended = loadProgram(file)
    .then((program) => {
      assert.deepEqual(
        program.issues.filter(({ severity }) => severity === "error"),
        [],
      );
      return run(program);
    })
    .catch((error: unknown) => (failure = error instanceof Error ? error : new Error(String(error))))
    .finally(() => {
      ready();
      tell(undefined);
    });
  await readied;
  if (failure) throw failure;
  const session: DebuggedSession = {
    file,
    debugger: made,
    events,
    ask<R extends DebugRequest>(request: R) {
      const reply = made.ask(request);
      if (!reply.ok) throw new Error(reply.message);
      return reply.result as DebugResults[R["kind"]];
    },
    async start(before) {
      before?.(session);
      session.ask({ kind: "start" });
      const stop = await nextStop();
      if (failure) throw failure;
      return stop;
    },
    async move(how, more = {}) {
      session.ask({ kind: "move", how, ...more });
      const stop = await nextStop();
      if (failure) throw failure;
      return stop;
    },
    get scene() {
      const { scene } = made.inspector;
      assert.ok(scene, "it stands still");
      return scene;
    },
    where() {
      const [top] = session.ask({ kind: "frames" });
      return `${top.generated ? "listing" : top.line} ${top.direction} ${top.name}`;
    },
    async finish() {
      made.ask({ kind: "detach" });
      await ended;
      if (failure) throw failure;
      return values;
    },
  };
  return session;
}
