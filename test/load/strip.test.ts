import assert from "node:assert/strict";
import { compileFunction } from "node:vm";
import * as fc from "fast-check";
import ts from "typescript";
import { parse } from "../../engine/load/parse";
import { strip, type ExportCell, type Stripped } from "../../engine/load/strip";

function stripped(source: string): Stripped {
  const { tree, error } = parse(source);
  assert.ok(tree, error?.message);
  return strip(source, tree);
}

type AsyncFunction = (...values: unknown[]) => Promise<void>;
const AsyncFunctionConstructor = (async () => undefined).constructor as new (...texts: string[]) => AsyncFunction;

/** Runs stripped code without imports and gives its exports. */
async function exportsOf(source: string): Promise<Record<string, unknown>> {
  const { code, exportsName, imports } = stripped(source);
  assert.deepEqual(imports, []);
  const cell: ExportCell = {};
  await new AsyncFunctionConstructor(exportsName, `"use strict";${code}`)(cell);
  return { ...cell.n, ...("d" in cell && { default: cell.d }) };
}

/** The exports of the same source by TypeScript's own compiler, as CommonJS. */
function exportsByTypeScript(source: string): Record<string, unknown> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  });
  const exports: Record<string, unknown> = {};
  compileFunction(outputText, ["exports"])(exports);
  return { ...exports };
}

/** Every character of the code is the source's own, or a blank, or one of the few that stand in for a blanked one. */
function assertPositionsKept(source: string, code: string): void {
  assert.ok(code.length === source.length || code.startsWith("\n;", source.length));
  for (let i = 0; i < source.length; i++) {
    const isLineEnd = /[\n\r\u2028\u2029]/.test(source[i]);
    if (isLineEnd || code[i] !== source[i]) {
      assert.ok(
        isLineEnd ? code[i] === source[i] : /[ ;()$.d=]/.test(code[i]),
        `${i}: ${JSON.stringify(code.slice(i, i + 20))}`,
      );
    }
  }
}

