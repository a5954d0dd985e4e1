import { basename } from "node:path";
import { window, type QuickPickItem, type Uri } from "vscode";
import type { RunPurpose } from "../../webview/protocol";
import { ago, endText, resultText } from "../format";
import { chooseModel, saved, shownPath } from "../model-files";
import { isLive } from "../run/record";
import type { Run, TrainOrder } from "../run/runs";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { isTrusted } from "./trust";

/** Starting trainings, and telling those that go on to pause, resume and stop. */
export function trainingCommands(services: Services): Record<string, (argument?: unknown) => Promise<void>> {
  const { runs } = services;
  return {
    train: (argument) => trainFile(services, argument, "train"),
    overfit: (argument) => trainFile(services, argument, "overfit"),
    trainFromCheckpoint: (argument) => trainFromCheckpoint(services, argument),
    async pause(argument) {
      const run = await chooseLive(
        services,
        argument,
        "Pause",
        (state, debugged) => !debugged && (state === "running" || state === "starting"),
      );
      if (run) runs.pause(run.summary.id);
    },
    async resume(argument) {
      const run = await chooseLive(services, argument, "Resume", (state, debugged) => !debugged && state === "paused");
      if (run) runs.resume(run.summary.id);
    },
    async stop(argument) {
      const run = await chooseLive(services, argument, "Stop", isLive);
      if (run) runs.stop(run.summary.id);
    },
  };
}

async function trainFile(services: Services, argument: unknown, purpose: RunPurpose): Promise<void> {
  if (!(await isTrusted("Training"))) return;
  const title = purpose === "train" ? "Train Model" : "Overfit One Batch";
  const uri = await chooseModel(argument, title);
  if (!uri || !(await mayStart(services, uri)) || !(await saved(uri))) return;
  await start(services, { path: uri.fsPath, file: shownPath(uri), purpose });
}

/** Starts it, and shows the panel if the user wants that. */
export async function start({ runs, panel }: Services, order: TrainOrder): Promise<Run> {
  const run = await runs.train(order);
  if (settingsFor().openPanelOnTrain) await panel.show(run.summary.id, { keepFocus: true });
  return run;
}

/** Two trainings of one file at once may be meant, or a second click. */
async function mayStart({ runs, panel }: Services, uri: Uri): Promise<boolean> {
  const current = runs.currentOf(uri.fsPath);
  if (!current || !isLive(current.summary.state)) return true;
  const [anew, beside, show] = ["Stop It and Train Anew", "Train Beside It", "Show It"];
  const answer = await window.showInformationMessage(
    `Backstep: ${basename(uri.fsPath)} is being trained already.`,
    anew,
    beside,
    show,
  );
  if (answer === show) await panel.show(current.summary.id);
  if (answer === anew) runs.stop(current.summary.id);
  return answer === anew || answer === beside;
}

async function trainFromCheckpoint(services: Services, argument: unknown): Promise<void> {
  if (!(await isTrusted("Training"))) return;
  const { runs } = services;
  const uri = await chooseModel(argument, "Train from Checkpoint");
  if (!uri) return;
  await runs.refresh();
  const candidates = runs.list().filter(({ path, summary }) => path === uri.fsPath && summary.resumable);
  type Item = QuickPickItem & { readonly run?: Run };
  const items: Item[] = candidates.map((run) => ({
    label: `$(history) ${ago(Date.now() - run.summary.started)}: after epoch ${run.summary.epochs}`,
    description: resultText(run),
    detail: endText(run),
    run,
  }));
  const browse: Item = {
    label: "$(folder-opened) Another checkpoint…",
    description: "checkpoint.safetensors from the disk",
  };
  const picked =
    items.length === 0
      ? browse
      : await window.showQuickPick([...items, browse], {
          title: `Train ${basename(uri.fsPath)} from a Checkpoint`,
          placeHolder: "Which checkpoint? Its run trains on",
          matchOnDescription: true,
        });
  if (!picked) return;
  if (picked.run) return goOn(services, picked.run);
  const files = await window.showOpenDialog({
    title: `A checkpoint of ${basename(uri.fsPath)}`,
    openLabel: "Train from Here",
    filters: { Checkpoints: ["safetensors"] },
  });
  if (!files?.[0] || !(await saved(uri))) return;
  const epochs = await askEpochs(undefined);
  if (epochs === null) return;
  const order: TrainOrder = { path: uri.fsPath, file: shownPath(uri), purpose: "train", checkpoint: files[0].fsPath };
  await start(services, epochs === undefined ? order : { ...order, epochs });
}

/** Trains on from a run's own checkpoint; a run that did all its epochs needs to know how many more. */
export async function goOn({ runs, panel }: Services, run: Run): Promise<void> {
  const { id, epochs: done } = run.summary;
  const history = await runs.history(id);
  let epochs: number | undefined;
  const planned = history.start?.epochs;
  if (planned !== undefined && done >= planned) {
    const answer = await askEpochs({ done });
    if (answer === null) return;
    epochs = answer;
  } else epochs = planned;
  try {
    await runs.goOn(id, epochs);
  } catch (error) {
    void window.showErrorMessage(`Backstep: ${error instanceof Error ? error.message : String(error)}.`);
    return;
  }
  if (settingsFor().openPanelOnTrain) await panel.show(id, { keepFocus: true });
}

/** @returns epochs in all; undefined for those that the file says; null where the user gave up */
async function askEpochs(known: { readonly done: number } | undefined): Promise<number | null | undefined> {
  const least = (known?.done ?? 0) + 1;
  const text = await window.showInputBox({
    title: "Train from Checkpoint",
    prompt: known
      ? `The run has done its ${known.done} epochs. Train until which epoch?`
      : "Train until which epoch? Leave it empty for what the model file says.",
    ...(known ? { value: String(2 * known.done) } : {}),
    validateInput: (value) =>
      (value === "" && !known) || (/^\d+$/.test(value) && Number(value) >= least)
        ? undefined
        : `A whole number, at least ${least}`,
  });
  if (text === undefined) return null;
  return text === "" ? undefined : Number(text);
}

/** The run that a command is meant for: the one it was called on, else the editor's, else the only one, else a choice. */
async function chooseLive(
  { runs }: Services,
  argument: unknown,
  title: string,
  fits: (state: Run["summary"]["state"], debugged: boolean) => boolean,
): Promise<Run | undefined> {
  const named = runOf(argument);
  if (named !== undefined) return runs.get(named);
  const live = runs.list().filter(({ mine, debugged, summary }) => mine && fits(summary.state, debugged));
  const uri = argument ?? window.activeTextEditor?.document.uri;
  const path = typeof uri === "object" && uri !== null && "fsPath" in uri ? (uri as Uri).fsPath : undefined;
  const ofFile = live.filter((run) => run.path === path);
  if (ofFile.length > 0) return ofFile[0];
  if (live.length <= 1) return live[0];
  const items = live.map((run) => ({ label: run.summary.file, description: resultText(run), run }));
  return (await window.showQuickPick(items, { title, placeHolder: "Which run?" }))?.run;
}

/** What a view's item, the panel or another command hands over. */
export function runOf(argument: unknown): string | undefined {
  if (typeof argument === "string") return argument;
  if (typeof argument !== "object" || argument === null) return undefined;
  const { run } = argument as { run?: unknown };
  return typeof run === "string" ? run : undefined;
}
