/**
 * TypeScript module text to the body of an async function, every remaining character at its old offset.
 *
 * Types are blanked ({@link createEraser}). Imports are blanked too: what they name becomes
 * parameters of the function. Exports go into a record that the function gets as its first
 * parameter: `.d` is the default export, `.n` the named ones.
 *
 *     import { relu } from "backstep";          ;
 *     export const k: number = 2;                      const k         = 2;
 *     export default relu(k);                   $.d=           relu(k);
 *                                               ;$.n={"k":k};
 */
import type { ExportDefaultDeclaration, ExportNamedDeclaration, ImportDeclaration } from "@babel/types";
import { boundNames, span, type Node, type Span } from "./ast";
import { createEraser } from "./erase";
import type { SyntaxProblem, SyntaxTree } from "./parse";
import { createEdits, createLineTable, skipTrivia } from "./text";

/** `import …` that is needed at run time. Offsets are those of the specifier's string. */
export interface ModuleImport extends Span {
  readonly specifier: string;
  /** `imported` is `"*"` for the whole module. Offsets are those of the name as written. */
  readonly names: readonly (Span & { readonly imported: string; readonly local: string })[];
}

/** `export … from`. Offsets are those of the specifier's string. */
export interface ReExport extends Span {
  readonly specifier: string;
  /** `imported` is `"*"` for `export * as name`; the list is missing for `export *`. */
  readonly names?: readonly (Span & { readonly imported: string; readonly exported: string })[];
}

/** An export of the file's own, with the range of its name, or of the value for `export default EXPRESSION`. */
export interface ModuleExport extends Span {
  readonly name: string;
}

export interface Stripped {
  /** The function's body. One line longer than the text when there are named exports. */
  readonly code: string;
  /** The function's first parameter: a record that gets the exports as {@link ExportCell} says. */
  readonly exportsName: string;
  /** Imports that are needed at run time; each one's `local`s are further parameters, in order. */
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly ModuleExport[];
  readonly reExports: readonly ReExport[];
  /** Names that the file exports as types only. */
  readonly typeExports: ReadonlySet<string>;
  /** Syntax that cannot be blanked. With any of these, `code` is not to be run. */
  readonly problems: readonly SyntaxProblem[];
}

/** What a module function fills. */
export interface ExportCell {
  /** The default export. */
  d?: unknown;
  /** The named exports. */
  n?: Record<string, unknown>;
}

export function strip(text: string, tree: SyntaxTree): Stripped {
  const edits = createEdits(text);
  const problems: SyntaxProblem[] = [];
  const report = (start: number, end: number, message: string): void => {
    const { line, column, endLine, endColumn } = createLineTable(text).range("", start, end);
    problems.push({ message, line, column, endLine, endColumn });
  };
  const eraser = createEraser(text, edits, report);
  const importNodes: ImportDeclaration[] = [];
  const exports: ModuleExport[] = [];
  const reExports: ReExport[] = [];
  const typeExports = new Set<string>();
  const usedByExport = new Set<string>();
  const locals = topLevelNames(tree.program.body);
  /** Named exports as `exported name → local name`, for the end of the text. */
  const assigned: (readonly [string, string])[] = [];
  let defaultAt: number | undefined;
  let defaultLocal: string | undefined;

  if (tree.program.interpreter) {
    const { start, end } = span(tree.program.interpreter);
    edits.blank(start, end);
  }
  for (const statement of tree.program.body) {
    switch (statement.type) {
      case "ImportDeclaration":
        eraser.eraseWhole(statement);
        if (statement.importKind !== "type") importNodes.push(statement);
        break;
      case "ExportAllDeclaration":
        eraser.eraseWhole(statement);
        if (statement.exportKind !== "type") {
          reExports.push({ specifier: statement.source.value, ...span(statement.source) });
        }
        break;
      case "ExportNamedDeclaration":
        exportNamed(statement);
        break;
      case "ExportDefaultDeclaration":
        exportDefault(statement);
        break;
      default:
        eraser.erase(statement);
    }
  }

  function exportNamed(node: ExportNamedDeclaration): void {
    const { declaration } = node;
    if (!declaration) return exportList(node);
    const isType = declaration.type.startsWith("TS") || ("declare" in declaration && declaration.declare === true);
    if (isType) {
      for (const { name } of declaredNames(declaration)) typeExports.add(name);
      // An enum or a namespace: let the eraser say what it cannot do.
      if (declaration.type === "TSEnumDeclaration" || declaration.type === "TSModuleDeclaration") {
        edits.blank(span(node).start, span(declaration).start);
        eraser.erase(declaration);
      } else eraser.eraseWhole(node);
      return;
    }
    edits.blank(span(node).start, span(declaration).start);
    eraser.erase(declaration);
    for (const { name, start, end } of declaredNames(declaration)) {
      exports.push({ name, start, end });
      assigned.push([name, name]);
    }
  }

  function exportList(node: ExportNamedDeclaration): void {
    eraser.eraseWhole(node);
    const names: (Span & { imported: string; exported: string })[] = [];
    for (const specifier of node.specifiers) {
      const exported = specifier.exported.type === "Identifier" ? specifier.exported.name : specifier.exported.value;
      const isType =
        node.exportKind === "type" || (specifier.type === "ExportSpecifier" && specifier.exportKind === "type");
      if (isType) typeExports.add(exported);
      else if (specifier.type === "ExportSpecifier") {
        // With `from`, the parser allows `export { "any string" } from`; its type does not say so.
        const local = specifier.local as Node;
        const imported = local.type === "StringLiteral" ? local.value : specifier.local.name;
        names.push({ imported, exported, ...span(specifier) });
      } else if (specifier.type === "ExportNamespaceSpecifier") {
        names.push({ imported: "*", exported, ...span(specifier) });
      }
    }
    if (node.source) {
      const isNeeded = names.length > 0 || (node.exportKind !== "type" && node.specifiers.length === 0);
      if (isNeeded) reExports.push({ specifier: node.source.value, names, ...span(node.source) });
      return;
    }
    for (const { imported: local, exported, start, end } of names) {
      if (locals.types.has(local) && !locals.values.has(local)) {
        typeExports.add(exported);
        continue;
      }
      usedByExport.add(local);
      exports.push({ name: exported, start, end });
      if (exported === "default") defaultLocal = local;
      else assigned.push([exported, local]);
    }
  }

  function exportDefault(node: ExportDefaultDeclaration): void {
    const { declaration } = node;
    const { start } = span(node);
    const value = span(declaration);
    if (declaration.type.startsWith("TSInterface") || declaration.type === "TSDeclareFunction") {
      typeExports.add("default");
      return eraser.eraseWhole(node);
    }
    eraser.erase(declaration);
    const isDeclaration = declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration";
    edits.blank(start, value.start);
    if (isDeclaration && declaration.id) {
      exports.push({ name: "default", ...span(declaration.id) });
      defaultLocal = declaration.id.name;
      return;
    }
    exports.push({ name: "default", ...value });
    defaultAt = start;
    if (isDeclaration) endAnonymous(value);
    else {
      const blanked = edits.blankedUpTo(span(node).end);
      if (blanked !== undefined) edits.put(blanked, ";");
    }
  }

  /** `export default class {}` becomes an assignment, which a next line that starts with `(` would carry on. */
  function endAnonymous({ start, end }: Span): void {
    const next = skipTrivia(text, end);
    if (next === text.length || !"([`+-/*,.".includes(text[next])) return;
    if (/[ \t;]/.test(text[end])) edits.put(end, ";");
    else report(start, end, "Give the default export a name, or put a `;` before the next line");
  }

  const imports = importNodes.flatMap((node) => {
    const needed = neededImport(node, (local) => eraser.valueNames.has(local) || usedByExport.has(local));
    return needed ? [needed] : [];
  });
  const exportsName = freshName(eraser.valueNames, imports);
  if (defaultAt !== undefined) edits.write(defaultAt, `${exportsName}.d=`);
  const tail = exportTail(exportsName, assigned, defaultLocal);
  return {
    code: edits.apply() + tail,
    exportsName,
    imports,
    exports,
    reExports,
    typeExports,
    problems,
  };
}

