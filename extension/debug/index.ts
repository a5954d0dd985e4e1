import { Disposable, debug } from "vscode";
import type { Services } from "../services";
import { DEBUG_TYPE } from "./configuration";
import { createAdapter } from "./launcher";
import { logSessions } from "./log";
import { registerConfigurations } from "./provider";
import { watchSources } from "./stale";
import { showDirections } from "./stopped";
import { registerTensorView } from "./tensor-view";
import { registerValues } from "./values";

/** The debugger's side in the editor. The adapter runs in this process, the debugged program in its host. */
export function registerDebugger(services: Services): Disposable {
  return Disposable.from(
    debug.registerDebugAdapterDescriptorFactory(DEBUG_TYPE, {
      createDebugAdapterDescriptor: (session) => createAdapter(services, session),
    }),
    registerConfigurations(services),
    registerValues(),
    registerTensorView(services),
    showDirections(services.programs),
    watchSources(services),
    logSessions(services.log),
    // However a session ended: whoever began a run also ends it.
    debug.onDidTerminateDebugSession((session) => {
      const program = services.programs.of(session);
      if (program?.launched) services.runs.stop(program.run);
    }),
  );
}
