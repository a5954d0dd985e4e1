import { appendFileSync } from "node:fs";
import { version } from "vscode";

/** What the runner (scripts/editor/in-host.mjs) asks for, in the environment of the extension host. */
interface Request {
  /** Bundled test files. */
  readonly bundles: readonly string[];
  readonly grep?: string;
  /** Takes one event a line as the tests go, so that a host that dies says how far it came. */
  readonly report: string;
  /** The limit of one test. */
  readonly timeoutMs: number;
}

/**
 * The entry that VS Code calls (`extensionTestsPath`): runs mocha inside the extension host. Rejects when a test failed.
 */
export async function run(): Promise<void> {
  const request = JSON.parse(process.env.BACKSTEP_HOST_TESTS ?? "") as Request;
  const report = (event: object): void => appendFileSync(request.report, `${JSON.stringify(event)}\n`);

  const { default: MochaClass } = await import("mocha");
  // The runner prints the report.
  class Silent extends MochaClass.reporters.Base {}
  const mocha = new MochaClass({ ui: "bdd", timeout: request.timeoutMs, forbidOnly: true, reporter: Silent });
  if (request.grep !== undefined) mocha.grep(request.grep);
  for (const file of request.bundles) mocha.addFile(file);
  await mocha.loadFilesAsync();

  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    report({ event: "begin", version, total: runner.total });
    runner.on("test", (test) => report({ event: "start", title: test.fullTitle() }));
    runner.on("pass", (test) => report({ event: "pass", title: test.fullTitle(), duration: test.duration }));
    runner.on("pending", (test) => report({ event: "skip", title: test.fullTitle() }));
    runner.on("fail", (test, error: unknown) =>
      report({ event: "fail", title: test.fullTitle(), error: describe(error) }),
    );
  });
  report({ event: "end" });
  if (failures > 0) throw new Error(`${failures} failed`);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { actual, expected } = error as { actual?: unknown; expected?: unknown };
  const values =
    expected === undefined ? "" : `\nexpected ${JSON.stringify(expected)}\nactual   ${JSON.stringify(actual)}`;
  return `${error.stack ?? error.message}${values}`;
}
