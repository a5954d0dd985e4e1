import assert from "node:assert/strict";
import { compileFunction } from "node:vm";
import type { Range, Site } from "../../engine/graph/site";
import { createCallIndex, type CallIndex } from "../../engine/load/call-index";
import { parse } from "../../engine/load/parse";
import { createSiteTracker } from "../../engine/load/sites";
import { strip } from "../../engine/load/strip";

function indexOf(text: string, file = "u.ts"): CallIndex {
  const { tree, error } = parse(text);
  assert.ok(tree, error?.message);
  return createCallIndex(file, text, tree);
}

/** The text of a range. */
function cut(text: string, range: Range | undefined): string | undefined {
  if (!range) return undefined;
  const lines = text.split("\n").slice(range.line - 1, range.endLine);
  lines[lines.length - 1] = lines[lines.length - 1].slice(0, range.endColumn - 1);
  lines[0] = lines[0].slice(range.column - 1);
  return lines.join("\n");
}

/**
 * Runs a line of TypeScript, in an async method, against objects whose functions all record where they were called from,
 * and gives the sites in the order of the calls. So V8 itself says which positions there are.
 */
async function sitesOf(line: string): Promise<{ text: string; sites: Site[] }> {
  const text = `class Base { constructor(x?: unknown) { f(); } sup(x?: unknown) { return f.call(null, x); } }
class User extends Base {
  async run(this: any, o: any, A: any, aw: any) {
    ${line}
  }
}
export { User };`;
  const { tree, error } = parse(text);
  assert.ok(tree, error?.message);
  const tracker = createSiteTracker();
  tracker.addFile("u.ts", createCallIndex("u.ts", text, tree));
  const sites: Site[] = [];
  const note = (): void => {
    const site = tracker.source();
    if (site && site.line === 4) sites.push(site);
  };
  function f(): unknown {
    note();
    return f;
  }
  class A {
    constructor() {
      note();
    }
  }
  const o = {
    A,
    list: [f],
    inner: { f },
    f(): unknown {
      note();
      return o;
    },
    g: f,
    get value(): number {
      note();
      return 1;
    },
    valueOf(): number {
      note();
      return 1;
    },
  };
  const aw = async (): Promise<unknown> => {
    await Promise.resolve();
    note();
    return f;
  };
  const { code, exportsName } = strip(text, tree);
  const cell: { n?: { User: new () => { run(...values: unknown[]): Promise<void> } } } = {};
  const module = compileFunction(`"use strict";${code}`, [exportsName, "f"], {
    filename: "u.ts",
    columnOffset: -'"use strict";'.length,
  }) as (...values: unknown[]) => void;
  module(cell, f);
  assert.ok(cell.n);
  await new cell.n.User().run(o, A, aw);
  return { text, sites };
}

