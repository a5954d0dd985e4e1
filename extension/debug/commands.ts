import { basename } from "node:path";
import { debug, workspace } from "vscode";
import { runOf } from "../commands/training";
import { chooseModel } from "../model-files";
import type { Services } from "../services";
import { chooseAttachable } from "./attach";
import { attachOffer, offersFor, type Configuration } from "./configuration";
import { explain } from "./explain";
import { showBackward } from "./listing";
import { restartWithWeights } from "./stale";

export function debugCommands(services: Services): Record<string, (argument?: unknown) => Promise<unknown>> {
  return {
    async debug(argument) {
      const uri = await chooseModel(argument, "Debug Model");
      if (!uri) return;
      const [configuration] = offersFor(uri.fsPath, basename(uri.fsPath));
      await debug.startDebugging(workspace.getWorkspaceFolder(uri), configuration);
    },
    async attachDebugger(argument) {
      const run = await chooseAttachable(services, runOf(argument));
      const file = run === undefined ? undefined : services.runs.get(run)?.summary.file;
      if (run === undefined || file === undefined) return;
      const configuration: Configuration = { ...attachOffer, name: `Attach to ${file}`, run };
      await debug.startDebugging(undefined, configuration);
    },
    async restartWithWeights() {
      const program = services.programs.of(debug.activeDebugSession);
      if (program) await restartWithWeights(services, program);
    },
    showBackward,
    explainNaN: (argument) => explain(argument, "not-finite"),
    explainZero: (argument) => explain(argument, "zero"),
  };
}
