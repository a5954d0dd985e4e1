import {
  CompletionItem,
  CompletionItemKind,
  Range,
  languages,
  type Disposable,
  type TextDocument,
  type Uri,
} from "vscode";
import { isModel } from "../model-files";
import { SOURCES } from "./places";
import type { Reports } from "./reports";
import { offersOf, questionAt } from "./sizes";

/** Longer files are not searched for the brackets around the cursor at each key. */
const MOST_CHARACTERS = 500_000;

/** Offers the sizes that would fit, inside the arguments of a layer that is made. */
export function registerCompletion(reports: Reports): Disposable {
  return languages.registerCompletionItemProvider(
    SOURCES,
    {
      async provideCompletionItems(document, position, token) {
        const model = modelOf(document, reports);
        if (!model) return [];
        const text = document.getText();
        if (text.length > MOST_CHARACTERS) return [];
        const types = new Set(
          reports.checkedWith(document.uri).flatMap(({ report }) => report?.modules.map(({ type }) => type) ?? []),
        );
        const question = questionAt(text, document.offsetAt(position), (type) => types.has(type));
        if (!question) return [];
        const path = document.uri.fsPath;
        const report = await reports.probe(model, new Map([[path, question.text]]), token);
        if (!report || token.isCancellationRequested) return [];
        const { start, end } = question.replaces;
        const range = new Range(document.positionAt(start), document.positionAt(end));
        return offersOf(question, report, path).map(({ size, why }, i) => {
          const item = new CompletionItem({ label: String(size), description: why }, CompletionItemKind.Value);
          item.detail = why;
          item.range = range;
          // What is there already is replaced, so it is no reason to hide what would fit.
          item.filterText = text.slice(start, end) || String(size);
          item.sortText = ` ${i}`;
          item.preselect = i === 0;
          return item;
        });
      },
    },
    "(",
    ",",
    " ",
  );
}

function modelOf(document: TextDocument, reports: Reports): Uri | undefined {
  const path = document.uri.fsPath;
  const all = reports.checkedWith(document.uri);
  return all.find(({ uri }) => uri.fsPath === path)?.uri ?? (isModel(document.uri) ? document.uri : all.at(0)?.uri);
}
