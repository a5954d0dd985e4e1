/** The browser in which the tests open VS Code: Chromium without a window, cut off from everything but this machine. */
import { chromium } from "playwright-core";
import { ensureChromium } from "./install.mjs";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

export async function launchBrowser() {
  return chromium.launch({ executablePath: await ensureChromium(), args: flags, headless: true });
}
