import { basename } from "node:path";
import { ProgressLocation, type Uri, commands, window, workspace, type Disposable } from "vscode";
import { duration, endText, progressText, resultText, shortNumber } from "../format";
import { inOneLine, problemsIn } from "../host/failures";
import { openLine } from "../panel/open-line";
import { isLive } from "../run/record";
import type { Run } from "../run/runs";
import type { Services } from "../services";
import { settingsFor } from "../settings";

/** A progress notification with Cancel for each training of this window, and what came of it. */
export function announceRuns(services: Services): Disposable {
  const { runs, log } = services;
  const announced = new Set<string>();
  const vanished = new Set<string>();

  const listeners = [
    runs.listen((change) => {
      const run = runs.get(change.id);
      if (change.kind === "note") {
        log.warn(`${run?.summary.file ?? change.id}: ${change.message}`);
        void window.showWarningMessage(`Backstep: ${run ? basename(run.path) : "a run"}: ${change.message}.`);
      }
      if (change.kind === "log") log.info(`${run?.summary.file ?? change.id}: ${change.message}`);
      if (change.kind === "started") log.info(`${run?.summary.file ?? change.id}: trains on ${change.start.device}`);
      if (change.kind === "removed") announced.delete(change.id);
      if (change.kind !== "state" && change.kind !== "added") return;
      if (!run?.mine) return;
      if (isLive(run.summary.state)) {
        if (announced.has(change.id)) return;
        announced.add(change.id);
        log.info(`${run.summary.file}: ${run.summary.purpose} begins (${change.id})`);
        if (settingsFor().notifications === "all" && run.summary.purpose !== "debug") showProgress(services, run);
      } else if (announced.delete(change.id)) {
        // What came of a debugged one, its session says.
        if (run.summary.purpose !== "debug") void conclude(services, run);
        else log.info(`${run.summary.file}: ${run.failure ?? endText(run)}`);
      }
    }),
    // A file that goes away does not end the run that read it.
    workspace.onDidDeleteFiles(({ files }) => files.forEach((uri) => note(uri, "was deleted"))),
    workspace.onDidRenameFiles(({ files }) =>
      files.forEach(({ oldUri, newUri }) => note(oldUri, `is now ${workspace.asRelativePath(newUri)}`)),
    ),
  ];
  const watcher = workspace.createFileSystemWatcher("**/*.nn.ts", true, true, false);
  watcher.onDidDelete((uri) => {
    // Renaming and deleting in the editor has been told already, and some programs save by replacing the file.
    setTimeout(() => {
      workspace.fs.stat(uri).then(undefined, () => note(uri, "was deleted"));
    }, 500);
  });

  function note(uri: Uri, what: string): void {
    const run = runs.currentOf(uri.fsPath);
    if (!run || !isLive(run.summary.state) || vanished.has(run.summary.id)) return;
    vanished.add(run.summary.id);
    void window.showInformationMessage(
      `Backstep: ${basename(uri.fsPath)} ${what}. Its training goes on with the file as it was when it began.`,
    );
  }

  return { dispose: () => [...listeners, watcher].forEach((each) => void each.dispose()) };
}

function showProgress({ runs }: Services, { summary: { id, file, purpose } }: Run): void {
  const title = `${purpose === "overfit" ? "Overfitting one batch of" : "Training"} ${basename(file)}`;
  void window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    (progress, cancel) => {
      cancel.onCancellationRequested(() => runs.stop(id));
      return new Promise<void>((resolve) => {
        let told = 0;
        const last = { share: 0 };
        const listener = runs.listen((change) => {
          if (change.id !== id) return;
          const state = runs.get(id)?.summary.state;
          if (state === undefined || !isLive(state)) {
            listener.dispose();
            resolve();
          } else if (change.kind === "state") progress.report({ message: state === "running" ? "" : state });
          else if (change.kind === "tick" && state !== "paused" && Date.now() - told > 500) {
            told = Date.now();
            const start = runs.liveHistory(id)?.start;
            const all = (start?.epochs ?? 0) * (start?.iterationsPerEpoch ?? 0);
            const share = all > 0 && Number.isFinite(all) ? (100 * change.tick.iteration) / all : 0;
            const loss = change.tick.loss.at(-1)?.mean;
            const message = [
              progressText(change.tick.epoch, start?.epochs),
              ...(typeof loss === "number" ? [`loss ${shortNumber(loss)}`] : []),
            ].join(" · ");
            progress.report({ message, increment: Math.max(0, share - last.share) });
            last.share = Math.max(last.share, share);
          }
        });
      });
    },
  );
}

async function conclude({ runs, log, panel }: Services, run: Run): Promise<void> {
  const { summary, path, end, failure } = run;
  const name = basename(path);
  if (summary.state === "failed" && failure !== null) {
    log.error(`${summary.file}: ${failure}`);
    const [problem] = problemsIn(failure, path);
    const [goThere, showLog] = ["Go to Line", "Show Log"];
    const actions = problem ? [goThere, showLog] : [showLog];
    const answer = await window.showErrorMessage(`Backstep: ${inOneLine(failure)}`, ...actions);
    if (answer === goThere && problem) await openLine(problem.file, problem.line);
    if (answer === showLog) await commands.executeCommand("backstep.showLog");
    return;
  }
  const results = resultText(run);
  const seconds = end ? ` in ${duration(end.seconds)}` : "";
  const text = `${name}: ${endText(run)}${seconds}${results === "" ? "" : `: ${results}`}`;
  log.info(text);
  if (settingsFor().notifications === "problems" && end?.reason !== "not-finite") return;
  if (panel.visible && end?.reason !== "not-finite") return;
  const show = "Show Panel";
  const tell = end?.reason === "not-finite" ? window.showWarningMessage : window.showInformationMessage;
  const advice =
    summary.purpose === "overfit" ? overfitAdvice(runs.liveHistory(summary.id)?.loss.map(({ mean }) => mean)) : "";
  if ((await tell(`Backstep: ${text}.${advice}`, show)) === show) await panel.show(summary.id);
}

/** What the loss of one batch says about model and learning rate. */
function overfitAdvice(losses: readonly (number | null)[] | undefined): string {
  const known = losses?.filter((loss) => loss !== null) ?? [];
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return "";
  return last < 0.05 * Math.abs(first)
    ? " It learned one batch by heart, so model, loss and learning rate are sound."
    : " It did not learn one batch by heart: look for a wrong loss or learning rate, or a gradient that does not reach every layer.";
}
