import { basename } from "node:path";
import { Hover, MarkdownString, Range, languages, type Disposable, type Position, type TextDocument } from "vscode";
import type { ModuleReport } from "../../engine/api/host";
import type { Services } from "../services";
import { createHoverContexts } from "./hover-context";
import { callText, moduleText } from "./hover-texts";
import { SOURCES, callsIn, rangeNow, type Placed } from "./places";
import type { Checked, Reports } from "./reports";
import { calleeOf } from "./source-text";

/** What the models that use a file make at one of its places. */
interface Constructed {
  readonly over: Range;
  readonly found: { readonly modules: readonly ModuleReport[]; readonly checked: Checked }[];
}

/** What a call or a field of a layer is, costs and did. */
export function registerHovers({ edits, runs }: Services, reports: Reports): Disposable {
  const contextOf = createHoverContexts(runs);
  return languages.registerHoverProvider(SOURCES, {
    provideHover(document, position) {
      const calls = callsIn(document.uri, reports, edits)
        .filter(({ at }) => at.start.line <= position.line && position.line <= at.end.line)
        // The innermost first.
        .sort((a, b) => (a.at.contains(b.at) ? 1 : b.at.contains(a.at) ? -1 : 0));
      for (const { at } of calls) {
        const over = namesOf(document, at).find((range) => range.contains(position));
        if (!over) continue;
        return hoverOf(
          over,
          calls.filter((each) => each.at.isEqual(at)),
          ({ call, checked }: Placed) => (checked.report ? callText(call, checked.report, contextOf(checked)) : ""),
        );
      }
      const [made] = constructionsIn(document, reports, position);
      if (!made) return undefined;
      return hoverOf(made.over, made.found, ({ modules, checked }) =>
        checked.report ? moduleText(modules, checked.report, contextOf(checked)) : "",
      );
    },
  });

  function constructionsIn(document: TextDocument, all: Reports, position: Position): Constructed[] {
    const places = new Map<string, Constructed>();
    for (const checked of all.checkedWith(document.uri)) {
      const here = new Map<string, { over: Range; modules: ModuleReport[] }>();
      for (const module of checked.report?.modules ?? []) {
        if (module.made?.file !== document.uri.fsPath) continue;
        const at = rangeNow(edits, checked, module.made);
        if (!at || at.start.line > position.line || at.end.line < position.line) continue;
        const over = namesOf(document, at).find((range) => range.contains(position));
        if (!over) continue;
        const key = `${over.start.line} ${over.start.character}`;
        const place = here.get(key) ?? { over, modules: [] };
        here.set(key, place);
        place.modules.push(module);
      }
      for (const [key, { over, modules }] of here) {
        const place = places.get(key) ?? { over, found: [] };
        places.set(key, place);
        place.found.push({ modules, checked });
      }
    }
    return [...places.values()];
  }
}

/** Where one points at a call or at something made: at its name, and at the variable or field that takes it. */
function namesOf(document: TextDocument, at: Range): Range[] {
  const text = document.getText(at);
  const offset = document.offsetAt(at.start);
  const callee = calleeOf(text);
  // `new Linear`, both words.
  const from = callee && text.startsWith("new ") ? 0 : (callee?.start ?? 0);
  const names = callee
    ? [new Range(document.positionAt(offset + from), document.positionAt(offset + callee.end))]
    : // A loss that is handed over by its name.
      /^[\w$.]+$/.test(text)
      ? [at]
      : [];
  const before = document.getText(new Range(at.start.line, 0, at.start.line, at.start.character));
  const variable = /([\w$#]+)(?:\s*[?!]?:[^=]*)?\s*=\s*(?:await\s+)?$/.exec(before);
  if (!variable) return names;
  return [...names, new Range(at.start.line, variable.index, at.start.line, variable.index + variable[1].length)];
}

function hoverOf<T extends { readonly checked: Checked }>(
  over: Range,
  found: readonly T[],
  textOf: (each: T) => string,
): Hover {
  const texts = found.map((each) => ({ text: textOf(each), file: basename(each.checked.uri.fsPath) }));
  const different = [...new Map(texts.map((each) => [each.text, each])).values()].slice(0, MOST_MODELS);
  const [first] = different;
  if (different.length <= 1) return new Hover(markdown(first?.text ?? ""), over);
  return new Hover(
    different.map(({ text, file }) => markdown(`In \`${file}\`: ${text}`)),
    over,
  );
}

/** Models that speak of one place of a file that they share. */
const MOST_MODELS = 3;

/** Text whose links may run what shows something, and nothing else. */
export function markdown(text: string): MarkdownString {
  const made = new MarkdownString(text);
  made.isTrusted = { enabledCommands: ["backstep.runs.show", "backstep.showPanel"] };
  return made;
}
