/**
 * Blanks TypeScript's own syntax in place.
 *
 * Only what can go without changing the program is blanked; what would need new
 * code (enum, parameter properties …) is reported. Where a blanked stretch stood
 * between two lines that JavaScript would otherwise join (a line that starts with
 * `(`, say), a `;` takes its first column. The same cases, and their remedies, are
 * those of ts-blank-space.
 */
import type {
  ArrowFunctionExpression,
  ClassDeclaration,
  ClassExpression,
  ClassMethod,
  ClassPrivateMethod,
  ClassPrivateProperty,
  ClassProperty,
  FunctionDeclaration,
  FunctionExpression,
  ObjectMethod,
  TSModuleDeclaration,
} from "@babel/types";
import { forEachChild, span, type Node } from "./ast";
import { isLineEnd, skipTrivia, wordEnd, type Edits } from "./text";

export interface Eraser {
  /** Blanks the types inside a node (which stays). */
  erase(node: Node): void;
  /** Blanks a whole statement or class member. */
  eraseWhole(node: Node): void;
  /** Names that occur where a value is read or bound: imports of all other names are types only. */
  readonly valueNames: ReadonlySet<string>;
}

export type Report = (start: number, end: number, message: string) => void;

type Class = ClassDeclaration | ClassExpression;
type Method = ClassMethod | ClassPrivateMethod;
type Field = ClassProperty | ClassPrivateProperty;
type FunctionNode = FunctionDeclaration | FunctionExpression | ArrowFunctionExpression | ObjectMethod | Method;

/** Statement words before a class member's name that JavaScript does not know. */
const TYPE_MODIFIERS: ReadonlySet<string> = new Set(["public", "private", "protected", "readonly", "override"]);

