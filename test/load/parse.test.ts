import assert from "node:assert/strict";
import { parse } from "../../engine/load/parse";
import { nearestName } from "../../engine/load/suggest";

describe("load/parse", () => {
  const errors: [string, string, string][] = [
    // source, message, line:column-endLine:endColumn
    ["let x = }", "Unexpected '}'", "1:9-1:10"],
    ["a;\nf(1, ", "Unexpected the end of the file", "2:6-2:6"],
    ["f(1 22)", "Expected ',' but found '22'", "1:5-1:7"],
    ["f(1", "Expected ',' but found the end of the file", "1:4-1:4"],
    ["let a = 3 4", "Expected ';' or a new line before '4'", "1:10-1:11"],
    ["let s = 'abc", "Unterminated string constant", "1:9-1:10"],
    ["let a;\nlet a;", "Identifier 'a' has already been declared", "2:5-2:6"],
    ["export { nothing };", "Export 'nothing' is not defined", "1:10-1:17"],
    ["@d class A {}", "Decorators are not supported; call the function on the value instead", "1:1-1:2"],
    ["return 1;", "'return' outside of function", "1:1-1:7"],
  ];
  for (const [source, message, place] of errors) {
    it(JSON.stringify(source), () => {
      const { error } = parse(source);
      assert.ok(error);
      assert.equal(error.message, message);
      assert.equal(`${error.line}:${error.column}-${error.endLine}:${error.endColumn}`, place);
    });
  }
  it("takes top-level await, and JavaScript as such", () => {
    assert.ok(parse("const a: number = await b;").tree);
    assert.ok(parse("const a = await b;", "javascript").tree);
    assert.ok(parse("const a: number = 1;", "javascript").error);
  });
  it("survives any nesting", () => {
    assert.match(parse("(".repeat(100_000)).error?.message ?? "", /nested too deeply/);
  });
});

describe("load/suggest", () => {
  const cases: [string, string | undefined][] = [
    ["reLu", "relu"],
    ["lineer", "linear"],
    ["sotfmax", "softmax"],
    ["x", undefined],
    ["adamw", "adam"],
    ["transformer", undefined],
  ];
  for (const [name, near] of cases) {
    it(`${name} → ${near}`, () => assert.equal(nearestName(name, ["relu", "linear", "softmax", "adam"]), near));
  }
});
