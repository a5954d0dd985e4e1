/** Programs of the system that the editor's tests need. */
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PlainError, takeTurn } from "../ensure.mjs";

/** The program's path, or undefined when none of the names is on PATH. */
export function findProgram(...names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        if (statSync(path).isFile()) return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/**
 * The path of a program, after installing the Debian package of its name where it is missing and we may.
 * @param {string} name of the package and the program
 * @param {readonly string[]} others names under which it also goes
 */
export async function ensureProgram(name, ...others) {
  const find = () => findProgram(name, ...others);
  const found = find();
  if (found !== undefined) return found;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${name}`;
  if (findProgram("apt-get") === undefined || process.getuid?.() !== 0) {
    throw new PlainError(`${name} is missing: install it, on Debian as root with\n    ${command}`);
  }
  const release = await takeTurn("installing-system");
  try {
    const already = find();
    if (already !== undefined) return already;
    process.stderr.write(`Installing ${name} with apt-get (only the first time) …\n`);
    for (const args of [["update"], ["install", "-y", "--no-install-recommends", name]]) {
      const { code, output } = await aptGet(args);
      if (code !== 0) {
        throw new PlainError(
          `apt-get ${args.join(" ")} failed; run it yourself, or check the network\n${output.trimEnd()}`,
        );
      }
    }
  } finally {
    release();
  }
  const path = find();
  if (path === undefined)
    throw new PlainError(`apt-get installed ${name}, yet there is no program of this name on PATH`);
  return path;
}

function aptGet(args) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const child = spawn("apt-get", ["-q", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: output.split("\n").slice(-8).join("\n") }));
  });
}
