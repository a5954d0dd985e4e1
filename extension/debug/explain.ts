import { basename } from "node:path";
import {
  Position,
  Range,
  Uri,
  ViewColumn,
  debug,
  window,
  workspace,
  type DebugSession,
  type QuickPickItem,
} from "vscode";
import type { ExplainAnswer } from "../../engine/api/debug";
import { openLine } from "../panel/open-line";
import { DEBUG_TYPE } from "./configuration";
import { elementText, numberText } from "./explain-texts";
import { expressionAt } from "./expressions";

export type Question = "not-finite" | "zero";

const TITLES: Readonly<Record<Question, string>> = {
  "not-finite": "Why Is This NaN?",
  zero: "Why Is This Zero?",
};

/** Walks from a bad number back to where it was made, as a list of places that one can go to. */
export async function explain(argument: unknown, what: Question): Promise<void> {
  const session = debug.activeDebugSession;
  if (session?.type !== DEBUG_TYPE) {
    void window.showInformationMessage(`Backstep: debug a model first. ${TITLES[what]} asks the stopped program.`);
    return;
  }
  const expression = expressionOf(argument) ?? expressionInEditor() ?? (await askExpression(what));
  if (expression === undefined) return;
  const explanation = await ask(session, expression, what);
  if (!explanation) return;
  if (explanation.steps.length > 0) await show(`${TITLES[what]} ${expression}`, explanation);
  else void window.showInformationMessage(`Backstep: ${explanation.summary}`);
}

/** What the Variables view, a hover or another command hands over. */
export function expressionOf(argument: unknown): string | undefined {
  if (typeof argument === "string" && argument !== "") return argument;
  if (typeof argument !== "object" || argument === null) return undefined;
  const { variable } = argument as { variable?: { evaluateName?: unknown; name?: unknown } };
  const name = variable?.evaluateName ?? variable?.name;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** What is selected in the editor, or the path of names at the cursor. */
export function expressionInEditor(): string | undefined {
  const editor = window.activeTextEditor;
  if (!editor || editor.document.languageId !== "typescript") return undefined;
  const { document, selection } = editor;
  const selected = document.getText(selection).trim();
  if (selected !== "") return selection.isSingleLine ? selected : undefined;
  const { line, character } = selection.active;
  const { text } = document.lineAt(line);
  const span = expressionAt(text, character);
  // What is called is no value.
  return span && text[span.end] !== "(" ? document.getText(new Range(line, span.start, line, span.end)) : undefined;
}

async function askExpression(what: Question): Promise<string | undefined> {
  const text = await window.showInputBox({
    title: TITLES[what],
    prompt: "An expression over what is in scope, such as loss, logits[0][3] or hidden.weight.grad",
    validateInput: (value) => (value.trim() === "" ? "An expression" : undefined),
  });
  return text?.trim();
}

async function ask(session: DebugSession, expression: string, what: Question): Promise<ExplainAnswer | undefined> {
  const frame = debug.activeStackItem;
  const frameId = frame && "frameId" in frame && frame.session.id === session.id ? frame.frameId : undefined;
  try {
    return (await session.customRequest("backstep/explain", { expression, what, frameId })) as ExplainAnswer;
  } catch (error) {
    void window.showInformationMessage(`Backstep: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

type Step = ExplainAnswer["steps"][number];

interface Item extends QuickPickItem {
  readonly step: Step | undefined;
}

/** The list stays open while one goes through it, and each line is shown as it is reached. */
async function show(title: string, { summary, steps }: ExplainAnswer): Promise<void> {
  const before = window.activeTextEditor;
  const selection = before?.selection;
  const picker = window.createQuickPick<Item>();
  picker.title = title;
  picker.placeholder = "From the number back to where it began. Enter goes to the line";
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  picker.ignoreFocusOut = true;
  picker.items = [
    { label: `$(info) ${summary}`, alwaysShow: true, step: steps.at(-1) },
    ...steps.map((step, i) => itemOf(step, i)),
  ];
  let gone = false;
  await new Promise<void>((resolve) => {
    picker.onDidChangeActive(([item]) => {
      if (item?.step) void preview(item.step);
    });
    picker.onDidAccept(() => {
      const [item] = picker.selectedItems;
      const { file, line } = item?.step ?? {};
      gone = true;
      if (file && line) void openLine(file, Number(line));
      picker.hide();
    });
    picker.onDidHide(() => resolve());
    picker.show();
  });
  picker.dispose();
  if (!gone && before) await window.showTextDocument(before.document, { viewColumn: before.viewColumn, selection });
}

function itemOf(step: Step, i: number): Item {
  const { operation, name, index, value, direction, file, line, inputs } = step;
  const icon = direction === "forward" ? "arrow-right" : direction === "backward" ? "arrow-left" : "sync";
  const from = inputs.map((input) => `${elementText(input.name, input.index)} = ${numberText(input.value)}`).join(", ");
  return {
    label: `$(${icon}) ${i + 1}. ${elementText(name ?? operation, index)} = ${numberText(value)}`,
    description: [name === null ? "" : operation, file === null ? "" : `${basename(file)}:${line ?? 1}`]
      .filter((text) => text !== "")
      .join(" · "),
    ...(from === "" ? {} : { detail: `made of ${from}` }),
    step,
  };
}

async function preview({ file, line, column }: Step): Promise<void> {
  if (file === null || line === null) return;
  try {
    const document = await workspace.openTextDocument(Uri.file(file));
    const at = new Position(Math.max(0, Number(line) - 1), Math.max(0, Number(column ?? 1) - 1));
    await window.showTextDocument(document, {
      viewColumn: window.activeTextEditor?.viewColumn ?? ViewColumn.One,
      preserveFocus: true,
      preview: true,
      selection: document.validateRange(new Range(at, at)),
    });
  } catch {
    // A place in a generated text, or a file that is gone: the list itself still says it.
  }
}
