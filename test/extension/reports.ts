import type { CallReport, CheckReport, Issue, ModuleReport, Range } from "../../engine/api/host";

/** Reports written by hand, as checks make them. */

export const FILE = "/w/model.nn.ts";

/** Where a piece of a text is, from 1; of several the `nth`. */
export function rangeOf(text: string, piece: string, nth = 0, file = FILE): Range {
  let from = -1;
  for (let i = 0; i <= nth; i++) from = text.indexOf(piece, from + 1);
  if (from < 0) throw new Error(`there is no ${piece}`);
  const place = (offset: number): [number, number] => {
    const lines = text.slice(0, offset).split("\n");
    return [lines.length, lines[lines.length - 1].length + 1];
  };
  const [line, column] = place(from);
  const [endLine, endColumn] = place(from + piece.length);
  return { file, line, column, endLine, endColumn };
}

export function layerCall(range: Range, more: Partial<CallReport> = {}): CallReport {
  const outputs = more.outputs ?? [["N", 128]];
  return {
    range,
    kind: "layer",
    name: "hidden",
    type: "Linear",
    times: 1,
    inputs: [["N", 784]],
    outputs,
    shapes: outputs.slice(0, 1),
    parameters: 0,
    multiplyAdds: null,
    bytes: null,
    receptiveField: null,
    layer: null,
    ...more,
  };
}

export function operationCall(range: Range, name: string, more: Partial<CallReport> = {}): CallReport {
  return layerCall(range, { kind: "operation", name, type: name, ...more });
}

export function module(path: string, type: string, made: Range | null, more: Partial<ModuleReport> = {}): ModuleReport {
  return { path, type, made, parameters: 0, outputShape: null, ...more };
}

export function report(more: Partial<CheckReport> = {}): CheckReport {
  return {
    issues: [],
    layers: [],
    parameters: 0,
    calls: [],
    modules: [],
    totals: { parameters: 0, frozen: 0, multiplyAdds: null, bytes: null },
    files: [FILE],
    ...more,
  };
}

export function issue(range: Range, fixes: Issue["fixes"] = [], more: Partial<Issue> = {}): Issue {
  return { code: "linear-inputs", severity: "error", message: "does not fit", range, fixes, ...more };
}
