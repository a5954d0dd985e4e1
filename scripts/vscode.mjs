/**
 * `npm run vscode [FOLDER]`: opens the examples (or another folder) in VS Code with the extension: in the desktop program if
 * `code` is on PATH, else in VS Code's own server, whose address for the browser it prints. Ctrl-C ends the server.
 */
import { spawn } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { desktopProgram } from "./editor/in-host.mjs";
import { startServer } from "./editor/server.mjs";
import { findProgram } from "./editor/system.mjs";
import { build } from "./build.mjs";
import { PlainError, ensureInstalled, fail, root, userDirectory } from "./ensure.mjs";
import { packExtension } from "./package.mjs";
import { extensionFolder } from "./stage.mjs";

const [given] = process.argv.slice(2);

try {
  const folder = given === undefined ? join(root, "examples") : resolve(userDirectory(), given);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new PlainError(`${given}: there is no such folder`);
  await ensureInstalled();
  await build();
  if (desktopProgram() === undefined) await openServer(folder);
  else openDesktop(folder);
} catch (error) {
  fail(error);
}

function openDesktop(folder) {
  const code = findProgram("code", "code.cmd");
  const child = spawn(code, ["--new-window", `--extensionDevelopmentPath=${extensionFolder}`, folder], {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  child.on("error", fail);
  console.log(`Opening ${folder} in VS Code.`);
}

/** Settings and runs stay in .cache/vscode/ from one time to the next. */
async function openServer(folder) {
  const data = join(root, ".cache", "vscode");
  mkdirSync(data, { recursive: true });
  const server = await startServer({
    leg: "current",
    data,
    extensions: [await packExtension()],
    token: true,
    port: Number(process.env.PORT ?? 0),
  });
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      stopping = true;
      void server.stop();
    });
  }
  console.log(
    `VS Code ${server.version} with Backstep: open this in a browser (Ctrl-C ends it)\n\n    ${server.url(folder)}\n`,
  );
  const code = await server.ended;
  if (!stopping) throw new PlainError(`VS Code ended by itself (${code})\n${server.output()}`);
}
