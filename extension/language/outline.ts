import { DocumentSymbol, Range, SymbolKind, languages, type Disposable } from "vscode";
import type { Services } from "../services";
import type { Edits } from "./edits";
import { detailOf, outlineOf, type OutlineNode } from "./outline-tree";
import { rangeNow } from "./places";
import type { Checked, Reports } from "./reports";

const SELECTOR = { language: "typescript", scheme: "file", pattern: "**/*.nn.ts" };

/** The model as a tree of modules, beside TypeScript's own outline. */
export function registerOutline({ edits }: Services, reports: Reports): Disposable {
  const provider = {
    provideDocumentSymbols: ({ uri }: { readonly uri: Checked["uri"] }): DocumentSymbol[] => {
      const checked = reports.checked(uri);
      return checked ? symbolsOf(checked, edits) : [];
    },
  };
  const register = (): Disposable =>
    languages.registerDocumentSymbolProvider(SELECTOR, provider, { label: "Backstep" });
  let registered = register();
  /** What the outline said of each model when the editor was last told. */
  const told = new Map<string, string>();
  const listener = reports.onDidCheck((uri) => {
    const checked = reports.checked(uri);
    const now = JSON.stringify((checked?.report?.modules ?? []).map((module) => [module.path, detailOf(module)]));
    if (told.get(uri.fsPath) === now) return;
    if (checked) told.set(uri.fsPath, now);
    else told.delete(uri.fsPath);
    // VS Code asks for symbols when a text changes, which is before it is checked, and has no event for what is known later.
    registered.dispose();
    registered = register();
  });
  return {
    dispose() {
      listener.dispose();
      registered.dispose();
    },
  };
}

function symbolsOf(checked: Checked, edits: Edits): DocumentSymbol[] {
  const { report, uri } = checked;
  const model = report?.modules.find(({ path }) => path === "");
  if (!report || !model) return [];
  const children = outlineOf(report, uri.fsPath).flatMap((node) => symbolOf(node, checked, edits));
  const at = model.made?.file === uri.fsPath ? rangeNow(edits, checked, model.made) : null;
  const range = at ?? children.at(0)?.range ?? new Range(0, 0, 0, 0);
  const root = new DocumentSymbol("Model", detailOf(model), SymbolKind.Class, range, range);
  root.children = children;
  return [root];
}

/** Nothing for a module whose line is being edited; then its parts stand in its place. */
function symbolOf(node: OutlineNode, checked: Checked, edits: Edits): DocumentSymbol[] {
  const children = node.children.flatMap((child) => symbolOf(child, checked, edits));
  const range = node.module.made && rangeNow(edits, checked, node.module.made);
  if (!range) return children;
  const kind = node.children.length > 0 ? SymbolKind.Object : SymbolKind.Field;
  const symbol = new DocumentSymbol(node.name, node.detail, kind, range, range);
  symbol.children = children;
  return [symbol];
}