describe("load/strip", () => {
  describe("blanks", () => {
    // [what, source, code]: the two texts line up character by character.
    const cases: [string, string, string][] = [
      ["annotation", "let a: number = 1;", "let a         = 1;"],
      ["optional parameter", "function f(a?: number, b = 2) {}", "function f(a         , b = 2) {}"],
      ["definite variable", "let a!: number;", "let a         ;"],
      ["return type", "function f(): asserts x is T {}", "function f()                 {}"],
      ["pattern", "const { a, b }: P = p, [c]: Q = q;", "const { a, b }    = p, [c]    = q;"],
      ["rest", "function f(...a: number[]) {}", "function f(...a          ) {}"],
      ["generics", "function f<T extends object>(a: T) {}", "function f                  (a   ) {}"],
      ["call with type arguments", "f<number>(1); new A<B>(2);", "f        (1); new A   (2);"],
      ["as, satisfies, !", "f(a as B, c satisfies D, e!);", "f(a     , c            , e );"],
      ["as const inside parentheses", "(a as const).b;", "(a         ).b;"],
      ["assignment target", "(a as any) = 1;", "(a       ) = 1;"],
      ["this parameter", "function f(this: A, b: B) {}", "function f(         b   ) {}"],
      ["only a this parameter", "function f(this: A) {}", "function f(       ) {}"],
      ["interface", "interface A { b: C }", ";                   "],
      ["type alias", "type A = B | C;", ";              "],
      [
        "declare",
        "declare const a: number; declare function f(): void;",
        ";                        ;                          ",
      ],
      ["overload", "function f(a: A): B;\nfunction f(a) {}", ";                   \nfunction f(a) {}"],
      [
        "abstract class",
        "abstract class A { abstract b(): void; c() {} }",
        "         class A { ;                   c() {} }",
      ],
      ["implements", "class A<T> extends B<T> implements C, D {}", "class A    extends B                    {}"],
      ["implements alone", "class A implements C {}", "class A              {}"],
      ["anonymous class", "(class implements C {});", "(class              {});"],
      [
        "modifiers",
        "class A extends B { private readonly a = 1; static override b() {} }",
        "class A extends B { ;                a = 1; static          b() {} }",
      ],
      ["field", "class A { a: B; c?: D = 1; e!: F }", "class A { a;  ; c     = 1; e;    }"],
      ["field called like a modifier", "class A { readonly: B; declare = 1 }", "class A { readonly;  ; declare = 1 }"],
      ["declared field", "class A { declare a: B; b = 1 }", "class A { ;             b = 1 }"],
      ["index signature", "class A { [key: string]: B; c = 1 }", "class A { ;                 c = 1 }"],
      ["optional method", "class A { a?(b: C): D {} }", "class A { a (b   )    {} }"],
      ["computed name", 'class A { public ["a"]?: B = 1 }', 'class A { ;      ["a"]     = 1 }'],
      ["private name", "class A { #a: B = 1 }", "class A { #a    = 1 }"],
      [
        "accessors",
        "class A { get a(): B { return 1 } set a(b: B) {} }",
        "class A { get a()    { return 1 } set a(b   ) {} }",
      ],
      ["object method", "({ a<T>(b: T): T { return b } });", "({ a   (b   )    { return b } });"],
      ["arrow", "const f = (a: A): B => a;", "const f = (a   )    => a;"],
      ["generic arrow", "const f = <T,>(a: T) => a;", "const f = (    a   ) => a;"],
      ["async generic arrow", "const f = async <T>(a: T) => a;", "const f = async (   a   ) => a;"],
      ["arrow in a conditional", "a ? (b): c => d : e;", "a ? (b)    => d : e;"],
      ["catch", "try {} catch (e: unknown) {}", "try {} catch (e         ) {}"],
      ["namespace of types", "namespace A { export interface B {} }", ";                                    "],
      ["instantiation", "const f = g<number>;", "const f = g        ;"],
      ["comment inside a type", "let a: /* b */ C = 1;", "let a            = 1;"],
      ["hashbang", "#!/usr/bin/env x\na;", "                \na;"],
      ["typed string with line separators", "let a: B = '\u2028';", "let a    = '\u2028';"],
      ["escaped name", "let \\u0061: B = 1;", "let \\u0061    = 1;"],
    ];
    for (const [what, source, code] of cases) {
      it(what, () => {
        assert.equal(stripped(source).code, code);
        assertPositionsKept(source, code);
      });
    }
  });

  describe("keeps statements apart", () => {
    const cases: [string, string, string][] = [
      ["a statement is gone", "a\ntype B = C\n(d)", "a\n;         \n(d)"],
      ["as at the line's end", "a = b as C\n(d)", "a = b;    \n(d)"],
      ["satisfies at the line's end", "const a = b satisfies C\n[d] = e", "const a = b;           \n[d] = e"],
      ["return", "function f() { return a as B\n(c) }", "function f() { return a;    \n(c) }"],
      ["field value", 'class A { a = b as C\n["d"] = e }', 'class A { a = b;    \n["d"] = e }'],
      ["modifier", 'class A { a = b\npublic ["c"] = d }', 'class A { a = b\n;      ["c"] = d }'],
      ["field called get", "class A { get: B\nc() {} }", "class A { get;  \nc() {} }"],
      ["loop heads stay", "for (let a = b as C; a; ) {}", "for (let a = b     ; a; ) {}"],
      [
        "generic arrow over lines",
        "function f() { return <T\n>(a: T) => a }",
        "function f() { return ( \n  a   ) => a }",
      ],
      ["return type over lines", "const f = (a): A<\nB> => a", "const f = (a     \n ) => a"],
      ["return type over lines, no parameters", "const f = async (): A<\nB> => 1", "const f = async (     \n ) => 1"],
    ];
    for (const [what, source, code] of cases) {
      it(what, () => {
        assert.equal(stripped(source).code, code);
        new AsyncFunctionConstructor(code);
      });
    }
  });

  describe("rewrites imports and exports in place", () => {
    const cases: [string, string, string][] = [
      ["import", 'import { a } from "b"; a;', ";                      a;"],
      ["export const", "export const a = 1, [b] = c;", '       const a = 1, [b] = c;\n;$.n={"a":a,"b":b};'],
      ["export function", "export async function f() {}", '       async function f() {}\n;$.n={"f":f};'],
      ["export default", "export default f(1);", "$.d=           f(1);"],
      ["export default without a space", "export default(1)", "$.d=          (1)"],
      ["export default over lines", "export\ndefault\na;", "$.d=  \n       \na;"],
      ["export default as", "export default a as B\n(c)", "$.d=           a;    \n(c)"],
      ["named default class", "export default class A {}", "               class A {}\n;$.d=A;"],
      ["abstract default class", "export default abstract class A {}", "                        class A {}\n;$.d=A;"],
      ["anonymous default function", "export default function () {}", "$.d=           function () {}"],
      ["anonymous default class before (", "export default class {} \n(1)", "$.d=           class {};\n(1)"],
      [
        "export list",
        "let a; export { a as b, a as default };",
        'let a; ;                               \n;$.d=a;$.n={"b":a};',
      ],
      [
        "type exports",
        "export interface A {} export type B = C; export type { D } from 'e';",
        ";                     ;                  ;                          ",
      ],
      [
        "overloads",
        "export function f(a: A): B;\nexport function f(a) {}",
        ';                          \n       function f(a) {}\n;$.n={"f":f};',
      ],
      ["the file uses $ itself", "const $ = 1; export default $;", "const $ = 1; $$.d=          $;"],
    ];
    for (const [what, source, code] of cases) {
      it(what, () => {
        assert.equal(stripped(source).code, code);
        assertPositionsKept(source, code);
      });
    }
  });

  it("lists what is needed at run time", () => {
    const source = `
import a, { b as c, type D, E, unused } from "x";
import * as f from "./y";
import "./side-effect";
import { G } from "only-types";
import type H from "z";
export * from "p";
export * as q from "q";
export { r as s, type T } from "r";
export type { U } from "u";
export type V = E;
export { c as again, V as W };
let e: E, g: G; a.E; f;
`;
    const { imports, reExports, typeExports, exports, problems } = stripped(source);
    const shape = imports.map(({ specifier, names }) => [
      specifier,
      ...names.map((n) => `${n.imported} as ${n.local}`),
    ]);
    assert.deepEqual(shape, [["x", "default as a", "b as c"], ["./y", "* as f"], ["./side-effect"]]);
    assert.deepEqual(
      reExports.map(({ specifier, names }) => [specifier, names?.map((n) => `${n.imported} as ${n.exported}`)]),
      [
        ["p", undefined],
        ["q", ["* as q"]],
        ["r", ["r as s"]],
      ],
    );
    assert.deepEqual([...typeExports].sort(), ["T", "U", "V", "W"]);
    assert.deepEqual(
      exports.map(({ name, start, end }) => [name, source.slice(start, end)]),
      [["again", "c as again"]],
    );
    assert.deepEqual(problems, []);
  });

  describe("reports what cannot be blanked", () => {
    const cases: [string, RegExp, string][] = [
      ["enum A { b }", /as const/, "1:1"],
      ["export const enum A { b }", /as const/, "1:8"],
      ["namespace A { export const b = 1 }", /file of their own/, "1:1"],
      ["class A {\n  constructor(private b: C) {}\n}", /declare the field and assign it in the constructor/, "2:15"],
      ["import a = require('b');", /import x from/, "1:1"],
      ["export = 1;", /export default/, "1:1"],
      ["const a = <B>c;", /value as T/, "1:11"],
      ["const a = await import('b');", /import at the top/, "1:17"],
      ["import.meta.url;", /import\.meta/, "1:1"],
      ["export default class {}\n(1)", /name/, "1:16"],
    ];
    for (const [source, message, place] of cases) {
      it(source.replaceAll("\n", " "), () => {
        const { problems } = stripped(source);
        assert.equal(problems.length, 1);
        assert.match(problems[0].message, message);
        assert.equal(`${problems[0].line}:${problems[0].column}`, place);
      });
    }
    it("but not what is only declared", () => {
      assert.deepEqual(
        stripped("declare enum A { b } declare namespace C { const d: 1 } declare global {}").problems,
        [],
      );
    });
  });

  describe("runs as TypeScript's own compiler would have it", () => {
    const cases: [string, string][] = [
      [
        "classes",
        "abstract class A<T> { protected a?: number = 2; static s: number[] = [1]; constructor(b: T) { this.a = this.a! * 2 } get twice(): number { return 2 * (this.a as number) } }\nclass B extends A<string> { constructor() { super('x') } }\nexport default new B().twice; export const s = A.s",
      ],
      [
        "lines that could join",
        "let n: number = 1\nconst f = (a: number): number => a\ntype T = 1\n;[n] = [f(2)] as [number]\nconst g = f as typeof f\n;(n as number) = g(n) + 1\nconst m = n\nexport { m }",
      ],
      [
        "generics and comparisons",
        "const a = 1, b = 2, c = 3; const id = <T>(x: T): T => x; export const r = [a < b, b > c, id<number>(c), a < b === true]",
      ],
      [
        "overloads",
        "function f(a: string): string; function f(a: number): number; function f(a: any) { return a } export default [f(1), f('x')]",
      ],
      ["destructuring", "const { a = 1, ...rest }: { a?: number; b: number } = { b: 2 }; export { a, rest as others }"],
      [
        "regular expressions and templates",
        `const s: string = 'a:b'; export default [s.replace(/: b/g, ''), \`\${s as string}: number\`, s!.length / 2 as number]`,
      ],
      [
        "conditional arrows",
        "const t: boolean = true; const f = t ? (a: number): number => a + 1 : (a: number) => a; export default f(1)",
      ],
    ];
    for (const [what, source] of cases) {
      it(what, async () => assert.deepEqual(await exportsOf(source), exportsByTypeScript(source)));
    }
  });

  it("keeps every character's place and the value, for any expression", async () => {
    const type = fc.constantFrom("number", "A<\n B>", "(a: X) => Y", "{ a: 1 }", "'x' | \"y\"", "typeof z[0]");
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.integer({ min: 0, max: 99 }).map(String),
        fc.tuple(tie("expression"), type).map(([e, t]) => `(${e} as ${t})`),
        fc.tuple(tie("expression"), type).map(([e, t]) => `(${e} satisfies ${t})`),
        tie("expression").map((e) => `(${e})!`),
        fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `(${a} + ${b})`),
        fc.tuple(tie("expression"), type).map(([e, t]) => `((x: ${t}, y?: ${t}): ${t} => x)(${e})`),
        fc.tuple(tie("expression"), type).map(([e, t]) => `(<T,>(x: T) => x)<${t}>(${e})`),
        fc
          .tuple(tie("expression"), type)
          .map(([e, t]) => `(class { private readonly v?: ${t} = ${e} as ${t}\n["w"]: 1 }, ${e})`),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(expression, async (e) => {
        const source = `type X = 1\nexport default ${e}`;
        assertPositionsKept(source, stripped(source).code);
        assert.deepEqual(await exportsOf(source), exportsByTypeScript(source));
      }),
      { numRuns: 100 },
    );
  });
});
