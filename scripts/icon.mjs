/** Draws media/icon.png from media/icon.svg with Chromium: `node scripts/icon.mjs`. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { launchBrowser } from "./editor/browser.mjs";
import { PlainError, ensureInstalled, fail, root } from "./ensure.mjs";

const size = 256;
const limitBytes = 20_000;

try {
  await ensureInstalled();
  const browser = await launchBrowser();
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<body style="margin: 0">${readFileSync(join(root, "media", "icon.svg"), "utf8")}</body>`);
  const file = join(root, "media", "icon.png");
  await page.screenshot({ path: file, omitBackground: true });
  await browser.close();
  const bytes = statSync(file).size;
  if (bytes > limitBytes) throw new PlainError(`media/icon.png takes ${bytes} bytes, more than ${limitBytes}`);
} catch (error) {
  fail(error);
}
