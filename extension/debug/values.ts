import {
  EvaluatableExpression,
  InlineValueText,
  Range,
  debug,
  languages,
  type Disposable,
  type DocumentSelector,
} from "vscode";
import type { DebugResults } from "../../engine/api/debug";
import { settingsFor } from "../settings";
import { DEBUG_TYPE } from "./configuration";
import { expressionAt } from "./expressions";

/** With a provider of ours VS Code asks no other: helper files, which other debuggers know too, are left to them. */
const SELECTOR: DocumentSelector = { language: "typescript", scheme: "file", pattern: "**/*.nn.ts" };

interface Answer {
  readonly values?: DebugResults["inlineValues"];
}

/** Values behind lines and under the mouse while a model is debugged. */
export function registerValues(): Disposable {
  const inline = languages.registerInlineValuesProvider(SELECTOR, {
    async provideInlineValues({ uri }, viewPort, { frameId, stoppedLocation }) {
      const session = debug.activeDebugSession;
      if (session?.type !== DEBUG_TYPE || !settingsFor(uri).debug.inlineValues) return [];
      // What lies behind the line at which it stands has no values yet, or those of another time.
      const last = Math.max(viewPort.end.line, stoppedLocation.end.line);
      const asked = session.customRequest("backstep/inlineValues", {
        source: { path: uri.fsPath },
        line: viewPort.start.line + 1,
        endLine: last + 1,
        frameId,
      });
      // It may have gone on meanwhile.
      const answer: Answer | undefined = await asked.then(undefined, () => undefined);
      return (answer?.values ?? []).map(
        ({ line, column, endColumn, text }) =>
          new InlineValueText(new Range(line - 1, column - 1, line - 1, endColumn - 1), text),
      );
    },
  });
  const hover = languages.registerEvaluatableExpressionProvider(SELECTOR, {
    provideEvaluatableExpression(document, position) {
      const span = expressionAt(document.lineAt(position).text, position.character);
      return span && new EvaluatableExpression(new Range(position.line, span.start, position.line, span.end));
    },
  });
  return { dispose: () => [inline, hover].forEach((each) => void each.dispose()) };
}
