/**
 * What every script of this folder needs first: the repository root, a Node that is new enough, and the installed
 * packages. Only Node builtins here, because it runs before `npm ci` has.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** A failure whose message is for the user as it stands: no stack is printed. */
export class PlainError extends Error {}

/** The folder the user stood in: npm runs the scripts of package.json in the root and leaves that folder in INIT_CWD. */
export function userDirectory() {
  // Only under `npm run backstep`: a test that starts this script inherits INIT_CWD from the `npm test` around it.
  return (process.env.npm_lifecycle_event === "backstep" && process.env.INIT_CWD) || process.cwd();
}

/** Reports an error on stderr and ends with exit code 1. */
export function fail(error) {
  const text = error instanceof PlainError ? error.message : (error?.stack ?? String(error));
  process.stderr.write(`backstep: ${text}\n`);
  process.exit(1);
}

/** Installs the packages of package-lock.json unless they are there. Talks on stderr: stdout is the command's own. */
export async function ensureInstalled() {
  checkNode();
  if (isInstalled()) return;
  const release = await takeTurn("installing");
  try {
    if (isInstalled()) return; // whoever had the turn before us did it
    await install();
    writeFileSync(stampFile, lockHash());
  } finally {
    release();
  }
}

const stampFile = join(root, "node_modules", ".backstep-install");

/** mocha 12 and eslint 10 want 20.19. */
function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new PlainError(
    `needs Node.js 20.19 or newer, this is ${process.version}: install it from your system or nodejs.org`,
  );
}

/** The platform belongs to the stamp: esbuild's binary does, and a folder may be shared between two machines. */
function lockHash() {
  const lock = readFileSync(join(root, "package-lock.json"));
  return createHash("sha256").update(lock).update(`${process.platform} ${process.arch}`).digest("hex");
}

function isInstalled() {
  try {
    if (readFileSync(stampFile, "utf8") === lockHash()) return true;
  } catch {
    // No stamp: never installed, or installed by hand.
  }
  if (!installedByHand()) return false;
  writeFileSync(stampFile, lockHash());
  return true;
}

/** True after the user's own `npm ci`: npm leaves a copy of the lock in node_modules once everything lies there. */
function installedByHand() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const present = JSON.parse(readFileSync(join(root, "node_modules", ".package-lock.json"), "utf8")).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === "" ||
        (entry.optional && !present[path]) ||
        (present[path]?.version === entry.version && existsSync(join(root, path, "package.json"))),
    );
  } catch {
    return false;
  }
}

/**
 * One install at a time: two of them in one folder delete each other's files. Resolves to what gives the turn back.
 * @param {string} name of a file in .cache/
 */
export async function takeTurn(name) {
  const turn = join(root, ".cache", name);
  mkdirSync(dirname(turn), { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(turn, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isLeftOver(turn)) rmSync(turn, { force: true });
    else {
      if (!waited) process.stderr.write("Waiting for another install in this folder …\n");
      await sleep(500);
    }
  }
  const giveBack = () => rmSync(turn, { force: true });
  const stop = () => process.exit(130);
  process.once("exit", giveBack);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  return () => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.removeListener(signal, stop);
    process.removeListener("exit", giveBack);
    giveBack();
  };
}

/** True when the process that took the turn was killed before it could give it back. */
function isLeftOver(turn) {
  try {
    const pid = Number(readFileSync(turn, "utf8"));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

const networkFailure =
  /\b(ECONN\w+|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EPIPE|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|E429|E5\d\d|EINTEGRITY)\b|socket hang up|network/;

async function install() {
  process.stderr.write("Installing the packages with npm ci (only the first time) …\n");
  const started = Date.now();
  await npm(["ci", "--include=dev"], root);
  process.stderr.write(`Installed in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
}

/** Runs npm in a folder and returns its standard output. Tries again when the network fails; says what went wrong. */
export async function npm(args, folder) {
  // The log level is given because `npm test --silent` hands its own down to every npm it starts.
  const command = [...args, "--no-audit", "--no-fund", "--loglevel=error"];
  let result = await runNpm(command, folder);
  if (result.code !== 0 && networkFailure.test(result.output)) {
    process.stderr.write("The network failed; trying once more …\n");
    await sleep(3000);
    result = await runNpm(command, folder);
  }
  if (result.code !== 0) throw new PlainError(explain(`npm ${args.join(" ")}`, result.output));
  return result.output;
}

/** Resolves to the exit code and all that npm said. Rejects only when there is no npm. */
function runNpm(args, cwd) {
  return new Promise((resolve, reject) => {
    const cli = process.env.npm_execpath ?? "";
    const options = { cwd, env: outsideNpm(), stdio: ["ignore", "pipe", "pipe"] };
    // npm names its own script to the scripts it runs; otherwise it is on the PATH (on Windows as npm.cmd).
    const child = /^npm-cli\.c?js$/.test(basename(cli))
      ? spawn(process.execPath, [cli, ...args], options)
      : spawn("npm", args, { ...options, shell: process.platform === "win32" });
    const kill = () => child.kill();
    process.once("exit", kill);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", () => reject(new PlainError("npm was not found: install Node.js together with npm")));
    child.on("close", (code) => {
      process.removeListener("exit", kill);
      resolve({ code, output });
    });
  });
}

/** One line out of npm's many. */
function explain(command, output) {
  const said = Array.from(output.matchAll(/^npm (?:error|ERR!) *(.+)$/gm), ([, line]) => line.trim());
  const reason = said.filter((line) => line !== "" && !line.startsWith("A complete log")).slice(0, 3);
  const advice = networkFailure.test(output) ? "check the network and npm's registry setting" : "mend that";
  return `${command} failed (${reason.join("; ") || "no message"}): ${advice}, then run this again`;
}

/** The environment without what the npm around this process says of the package it runs: its folder above all. */
function outsideNpm() {
  const own = /^npm_(package_|lifecycle_|config_(local_prefix|prefix|omit|include|dry_run|global)$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
