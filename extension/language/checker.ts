import {
  EventEmitter,
  type CancellationToken,
  type Uri,
  languages,
  window,
  workspace,
  type Disposable,
  type Event,
  type TextDocument,
} from "vscode";
import type { CheckReport, CheckResult, LiveChecker, NetworkResult } from "../../engine/api/host";
import { isModel } from "../model-files";
import { settingsFor } from "../settings";
import { createShelf, diagnosticsOf, diagnosticsOfFailure } from "./diagnostics";
import type { Checked, Reports } from "./reports";

/** Checks model files as they are opened, edited and saved, and knows what is known of each. */
export interface Checker extends Disposable, Reports {
  /** The last report of a model; null where its check failed, undefined where it was not checked. */
  report(uri: Uri): CheckReport | null | undefined;
  /** Asks for a report of a file that no editor shows, unless there is one. */
  want(uri: Uri): void;
  /** The drawing of the last network that could be built, where one was wanted. */
  network(uri: Uri): NetworkResult | null;
  /** Drawings are wanted from now on, or not: what is open is checked again for them. */
  drawNetworks(wanted: boolean): void;
  /** Text of a model has changed: its next check is on the way. */
  readonly onDidEdit: Event<Uri>;
}

/** How long after the last key a check begins, by the length of the text: reading a very long one takes longer than a pause. */
const PAUSE_MS = 40;
const LONG_PAUSE_MS = 800;
const LONG_TEXT = 500_000;

interface State {
  checked: Checked;
  network: NetworkResult | null;
}

interface Work {
  timer?: NodeJS.Timeout;
  order?: { abandon(): void };
}

export function createChecker(live: LiveChecker): Checker {
  const collection = languages.createDiagnosticCollection("backstep");
  const shelf = createShelf(collection);
  const predictions = languages.createDiagnosticCollection("backstep predictions");
  const foretold = createShelf(predictions);
  const states = new Map<string, State>();
  const works = new Map<string, Work>();
  const checked = new EventEmitter<Uri>();
  const edited = new EventEmitter<Uri>();
  let networks = false;

  function cancel(path: string): void {
    const work = works.get(path);
    if (!work) return;
    works.delete(path);
    clearTimeout(work.timer);
    work.order?.abandon();
  }

  /** The newest edit wins: what an older one asked for is cancelled. */
  function schedule(uri: Uri, delay: number): void {
    if (!workspace.isTrusted) return;
    cancel(uri.fsPath);
    const work: Work = {};
    works.set(uri.fsPath, work);
    if (delay === 0) start(uri, work);
    else work.timer = setTimeout(() => start(uri, work), delay);
  }

  function start(uri: Uri, work: Work): void {
    const path = uri.fsPath;
    const { texts, versions } = editorTexts(uri);
    const mine = (): boolean => works.get(path) === work;
    const order = { file: path, texts, network: networks, prediction: settingsFor(uri).predictions && isOpen(uri) };
    work.order = live.check(order, {
      checked(result) {
        if (!mine()) return;
        accept(uri, result, versions);
        if (order.prediction) return;
        foretold.remove(path);
        finish();
      },
      predicted(prediction) {
        if (!mine()) return;
        const state = states.get(path);
        // Of a text that cannot be run there is none, and that of the last one stays.
        if (state && !state.checked.stale) {
          state.checked = { ...state.checked, prediction };
          foretold.put(path, diagnosticsOf(prediction.issues, uri));
        }
        finish();
        checked.fire(uri);
      },
      failed(failure) {
        if (!mine()) return;
        const before = states.get(path);
        states.set(path, {
          checked: {
            uri,
            versions: before?.checked.versions ?? versions,
            report: before?.checked.report ?? null,
            latest: { issues: [], versions },
            stale: true,
            failure,
            prediction: before?.checked.prediction ?? null,
          },
          network: before?.network ?? null,
        });
        shelf.put(path, diagnosticsOfFailure(failure, uri, "backstep"));
        foretold.remove(path);
        finish();
        checked.fire(uri);
      },
    });
    const finish = (): void => {
      if (mine()) works.delete(path);
    };
  }

  function accept(uri: Uri, result: CheckResult, versions: ReadonlyMap<string, number>): void {
    const path = uri.fsPath;
    const { report, whole, network } = result;
    const before = states.get(path);
    const latest = { issues: report.issues, versions };
    if (whole) {
      states.set(path, {
        checked: { uri, versions, report, latest, stale: false, failure: null, prediction: null },
        network: network ?? (networks ? null : (before?.network ?? null)),
      });
    } else {
      const failure = report.issues.find(({ severity }) => severity === "error")?.message ?? "the file cannot be run";
      const kept = before?.checked.report ?? null;
      states.set(path, {
        checked: {
          uri,
          versions: kept ? (before as State).checked.versions : versions,
          report: kept,
          latest,
          stale: true,
          failure,
          prediction: before?.checked.prediction ?? null,
        },
        network: before?.network ?? null,
      });
      foretold.remove(path);
    }
    shelf.put(path, diagnosticsOf(report.issues, uri));
    checked.fire(uri);
  }

  function forget(uri: Uri): void {
    cancel(uri.fsPath);
    shelf.remove(uri.fsPath);
    foretold.remove(uri.fsPath);
    states.delete(uri.fsPath);
    checked.fire(uri);
  }

  const whenOpened = (document: TextDocument): void => {
    if (isModel(document.uri)) schedule(document.uri, 0);
  };
  /** Models that a file is a part of, beside itself. */
  const modelsWith = (path: string): Uri[] =>
    [...states.values()]
      .map((state) => state.checked)
      .filter((each) => each.uri.fsPath !== path && each.report?.files.includes(path))
      .map(({ uri }) => uri);
  const isOpen = (uri: Uri): boolean => openDocument(uri) !== undefined;

  const listeners = [
    workspace.onDidOpenTextDocument(whenOpened),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length === 0 || document.uri.scheme !== "file") return;
      const { uri } = document;
      if (!settingsFor(uri).checkOnChange) return;
      const pause = textLength(document) > LONG_TEXT ? LONG_PAUSE_MS : PAUSE_MS;
      if (isModel(uri)) {
        edited.fire(uri);
        schedule(uri, pause);
      }
      for (const model of modelsWith(uri.fsPath)) if (isOpen(model)) schedule(model, pause);
    }),
    workspace.onDidSaveTextDocument((document) => {
      const { uri } = document;
      if (isModel(uri)) schedule(uri, 0);
      else if (/\.([cm]?[jt]s|json|csv)$/.test(document.fileName)) {
        // A saved helper may mend models that could not even be read, and of whose imports nothing is known.
        for (const each of window.visibleTextEditors)
          if (isModel(each.document.uri)) schedule(each.document.uri, PAUSE_MS);
      }
    }),
    workspace.onDidCloseTextDocument(({ uri }) => {
      // Changes that were not saved are gone with the editor: what is on the disk counts again.
      if (isModel(uri) && works.has(uri.fsPath)) schedule(uri, 0);
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
    if (isModel(uri) && !openDocument(uri) && states.has(uri.fsPath)) forget(uri);
  });
  workspace.textDocuments.forEach(whenOpened);

  return {
    report(uri) {
      const state = states.get(uri.fsPath);
      return state && (state.checked.stale ? null : state.checked.report);
    },
    checked: (uri) => states.get(uri.fsPath)?.checked,
    checkedWith: (uri) =>
      [...states.values()]
        .map((state) => state.checked)
        .filter((each) => each.uri.fsPath === uri.fsPath || each.report?.files.includes(uri.fsPath)),
    network: (uri) => states.get(uri.fsPath)?.network ?? null,
    drawNetworks(wanted) {
      if (wanted === networks) return;
      networks = wanted;
      if (!wanted) return;
      workspace.textDocuments.forEach(whenOpened);
    },
    want(uri) {
      if (!states.has(uri.fsPath) && !works.has(uri.fsPath)) schedule(uri, 0);
    },
    probe(model, texts, token) {
      return probe(live, model, texts, token);
    },
    onDidCheck: checked.event,
    onDidEdit: edited.event,
    dispose() {
      for (const path of [...works.keys()]) cancel(path);
      for (const each of [...listeners, watcher, checked, edited, collection, predictions]) each.dispose();
    },
  };
}

