import { began } from "./clock";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EventEmitter, Uri, commands, window, type Disposable, type ExtensionContext } from "vscode";
import { createLiveChecker, helpPage } from "../engine/api/host";
import { addTypes } from "./commands/add-types";
import { newModel } from "./commands/new-model";
import { announceRuns } from "./commands/progress";
import { registerReports, reportCommands } from "./commands/reports";
import { deviceCommands } from "./commands/devices";
import { runCommands } from "./commands/runs";
import { trainingCommands } from "./commands/training";
import { registerDebugger } from "./debug";
import { debugCommands } from "./debug/commands";
import { createPrograms } from "./debug/programs";
import { createHosts } from "./host/hosts";
import { createPrintLog } from "./host/print-log";
import { createChecker } from "./language/checker";
import { trackEdits } from "./language/edits";
import { showFindings } from "./language/findings";
import { registerLanguage } from "./language";
import type { Reports } from "./language/reports";
import { openLine } from "./panel/open-line";
import { createPanel } from "./panel/panel";
import { createRuns, type Run } from "./run/runs";
import { sharedStorage } from "./run/storage";
import { createRunStore } from "./run/store";
import type { Services } from "./services";
import { settingsFor } from "./settings";
import { keepContexts } from "./views/contexts";
import { registerModelsView } from "./views/models";
import { registerRunsView } from "./views/runs";
import { registerStatus } from "./views/status";

/** What other extensions could use; the tests do. */
export interface BackstepApi {
  /** What loading and activating this extension took. */
  readonly activationMs: number;
  /** The runs that are known in this window, newest first. */
  runs(): readonly Run[];
  /** What is known of the model files that were checked. */
  readonly reports: Reports;
}

let end: (() => Promise<void>) | undefined;

/** What evaluating all modules took. Between that and activation VS Code reads the extension's storage. */
const loadingMs = performance.now() - began;

export function activate(context: ExtensionContext): BackstepApi {
  const started = performance.now();
  const services = wire(context);
  const { runs, hosts, panel, checker, edits, programs, modelsChanged, log } = services;
  const parts: Disposable[] = [
    log,
    modelsChanged,
    edits,
    checker,
    panel,
    programs,
    registerReports(),
    registerLanguage(services, checker, helpPage),
    registerModelsView(services),
    registerRunsView(services),
    registerStatus(services),
    keepContexts(services),
    showFindings(services),
    announceRuns(services),
    registerDebugger(services),
    ...registerCommands(services),
  ];
  context.subscriptions.push(...parts);
  end = async () => {
    services.live.close();
    const closing = hosts.closeAll();
    await Promise.all([closing, runs.close()]);
  };
  return {
    activationMs: loadingMs + performance.now() - started,
    runs: () => runs.list(),
    reports: checker,
  };
}

/** Trainings save and end; VS Code waits a few seconds for it. */
export async function deactivate(): Promise<void> {
  await end?.();
}

function wire(context: ExtensionContext): Services {
  const log = window.createOutputChannel("Backstep", { log: true });
  const hosts = createHosts(pathToFileURL(context.asAbsolutePath("dist/host.mjs")), context.globalStorageUri.fsPath);
  const asset = (...path: string[]): Uri => Uri.joinPath(context.extensionUri, ...path);
  const printed = createPrintLog(log);
  // A window without a folder has no storage of its own.
  const storage = context.storageUri ? sharedStorage(context.storageUri.fsPath) : context.globalStorageUri.fsPath;
  const runs = createRuns({
    store: createRunStore(join(storage, "runs")),
    session: randomBytes(8).toString("hex"),
    startTraining(task, onMessage) {
      const settings = settingsFor(Uri.file(task.file));
      const { threads, timeLimit } = settings;
      // A debugger looks at every value, and goes by the CPU's.
      const device = task.debug ? "cpu" : settings.device;
      return hosts.start({ ...task, device, threads, timeLimit }, settings, {
        onMessage,
        onOutput: (text) => printed(task.file, text),
      });
    },
  });
  const edits = trackEdits();
  const live = createLiveChecker((onMessage) => {
    const settings = settingsFor();
    // What a check prints would come again with every key.
    const heard = { onMessage, onOutput: () => undefined };
    return hosts.start({ kind: "live", file: "", timeLimit: settings.timeLimit }, settings, heard);
  });
  const checker = createChecker(live);
  return {
    context,
    log,
    hosts,
    live,
    runs,
    edits,
    programs: createPrograms(),
    asset,
    checker,
    panel: createPanel({ runs, edits, checker, log, asset }),
    modelsChanged: new EventEmitter<void>(),
  };
}

function registerCommands(services: Services): Disposable[] {
  const all: Record<string, (...given: unknown[]) => unknown> = {
    ...trainingCommands(services),
    ...reportCommands(services),
    ...deviceCommands(services),
    ...runCommands(services),
    ...debugCommands(services),
    newModel: () => newModel(services),
    addTypes: (argument) => addTypes(services, argument),
    showPanel: () => services.panel.show(),
    showLog: () => services.log.show(),
    openLine: (file, line) => openLine(String(file), Number(line)),
  };
  return Object.entries(all).map(([name, work]) =>
    commands.registerCommand(`backstep.${name}`, async (...given: unknown[]) => {
      try {
        return await work(...given);
      } catch (error) {
        // A mistake of ours: VS Code would show its message alone.
        services.log.error(error instanceof Error ? error : new Error(String(error)));
        throw error;
      }
    }),
  );
}
