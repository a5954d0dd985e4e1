import assert from "node:assert/strict";
import { extensions, languages, window, workspace, Uri } from "vscode";
import { backstep, folder, until } from "../support";

describe("a workspace without model files", () => {
  it("leaves the extension inactive, with TypeScript at work beside it", async () => {
    const document = await workspace.openTextDocument(Uri.joinPath(folder(), "plain.ts"));
    await window.showTextDocument(document);
    // By the time TypeScript has found the mistake, all that starts with the workspace has started.
    await until("TypeScript reports the mistake", () => languages.getDiagnostics(document.uri).length > 0);
    assert.equal(extensions.getExtension("vscode.typescript-language-features")?.isActive, true);
    assert.equal(backstep().isActive, false);
  });
});
