import { CodeAction, CodeActionKind, languages, type Diagnostic, type Disposable } from "vscode";

/** A quick fix where TypeScript does not find the module "backstep": TypeScript's native server loads no plugins. */
export function registerFixes(): Disposable {
  return languages.registerCodeActionsProvider(
    { language: "typescript", scheme: "file" },
    {
      provideCodeActions(document, _range, { diagnostics }) {
        const missing = diagnostics.filter(isMissingModule);
        if (missing.length === 0) return [];
        const action = new CodeAction("Add the types of Backstep to the workspace", CodeActionKind.QuickFix);
        action.diagnostics = missing;
        action.isPreferred = true;
        action.command = { command: "backstep.addTypes", title: "Add Types to Workspace", arguments: [document.uri] };
        return [action];
      },
    },
    { providedCodeActionKinds: [CodeActionKind.QuickFix] },
  );
}

function isMissingModule({ code, message }: Diagnostic): boolean {
  const number = typeof code === "object" ? code.value : code;
  return Number(number) === 2307 && /['"]backstep['"]/.test(message);
}
