import { Uri, window, workspace, type QuickPickItem } from "vscode";
import type { Services } from "../services";
import { freeName, nameProblem, newText, templatesOf, withEnding, type Template } from "./templates";

/** Makes a model file from a template and opens it. */
export async function newModel({ asset }: Services): Promise<void> {
  const template = await pickTemplate(asset("dist", "templates"));
  if (!template) return;
  const uri = await askPlace(template);
  if (!uri) return;
  const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
  try {
    await workspace.fs.writeFile(uri, new TextEncoder().encode(newText(template, name)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    void window.showErrorMessage(
      `Backstep: ${name} cannot be written: ${reason}. Choose another folder, or make room.`,
    );
    return;
  }
  await window.showTextDocument(uri, { preview: false });
}

async function pickTemplate(folder: Uri): Promise<Template | undefined> {
  const entries = await workspace.fs.readDirectory(folder);
  const files = await Promise.all(
    entries
      .filter(([name]) => name.endsWith(".nn.ts"))
      .map(async ([name]) => ({
        name: name.replace(/\.nn\.ts$/, ""),
        text: new TextDecoder().decode(await workspace.fs.readFile(Uri.joinPath(folder, name))),
      })),
  );
  const items = templatesOf(files).map((template): QuickPickItem & { template: Template } => ({
    label: template.title,
    description: `${template.name}.nn.ts`,
    detail: template.about,
    template,
  }));
  const picked = await window.showQuickPick(items, {
    title: "New Model from Template",
    placeHolder: "What shall it be?",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return picked?.template;
}

/** In the workspace only the name is asked for; without one, VS Code's own dialog asks for a place. */
async function askPlace({ name }: Template): Promise<Uri | undefined> {
  const folders = workspace.workspaceFolders?.filter(({ uri }) => uri.scheme === "file") ?? [];
  if (folders.length === 0) {
    const uri = await window.showSaveDialog({
      title: "New Model",
      saveLabel: "Make It",
      filters: { "Model files": ["nn.ts"] },
    });
    return uri?.with({ path: uri.path.replace(/[^/]+$/, (file) => withEnding(file)) });
  }
  const folder =
    folders.length === 1 ? folders[0] : await window.showWorkspaceFolderPick({ placeHolder: "In which folder?" });
  if (!folder) return undefined;
  const here = await workspace.fs.readDirectory(folder.uri).then(
    (entries) => new Set(entries.map(([each]) => each)),
    () => new Set<string>(),
  );
  const proposal = freeName(name, here);
  const answer = await window.showInputBox({
    title: "New Model",
    prompt: `Its name in ${folder.name}. Model files end in .nn.ts`,
    value: proposal,
    valueSelection: [0, proposal.length - ".nn.ts".length],
    validateInput: (value) => nameProblem(value, here),
  });
  return answer === undefined ? undefined : Uri.joinPath(folder.uri, withEnding(answer));
}
