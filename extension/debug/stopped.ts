import {
  DecorationRangeBehavior,
  Range,
  ThemeColor,
  debug,
  window,
  type Disposable,
  type TextEditor,
  type TextEditorDecorationType,
} from "vscode";
import type { Direction } from "../../engine/api/debug";
import type { Program, Programs } from "./programs";

const DIRECTIONS: Readonly<Record<Direction, { readonly text: string; readonly color: string }>> = {
  forward: { text: "→ forward", color: "charts.green" },
  backward: { text: "← gradient", color: "charts.orange" },
  update: { text: "↻ update", color: "charts.blue" },
};

/** Says behind the line at which a program stands which way it was going. */
export function showDirections(programs: Programs): Disposable {
  const types = new Map<Direction, TextEditorDecorationType>();
  const typeOf = (direction: Direction): TextEditorDecorationType => {
    const { text, color } = DIRECTIONS[direction];
    const type =
      types.get(direction) ??
      window.createTextEditorDecorationType({
        after: {
          contentText: text,
          // Charts' colours are too faint for text on the line's own colour.
          color: new ThemeColor("descriptionForeground"),
          margin: "0 0 0 2em",
          fontStyle: "italic",
        },
        overviewRulerColor: new ThemeColor(color),
        rangeBehavior: DecorationRangeBehavior.ClosedOpen,
      });
    types.set(direction, type);
    return type;
  };

  const draw = (): void => {
    for (const editor of window.visibleTextEditors) {
      const standing = programs.list().filter((program) => standsIn(program, editor));
      for (const direction of Object.keys(DIRECTIONS) as Direction[]) {
        const ranges = standing.flatMap(({ stop }) =>
          stop?.frame?.direction === direction ? [lineEnd(editor, stop.frame.line)] : [],
        );
        // A type is made when it is first needed.
        if (ranges.length > 0 || types.has(direction)) editor.setDecorations(typeOf(direction), ranges);
      }
    }
  };
  const listeners = [
    programs.onDidChange(draw),
    window.onDidChangeVisibleTextEditors(draw),
    debug.onDidChangeActiveDebugSession(draw),
  ];
  return { dispose: () => [...listeners, ...types.values()].forEach((each) => void each.dispose()) };
}

function standsIn({ session, stop }: Program, { document: { uri } }: TextEditor): boolean {
  const frame = stop?.frame;
  if (!frame || frame.file === null) return false;
  if (!frame.generated) return uri.scheme === "file" && uri.fsPath === frame.file;
  // VS Code shows texts of a session under this scheme and the session's id.
  return uri.scheme === "debug" && uri.query.includes(session.id) && uri.path.endsWith(frame.file);
}

function lineEnd({ document }: TextEditor, line: number): Range {
  const { end } = document.lineAt(Math.min(document.lineCount, Math.max(1, line)) - 1).range;
  return new Range(end, end);
}
