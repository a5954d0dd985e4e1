import { EventEmitter, InlayHint, InlayHintKind, Position, Range, languages, workspace, type Disposable } from "vscode";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { hintsOf } from "./hint-texts";
import { createHoverContexts } from "./hover-context";
import { callText } from "./hover-texts";
import { markdown } from "./hovers";
import { SOURCES, callsIn, type Placed } from "./places";
import type { Reports } from "./reports";

/** Shapes and parameters behind the calls of layers and operations. */
export function registerHints({ edits, runs }: Services, reports: Reports): Disposable {
  const changed = new EventEmitter<void>();
  const contextOf = createHoverContexts(runs);
  /** What a hint's tooltip is made of, once somebody looks. */
  const behind = new WeakMap<InlayHint, Placed>();

  const provider = languages.registerInlayHintsProvider(SOURCES, {
    onDidChangeInlayHints: changed.event,
    provideInlayHints(document, range) {
      const which = settingsFor(document.uri).shapeHints;
      if (which === "off") return [];
      const placed = callsIn(document.uri, reports, edits).filter(
        ({ at }) => at.end.line >= range.start.line && at.start.line <= range.end.line && isCall(document.getText(at)),
      );
      const between = (from: { line: number; character: number }, to: typeof from): string =>
        document.getText(new Range(from.line, from.character, to.line, to.character));
      return hintsOf(placed, which, between).map(({ at, text, calls }) => {
        const hint = new InlayHint(new Position(at.line, at.character), text, InlayHintKind.Type);
        hint.paddingLeft = true;
        const first = placed.find(({ call }) => call === calls[0]);
        if (first) behind.set(hint, first);
        return hint;
      });
    },
    resolveInlayHint(hint) {
      const of = behind.get(hint);
      if (of?.checked.report) {
        hint.tooltip = markdown(callText(of.call, of.checked.report, contextOf(of.checked)));
      }
      return hint;
    },
  });
  const listeners = [
    reports.onDidCheck(() => changed.fire()),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("backstep.hints")) changed.fire();
    }),
  ];
  return { dispose: () => [provider, changed, ...listeners].forEach((each) => void each.dispose()) };
}

/** A loss that is handed over by its name is called, but not there. */
function isCall(text: string): boolean {
  return text.endsWith(")");
}
