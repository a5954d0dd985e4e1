import { basename } from "node:path";
import { Range, TextEditorRevealType, Uri, ViewColumn, window, workspace } from "vscode";
import { lineRange } from "../language/diagnostics";

/** Shows a line, from 1, in the editor that has the file, else beside the panel. */
export async function openLine(file: string, line: number): Promise<void> {
  const uri = Uri.file(file);
  const open = window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri.toString());
  try {
    const document = await workspace.openTextDocument(uri);
    const at = lineRange(uri, line).start;
    const editor = await window.showTextDocument(document, {
      viewColumn: open?.viewColumn ?? ViewColumn.One,
      selection: new Range(at, at),
    });
    editor.revealRange(new Range(at, at), TextEditorRevealType.InCenterIfOutsideViewport);
  } catch {
    void window.showWarningMessage(
      `Backstep: ${basename(file)} cannot be opened: it was deleted or renamed (${file}).`,
    );
  }
}
