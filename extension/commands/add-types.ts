import { Range, Uri, WorkspaceEdit, window, workspace, type WorkspaceFolder } from "vscode";
import { newTsconfig, pathsEdit } from "../language/tsconfig";
import type { Services } from "../services";

const MODULE = "backstep";
/** In the workspace, so that it holds for teammates and for builds who have no Backstep installed. */
const TYPES = [".backstep", "types"];
const TARGET = `./${TYPES.join("/")}/index.d.ts`;

/** Copies the types of "backstep" into the workspace and names them in its tsconfig.json. */
export async function addTypes({ asset, log }: Services, argument?: unknown): Promise<void> {
  const folder = await chooseFolder(argument);
  if (!folder) return;
  const config = Uri.joinPath(folder.uri, "tsconfig.json");
  try {
    const text = await readText(config);
    if (!(await mayEdit(text))) return;
    await copyTypes(asset("dist", "types"), Uri.joinPath(folder.uri, ...TYPES));
    if (text === undefined) {
      await workspace.fs.writeFile(config, new TextEncoder().encode(newTsconfig(MODULE, TARGET)));
    } else await editConfig(config, text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error(`types: ${reason}`);
    void window.showErrorMessage(`Backstep: the types cannot be added to ${folder.name}: ${reason}.`);
    return;
  }
  void window.showInformationMessage(
    `Backstep: ${folder.name}/${TYPES.join("/")} has the types now, and tsconfig.json names them. Commit both, and they work for everyone.`,
  );
}

async function editConfig(config: Uri, text: string): Promise<void> {
  const answer = pathsEdit(text, MODULE, TARGET);
  if (answer.kind === "present" || answer.kind === "unreadable") return;
  const document = await workspace.openTextDocument(config);
  const { start, end, text: replacement } = answer.edit;
  const edit = new WorkspaceEdit();
  edit.replace(config, new Range(document.positionAt(start), document.positionAt(end)), replacement);
  if (!(await workspace.applyEdit(edit)) || !(await document.save()))
    throw new Error("tsconfig.json could not be changed");
}

async function chooseFolder(argument: unknown): Promise<WorkspaceFolder | undefined> {
  const folders = workspace.workspaceFolders ?? [];
  const uri = argument instanceof Uri ? argument : window.activeTextEditor?.document.uri;
  const own = uri && workspace.getWorkspaceFolder(uri);
  if (own) return own;
  if (folders.length === 1) return folders[0];
  if (folders.length > 1) return window.showWorkspaceFolderPick({ placeHolder: "Add the types to which folder?" });
  void window.showInformationMessage("Backstep: open a folder first; the types go into it.");
  return undefined;
}

/** What cannot be edited without harm is left to the user, with the line that is needed. */
async function mayEdit(text: string | undefined): Promise<boolean> {
  if (text === undefined) return true;
  const answer = pathsEdit(text, MODULE, TARGET);
  const line = `"paths": { "${MODULE}": ["${TARGET}"] }`;
  if (answer.kind === "unreadable") {
    void window.showErrorMessage(
      `Backstep: tsconfig.json cannot be read as JSON. Mend it, or add ${line} to its compilerOptions by hand.`,
    );
    return false;
  }
  if (answer.kind !== "extends") return true;
  const go = "Add Them";
  const choice = await window.showWarningMessage(
    `Backstep: tsconfig.json extends another configuration. \`paths\` of its own would take the place of that one's, if it has any.`,
    { modal: true, detail: `Added would be ${line}.` },
    go,
  );
  return choice === go;
}

async function readText(uri: Uri): Promise<string | undefined> {
  // What an editor holds counts, saved or not.
  const open = workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open) return open.getText();
  return workspace.fs.readFile(uri).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => undefined,
  );
}

async function copyTypes(from: Uri, to: Uri): Promise<void> {
  await workspace.fs.createDirectory(Uri.joinPath(to, ".."));
  await workspace.fs.copy(from, to, { overwrite: true });
}