describe("load/call-index", () => {
  describe("finds the call that V8 reports", () => {
    // [line, the calls in the order in which they run]
    const cases: [string, string[]][] = [
      ["f(1);", ["f(1)"]],
      ["f  (1);", ["f  (1)"]],
      ["f<number>(1);", ["f<number>(1)"]],
      ["f!(1);", ["f!(1)"]],
      ["(f)(1);", ["(f)(1)"]],
      ["(f as any)(1);", ["(f as any)(1)"]],
      ["(0, f)(1);", ["(0, f)(1)"]],
      ["(f || o)(1);", ["(f || o)(1)"]],
      ["f?.(1);", ["f?.(1)"]],
      ["f(...[1, 2]);", ["f(...[1, 2])"]],
      ["f(1)(2)(3);", ["f(1)", "f(1)(2)", "f(1)(2)(3)"]],
      ["o.f(1);", ["o.f(1)"]],
      ["o . f /* c */ (1);", ["o . f /* c */ (1)"]],
      ["o\n .f(1);", ["o\n .f(1)"]],
      ["o!.f!(1);", ["o!.f!(1)"]],
      ["(o.f)(1);", ["(o.f)(1)"]],
      ["(o as any).f(1);", ["(o as any).f(1)"]],
      ['o["f"](1);', ['o["f"](1)']],
      ["o.list[0](1);", ["o.list[0](1)"]],
      ["o.list  [ f(1) && 0 ]?.(1);", ["f(1)", "o.list  [ f(1) && 0 ]?.(1)"]],
      ["o?.f(1);", ["o?.f(1)"]],
      ["o.f?.(1);", ["o.f?.(1)"]],
      ['o?.["f"](1);', ['o?.["f"](1)']],
      ["o?.inner?.f(1);", ["o?.inner?.f(1)"]],
      ["o.f(...[1]);", ["o.f(...[1])"]],
      ["o.f(1).f(2).f(3);", ["o.f(1)", "o.f(1).f(2)", "o.f(1).f(2).f(3)"]],
      ["o.g(1)?.(2);", ["o.g(1)", "o.g(1)?.(2)"]],
      ["o.f(f(1), o.f(2));", ["f(1)", "o.f(2)", "o.f(f(1), o.f(2))"]],
      ["o.g.call(null, 1);", ["o.g.call(null, 1)"]],
      ["new A(1);", ["new A(1)"]],
      ["new A;", ["new A"]],
      ["new o.A(...[1]);", ["new o.A(...[1])"]],
      ["new A<number>(1);", ["new A<number>(1)"]],
      [`f\`x\${1}y\`;`, [`f\`x\${1}y\``]],
      ["o.f`x`;", ["o.f`x`"]],
      ["await aw(1);", ["aw(1)"]],
      ["await aw(1); f(2);", ["aw(1)", "f(2)"]],
      ["const x = await aw(f(2));", ["f(2)", "aw(f(2))"]],
      ["(await aw(1))(2);", ["aw(1)", "(await aw(1))(2)"]],
      ["f(await aw(1));", ["aw(1)", "f(await aw(1))"]],
      ["for (const x of [f(1)]) { o.f(x); }", ["f(1)", "o.f(x)"]],
      ["[1, 2].map((x) => f(x));", ["f(x)", "f(x)"]],
      ["[1].map(f);", ["[1].map(f)"]],
      ["(() => f(1))();", ["f(1)"]],
      ["const { a = f(1) } = {} as any;", ["f(1)"]],
      ["class B { #p = f; m() { this.#p(1); } } new B().m();", ["this.#p(1)"]],
      ["class B { x = f(1); static y = f(2); } new B();", ["f(2)", "f(1)"]],
      ["class B extends A { constructor() { super(1); } } new B();", ["super(1)"]],
      ["const b = { f() { return super.toString(); } }; f(b.f());", ["f(b.f())"]],
      ["o.value;", ["o.value"]],
      ["f(o.value);", ["o.value", "f(o.value)"]],
      ["-o;", ["-"]],
      ["f(1, o + 1);", ["f(1, o + 1)", "f(1, o + 1)"]],
    ];
    for (const [line, expected] of cases) {
      it(line, async () => {
        const { text, sites } = await sitesOf(line);
        assert.deepEqual(
          sites.map((site) => cut(text, site)),
          expected,
        );
      });
    }
  });

  describe("knows the variable", () => {
    const cases: [string, string | undefined][] = [
      ["const h = f(1);", "h"],
      ["let h: T = (await f(1))!;", "h"],
      ["var h = (f(1) as T) satisfies U;", "h"],
      ["h = f(1);", "h"],
      ["(h as any) = f(1);", "h"],
      ["this.h = f(1);", "h"],
      ["class A { h = f(1); }", "h"],
      ["class A { static h: T = f(1)!; }", "h"],
      ["class A { #h = f(1); }", "#h"],
      ["const h = 1, k = f(1);", "k"],
      ["const h = -f(1);", undefined],
      ["const h = [f(1)];", undefined],
      ["const h = g(f(1));", undefined],
      ["const h = f(1).g;", undefined],
      ["const h = () => f(1);", undefined],
      ["const { h } = f(1);", undefined],
      ["const [h] = f(1);", undefined],
      ["h += f(1);", undefined],
      ["o.h = f(1);", undefined],
      ["class A { [h] = f(1); }", undefined],
      ["f(1);", undefined],
    ];
    for (const [source, variable] of cases) {
      it(source, () => assert.equal(indexOf(source).lookUp(1, source.indexOf("f(1)") + 1)?.variable, variable));
    }
  });

  describe("knows the parts", () => {
    const cases: [string, string, string[], string | undefined][] = [
      // source, the word at which V8 reports the call, arguments, receiver
      ["this.hidden(relu(x), (y), ...z)", "hidden", ["relu(x)", "(y)", "...z"], "this"],
      ["a.b.c(\n  d,\n)", "c(", ["d"], "a.b"],
      ["f(1)", "f", ["1"], undefined],
      ["f()", "f", [], undefined],
      ["(a.b)()", "()", [], "a"],
      ["a?.b<T>(c as T)", "b", ["c as T"], "a"],
      ["new a.B(1)", "new", ["1"], undefined],
      [`a.b\`x\${1 + 2}\``, "`", ["1 + 2"], "a"],
    ];
    for (const [source, word, parameters, receiver] of cases) {
      it(source.replaceAll("\n", " "), () => {
        const site = indexOf(source).lookUp(1, source.indexOf(word) + 1);
        assert.equal(cut(source, site), source);
        assert.deepEqual(
          site?.arguments?.map((range) => cut(source, range)),
          parameters,
        );
        assert.equal(cut(source, site?.receiver), receiver);
      });
    }
  });

  it("falls back to the innermost call, then to the word, then to nothing", () => {
    const text = "f(1 + g(22));\nword + 1";
    const index = indexOf(text);
    assert.equal(cut(text, index.lookUp(1, text.indexOf("22") + 2)), "g(22)");
    assert.equal(cut(text, index.lookUp(1, text.indexOf("+") + 1)), "f(1 + g(22))");
    assert.equal(cut(text, index.lookUp(2, 1)), "word");
    assert.deepEqual(index.lookUp(2, 5), { file: "u.ts", line: 2, column: 5, endLine: 2, endColumn: 5 });
    assert.equal(index.lookUp(9, 1), undefined);
  });

  it("counts lines as ECMAScript does", () => {
    const text = "a;\r\nb;\rc;\u2028d;\u2029\n  f(1)";
    const site = indexOf(text).lookUp(6, 3);
    assert.deepEqual([site?.line, site?.column, site?.endColumn, site?.arguments?.length], [6, 3, 7, 1]);
  });
});
