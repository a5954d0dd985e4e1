import { Uri, commands, workspace, type Disposable } from "vscode";
import type { HelpPages } from "./reports";

const SCHEME = "backstep-help";

/** The page of a code: a document that Markdown's preview shows (`workbench.editorAssociations` in package.json). */
export function helpUri(code: string): Uri {
  return Uri.from({ scheme: SCHEME, path: `/${code}.md` });
}

/** Help pages as documents, and *Explain*, which opens one. */
export function registerHelp(pages: HelpPages): Disposable {
  const parts = [
    workspace.registerTextDocumentContentProvider(SCHEME, {
      provideTextDocumentContent: ({ path }) => pages(path.replace(/^\//, "").replace(/\.md$/, "")),
    }),
    commands.registerCommand("backstep.explain", async (code: unknown) => {
      await commands.executeCommand("vscode.open", helpUri(String(code)));
    }),
  ];
  return { dispose: () => parts.forEach((each) => void each.dispose()) };
}
