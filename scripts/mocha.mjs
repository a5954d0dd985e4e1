/**
 * The test process behind scripts/test.mjs: runs the bundled test files with one of mocha's reporters for people, and
 * tells the parent of every test as it starts and ends, so that a crash loses no count.
 */
import { readFileSync } from "node:fs";
import Mocha from "mocha";

const { grep, reporter, colour, bundles } = JSON.parse(process.argv[2]);
const settings = JSON.parse(readFileSync(".mocharc.json", "utf8"));

// A rejection that nobody handles fails the test it happens in, as under mocha's own command.
process.on("unhandledRejection", (reason) => {
  throw reason;
});

const mocha = new Mocha({
  timeout: settings.timeout,
  slow: settings.slow,
  forbidOnly: settings["forbid-only"],
  reporter,
  color: colour,
  ...(grep === undefined ? {} : { grep }),
});
for (const file of bundles) mocha.addFile(file);
await mocha.loadFilesAsync();

const { EVENT_TEST_BEGIN, EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING } = Mocha.Runner.constants;
const tell = (event) => (test, error) => process.send({ event, title: test.fullTitle(), error: error?.message });
const runner = mocha.run((failures) => {
  // Tests may leave handles open; the parent has all it needs.
  process.send({ event: "end" }, () => process.exit(failures > 0 ? 1 : 0));
});
runner.on(EVENT_TEST_BEGIN, tell("start"));
runner.on(EVENT_TEST_PASS, tell("pass"));
runner.on(EVENT_TEST_FAIL, tell("fail"));
runner.on(EVENT_TEST_PENDING, tell("skip"));
