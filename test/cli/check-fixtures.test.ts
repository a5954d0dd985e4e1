/** Model files with mistakes, which say themselves where and which; and healthy ones, of which nothing may be said. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { backstep, jsonLines } from "../support/cli";
import { type Expectation, readExpectations } from "../support/expectations";

interface Report {
  readonly file: string;
  readonly issues: readonly (Omit<Expectation, "file"> & { readonly file: string; readonly endLine: number })[];
}

const fixtures = join("test", "fixtures");

function filesIn(folder: string): string[] {
  return readdirSync(join(fixtures, folder))
    .filter((name) => name.endsWith(".nn.ts"))
    .sort()
    .map((name) => join(fixtures, folder, name));
}

/** The expectations of a model file and of the files that it imports, directly or not. */
function expectedOf(file: string, seen = new Set<string>()): Expectation[] {
  if (seen.has(file) || !existsSync(file)) return [];
  seen.add(file);
  const imported = [...readFileSync(file, "utf8").matchAll(/ from "(\.{1,2}\/[^"]+)"/g)];
  return [
    ...readExpectations(file),
    ...imported.flatMap(([, path]) => expectedOf(`${join(dirname(file), path)}.ts`, seen)),
  ];
}

function placeOf({ file, line, column, endColumn, severity, code }: Expectation): string {
  return `${relative(process.cwd(), resolve(file))}:${line}:${column}-${endColumn} ${severity} ${code}`;
}

async function checkAll(files: readonly string[]): Promise<Map<string, Report>> {
  const reports = jsonLines<Report>(await backstep("check", "--json", ...files));
  return new Map(reports.map((report) => [report.file, report]));
}

describe("check of files with mistakes", () => {
  // Beside those that TypeScript takes, those that it does not: half-typed, or with names that nothing uses.
  const files = [...filesIn("programs/wrong"), ...filesIn("plain")];
  let reports: Map<string, Report>;
  before(async function () {
    this.timeout(120_000);
    reports = await checkAll(files);
  });

  for (const file of files) {
    it(`finds all of ${relative(fixtures, file)} and nothing else, each at its own expression`, () => {
      const expected = expectedOf(file);
      assert.ok(expected.length > 0, "a fixture without expectations");
      const issues = [...(reports.get(file)?.issues ?? [])].sort((a, b) => placeOf(a).localeCompare(placeOf(b)));
      const wanted = [...expected].sort((a, b) => placeOf(a).localeCompare(placeOf(b)));
      assert.deepEqual(
        issues.map((issue) => placeOf(issue)),
        wanted.map((each) => placeOf(each)),
        issues.map(({ message }) => message).join("\n"),
      );
      issues.forEach(({ message, line, endLine }, i) => {
        assert.ok(message.includes(wanted[i].message), `${message}\n  does not say: ${wanted[i].message}`);
        assert.equal(endLine, line);
      });
    });
  }
});

describe("check of healthy files", () => {
  const files = filesIn("programs/healthy");
  let reports: Map<string, Report>;
  before(async function () {
    this.timeout(120_000);
    reports = await checkAll(files);
  });

  for (const file of files) {
    it(`says nothing of ${relative(fixtures, file)}`, () => {
      assert.deepEqual(reports.get(file)?.issues, []);
    });
  }
});
