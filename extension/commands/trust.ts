import { commands, window, workspace } from "vscode";

/** Whether model files may run here. Where they may not, says so and offers the way to change it. */
export async function isTrusted(what: string): Promise<boolean> {
  if (workspace.isTrusted) return true;
  const manage = "Manage Workspace Trust";
  const answer = await window.showWarningMessage(
    `Backstep: ${what} runs the code of a model file, and this workspace is in Restricted Mode.`,
    manage,
  );
  if (answer === manage) await commands.executeCommand("workbench.trust.manage");
  return false;
}
