import { DebugAdapterInlineImplementation, Uri, type DebugAdapterDescriptor, type DebugSession } from "vscode";
import type {
  DebugEvent,
  DebugOptions,
  DebugRequest,
  Debuggee,
  LaunchArguments,
  Launcher,
} from "../../engine/api/debug";
import { saved, shownPath } from "../model-files";
import type { DebuggedRun } from "../run/debugging";
import { isLive } from "../run/record";
import type { Run, TrainOrder } from "../run/runs";
import { whenOver } from "../run/wait";
import type { Services } from "../services";
import { settingsFor } from "../settings";

/** The adapter of one debug session. It is loaded with the first one. */
export async function createAdapter(services: Services, session: DebugSession): Promise<DebugAdapterDescriptor> {
  const adapter = await import("../../engine/api/debug");
  return new DebugAdapterInlineImplementation(
    adapter.createDebugSession(createLauncher(services, session, adapter.debugOptions)),
  );
}

/** Debugged programs are runs like others: the panel can show them, and the view of runs lists them. */
function createLauncher(
  services: Services,
  session: DebugSession,
  debugOptions: (args: LaunchArguments) => DebugOptions,
): Launcher {
  const { runs, panel } = services;
  return {
    async launch(args, listener) {
      // A restart reads the file again, and asks nobody before.
      if (!(await saved(Uri.file(args.program))))
        throw new Error(`${args.program} has changes that could not be saved.`);
      const { summary, failure } = await runs.train(orderOf(args, debugOptions(args)));
      const run = runs.get(summary.id);
      if (!run || !isLive(run.summary.state)) throw new Error(run?.failure ?? failure ?? "The program ended at once.");
      const program = debuggee(services, run, connect(services, session, run, true, listener));
      // One works in the editor while one debugs; a panel that is open follows.
      if (panel.visible) await panel.show(run.summary.id, { keepFocus: true });
      return program;
    },
    async attach({ run: id, program: path }, listener) {
      const run = id === undefined ? runs.list().find((each) => each.mine && each.path === path) : runs.get(id);
      if (!run) throw new Error("This training is gone; train the model again, or debug it from its start.");
      const debugged = connect(services, session, run, false, listener);
      try {
        // The first question lets it wait for its debugger.
        const options = settingsFor(Uri.file(run.path)).debug.defaults;
        await debugged.ask({ kind: "attach", options });
      } catch (error) {
        debugged.dispose();
        throw error;
      }
      // One that waited already has to come to where it can be debugged.
      if (run.summary.state === "paused") runs.resume(run.summary.id);
      return debuggee(services, run, debugged);
    },
  };
}

function connect(
  { runs, programs }: Services,
  session: DebugSession,
  { summary: { id }, path }: Run,
  launched: boolean,
  listener: (event: DebugEvent) => void,
): DebuggedRun {
  return programs.add({ session, run: id, path, launched, debug: (hear) => runs.debug(id, hear), listener });
}

function debuggee({ runs }: Services, { summary: { id, file, state } }: Run, debugged: DebuggedRun): Debuggee {
  return {
    description: file,
    async ask<R extends DebugRequest>(request: R) {
      const answer = await debugged.ask(request);
      if (request.kind === "detach") {
        debugged.dispose();
        // As it was found, it is left.
        if (state === "paused") runs.pause(id);
      }
      return answer;
    },
    async terminate() {
      runs.stop(id);
      await whenOver(runs, id);
    },
    kill: () => runs.kill(id),
  };
}

function orderOf(args: LaunchArguments, debug: DebugOptions): TrainOrder {
  const { program, epochs, seed, maxSteps, overfit, resume: checkpoint } = args;
  const file = shownPath(Uri.file(program));
  return { path: program, file, purpose: "debug", epochs, seed, maxSteps, overfit, checkpoint, debug };
}
