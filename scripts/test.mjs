/**
 * `npm test`: types, lint, format, build, then the tests: those of Node, those inside the extension host of a real VS Code
 * (on the newest version and on the oldest that the extension allows), and those that use the packed extension in a browser.
 * Always ends with what failed, once more, and the line "N passed, N failed", where each stage counts as one and each test
 * as one; the exit code is 1 if anything failed.
 *
 *   npm test -- --grep softmax            only the tests of Node whose title matches, without types, lint and format
 *   npm test -- test/ops/einsum.test.ts   only these files (or folders), likewise; of whatever kind they are
 *   npm test -- --only=types,lint         only these stages: types, lint, format, build, package, mocha, gpu, host, browser
 *   npm test -- --only=host --grep lens   some tests of a stage
 *   npm test -- --reporter=spec           another of mocha's reporters
 */
import { spawn } from "node:child_process";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { bundleHostTests, runInHost } from "./editor/in-host.mjs";
import { editors, softwareAdapter } from "./editor/install.mjs";
import { PlainError, ensureInstalled, root, userDirectory } from "./ensure.mjs";
import { packExtension } from "./package.mjs";
import { extensionFolder } from "./stage.mjs";

const stages = { types, lint, format, build: buildStage, package: packageStage, mocha, gpu, host, browser };

/** Folders of test/ whose tests want more than Node, with the stage that runs them. */
const special = { "in-host": "host", browser: "browser", webgpu: "gpu" };

/** TypeScript's projects: the panel and its tests know the DOM, all else does not. */
const projects = [".", "webview", "test/webview", "test/gallery"];

/** A test that blocks its thread escapes mocha's own time limit; after this much silence it is killed. */
const silenceLimitMs = 300_000;

const colour = Boolean(process.stdout.isTTY) && !process.env.CI && !process.env.NO_COLOR;
const environment = { ...process.env, ...(colour ? {} : { NO_COLOR: "1", FORCE_COLOR: "0" }) };
if (!colour) delete environment.MOCHA_COLORS;

const totals = { passed: 0, failed: 0 };

/** What failed, a text each, to be said once more at the end: logs are often read from there, or cut. */
const failures = [];
const children = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => finish(`stopped by ${signal}`));

try {
  const options = readOptions();
  await ensureInstalled();
  for (const name of options.only) await runStage(name, options);
  finish();
} catch (error) {
  finish(error instanceof PlainError ? error.message : (error?.stack ?? String(error)));
}

function finish(problem) {
  for (const child of children) child.kill("SIGKILL");
  if (problem !== undefined) {
    totals.failed += 1;
    failures.push(problem);
  }
  if (failures.length > 0) console.log(`\nfailed:\n${failures.join("\n").replace(/^/gm, "  ")}`);
  console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
  process.exit(totals.failed > 0 ? 1 : 0);
}

