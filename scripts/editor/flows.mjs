/**
 * Runs test/browser/: flows through a real VS Code in a real browser, with the packaged extension installed as a user
 * would. The tests drive the editor from outside, in a mocha process of their own.
 *
 *   flows.mjs [--grep TEXT] [FILE…]
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundle } from "../bundle.mjs";
import { ensureInstalled, fail, root } from "../ensure.mjs";
import { packExtension } from "../package.mjs";
import { editors, ensureChromium, ensureEditor } from "./install.mjs";
import { startGroup } from "./process.mjs";

const tests = join(root, "test", "browser");
const output = join(root, "out", "browser");
const screenshots = join(root, "out", "screenshots");
const testLimitMs = 150_000;

/** A flow that reports nothing for so long is taken for dead. */
const silenceLimitMs = 300_000;

/** All files of flows. */
export function flowFiles() {
  const names = readdirSync(tests).filter((name) => name.endsWith(".test.ts"));
  return names.sort().map((name) => join(tests, name));
}

/**
 * Packs the extension and runs test files against it, each with a server of its own.
 *
 * @param {object} options
 * @param {readonly string[]} [options.sources] test files, all if left out
 * @param {string} [options.grep] only the tests whose title matches
 * @returns {Promise<{ passed: number, failed: number, skipped: number, failures: string[] }>}
 */
export async function runFlows({ sources = flowFiles(), grep } = {}) {
  const extension = await packExtension();
  // Outside the time limits.
  await ensureEditor("current");
  await ensureChromium();
  const [entry, ...bundles] = await bundleFlows(sources);
  // Pictures of flows that are not run now stay.
  mkdirSync(screenshots, { recursive: true });
  // Short, because sockets lie in it, and resolved, because the editor resolves it.
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "backstep-")));
  try {
    const report = join(scratch, "report.jsonl");
    writeFileSync(report, "");
    const request = { bundles, grep, report, timeoutMs: testLimitMs, extension, screenshots, scratch, root };
    console.log(`VS Code ${editors.current.version} (current), ${relative(root, extension)}`);
    return judge(await start(entry, request), report);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The entry first, then the test files. They share their chunks, so that one browser serves all. */
async function bundleFlows(sources) {
  rmSync(output, { recursive: true, force: true });
  const entryPoints = [join(tests, "index.ts"), ...sources];
  await bundle({
    entryPoints,
    outbase: tests,
    outdir: output,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    sourcemap: true,
  });
  return entryPoints.map((file) => join(output, relative(tests, file).replace(/\.ts$/, ".mjs")));
}

/** Runs the flows to their end, or kills them with every server and browser that they started. */
async function start(entry, request) {
  const group = startGroup(process.execPath, ["--enable-source-maps", entry], {
    cwd: root,
    env: { ...process.env, BACKSTEP_FLOWS: JSON.stringify(request) },
  });
  let printed = 0;
  let heard = Date.now();
  let problem;
  const print = () => {
    const events = readEvents(request.report);
    if (events.length > printed) heard = Date.now();
    for (; printed < events.length; printed++) printEvent(events[printed]);
  };
  const watchdog = setInterval(() => {
    print();
    if (Date.now() - heard < silenceLimitMs) return;
    clearInterval(watchdog);
    problem = `killed after ${silenceLimitMs / 1000} s without a sign of life`;
    void group.stop();
  }, 250);
  const code = await group.ended;
  clearInterval(watchdog);
  print();
  stopLeftovers(request.scratch);
  return { code, problem, said: group.output() };
}

/**
 * Servers are process groups of their own and end with the process that started them; of one that was killed they are
 * found by their home, which lies in our scratch folder.
 */
function stopLeftovers(scratch) {
  for (const name of existsSync("/proc") ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const environment = readFileSync(join("/proc", name, "environ"), "utf8").split("\0");
      if (environment.some((entry) => entry.startsWith(`HOME=${scratch}`))) process.kill(Number(name), "SIGKILL");
    } catch {
      // Gone by now, or another user's.
    }
  }
}

function printEvent({ event, title, duration, error, text }) {
  if (event === "pass") console.log(`  ✔ ${title} (${duration} ms)`);
  else if (event === "skip") console.log(`  - ${title}`);
  else if (event === "note") console.log(`    ${text}`);
  else if (event === "fail") console.log(`  ✖ ${title}\n${error.replace(/^/gm, "      ")}`);
}

function readEvents(report) {
  if (!statSync(report, { throwIfNoEntry: false })) return [];
  // The last line may be half written.
  const lines = readFileSync(report, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** The exit code alone proves nothing: the report must have come to its end and hold every test that mocha found. */
function judge({ code, problem, said }, report) {
  const events = readEvents(report);
  const of = (kind) => events.filter(({ event }) => event === kind);
  const [begin] = of("begin");
  const counts = { passed: of("pass").length, failed: of("fail").length, skipped: of("skip").length };
  const problems = problem === undefined ? [] : [problem];
  const total = counts.passed + counts.failed + counts.skipped;
  if (begin === undefined) problems.push("the flows never began");
  else if (of("end").length === 0) problems.push(`the flows ended (${code}) in: ${of("start").at(-1)?.title}`);
  else if (total < begin.total && counts.failed === 0)
    problems.push(`mocha found ${begin.total} tests, ${total} were reported`);
  else if (total === 0) problems.push("no flow was found");
  if (code !== 0 && counts.failed === 0 && problems.length === 0) problems.push(`the flows ended with ${code}`);
  for (const each of problems) console.log(`  ✖ ${each}`);
  if (problems.length > 0) console.log(said.trimEnd().replace(/^/gm, "      "));
  const failures = [
    ...of("fail").map(({ title, error }) => `${title}\n  ${error.split("\n", 3).join("\n  ")}`),
    ...problems,
  ];
  return { ...counts, failed: failures.length, failures };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { values, positionals } = parseArgs({ options: { grep: { type: "string" } }, allowPositionals: true });
    await ensureInstalled();
    const sources = positionals.length > 0 ? positionals.map((file) => resolve(file)) : undefined;
    const { passed, failed } = await runFlows({ sources, grep: values.grep });
    console.log(`${passed} passed, ${failed} failed`);
    process.exitCode = failed > 0 ? 1 : 0;
  } catch (error) {
    fail(error);
  }
}
