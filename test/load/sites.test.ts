import assert from "node:assert/strict";
import { compileFunction } from "node:vm";
import { currentSite, setSiteSource, type Site } from "../../engine/graph/site";
import { createCallIndex } from "../../engine/load/call-index";
import { parse } from "../../engine/load/parse";
import { createSiteTracker, type SiteTracker } from "../../engine/load/sites";

/** Compiles a script of the user's (the body of a function of `engine`) and makes its file known. */
function addScript(tracker: SiteTracker, file: string, body: string): (engine: unknown) => unknown {
  const { tree } = parse(body);
  assert.ok(tree);
  tracker.addFile(file, createCallIndex(file, body, tree));
  return compileFunction(body, ["engine"], { filename: file }) as (engine: unknown) => unknown;
}

/** Calls `then` below `depth` frames that are not the user's. */
function below<T>(depth: number, then: () => T): T {
  return depth === 0 ? then() : below(depth - 1, then);
}

describe("load/sites", () => {
  let before: ReturnType<typeof setSiteSource>;
  let tracker: SiteTracker;
  beforeEach(() => {
    tracker = createSiteTracker();
    before = setSiteSource(tracker.source);
  });
  afterEach(() => void setSiteSource(before));

  const place = (site: Site | undefined): string | undefined =>
    site && `${site.file}:${site.line}:${site.column}-${site.endColumn} ${site.variable}`;

  for (const depth of [0, 8, 9, 10, 11, 40]) {
    it(`finds the user's call ${depth} frames up`, () => {
      const found: (Site | undefined)[] = [];
      const script = addScript(tracker, "/w/a.nn.ts", "\n  const h = engine(1);");
      script(() => below(depth, () => found.push(currentSite())));
      assert.deepEqual(found.map(place), ["/w/a.nn.ts:2:13-22 h"]);
    });
  }

  it("takes the innermost of several files", () => {
    let found: Site | undefined;
    const inner = addScript(tracker, "/w/helper.ts", "const k = engine();");
    const outer = addScript(tracker, "/w/a.nn.ts", "engine();");
    outer(() => below(3, () => inner(() => (found = currentSite()))));
    assert.equal(place(found), "/w/helper.ts:1:11-19 k");
  });

  it("gives the same record for the same call", () => {
    const found: (Site | undefined)[] = [];
    const script = addScript(tracker, "/w/a.nn.ts", "for (let i = 0; i < 2; i++) engine();");
    script(() => found.push(currentSite()));
    assert.equal(found[0], found[1]);
    assert.ok(found[0]);
  });

  it("has no site outside the user's files, and leaves Error as it was", () => {
    const prepare: unknown = Reflect.get(Error, "prepareStackTrace");
    const { stackTraceLimit } = Error;
    assert.equal(currentSite(), undefined);
    addScript(tracker, "/w/a.nn.ts", "");
    assert.equal(currentSite(), undefined);
    assert.equal(Reflect.get(Error, "prepareStackTrace"), prepare);
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
  });

  describe("userFrames", () => {
    const frames = (thrown: unknown): string[] =>
      tracker.userFrames(thrown).map((r) => `${r.file}:${r.line}:${r.column}-${r.endColumn}`);
    const thrownBy = (run: () => unknown): unknown => {
      try {
        run();
      } catch (error) {
        return error;
      }
      return assert.fail("nothing was thrown");
    };

    it("lists the user's frames, innermost first", () => {
      const script = addScript(tracker, "/w (1)/a b.nn.ts", "function g() {\n  engine(2);\n}\ng();");
      const error = thrownBy(() =>
        script(() => {
          throw new Error("at /w (1)/a b.nn.ts:9:9 is text, not a frame");
        }),
      );
      assert.deepEqual(frames(error), ["/w (1)/a b.nn.ts:2:3-12", "/w (1)/a b.nn.ts:4:1-4"]);
    });
    it("points at the thrown expression", () => {
      const script = addScript(tracker, "/w/a.nn.ts", "throw new TypeError('x');");
      assert.deepEqual(frames(thrownBy(() => script(undefined))), ["/w/a.nn.ts:1:7-25"]);
    });
    it("tells a file from one whose path ends alike", () => {
      addScript(tracker, "a.nn.ts", "");
      const script = addScript(tracker, "/w/a.nn.ts", "engine();");
      assert.deepEqual(frames(thrownBy(() => script(1))), ["/w/a.nn.ts:1:1-9"]);
    });
    it("gives none for what is no error", () => {
      for (const thrown of [undefined, null, "text", 3, {}, { stack: 3 }]) assert.deepEqual(frames(thrown), []);
    });
  });
});