/** An import without the names that only types use; nothing when no other names were there. */
function neededImport(node: ImportDeclaration, isUsed: (local: string) => boolean): ModuleImport | undefined {
  const names = node.specifiers.flatMap((specifier) => {
    if (specifier.type === "ImportSpecifier" && specifier.importKind === "type") return [];
    const local = specifier.local.name;
    if (!isUsed(local)) return [];
    return [{ imported: importedName(specifier), local, ...span(specifier) }];
  });
  if (names.length === 0 && node.specifiers.length > 0) return undefined;
  return { specifier: node.source.value, names, ...span(node.source) };
}

function importedName(specifier: ImportDeclaration["specifiers"][number]): string {
  switch (specifier.type) {
    case "ImportDefaultSpecifier":
      return "default";
    case "ImportNamespaceSpecifier":
      return "*";
    case "ImportSpecifier":
      return specifier.imported.type === "Identifier" ? specifier.imported.name : specifier.imported.value;
  }
}

/** Names bound at the top level, by whether they exist at run time. */
function topLevelNames(body: readonly Node[]): { values: Set<string>; types: Set<string> } {
  const values = new Set<string>();
  const types = new Set<string>();
  for (const statement of body) {
    const declaration =
      (statement.type === "ExportNamedDeclaration" || statement.type === "ExportDefaultDeclaration"
        ? statement.declaration
        : statement) ?? statement;
    const isType = declaration.type.startsWith("TS") || ("declare" in declaration && declaration.declare === true);
    for (const { name } of declaredNames(declaration)) (isType ? types : values).add(name);
  }
  return { values, types };
}

function declaredNames(declaration: Node): readonly (Span & { readonly name: string })[] {
  switch (declaration.type) {
    case "VariableDeclaration":
      return declaration.declarations.flatMap((declarator) => boundNames(declarator.id));
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSDeclareFunction":
      return declaration.id ? boundNames(declaration.id) : [];
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSEnumDeclaration":
      return boundNames(declaration.id);
    case "TSModuleDeclaration":
      return boundNames(declaration.id);
    default:
      return [];
  }
}

/** A name that the file does not use, short enough for `NAME.d=` to fit over `export`. */
function freshName(used: ReadonlySet<string>, imports: readonly ModuleImport[]): string {
  const taken = new Set([...used, ...imports.flatMap(({ names }) => names.map(({ local }) => local))]);
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const candidates = ["$", "$$", "$_", "_$", ...letters.map((letter) => `$${letter}`)];
  const free = candidates.find((candidate) => !taken.has(candidate));
  if (free === undefined) throw new Error("internal: no free name for a module's exports");
  return free;
}

function exportTail(
  exportsName: string,
  assigned: readonly (readonly [string, string])[],
  defaultLocal: string | undefined,
): string {
  const named = assigned.map(([name, local]) => `${JSON.stringify(name)}:${local}`).join(",");
  const parts = [
    ...(defaultLocal === undefined ? [] : [`${exportsName}.d=${defaultLocal};`]),
    ...(named === "" ? [] : [`${exportsName}.n={${named}};`]),
  ];
  return parts.length === 0 ? "" : `\n;${parts.join("")}`;
}
