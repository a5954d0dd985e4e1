import { Uri, commands, window } from "vscode";
import { basename } from "node:path";
import { isLive } from "../run/record";
import type { Run } from "../run/runs";
import type { Services } from "../services";
import { goOn, runOf, start } from "./training";
import { isTrusted } from "./trust";

/** What can be done with the runs of the view and the panel. */
export function runCommands(
  services: Services,
): Record<string, (argument?: unknown, selected?: unknown) => Promise<void>> {
  const { runs, panel } = services;
  const find = (argument: unknown): Run | undefined => {
    const id = runOf(argument);
    const run = id === undefined ? undefined : runs.get(id);
    if (!run) void window.showInformationMessage("Backstep: this run was deleted.");
    return run;
  };
  return {
    async refreshRuns() {
      await runs.refresh();
    },
    async "runs.show"(argument) {
      const run = find(argument);
      if (run) await panel.show(run.summary.id);
    },
    async "runs.compare"(argument, selected) {
      const chosen = ofAll(argument, selected, runs);
      const ids = chosen.length > 1 ? chosen : await pickOthers(services, chosen[0]);
      if (!ids || ids.length < 2) return;
      await panel.show(ids[0]);
      await panel.compare(ids.slice(1));
    },
    async "runs.continue"(argument) {
      if (!(await isTrusted("Training"))) return;
      const run = find(argument);
      if (run) await goOn(services, run);
    },
    async "runs.again"(argument) {
      if (!(await isTrusted("Training"))) return;
      const run = find(argument);
      if (!run) return;
      const { file, purpose } = run.summary;
      if (purpose === "debug") await commands.executeCommand("backstep.debug", Uri.file(run.path));
      else await start(services, { path: run.path, file, purpose });
    },
    async "runs.delete"(argument, selected) {
      const ids = ofAll(argument, selected, runs);
      if (ids.length > 0) await deleteRuns(services, ids);
    },
    async "runs.reveal"(argument) {
      const run = find(argument);
      if (!run) return;
      try {
        await window.showTextDocument(Uri.file(run.path));
      } catch {
        void window.showWarningMessage(`Backstep: ${run.summary.file} is no longer there (${run.path}).`);
      }
    },
    async "runs.openFolder"(argument) {
      const run = find(argument);
      if (run?.folder) await commands.executeCommand("revealFileInOS", Uri.file(run.folder));
    },
  };
}

async function deleteRuns({ runs, log }: Services, ids: readonly string[]): Promise<void> {
  const chosen = ids.flatMap((id) => runs.get(id) ?? []);
  const live = chosen.filter(({ summary }) => isLive(summary.state));
  const what = chosen.length === 1 ? `the run of ${basename(chosen[0].path)}` : `${chosen.length} runs`;
  const remove = "Delete";
  const answer = await window.showWarningMessage(
    `Delete ${what}?`,
    {
      modal: true,
      detail: `Curves, metrics and checkpoints are removed from the disk${live.length > 0 ? ", and the training that goes on is ended" : ""}. Model files stay.`,
    },
    remove,
  );
  if (answer !== remove) return;
  for (const { summary } of chosen) {
    try {
      await runs.remove(summary.id);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error(`${summary.id}: ${reason}`);
      void window.showErrorMessage(`Backstep: the run of ${summary.file} cannot be deleted: ${reason}.`);
    }
  }
}

async function pickOthers({ runs }: Services, first: string | undefined): Promise<string[] | undefined> {
  const items = runs.list().map(({ summary }) => ({
    label: summary.file,
    description: new Date(summary.started).toLocaleString(),
    picked: summary.id === first,
    id: summary.id,
  }));
  if (items.length < 2) {
    void window.showInformationMessage("Backstep: there is only one run. Train once more to compare.");
    return undefined;
  }
  const picked = await window.showQuickPick(items, {
    canPickMany: true,
    title: "Compare Runs",
    placeHolder: "Which runs?",
  });
  return picked?.map(({ id }) => id).sort((a, b) => Number(b === first) - Number(a === first));
}

/** The item that was clicked, first, and the others that are selected with it. */
function ofAll(argument: unknown, selected: unknown, runs: Services["runs"]): string[] {
  const all = [argument, ...(Array.isArray(selected) ? (selected as unknown[]) : [])].map(runOf);
  return [...new Set(all)].filter((id) => id !== undefined && runs.get(id) !== undefined) as string[];
}