function readOptions() {
  let parsed;
  try {
    parsed = parseArgs({
      options: { grep: { type: "string" }, only: { type: "string" }, reporter: { type: "string", default: "dot" } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new PlainError(
      `${error.message}\nusage: npm test -- [--grep TEXT] [--only=STAGE,…] [--reporter=NAME] [FILE…]`,
    );
  }
  const { grep, only, reporter } = parsed.values;
  const files = parsed.positionals.map((file) => resolve(userDirectory(), file));
  const chosen = only?.split(",") ?? stagesFor(files, grep);
  for (const name of chosen) {
    if (!Object.hasOwn(stages, name)) {
      throw new PlainError(`--only=${name}: no such stage; the stages are ${Object.keys(stages).join(", ")}`);
    }
  }
  // Tests start what was built.
  if (chosen.some((name) => ["mocha", "gpu", "host", "browser"].includes(name))) chosen.unshift("build");
  return { grep, reporter, files, only: Object.keys(stages).filter((name) => chosen.includes(name)) };
}

function stagesFor(files, grep) {
  if (files.length === 0) return grep === undefined ? Object.keys(stages) : ["mocha"];
  return files.map((file) => special[relative(join(root, "test"), file).split(sep)[0]] ?? "mocha");
}

/** Prints the stage's name, its output, and what it took. A stage resolves to its counts, or throws. */
async function runStage(name, options) {
  console.log(`\n== ${name}`);
  const started = performance.now();
  let counts;
  try {
    counts = await stages[name](options);
  } catch (error) {
    console.log(error instanceof PlainError ? error.message : (error?.stack ?? String(error)));
    counts = { passed: 0, failed: 1 };
  }
  totals.passed += counts.passed;
  totals.failed += counts.failed;
  failures.push(...(counts.failures ?? (counts.failed > 0 ? ["see above"] : [])).map((each) => `${name}: ${each}`));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`== ${name}: ${counts.failed === 0 ? "passed" : "failed"} in ${seconds} s`);
}

async function types() {
  const counts = { passed: 0, failed: 0 };
  for (const project of projects) {
    const info = join(".cache", "types", `${project.replace(/\W/g, "-")}.tsbuildinfo`);
    const options = ["--noEmit", "-p", project, "--incremental", "--tsBuildInfoFile", info, "--pretty", String(colour)];
    const { passed, failed } = await tool("typescript/bin/tsc", options);
    counts.passed += passed;
    counts.failed += failed;
  }
  return counts;
}

function lint() {
  return tool("eslint/bin/eslint.js", [".", "--max-warnings", "0", colour ? "--color" : "--no-color"]);
}

function format() {
  return tool("prettier/bin/prettier.cjs", ["--check", ".", "--log-level", "warn"]);
}

async function buildStage() {
  await build();
  return { passed: 1, failed: 0 };
}

async function packageStage() {
  const file = await packExtension();
  console.log(`${relative(root, file)}  ${(statSync(file).size / 1000).toFixed(0)} kB`);
  return { passed: 1, failed: 0 };
}

/** The tests inside the extension host, on each VS Code that the extension is for. */
async function host({ grep, files }) {
  const sources = testFiles("host", files);
  const workspaces = await bundleHostTests(sources);
  const counts = { passed: 0, failed: 0, failures: [] };
  for (const leg of Object.keys(editors)) {
    for (const [workspace, bundles] of workspaces) {
      const { passed, failed, failures } = await runInHost({
        leg,
        workspace,
        bundles,
        extension: extensionFolder,
        grep,
      });
      counts.passed += passed;
      counts.failed += failed;
      counts.failures.push(...failures.map((each) => `${leg}: ${each}`));
    }
  }
  return counts;
}

/** The packed extension, used as a person would. */
async function browser({ grep, files }) {
  const { runFlows } = await import("./editor/flows.mjs");
  return runFlows({ sources: testFiles("browser", files), grep });
}

async function tool(path, args) {
  const code = await run([join(root, "node_modules", path), ...args]);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Those of Node. */
function mocha(options) {
  return runMocha(testFiles("mocha", options.files), options);
}

/** Those that need a WebGPU adapter: on the machine's own, or on Linux on the one in software that a Chromium brings along. */
async function gpu(options) {
  const software = process.platform === "linux" && !process.env.VK_ICD_FILENAMES ? await softwareAdapter() : {};
  return runMocha(testFiles("gpu", options.files), options, software);
}

/** Bundles the test files and runs them in a process of their own, which reports each test as it ends. */
async function runMocha(sources, { grep, reporter }, variables = {}) {
  const bundles = await bundleTests(sources);

  const counts = { passed: 0, failed: 0, failures: [] };
  const failed = (what) => {
    counts.failed += 1;
    counts.failures.push(what);
  };
  let skipped = 0;
  let current = "loading the test files";
  let ended = false;
  let watchdog;
  const args = [
    "--enable-source-maps",
    join(root, "scripts", "mocha.mjs"),
    JSON.stringify({ grep, reporter, colour, bundles }),
  ];
  const code = await run(args, variables, (child) => {
    const heard = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => child.kill("SIGKILL"), silenceLimitMs);
    };
    heard();
    child.on("message", ({ event, title, error }) => {
      heard();
      if (event === "start") current = title;
      else if (event === "pass") counts.passed += 1;
      else if (event === "fail") failed(`${title}\n  ${error}`);
      else if (event === "skip") skipped += 1;
      else if (event === "end") ended = true;
    });
  });
  clearTimeout(watchdog);

  if (skipped > 0) console.log(`${skipped} tests were skipped`);
  if (!ended) failed(`the test process ended before its tests did (exit ${code}), in: ${current}`);
  else if (counts.passed + counts.failed === 0) {
    failed(grep === undefined ? "no tests found" : `no test matches --grep ${grep}`);
  } else if (code !== 0 && counts.failed === 0) {
    failed(`the test process ended with exit code ${code} although no test failed`);
  }
  return counts;
}

/** The test files of a stage, narrowed to the given files and folders. */
function testFiles(stage, chosen) {
  const folder = join(root, "test");
  const files = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".test.ts") && (special[name.split(sep)[0]] ?? "mocha") === stage)
    .map((name) => join(folder, name))
    .filter((file) => chosen.length === 0 || chosen.some((each) => file === each || file.startsWith(each + sep)))
    .sort();
  if (files.length === 0) throw new PlainError("no test files found");
  return files;
}

async function bundleTests(entryPoints) {
  const esbuild = await import("esbuild");
  const outdir = join(root, "out", "test");
  rmSync(outdir, { recursive: true, force: true });
  try {
    await esbuild.build({
      absWorkingDir: root,
      entryPoints,
      outbase: join(root, "test"),
      outdir,
      outExtension: { ".js": ".mjs" },
      chunkNames: "chunks/[name]-[hash]",
      bundle: true,
      splitting: true, // one engine for all files, loaded once
      platform: "node",
      target: "node20",
      format: "esm",
      packages: "external",
      sourcemap: true,
      logLevel: "silent",
    });
  } catch (error) {
    if (!error.errors) throw error;
    const messages = await esbuild.formatMessages(error.errors, { kind: "error", color: colour });
    throw new PlainError(messages.join(""));
  }
  return entryPoints.map((file) => join(outdir, relative(join(root, "test"), file).replace(/\.ts$/, ".mjs")));
}

/** Runs Node on `args` with this process's output; resolves to the exit code, or the signal that ended it. */
function run(args, variables = {}, watch = undefined) {
  return new Promise((resolve, reject) => {
    const stdio = ["ignore", "inherit", "inherit", ...(watch ? ["ipc"] : [])];
    const child = spawn(process.execPath, args, { cwd: root, env: { ...environment, ...variables }, stdio });
    children.add(child);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      children.delete(child);
      resolve(code ?? signal);
    });
    watch?.(child);
  });
}
