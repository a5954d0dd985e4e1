import {
  EventEmitter,
  type Uri,
  languages,
  window,
  workspace,
  type Disposable,
  type Event,
  type TextDocument,
} from "vscode";
import type { CheckReport, Host } from "../../engine/api/host";
import type { Hosts } from "../host/hosts";
import { isModel } from "../model-files";
import { settingsFor } from "../settings";
import { createShelf, diagnosticsOf, diagnosticsOfFailure } from "./diagnostics";

/** Checks model files as they are opened, edited and saved, and knows the last report of each. */
export interface Checker extends Disposable {
  /** The last report of a model; null where its check failed, undefined where it was not checked. */
  report(uri: Uri): CheckReport | null | undefined;
  /** Asks for a report of a file that no editor shows, unless there is one. */
  want(uri: Uri): void;
  readonly onDidCheck: Event<Uri>;
}

/** How long after the last key the check begins. */
const PAUSE_MS = 250;
/** Checks at once: more of them would only take the processor from each other and from trainings. */
const AT_ONCE = 2;

interface Work {
  timer?: NodeJS.Timeout;
  waiting?: () => void;
  host?: Host;
}

export function createChecker(hosts: Hosts): Checker {
  const collection = languages.createDiagnosticCollection("backstep");
  const shelf = createShelf(collection);
  const reports = new Map<string, CheckReport | null>();
  const works = new Map<string, Work>();
  const checked = new EventEmitter<Uri>();
  const queue: (() => void)[] = [];
  let running = 0;

  function cancel(path: string): void {
    const work = works.get(path);
    if (!work) return;
    works.delete(path);
    clearTimeout(work.timer);
    if (work.waiting) queue.splice(queue.indexOf(work.waiting), 1);
    work.host?.kill();
  }

  /** The newest edit wins: what an older one asked for is cancelled. */
  function schedule(uri: Uri, delay: number): void {
    if (!workspace.isTrusted) return;
    const path = uri.fsPath;
    cancel(path);
    const work: Work = {};
    works.set(path, work);
    work.timer = setTimeout(() => {
      const begin = (): void => {
        delete work.waiting;
        start(uri, work);
      };
      if (running < AT_ONCE) begin();
      else {
        work.waiting = begin;
        queue.push(begin);
      }
    }, delay);
  }

  function start(uri: Uri, work: Work): void {
    running++;
    const path = uri.fsPath;
    const settings = settingsFor(uri);
    const text = openDocument(uri)?.getText();
    let report: CheckReport | null = null;
    const host = hosts.start(
      { kind: "check", file: path, timeLimit: settings.timeLimit, ...(text === undefined ? {} : { text }) },
      settings,
      {
        onMessage: (message) => {
          if (message.kind === "report") report = message.report;
        },
      },
    );
    work.host = host;
    void host.ended.then(({ failure }) => {
      running--;
      queue.shift()?.();
      if (works.get(path) !== work) return;
      works.delete(path);
      if (report !== null) shelf.put(path, diagnosticsOf(report.issues, uri));
      else if (failure !== null) shelf.put(path, diagnosticsOfFailure(failure, uri, "backstep"));
      reports.set(path, report);
      checked.fire(uri);
    });
  }

  function forget(uri: Uri): void {
    cancel(uri.fsPath);
    shelf.remove(uri.fsPath);
    reports.delete(uri.fsPath);
    checked.fire(uri);
  }

  const whenOpened = (document: TextDocument): void => {
    if (isModel(document.uri)) schedule(document.uri, 0);
  };
  const checkVisible = (): void => {
    for (const { document } of window.visibleTextEditors) if (isModel(document.uri)) schedule(document.uri, PAUSE_MS);
  };
  const listeners = [
    workspace.onDidOpenTextDocument(whenOpened),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length === 0 || !isModel(document.uri)) return;
      if (settingsFor(document.uri).checkOnChange) schedule(document.uri, PAUSE_MS);
    }),
    workspace.onDidSaveTextDocument((document) => {
      // A saved helper may mend or break the models that import it.
      const { uri } = document;
      if (isModel(uri)) schedule(uri, 0);
      else if (/\.([cm]?[jt]s|json|csv)$/.test(document.fileName)) checkVisible();
    }),
    workspace.onDidCloseTextDocument(({ uri }) => {
      if (isModel(uri)) cancel(uri.fsPath);
    }),
    workspace.onDidDeleteFiles(({ files }) => files.filter(isModel).forEach(forget)),
    workspace.onDidRenameFiles(({ files }) =>
      files
        .map(({ oldUri }) => oldUri)
        .filter(isModel)
        .forEach(forget),
    ),
    workspace.onDidGrantWorkspaceTrust(() => workspace.textDocuments.forEach(whenOpened)),
  ];
  const watcher = workspace.createFileSystemWatcher("**/*.nn.ts", true, false, false);
  watcher.onDidDelete(forget);
  // A file that no editor shows, changed by another program: its report is of the past.
  watcher.onDidChange((uri) => {
    if (isModel(uri) && !openDocument(uri) && reports.has(uri.fsPath)) forget(uri);
  });
  workspace.textDocuments.forEach(whenOpened);

  return {
    report: (uri) => reports.get(uri.fsPath),
    want(uri) {
      if (!reports.has(uri.fsPath) && !works.has(uri.fsPath)) schedule(uri, 0);
    },
    onDidCheck: checked.event,
    dispose() {
      for (const path of [...works.keys()]) cancel(path);
      for (const each of [...listeners, watcher, checked, collection]) each.dispose();
    },
  };
}

function openDocument(uri: Uri): TextDocument | undefined {
  return workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
}
