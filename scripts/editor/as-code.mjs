#!/usr/bin/env node
/**
 * Takes the arguments of the desktop program `code` and runs the extension's tests in the server of VS Code and a browser
 * instead, so that @vscode/test-electron serves both. The exit code is the tests'.
 *
 *   as-code.mjs FOLDER --extensionDevelopmentPath=DIR --extensionTestsPath=FILE --user-data-dir=DIR [--disable-workspace-trust]
 *
 * BACKSTEP_LEG says which VS Code: "current" or "floor". User settings are taken from --user-data-dir.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../ensure.mjs";
import { launchBrowser } from "./browser.mjs";
import { startServer } from "./server.mjs";

const folder = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
const option = (name) => process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);

/** Resolves to the exit code that the workbench reports. */
async function main() {
  const data = option("user-data-dir");
  const settings = join(data, "User", "settings.json");
  const server = await startServer({
    leg: process.env.BACKSTEP_LEG ?? "current",
    data: join(data, "server"),
    settings: existsSync(settings) ? JSON.parse(readFileSync(settings, "utf8")) : {},
    development: true,
    trust: process.argv.includes("--disable-workspace-trust"),
  });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const code = new Promise((resolve) => {
      void page.exposeFunction("codeAutomationLog", (type, args) => console.log(`[${type}]`, ...args));
      void page.exposeFunction("codeAutomationExit", (exitCode) => resolve(exitCode));
    });
    const gone = server.ended.then(() => {
      throw new Error(`the server ended during the tests\n${server.output()}`);
    });
    await page.goto(
      server.url(folder, {
        extensionDevelopmentPath: server.remote(option("extensionDevelopmentPath")),
        extensionTestsPath: server.remote(option("extensionTestsPath")),
        skipWelcome: "true",
      }),
    );
    return await Promise.race([code, gone]);
  } finally {
    await browser.close();
    await server.stop();
  }
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
try {
  process.exitCode = await main();
} catch (error) {
  fail(error);
}
