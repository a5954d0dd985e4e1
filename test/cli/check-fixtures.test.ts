/** Model files with mistakes, which say themselves where and which; and healthy ones, of which nothing may be said. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { backstep, jsonLines } from "../support/cli";
import { type Expectation, readExpectations } from "../support/expectations";

interface Report {
  readonly file: string;
  readonly issues: readonly (Omit<Expectation, "file"> & { readonly file: string; readonly endLine: number })[];
}

const programs = join("test", "fixtures", "programs");

function filesIn(folder: string): string[] {
  return readdirSync(join(programs, folder))
    .filter((name) => name.endsWith(".nn.ts"))
    .sort()
    .map((name) => join(programs, folder, name));
}

/** The expectations of a model file and of the files beside it that it imports. */
function expectedOf(file: string): Expectation[] {
  const helper = join(dirname(file), "helper.ts");
  return [file, ...(file.includes("helper-file") && existsSync(helper) ? [helper] : [])].flatMap(readExpectations);
}

function placeOf({ file, line, column, endColumn, severity, code }: Expectation): string {
  return `${relative(process.cwd(), resolve(file))}:${line}:${column}-${endColumn} ${severity} ${code}`;
}

async function checkAll(files: readonly string[]): Promise<Map<string, Report>> {
  const reports = jsonLines<Report>(await backstep("check", "--json", ...files));
  return new Map(reports.map((report) => [report.file, report]));
}

describe("check of files with mistakes", () => {
  const files = filesIn("wrong");
  let reports: Map<string, Report>;
  before(async function () {
    this.timeout(120_000);
    reports = await checkAll(files);
  });

  for (const file of files) {
    it(`finds all of ${relative(programs, file)} and nothing else, each at its own expression`, () => {
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
  const files = filesIn("healthy");
  let reports: Map<string, Report>;
  before(async function () {
    this.timeout(120_000);
    reports = await checkAll(files);
  });

  for (const file of files) {
    it(`says nothing of ${relative(programs, file)}`, () => {
      assert.deepEqual(reports.get(file)?.issues, []);
    });
  }
});
