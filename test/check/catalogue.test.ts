/** The catalogue of issues: complete, and true to its own examples. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { LiveChecker } from "../../engine/api/host";
import { CATALOGUE, type Entry, helpPage } from "../../engine/check/catalogue";
import { backstep, jsonLines } from "../support/cli";
import { ask, liveChecker } from "../support/live";

interface Report {
  readonly file: string;
  readonly issues: readonly { readonly code: string; readonly message: string }[];
}

const entries = Object.entries<Entry>(CATALOGUE);

/** Rooms whose code is part of a check. */
const rooms = ["graph", "kernel", "ops", "autodiff", "load", "nn", "check", "host"];

/**
 * Codes that engine sources report: the first text of a report, a `code` of an issue, or a code that is chosen first and reported
 * then. Families of codes are written as `${family}-size`.
 */
function reportedCodes(): Set<string> {
  const found = new Set<string>();
  const add = (code: string): void => {
    for (const family of ["conv", "pool"]) found.add(code.replace(FAMILY, family));
  };
  for (const room of rooms) {
    for (const file of sourcesIn(join("engine", room))) {
      const text = readFileSync(file, "utf8");
      for (const pattern of PATTERNS) for (const [, code] of text.matchAll(pattern)) add(code);
    }
  }
  return found;
}

/** What stands for the family in the source. */
const FAMILY = ["$", "{family}"].join("");

const CODE = '["`]((?:\\$\\{family\\}|[a-z]+)(?:-[a-z0-9]+)*)["`]';

const PATTERNS = [
  new RegExp(`\\b(?:reportIssue|report)\\(\\s*${CODE}`, "g"),
  new RegExp(`\\breportLayer\\(\\s*\\w+,\\s*${CODE}`, "g"),
  new RegExp(`\\bwrongEnd\\(\\s*\\w+,\\s*${CODE}`, "g"),
  new RegExp(`\\bcode(?::| =) ${CODE}`, "g"),
  new RegExp(`\\bwarning\\(\\s*${CODE}`, "g"),
  // [code, problem, fix] of a recurrent layer.
  new RegExp(`\\breturn \\[\\s*${CODE}`, "g"),
];

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("catalogue"));
}

describe("catalogue of issues", () => {
  const reported = reportedCodes();

  it("has an entry for every code that the engine reports", () => {
    const missing = [...reported].filter((code) => !Object.hasOwn(CATALOGUE, code));
    assert.deepEqual(missing, []);
  });

  it("has no entry that the engine never reports", () => {
    const idle = Object.keys(CATALOGUE).filter((code) => !reported.has(code));
    assert.deepEqual(idle, []);
  });

  it("sees the codes of each way to report", () => {
    for (const code of [
      "matmul-inner",
      "conv-discards",
      "pool-size",
      "linear-inputs",
      "layer-norm",
      "recurrent-time",
      "syntax",
      "dead-code",
    ])
      assert.ok(reported.has(code), code);
  });

  for (const [code, { title, summary, why, see = [] }] of entries) {
    it(`${code}: a short title, full sentences, and references that exist`, () => {
      assert.ok(title.length <= 60 && !title.endsWith("."), title);
      for (const text of [summary, why]) assert.match(text, /^.{20,}[.]$/su);
      for (const other of see) assert.ok(Object.hasOwn(CATALOGUE, other) && other !== code, other);
    });
  }

  it("a help page has all of an entry, and of an unknown code says that it is none", () => {
    const page = helpPage("matmul-inner");
    const { title, summary, why, wrong, right } = CATALOGUE["matmul-inner"];
    for (const part of [`# ${title}\n`, "`matmul-inner`", summary, why, wrong, right, "`linear-inputs`"])
      assert.ok(page.includes(part), part);
    assert.match(helpPage("nonsense"), /no issue of this kind/);
  });
});

describe("examples of the catalogue", () => {
  const folder = mkdtempSync(join(tmpdir(), "backstep-catalogue-"));
  const issues = new Map<string, Report["issues"]>();

  before(async function () {
    this.timeout(120_000);
    const files = entries.flatMap(([code, { wrong, right }]) =>
      Object.entries({ wrong, right }).map(([kind, text]) => {
        const file = join(folder, `${code}.${kind}.nn.ts`);
        writeFileSync(file, `${text}\n`);
        return file;
      }),
    );
    for (const report of jsonLines<Report>(await backstep("check", "--json", ...files)))
      issues.set(basename(report.file, ".nn.ts"), report.issues);
  });

  after(() => rmSync(folder, { recursive: true }));

  for (const [code] of entries) {
    it(`${code}: the wrong one reports it and nothing else, the right one nothing`, () => {
      const wrong = issues.get(`${code}.wrong`)?.map((issue) => issue.code);
      // What is predicted comes from a calculation after the check.
      assert.deepEqual([...new Set(wrong)], code.startsWith("predicted-") ? [] : [code]);
      assert.deepEqual(issues.get(`${code}.right`), []);
    });
  }
});

describe("predictions of the catalogue", () => {
  let live: LiveChecker;
  before(() => (live = liveChecker()));
  after(() => live.close());

  /** Codes that a prediction for a text gives. */
  async function predicted(name: string, text: string): Promise<string[]> {
    const file = resolve(`${name}.nn.ts`);
    const { prediction } = await ask(live, { file, texts: { [file]: text }, prediction: true });
    assert.equal(prediction?.skipped, null);
    return (prediction?.issues ?? []).map(({ code }) => code);
  }

  for (const [code, { wrong, right }] of entries.filter(([each]) => each.startsWith("predicted-"))) {
    it(`${code}: foretold of the wrong one, nothing of the right one`, async function () {
      this.timeout(30_000);
      const found = await predicted(`${code}.wrong`, wrong);
      assert.ok(found.includes(code), `foretells ${found.join(", ") || "nothing"}`);
      assert.deepEqual(await predicted(`${code}.right`, right), []);
    });
  }
});
