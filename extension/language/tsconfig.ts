import { parseJsonc, propertyOf, type JsonNode } from "./jsonc";

/** How a tsconfig.json is taught where the types of a module are, with its comments and layout kept. */
export interface PathsEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export type PathsAnswer =
  | { readonly kind: "edit"; readonly edit: PathsEdit }
  /** The entry stands there already. */
  | { readonly kind: "present" }
  /** `paths` here would hide those of the configuration that it extends. */
  | { readonly kind: "extends"; readonly edit: PathsEdit }
  | { readonly kind: "unreadable" };

/** @param target as seen from the folder of the tsconfig.json: `./.backstep/types/index.d.ts` */
export function pathsEdit(text: string, module: string, target: string): PathsAnswer {
  const root = parseJsonc(text);
  if (root?.kind !== "object") return { kind: "unreadable" };
  const options = propertyOf(root, "compilerOptions");
  const paths = propertyOf(options, "paths");
  const base = propertyOf(options, "baseUrl");
  const entry = JSON.stringify([fromBase(base, target)]);
  const present = propertyOf(paths, module);
  if (present) {
    if (text.slice(present.start, present.end).replace(/\s/g, "") === entry) return { kind: "present" };
    return { kind: "edit", edit: { start: present.start, end: present.end, text: entry } };
  }
  const indent = indentOf(text);
  const line = `${JSON.stringify(module)}: ${entry}`;
  if (paths?.kind === "object")
    return { kind: "edit", edit: insertion(text, paths, line, indent.repeat(3), indent.repeat(2)) };
  const block = `"paths": {\n${indent.repeat(3)}${line}\n${indent.repeat(2)}}`;
  const edit =
    options?.kind === "object"
      ? insertion(text, options, block, indent.repeat(2), indent)
      : insertion(text, root, `"compilerOptions": {\n${indent.repeat(2)}${block}\n${indent}}`, indent, "");
  return { kind: propertyOf(root, "extends") ? "extends" : "edit", edit };
}

/** A configuration for a workspace that has none. */
export function newTsconfig(module: string, target: string): string {
  const configuration = {
    compilerOptions: {
      target: "ES2022",
      module: "ESNext",
      moduleResolution: "bundler",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      paths: { [module]: [target] },
    },
    include: ["**/*.ts"],
  };
  return `${JSON.stringify(configuration, null, 2)}\n`;
}

/** After the last property of an object, with a comma between them; comments that follow it stay where they are. */
function insertion(
  text: string,
  object: Extract<JsonNode, { kind: "object" }>,
  content: string,
  inside: string,
  outside: string,
): PathsEdit {
  const last = object.properties.at(-1);
  if (!last) return { start: object.start, end: object.end, text: `{\n${inside}${content}\n${outside}}` };
  const { end } = last.value;
  const hasComma = /^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*,/.exec(text.slice(end, object.end));
  if (hasComma) {
    const after = end + hasComma[0].length;
    return { start: after, end: after, text: `\n${inside}${content},` };
  }
  return { start: end, end, text: `,\n${inside}${content}` };
}

/** `paths` are relative to `baseUrl` where there is one. */
function fromBase(base: JsonNode | undefined, target: string): string {
  if (base?.kind !== "value" || typeof base.value !== "string") return target;
  const parts = base.value.split("/").filter((part) => part !== "" && part !== ".");
  // A base outside of the folder, or an absolute one, leaves only the way back through names that are not known here.
  if (parts.length === 0 || parts.includes("..") || base.value.startsWith("/")) return target;
  return `${"../".repeat(parts.length)}${target.replace(/^\.\//, "")}`;
}

function indentOf(text: string): string {
  return /^([ \t]+)"/m.exec(text)?.[1] ?? "  ";
}
