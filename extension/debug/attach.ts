import { basename } from "node:path";
import { window } from "vscode";
import { ago, progressText } from "../format";
import { isLive } from "../run/record";
import type { Run } from "../run/runs";
import type { Services } from "../services";

/**
 * The run that a debugger is to be attached to.
 * @param named what a launch.json says: the id of a run, or the name or path of its model file
 * @returns its id; undefined where there is none, which has then been said, or the user gave up
 */
export async function chooseAttachable({ runs }: Services, named: unknown): Promise<string | undefined> {
  const live = runs.list().filter(({ mine, summary }) => mine && isLive(summary.state) && summary.state !== "stopping");
  const free = live.filter(({ debugged }) => !debugged);
  if (typeof named === "string" && named !== "") {
    const found = free.find((run) => isNamed(run, named));
    if (found) return found.summary.id;
    const why = live.some((run) => isNamed(run, named))
      ? "is being debugged already"
      : "is not being trained in this window";
    if (free.length === 0) return sayNone(`${named} ${why}`);
    return pick(free, `${named} ${why}. Which run instead?`);
  }
  if (free.length === 0)
    return sayNone(
      live.length > 0 ? "all trainings of this window are debugged already" : "nothing is being trained in this window",
    );
  return free.length === 1 ? free[0].summary.id : pick(free, "Which run? It waits while it is debugged");
}

function isNamed({ summary: { id, file }, path }: Run, name: string): boolean {
  return id === name || file === name || path === name || basename(path) === name;
}

async function sayNone(why: string): Promise<undefined> {
  await window.showInformationMessage(`Backstep: ${why}. Train a model first, or debug it from its start.`);
  return undefined;
}

async function pick(runs: readonly Run[], placeHolder: string): Promise<string | undefined> {
  const items = runs.map(({ summary: { id, file, epochs, started, state } }) => ({
    label: file,
    description: [state, progressText(epochs, undefined), `begun ${ago(Date.now() - started)}`]
      .filter((text) => text !== "")
      .join(" · "),
    id,
  }));
  return (await window.showQuickPick(items, { title: "Attach Debugger to Run", placeHolder, matchOnDescription: true }))
    ?.id;
}
