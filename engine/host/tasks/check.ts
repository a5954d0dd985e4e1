import { checkFile } from "../check-file";
import type { CheckTask } from "../messages";
import { createNodeFiles } from "../node-files";
import { type Session, nextTurn } from "../session";

/** Checks one file, once. */
export async function check(task: CheckTask, { send, assets }: Session): Promise<void> {
  const texts = new Map(task.text === undefined ? [] : [[task.file, task.text]]);
  const files = createNodeFiles(task.file, assets);
  const { report } = await checkFile(task.file, texts, files, (what) => send({ kind: "limited", what }));
  await nextTurn();
  send({ kind: "report", report });
  send({ kind: "done", exitCode: report.issues.some(({ severity }) => severity === "error") ? 1 : 0 });
}
