import { basename, dirname } from "node:path";
import { Uri, commands, window, workspace, type QuickPickItem } from "vscode";

/** Which files are models, and which one a command is meant for. */

export const MODEL_GLOB = "**/*.nn.ts";

export function isModel(uri: Uri | undefined): uri is Uri {
  return uri !== undefined && uri.scheme === "file" && uri.fsPath.endsWith(".nn.ts");
}

/** What the user sees of a path: relative to the workspace where it lies in it. */
export function shownPath(uri: Uri): string {
  return workspace.asRelativePath(uri, (workspace.workspaceFolders?.length ?? 0) > 1);
}

export async function findModels(): Promise<Uri[]> {
  const found = await workspace.findFiles(MODEL_GLOB, "**/node_modules/**");
  return found.filter(isModel).sort((a, b) => (shownPath(a) < shownPath(b) ? -1 : 1));
}

/**
 * The model that a command is meant for: what it was called on, else the editor's, else one that the user picks.
 * @param argument what VS Code hands to a command: a file, an item of a view, or nothing
 */
export async function chooseModel(argument: unknown, title: string): Promise<Uri | undefined> {
  const given = uriOf(argument);
  if (isModel(given)) return given;
  const active = window.activeTextEditor?.document;
  if (active && isUnsavedModel(active.uri)) return saveFirst(active.uri);
  if (isModel(active?.uri)) return active.uri;
  const visible = window.visibleTextEditors.map(({ document }) => document.uri).filter(isModel);
  if (visible.length === 1) return visible[0];
  const models = await findModels();
  if (models.length === 1) return models[0];
  if (models.length === 0) {
    const make = "New Model from Template";
    const answer = await window.showInformationMessage(
      "Backstep: there is no model file here. A model file is TypeScript with a name that ends in .nn.ts.",
      make,
    );
    if (answer === make) await commands.executeCommand("backstep.newModel");
    return undefined;
  }
  const items = models.map((uri): QuickPickItem & { uri: Uri } => ({
    label: basename(uri.fsPath),
    description: dirname(shownPath(uri)) === "." ? "" : dirname(shownPath(uri)),
    uri,
  }));
  return (await window.showQuickPick(items, { title, placeHolder: "Which model?", matchOnDescription: true }))?.uri;
}

/** Writes what the editor holds to the disk, from where hosts read. @returns whether the disk has it now */
export async function saved(uri: Uri): Promise<boolean> {
  const document = workspace.textDocuments.find((each) => each.uri.toString() === uri.toString());
  if (!document?.isDirty) return true;
  if (await document.save()) return true;
  void window.showErrorMessage(
    `Backstep: ${basename(uri.fsPath)} has changes that could not be saved, and training reads the file from the disk. Save it, then try again.`,
  );
  return false;
}

function uriOf(argument: unknown): Uri | undefined {
  if (argument instanceof Uri) return argument;
  if (typeof argument !== "object" || argument === null) return undefined;
  const { uri, resourceUri } = argument as { uri?: unknown; resourceUri?: unknown };
  return uri instanceof Uri ? uri : resourceUri instanceof Uri ? resourceUri : undefined;
}

function isUnsavedModel(uri: Uri): boolean {
  return uri.scheme === "untitled" && uri.path.endsWith(".nn.ts");
}

/** A file that was never saved has no place that its imports and data could be found from. */
async function saveFirst(uri: Uri): Promise<Uri | undefined> {
  const to = await workspace.save(uri);
  if (isModel(to)) return to;
  void window.showInformationMessage("Backstep: save the model as a file whose name ends in .nn.ts first.");
  return undefined;
}
