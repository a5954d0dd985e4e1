import { relative } from "node:path";
import type { Issue } from "../graph/issue";
import type { CheckReport, LayerReport } from "../check/records";

/** The report of one file: one JSON object on a line, or text for people. */
export function printReport(file: string, report: CheckReport, json: boolean): string {
  if (json) return `${JSON.stringify(jsonReport(file, report))}\n`;
  const issues = report.issues.map((issue) => printIssue(issue));
  const errors = report.issues.filter(({ severity }) => severity === "error").length;
  const warnings = report.issues.filter(({ severity }) => severity === "warning").length;
  const summary =
    errors + warnings === 0
      ? `${file}: no problems, ${count(report.parameters, "parameter")}`
      : `${file}: ${count(errors, "error")}, ${count(warnings, "warning")}`;
  return [...issues, ...printLayers(report.layers), summary].join("\n") + "\n";
}

function jsonReport(file: string, { issues, layers, parameters }: CheckReport): object {
  return {
    file,
    issues: issues.map(({ code, severity, message, range }) => ({
      code,
      severity,
      message,
      file: range?.file ?? file,
      line: range?.line ?? 1,
      column: range?.column ?? 1,
      endLine: range?.endLine ?? 1,
      endColumn: range?.endColumn ?? 1,
    })),
    layers: layers.map(({ file: _, ...layer }) => layer),
    parameters,
  };
}

function printIssue({ code, severity, message, range }: Issue): string {
  const place = range ? `${relative(process.cwd(), range.file) || range.file}:${range.line}:${range.column}: ` : "";
  return `${place}${severity}: ${message} [${code}]`;
}

function printLayers(layers: readonly LayerReport[]): string[] {
  if (layers.length === 0) return [];
  const rows = layers.map((layer) => [
    layer.line === null ? "" : String(layer.line),
    layer.name,
    layer.type,
    layer.inputShapes.map(shapeText).join(" "),
    shapeText(layer.outputShape),
    layer.parameters.toLocaleString("en"),
  ]);
  const header = ["line", "layer", "type", "input", "output", "parameters"];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 || i === 5 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return ["", line(header), ...rows.map(line), ""];
}

function shapeText(shape: readonly (number | string)[] | null): string {
  return shape === null ? "unknown" : `[${shape.join(", ")}]`;
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}
