import type { CallReport, CheckReport, ModuleReport, Prediction } from "../../engine/api/host";
import type { RunHistory } from "../../webview/protocol";
import { byteText, exactCount, roundCount, shapeText, type PlainShape } from "./amounts";
import { shapesText } from "./hint-texts";
import { predictedRows, runRows, type Row } from "./run-figures";

/** What is known beside the report. */
export interface HoverContext {
  /** The newest run of the model. */
  readonly run: { readonly id: string; readonly history: RunHistory } | undefined;
  readonly prediction: Prediction | null;
  /** The report is of an earlier text. */
  readonly stale: boolean;
}

/** A call in Markdown: shape first, then what it costs, then how it fared. */
export function callText(call: CallReport, report: CheckReport, context: HoverContext): string {
  const { kind, name, type, inputs, outputs } = call;
  const layer = call.layer === null ? undefined : report.layers[call.layer]?.name;
  const shapes: Row[] = [
    ["output", code(outputs.length > 1 ? listed(outputs) : shapesText([{ ...call, times: 1 }]))],
    ...(inputs.length === 0 ? [] : [["input", code(listed(inputs))] as const]),
  ];
  return [
    title(kind === "layer" ? name : type, kind === "layer" ? type : "operation"),
    table([...shapes, ...costRows(call)]),
    ...(layer === undefined ? [] : figures(layer, context)),
    ...footer(context),
  ].join("\n\n");
}

/** What is made by `hidden = new Linear(784, 128)`, by the modules that this place makes. */
export function moduleText(modules: readonly ModuleReport[], report: CheckReport, context: HoverContext): string {
  const [module] = modules;
  const layer = report.layers.findIndex(({ name }) => name === module.path);
  const call = report.calls.find((each) => each.kind === "layer" && each.layer === layer && layer >= 0);
  const of = report.layers[layer] as CheckReport["layers"][number] | undefined;
  const inputs = of?.inputShapes ?? [];
  const rows: Row[] = [
    ["output", code(shapeText(of?.outputShape ?? module.outputShape))],
    ...(inputs.length === 0 ? [] : [["input", code(listed(inputs))] as const]),
    ...(call
      ? costRows({ ...call, parameters: module.parameters })
      : module.parameters > 0
        ? [["parameters", exactCount(module.parameters)] as const]
        : []),
  ];
  const others = modules.slice(1).map(({ path }) => code(path));
  const shown = others.slice(0, 3).join(", ");
  return [
    title(module.path === "" ? "the model" : module.path, module.type),
    table(rows),
    ...(others.length === 0
      ? []
      : [`Made here too: ${shown}${others.length > 3 ? ` and ${others.length - 3} more` : ""}.`]),
    ...figures(module.path, context),
    ...footer(context),
  ].join("\n\n");
}

function costRows({ parameters, multiplyAdds, bytes, receptiveField, times }: CallReport): Row[] {
  return [
    ...(parameters > 0 ? [["parameters", exactCount(parameters)] as const] : []),
    ...(multiplyAdds !== null && multiplyAdds > 0
      ? [["multiply-adds", `${roundCount(multiplyAdds)} per example`] as const]
      : []),
    ...(bytes !== null && bytes > 0 ? [["memory", `${byteText(bytes)} per example`] as const] : []),
    ...(receptiveField !== null ? [["receptive field", receptiveField.join(" × ")] as const] : []),
    ...(times > 1 ? [["called", `${times} times in one forward`] as const] : []),
  ];
}

function figures(layer: string, { run, prediction }: HoverContext): string[] {
  const measured = run ? runRows(run.history, layer) : [];
  if (run && measured.length > 0) {
    return [`Last run, iteration ${exactCount(run.history.flow.at(-1)?.iteration ?? 0)}:`, table(measured)];
  }
  const predicted = prediction ? predictedRows(prediction, layer) : [];
  if (!prediction || predicted.length === 0) return [];
  const examples = `${prediction.batch} ${prediction.batch === 1 ? "example" : "examples"}`;
  return [`Predicted, ${examples} at initialisation:`, table(predicted)];
}

function footer({ run, stale }: HoverContext): string[] {
  const link = run
    ? `[Show in Panel](command:backstep.runs.show?${encodeURIComponent(JSON.stringify([run.id]))})`
    : "[Show Panel](command:backstep.showPanel)";
  return [...(stale ? ["_Of the text before its last edits: as it is, it cannot be read or run._"] : []), link];
}

function title(name: string, type: string): string {
  return `**${escaped(name)}** · ${escaped(type)}`;
}

/** The first row is the head, since a table without one is no table. */
function table(rows: readonly Row[]): string {
  const [head, ...body] = rows.map(([name, value]) => `| ${name} | ${value.replaceAll("|", "\\|")} |`);
  return [head, "| :-- | :-- |", ...body].join("\n");
}

function listed(shapes: readonly PlainShape[]): string {
  return shapes.map(shapeText).join(", ");
}

function code(text: string): string {
  return `\`${text}\``;
}

function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#+\-.!|$]/g, "\\$&");
}