export function createEraser(text: string, edits: Edits, report: Report): Eraser {
  const valueNames = new Set<string>();

  function erase(node: Node, parent?: Node): void {
    const { start, end } = span(node);
    switch (node.type) {
      case "Identifier":
        valueNames.add(node.name);
        if (node.typeAnnotation || node.optional) edits.blank(nameEnd(node.name, start), end);
        return;
      case "TSTypeAnnotation":
      case "TSTypeParameterDeclaration":
      case "TSTypeParameterInstantiation":
        return edits.blank(start, end);

      case "TSAsExpression":
      case "TSSatisfiesExpression":
      case "TSNonNullExpression":
        erase(node.expression, node);
        return edits.blank(span(node.expression).end, end);
      case "TSTypeAssertion":
        report(
          start,
          end,
          "Write `value as T` instead of `<T>value`: only the first can be left out without moving code",
        );
        return erase(node.expression, node);

      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
      case "TSDeclareFunction":
      case "TSNamespaceExportDeclaration":
        return eraseWhole(node);
      case "TSEnumDeclaration":
        if (node.declare) return eraseWhole(node);
        return report(start, end, "enum is not supported; write an `as const` object instead");
      case "TSModuleDeclaration":
        if (node.declare || isTypesOnly(node)) return eraseWhole(node);
        return report(start, end, "A namespace with values is not supported; put its contents in a file of their own");
      case "TSImportEqualsDeclaration":
        if (node.importKind === "type") return eraseWhole(node);
        return report(start, end, '`import x = …` is not supported; write `import x from "…"`');
      case "TSExportAssignment":
        return report(start, end, "`export =` is not supported; write `export default`");

      case "ClassDeclaration":
      case "ClassExpression":
        return eraseClass(node);
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
      case "ObjectMethod":
        return eraseFunction(node);
      case "TSParameterProperty":
        report(
          start,
          end,
          "Parameter properties are not supported; declare the field and assign it in the constructor",
        );
        return;

      case "VariableDeclaration":
        if (node.declare) return eraseWhole(node);
        if (node.kind === "using" || node.kind === "await using") {
          report(start, end, `\`${node.kind}\` is not supported; use const`);
        }
        eraseChildren(node);
        if (!isLoopHead(parent)) endStatement(end);
        return;
      case "ExpressionStatement":
      case "ReturnStatement":
      case "ThrowStatement":
        eraseChildren(node);
        return endStatement(end);

      case "MemberExpression":
      case "OptionalMemberExpression":
        erase(node.object, node);
        if (node.computed) erase(node.property, node);
        return;
      case "ObjectProperty":
        if (node.computed) erase(node.key, node);
        return erase(node.value, node);
      case "MetaProperty":
        if (node.meta.name === "import") {
          report(start, end, "import.meta is not supported in model files; pass paths relative to the file instead");
        }
        return;
      case "ImportExpression":
      case "Import":
        return report(start, end, "import() is not supported in model files; write an import at the top of the file");
      case "LabeledStatement":
        return erase(node.body, node);
      case "BreakStatement":
      case "ContinueStatement":
        return;
      default:
        eraseChildren(node);
    }
  }

  function eraseChildren(node: Node): void {
    forEachChild(node, (child) => erase(child, node));
  }

  function eraseWhole(node: Node): void {
    const { start, end } = span(node);
    edits.blank(start, end);
    edits.put(start, ";");
  }

  /** Ends a statement with `;` if what stood at its end has been blanked. */
  function endStatement(end: number): void {
    const blanked = edits.blankedUpTo(end);
    if (blanked !== undefined) putInside(blanked, ";");
  }

  /** Puts a character in a blanked stretch, not over a line end. */
  function putInside(start: number, character: string): void {
    let at = start;
    while (isLineEnd(text.charCodeAt(at))) at++;
    edits.put(at, character);
  }

  /** Where a plain name ends; its node also spans `?`, `!` and the type. */
  function nameEnd(name: string, start: number): number {
    if (text.startsWith(name, start)) return start + name.length;
    // A name written with \u escapes.
    let at = start;
    while (at < text.length && !/[\s?!:,)=/]/.test(text[at])) at++;
    return at;
  }

  function eraseClass(node: Class): void {
    if (node.type === "ClassDeclaration" && node.declare) return eraseWhole(node);
    let at = span(node).start;
    if (node.type === "ClassDeclaration" && node.abstract) {
      edits.blank(at, wordEnd(text, at));
      at = skipTrivia(text, wordEnd(text, at));
    }
    at = wordEnd(text, at);
    if (node.id) {
      valueNames.add(node.id.name);
      at = span(node.id).end;
    }
    for (const part of [node.typeParameters, node.superClass, node.superTypeParameters]) {
      if (!part) continue;
      erase(part, node);
      at = span(part).end;
    }
    const last = node.implements?.at(-1);
    if (last) edits.blank(skipTrivia(text, at), span(last).end);
    for (const member of node.body.body) eraseMember(member);
  }

  function eraseMember(member: Class["body"]["body"][number]): void {
    switch (member.type) {
      case "TSDeclareMethod":
      case "TSIndexSignature":
        return eraseWhole(member);
      case "ClassMethod":
      case "ClassPrivateMethod":
        eraseMemberName(member);
        return eraseFunction(member);
      case "ClassProperty":
      case "ClassPrivateProperty":
        return eraseField(member);
      default:
        erase(member);
    }
  }

  function eraseField(field: Field): void {
    if (field.type === "ClassProperty" && (field.declare || field.abstract)) return eraseWhole(field);
    const nameEnds = eraseMemberName(field);
    if (field.typeAnnotation) {
      edits.blank(nameEnds, span(field.typeAnnotation).end);
      // A field called `get` or `static` must not swallow the next member.
      if (!field.value) putInside(nameEnds, ";");
    }
    if (field.value) erase(field.value, field);
    endStatement(span(field).end);
  }

  /** Blanks the modifiers before a member's name and the `?` or `!` after it; returns where the name ends. */
  function eraseMemberName(member: Method | Field): number {
    const { start } = span(member);
    const key = span(member.key);
    const computed = "computed" in member && member.computed === true;
    if (computed) erase(member.key, member);
    for (let at = start; at < key.start && text[at] !== "[";) {
      const end = wordEnd(text, at);
      if (TYPE_MODIFIERS.has(text.slice(at, end))) {
        edits.blank(at, end);
        // Without the word, the line before may run on into `[name]`, `*name` or `in`.
        if (at === start) edits.put(at, ";");
      }
      at = skipTrivia(text, end > at ? end : at + 1);
    }
    const nameEnds = computed ? skipTrivia(text, key.end) + 1 : key.end;
    const mark = skipTrivia(text, nameEnds);
    if (text[mark] === "?" || text[mark] === "!") edits.blank(mark, mark + 1);
    return nameEnds;
  }

  function eraseFunction(node: FunctionNode): void {
    if ("id" in node && node.id) valueNames.add(node.id.name);
    if (node.type === "ObjectMethod" && node.computed) erase(node.key, node);
    if (node.typeParameters) {
      const { start, end } = span(node.typeParameters);
      edits.blank(start, end);
      if (node.type === "ArrowFunctionExpression") {
        // `return <T⏎>(x) => x` must not end at the line: the parenthesis moves to where `<` was.
        const open = skipTrivia(text, end);
        edits.put(start, "(");
        edits.blank(open, open + 1);
      }
    }
    node.params.forEach((parameter, index) => {
      if (index === 0 && parameter.type === "Identifier" && parameter.name === "this") {
        const comma = skipTrivia(text, span(parameter).end);
        edits.blank(span(parameter).start, text[comma] === "," ? comma + 1 : comma);
      } else {
        erase(parameter, node);
      }
    });
    if (node.returnType) {
      const { start, end } = span(node.returnType);
      edits.blank(start, end);
      if (node.type === "ArrowFunctionExpression") keepArrowOnLine(node, start, end);
    }
    erase(node.body, node);
  }

  /** JavaScript wants `) =>` on one line: after a return type of several lines the `)` moves to its end. */
  function keepArrowOnLine(node: ArrowFunctionExpression, start: number, end: number): void {
    const close = closingParenthesis(node);
    if (![...text.slice(close, end)].some((character) => isLineEnd(character.charCodeAt(0)))) return;
    edits.blank(close, start);
    edits.put(end - 1, ")");
  }

  function closingParenthesis(node: ArrowFunctionExpression): number {
    const last = node.params.at(-1);
    if (last) {
      const at = skipTrivia(text, span(last).end);
      return text[at] === "," ? skipTrivia(text, at + 1) : at;
    }
    let open = span(node).start;
    if (node.async) open = skipTrivia(text, wordEnd(text, open));
    if (node.typeParameters) open = skipTrivia(text, span(node.typeParameters).end);
    return skipTrivia(text, open + 1);
  }

  return { erase, eraseWhole, valueNames };
}

function isLoopHead(parent: Node | undefined): boolean {
  return parent?.type === "ForStatement" || parent?.type === "ForInStatement" || parent?.type === "ForOfStatement";
}

/** Whether a namespace declares nothing that exists at run time. */
function isTypesOnly(node: TSModuleDeclaration): boolean {
  const body: Node = node.body;
  if (body.type === "TSModuleDeclaration") return isTypesOnly(body);
  return body.body.every((statement) => {
    const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    switch (declared?.type) {
      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
        return true;
      case "TSModuleDeclaration":
        return declared.declare === true || isTypesOnly(declared);
      case "VariableDeclaration":
      case "ClassDeclaration":
      case "TSEnumDeclaration":
        return declared.declare === true;
      default:
        return false;
    }
  });
}
