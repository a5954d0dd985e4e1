/** The process of the flows: runs mocha on the bundled test files and reports every test as it starts and ends. */
import Mocha from "mocha";
import { closeBrowser, report, request } from "./session";

// The runner prints the report.
class Silent extends Mocha.reporters.Base {}

const mocha = new Mocha({ ui: "bdd", timeout: request.timeoutMs, forbidOnly: true, reporter: Silent });
if (request.grep !== undefined) mocha.grep(request.grep);
for (const file of request.bundles) mocha.addFile(file);
await mocha.loadFilesAsync();

const failures = await new Promise<number>((resolve) => {
  const runner = mocha.run(resolve);
  report({ event: "begin", total: runner.total });
  runner.on("test", (test) => report({ event: "start", title: test.fullTitle() }));
  runner.on("pass", (test) => report({ event: "pass", title: test.fullTitle(), duration: test.duration }));
  runner.on("pending", (test) => report({ event: "skip", title: test.fullTitle() }));
  runner.on("fail", (test, error: unknown) =>
    report({ event: "fail", title: test.fullTitle(), error: describeError(error) }),
  );
});
await closeBrowser();
report({ event: "end" });
process.exit(failures > 0 ? 1 : 0);

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { actual, expected } = error as { actual?: unknown; expected?: unknown };
  const values =
    expected === undefined ? "" : `\nexpected ${JSON.stringify(expected)}\nactual   ${JSON.stringify(actual)}`;
  // Playwright colours its messages.
  return `${error.stack ?? error.message}${values}`.replace(
    new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"),
    "",
  );
}
