/** Starts the command line out of a clone. */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { build, cli } from "./build.mjs";
import { PlainError, ensureInstalled } from "./ensure.mjs";

/**
 * Runs the command line with `args` in the folder `cwd`, in this very process: signals, the terminal and the exit code
 * are then its own, with nobody in between. Resolves when its module has been evaluated.
 */
export async function runCli(args, cwd) {
  await ensureInstalled();
  await build(["cli"]);
  if (!existsSync(cli)) throw new PlainError("engine/cli/main.ts is missing, so there is no command line to run");
  process.chdir(cwd);
  process.argv = [process.argv[0], cli, ...args];
  await import(pathToFileURL(cli).href);
}
