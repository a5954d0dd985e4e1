import { statSync } from "node:fs";
import { basename } from "node:path";
import {
  DebugConfigurationProviderTriggerKind,
  Uri,
  commands,
  debug,
  window,
  workspace,
  type DebugConfiguration,
  type DebugConfigurationProvider,
  type Disposable,
  type WorkspaceFolder,
} from "vscode";
import { isTrusted } from "../commands/trust";
import { chooseModel, findModels, isModel, saved, shownPath } from "../model-files";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { chooseAttachable } from "./attach";
import { DEBUG_TYPE, attachOffer, completed, isEmpty, offersFor, problemOf } from "./configuration";

/** Models of the workspace that are offered beside the one in the editor. */
const MOST_OFFERS = 12;

/** Debug configurations: those that launch.json holds, and those for whoever has none. */
export function registerConfigurations(services: Services): Disposable {
  const provider: DebugConfigurationProvider = {
    async resolveDebugConfiguration(_folder, given) {
      if (!isEmpty(given) && given.request === "attach") return given;
      if (typeof given.program === "string" && given.program !== "") return isEmpty(given) ? filled(given) : given;
      const uri = await modelAtHand();
      if (!uri) return undefined;
      return isEmpty(given) ? filled(given, uri.fsPath) : { ...given, program: uri.fsPath };
    },
    resolveDebugConfigurationWithSubstitutedVariables: (folder, given) => prepared(services, folder, given),
  };
  const dynamic: DebugConfigurationProvider = {
    async provideDebugConfigurations() {
      const active = window.activeTextEditor?.document.uri;
      const others = (await findModels()).filter(({ fsPath }) => fsPath !== active?.fsPath).slice(0, MOST_OFFERS);
      return [
        ...(isModel(active) ? offersFor(active.fsPath, basename(active.fsPath)) : []),
        ...others.flatMap(({ fsPath }) => offersFor(fsPath, basename(fsPath)).slice(0, 1)),
        attachOffer,
      ];
    },
  };
  const parts = [
    debug.registerDebugConfigurationProvider(DEBUG_TYPE, provider),
    debug.registerDebugConfigurationProvider(DEBUG_TYPE, dynamic, DebugConfigurationProviderTriggerKind.Dynamic),
  ];
  return { dispose: () => parts.forEach((part) => void part.dispose()) };
}

function filled(given: Partial<DebugConfiguration>, program: unknown = given.program): DebugConfiguration {
  const name = typeof program === "string" ? basename(program) : "model";
  return { ...given, type: DEBUG_TYPE, request: "launch", name: `Debug ${name}`, program };
}

/** The model that F5 is meant for; says so where the editor shows none. */
async function modelAtHand(): Promise<Uri | undefined> {
  const active = window.activeTextEditor?.document.uri;
  if (active?.scheme !== "file" || active.path.endsWith(".nn.ts")) return chooseModel(undefined, "Debug Model");
  return instead(`${basename(active.path)} is no model file: a model's name ends in .nn.ts`);
}

/** Says why something cannot be debugged, and offers what can. */
async function instead(problem: string): Promise<Uri | undefined> {
  const models = await findModels();
  const [choose, make] = ["Debug a Model…", "New Model from Template"];
  const [first] = models;
  const offer = models.length === 0 ? make : models.length === 1 ? `Debug ${basename(first.fsPath)}` : choose;
  const answer = await window.showInformationMessage(`Backstep: ${problem}.`, offer);
  if (answer === undefined) return undefined;
  if (answer === make) {
    await commands.executeCommand("backstep.newModel");
    return undefined;
  }
  return models.length === 1 ? first : chooseModel(undefined, "Debug Model");
}

/** The configuration as the adapter gets it; undefined where nothing is to be debugged, which has then been said. */
async function prepared(
  services: Services,
  folder: WorkspaceFolder | undefined,
  given: DebugConfiguration,
): Promise<DebugConfiguration | undefined> {
  const problem = problemOf(given);
  if (problem !== null) {
    const open = "Open launch.json";
    const answer = await window.showErrorMessage(
      `Backstep: in the debug configuration "${given.name}" ${problem}`,
      open,
    );
    if (answer === open) await commands.executeCommand("workbench.action.debug.configure");
    return undefined;
  }
  if (!(await isTrusted("Debugging"))) return undefined;
  if (given.request === "attach") {
    const run = await chooseAttachable(services, given.run);
    return run === undefined ? undefined : { ...given, run };
  }
  const root = (folder ?? workspace.workspaceFolders?.[0])?.uri.fsPath;
  const whole = completed(given, settingsFor().debug.defaults, root);
  const uri = await programAt(String(whole.program));
  if (!uri || !(await saved(uri))) return undefined;
  if (given.noDebug === true) {
    // Run without debugging is what training is.
    await commands.executeCommand("backstep.train", uri);
    return undefined;
  }
  return { ...whole, program: uri.fsPath };
}

/** The model at a path, or one that the user chose instead. */
async function programAt(path: string): Promise<Uri | undefined> {
  const uri = Uri.file(path);
  if (!isModel(uri)) return instead(`${shownPath(uri)} is no model file: a model's name ends in .nn.ts`);
  if (statSync(uri.fsPath, { throwIfNoEntry: false })?.isFile()) return uri;
  return instead(`${shownPath(uri)} does not exist: it was moved or deleted, or the path is wrong`);
}
