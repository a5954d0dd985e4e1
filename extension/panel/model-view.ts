import type { CheckReport, NetworkResult, PlainShape } from "../../engine/api/host";
import type { ModelChange, ModelView } from "../../webview/protocol";
import type { Checked } from "../language/reports";

/** What the panel shows of a model file, from what is known of it. */
export interface ModelKnowledge {
  /** Path in the workspace. */
  readonly file: string;
  readonly path: string;
  readonly trusted: boolean;
  readonly checked: Omit<Checked, "uri"> | undefined;
  readonly network: NetworkResult | null;
  readonly changes: readonly ModelChange[];
}

const UNTRUSTED =
  "This workspace is not trusted, and to check a model its code must run. Trust the workspace to see its shapes, its network and its predicted gradient flow.";

export function modelView({ file, path, trusted, checked, network, changes }: ModelKnowledge): ModelView {
  const report = checked?.report ?? null;
  const problem = checked?.latest.issues.find(({ severity }) => severity === "error");
  const state = !trusted
    ? "untrusted"
    : checked === undefined
      ? "checking"
      : !checked.stale
        ? "ready"
        : report
          ? "stale"
          : "failed";
  return {
    file,
    path,
    state,
    message: trusted ? (checked?.failure ?? null) : UNTRUSTED,
    line: checked?.stale && problem?.range?.file === path ? problem.range.line : null,
    issues: [...(checked?.latest.issues ?? []), ...(checked?.stale ? [] : (checked?.prediction?.issues ?? []))].map(
      ({ code, severity, message, range }) => ({
        code,
        severity,
        message,
        file: range?.file ?? null,
        line: range?.line ?? null,
      }),
    ),
    layers: (report?.layers ?? []).map(({ name, type, inputShapes, outputShape, parameters, file, line }) => ({
      name,
      type,
      input: inputShapes.map(shapeText).join(", "),
      output: shapeText(outputShape),
      parameters,
      file,
      line,
    })),
    totals: report?.totals ?? null,
    network,
    prediction: checked?.prediction ?? null,
    changes,
  };
}

/** What an edit changed, layer by layer. */
export function changesBetween(before: CheckReport, after: CheckReport): ModelChange[] {
  const old = new Map(before.layers.map((layer) => [layer.name, layer]));
  const now = new Set(after.layers.map(({ name }) => name));
  const changed = after.layers.flatMap((layer): ModelChange[] => {
    const known = old.get(layer.name);
    if (!known) return [{ layer: layer.name, kind: "added", what: "" }];
    const what = [
      difference(known.type, layer.type),
      difference(shapeText(known.outputShape), shapeText(layer.outputShape)),
      known.parameters === layer.parameters
        ? ""
        : `${known.parameters.toLocaleString("en-US")} → ${layer.parameters.toLocaleString("en-US")} parameters`,
    ].filter((text) => text !== "");
    return what.length === 0 ? [] : [{ layer: layer.name, kind: "changed", what: what.join(", ") }];
  });
  const removed = before.layers.filter(({ name }) => !now.has(name));
  return [...changed, ...removed.map(({ name }): ModelChange => ({ layer: name, kind: "removed", what: "" }))];
}

function difference(before: string, after: string): string {
  return before === after ? "" : `${before} → ${after}`;
}

function shapeText(shape: PlainShape): string {
  return shape === null ? "unknown" : `[${shape.join(", ")}]`;
}
