import type { JsonValue, NodeRecord } from "../train/records";

/** Nodes in order: one JSON object a line, or text for people with forward and backward parts. */
export function printRecords(records: readonly NodeRecord[], json: boolean): string {
  if (json) return records.map((record) => `${JSON.stringify(record)}\n`).join("");
  const lines: string[] = [];
  let phase: string | undefined;
  for (const record of records) {
    if (record.phase !== phase) {
      phase = record.phase;
      lines.push(`${lines.length > 0 ? "\n" : ""}${phase}`);
    }
    lines.push(printRecord(record));
  }
  return `${lines.join("\n")}\n`;
}

function printRecord(record: NodeRecord): string {
  const line = (record.line === null ? "" : `line ${record.line}`).padEnd(9);
  const inputs = record.inputs.map((id) => `%${id}`).join(", ");
  const what = `%${record.id} = ${record.op}(${inputs})`;
  const name = record.name === null ? "" : `${record.name} = `;
  const role = record.phase === "backward" ? ` ${record.role}` : "";
  return `  ${line} ${what.padEnd(30)} ${name}${valueText(record)} [${record.shape.join(", ")}]${role}${record.scope && `  # ${record.scope}`}`;
}

/** Short values whole, long ones by their first elements. */
function valueText({ value, shape }: NodeRecord): string {
  if (value === null) return "…";
  const flat: string[] = [];
  const collect = (item: JsonValue): void => {
    if (flat.length > 8) return;
    if (Array.isArray(item)) (item as readonly JsonValue[]).forEach(collect);
    else flat.push(typeof item === "number" ? numberText(item) : String(item));
  };
  collect(value);
  const text = flat.slice(0, 8).join(", ") + (flat.length > 8 ? ", …" : "");
  return shape.length === 0 ? text : `(${text})`;
}

function numberText(x: number): string {
  return Number.isInteger(x) ? String(x) : String(Number(x.toPrecision(6)));
}