/** A check of texts that nobody sees. */
function probe(
  live: LiveChecker,
  model: Uri,
  changed: ReadonlyMap<string, string>,
  token: CancellationToken,
): Promise<CheckReport | null> {
  if (!workspace.isTrusted || token.isCancellationRequested) return Promise.resolve(null);
  const texts = { ...editorTexts(model).texts, ...Object.fromEntries(changed) };
  return new Promise((resolve) => {
    const order = live.check(
      { file: model.fsPath, texts, network: false, prediction: false },
      {
        checked: ({ report, whole }) => resolve(whole ? report : null),
        failed: () => resolve(null),
      },
    );
    token.onCancellationRequested(() => {
      order.abandon();
      resolve(null);
    });
  });
}

/** What editors hold of the model and of the files that it may import, where that may not be what is on the disk. */
function editorTexts(model: Uri): { texts: Record<string, string>; versions: Map<string, number> } {
  const texts: Record<string, string> = {};
  const versions = new Map<string, number>();
  for (const document of workspace.textDocuments) {
    const { uri, version, isDirty } = document;
    if (uri.scheme !== "file" || !/\.([cm]?[jt]s|json)$/.test(uri.fsPath)) continue;
    versions.set(uri.fsPath, version);
    if (isDirty || uri.fsPath === model.fsPath) texts[uri.fsPath] = document.getText();
  }
  return { texts, versions };
}

function openDocument(uri: Uri): TextDocument | undefined {
  return workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
}

/** Without making a copy of a long text. */
function textLength(document: TextDocument): number {
  return document.lineCount < 2000 && document.lineCount > 0 && document.lineAt(0).text.length < LONG_TEXT
    ? 0
    : document.offsetAt(document.lineAt(document.lineCount - 1).range.end);
}
