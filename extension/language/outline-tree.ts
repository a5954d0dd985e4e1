import type { CheckReport, ModuleReport } from "../../engine/api/host";
import { exactCount, shapeText } from "./amounts";

/** Modules as an outline shows them. */
export interface OutlineNode {
  readonly module: ModuleReport;
  /** What of its path its parent does not say. */
  readonly name: string;
  /** `Linear → [N, 128] · 100,480`. */
  readonly detail: string;
  readonly children: readonly OutlineNode[];
}

/**
 * The modules that a file makes, each below the nearest one around it that the file makes too. The model itself, whose path is
 * empty, is the root of the rest and no node.
 */
export function outlineOf({ modules }: CheckReport, file: string): OutlineNode[] {
  const roots: OutlineNode[] = [];
  const made = new Map<string, OutlineNode & { children: OutlineNode[] }>();
  for (const module of modules) {
    if (module.path === "" || module.made?.file !== file) continue;
    const parent = ancestors(module.path).find((path) => made.has(path));
    const node = {
      module,
      name: parent === undefined ? module.path : module.path.slice(parent.length + 1),
      detail: detailOf(module),
      children: [],
    };
    made.set(module.path, node);
    (parent === undefined ? roots : (made.get(parent)?.children ?? roots)).push(node);
  }
  return roots;
}

export function detailOf({ type, outputShape, parameters }: ModuleReport): string {
  const shape = outputShape === null ? "" : ` → ${shapeText(outputShape)}`;
  return `${type}${shape}${parameters > 0 ? ` · ${exactCount(parameters)}` : ""}`;
}

/** `a.b.c` has `a.b` and `a`. */
function ancestors(path: string): string[] {
  const parts = path.split(".");
  return parts.slice(1).map((_, i) => parts.slice(0, parts.length - 1 - i).join("."));
}
