/**
 * Runs test/in-host/ inside the extension host of a real VS Code, through @vscode/test-electron: the server with a browser
 * by default, a desktop VS Code on demand. test/in-host/*.test.ts run in a copy of test/in-host/fixtures/models/, those in
 * test/in-host/NAME/ in one of test/in-host/fixtures/NAME/, each folder in an editor of its own.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  existsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, sep } from "node:path";
import { bundle } from "../bundle.mjs";
import { PlainError, root } from "../ensure.mjs";
import { editors, ensureChromium, ensureEditor } from "./install.mjs";
import { startGroup } from "./process.mjs";
import { quietSettings } from "./server.mjs";
import { findProgram } from "./system.mjs";

const tests = join(root, "test", "in-host");
const output = join(root, "out", "in-host");
const testLimitMs = 180_000;

/** An editor that says nothing for so long is taken for dead. */
const silenceLimitMs = 300_000;

/**
 * Bundles the entry and the test files for an extension host. Resolves to the files by the name of their workspace.
 * @param {readonly string[]} sources
 */
export async function bundleHostTests(sources) {
  rmSync(output, { recursive: true, force: true });
  await bundle({
    entryPoints: [join(tests, "index.ts"), ...sources],
    outbase: tests,
    outdir: output,
    outExtension: { ".js": ".cjs" },
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode", "mocha"],
    sourcemap: "inline",
    tsconfigRaw: {},
  });
  const workspaces = new Map();
  for (const file of sources) {
    const path = relative(tests, file);
    const workspace = path.includes(sep) ? path.split(sep)[0] : "models";
    const bundled = join(output, path.replace(/\.ts$/, ".cjs"));
    workspaces.set(workspace, [...(workspaces.get(workspace) ?? []), bundled]);
  }
  return workspaces;
}

/**
 * Runs bundled test files in one editor on one workspace.
 *
 * @param {object} options
 * @param {"current" | "floor" | "desktop"} options.leg
 * @param {string} options.workspace
 * @param {readonly string[]} options.bundles
 * @param {string} options.extension the folder of the extension
 * @param {string} [options.grep]
 * @returns {Promise<{ passed: number, failed: number, skipped: number, titles: string[], failures: string[] }>}
 */
export async function runInHost({ leg, workspace, bundles, extension, grep }) {
  const program = leg === "desktop" ? desktopProgram() : join(root, "scripts", "editor", "as-code.mjs");
  if (program === undefined) throw new PlainError("there is no desktop VS Code: `code` is not on PATH");
  if (leg !== "desktop") {
    // Outside the time limit.
    await ensureEditor(leg);
    await ensureChromium();
  }
  // Short, because sockets lie in it, and resolved, because the editor resolves it.
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "backstep-")));
  try {
    const folder = join(scratch, basename(workspace));
    cpSync(join(tests, "fixtures", workspace), folder, { recursive: true });
    const user = join(scratch, "data", "User");
    mkdirSync(user, { recursive: true });
    writeFileSync(join(user, "settings.json"), JSON.stringify(quietSettings));
    const report = join(scratch, "report.jsonl");
    const heard = await start({
      program,
      report,
      options: {
        extensionDevelopmentPath: extension,
        extensionTestsPath: join(output, "index.cjs"),
        launchArgs: [
          folder,
          `--user-data-dir=${join(scratch, "data")}`,
          `--extensions-dir=${join(scratch, "extensions")}`,
        ],
        extensionTestsEnv: {
          BACKSTEP_LEG: leg,
          BACKSTEP_HOST_TESTS: JSON.stringify({ bundles, grep, report, timeoutMs: testLimitMs }),
        },
      },
    });
    return judge({ ...heard, leg, workspace, events: readEvents(report) });
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Starts an editor with the tests. Resolves to its exit code and what it printed, once it has ended or been killed. */
function start({ program, report, options }) {
  const group = startGroup(
    process.execPath,
    [join(root, "scripts", "editor", "electron.mjs"), JSON.stringify({ vscodeExecutablePath: program, ...options })],
    { cwd: dirname(report), env: process.env },
  );
  let size = 0;
  let heard = Date.now();
  let problem;
  const watchdog = setInterval(() => {
    const now = statSync(report, { throwIfNoEntry: false })?.size ?? 0;
    if (now !== size) [size, heard] = [now, Date.now()];
    if (Date.now() - heard < silenceLimitMs) return;
    clearInterval(watchdog);
    problem = `killed after ${silenceLimitMs / 1000} s without a sign of life`;
    void group.stop();
  }, 1000);
  return group.ended.then((code) => {
    clearInterval(watchdog);
    return { code, problem, said: group.output() };
  });
}

function readEvents(report) {
  if (!existsSync(report)) return [];
  const lines = readFileSync(report, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

/**
 * Counts what the tests reported and prints it. The editor's exit code alone proves nothing: when the extension host dies,
 * VS Code 1.139 ends with 0. Hence the report must have come to its end and hold every test that mocha found.
 */
function judge({ code, problem, said, leg, workspace, events }) {
  const of = (kind) => events.filter(({ event }) => event === kind);
  const [begin] = of("begin");
  const counts = { passed: of("pass").length, failed: of("fail").length, skipped: of("skip").length };
  console.log(`VS Code ${begin?.version ?? "?"} (${leg}), workspace ${workspace}`);
  for (const { title, duration } of of("pass")) console.log(`  ✔ ${title} (${duration} ms)`);
  for (const { title } of of("skip")) console.log(`  - ${title}`);
  for (const { title, error } of of("fail")) console.log(`  ✖ ${title}\n${error.replace(/^/gm, "      ")}`);

  const problems = problem === undefined ? [] : [problem];
  const total = counts.passed + counts.failed + counts.skipped;
  if (begin === undefined) problems.push("the tests never began");
  else if (of("end").length === 0) problems.push(`the extension host ended in the test: ${of("start").at(-1)?.title}`);
  else if (total !== begin.total) problems.push(`mocha found ${begin.total} tests, ${total} were reported`);
  if (begin !== undefined && leg !== "desktop" && begin.version !== editors[leg].version) {
    problems.push(`this was meant to be VS Code ${editors[leg].version}`);
  }
  if (code !== 0 && counts.failed === 0 && problems.length === 0)
    problems.push(`the editor ended with exit code ${code}`);
  for (const each of problems) console.log(`  ✖ ${each}`);
  if (problems.length > 0) console.log(said.trimEnd().replace(/^/gm, "      "));
  const failures = [
    ...of("fail").map(({ title, error }) => `${title}\n  ${error.split("\n", 3).join("\n  ")}`),
    ...problems,
  ];
  return { ...counts, failed: failures.length, failures, titles: events.flatMap(titleOfResult) };
}

function titleOfResult({ event, title }) {
  return event === "pass" || event === "fail" ? [title] : [];
}

/** The desktop VS Code behind the `code` of PATH, which is a script that returns at once; or undefined. */
export function desktopProgram() {
  const script = findProgram("code", "code.cmd");
  if (script === undefined) return undefined;
  const bin = dirname(realpathSync(script));
  const candidates = [
    join(bin, "..", "code"), // Linux
    join(bin, "..", "..", "..", "MacOS", "Electron"),
    join(bin, "..", "Code.exe"),
  ];
  return candidates.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}
