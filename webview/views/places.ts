/** Ways from the panel to the editor. */
import { baseName } from "../format";
import { post } from "../host";
import { faceNow } from "../store";

export interface Place {
  readonly file: string | null;
  readonly line: number | null;
}

export function openLayer({ file, line }: Place): void {
  if (file !== null) post({ type: "open", file, line: line ?? 1, of: faceNow() });
}

/** `digits.nn.ts:12`, or undefined where there is nothing to open. */
export function placeText({ file, line }: Place): string | undefined {
  return file === null ? undefined : `${baseName(file)}${line === null ? "" : `:${line}`}`;
}
