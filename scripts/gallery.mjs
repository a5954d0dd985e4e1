/**
 * The panel with a simulated extension, in Chromium: `node scripts/gallery.mjs` writes a picture of every scenario in the four
 * kinds of theme and four widths to out/gallery/ (some only: `node scripts/gallery.mjs deep vscode-light 400`), and
 * `node scripts/gallery.mjs --check` asserts what pictures do not show: time per frame, memory, keyboard, names, policy
 * (some only: `node scripts/gallery.mjs --check editing`).
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checks } from "../test/gallery/checks.mjs";
import { themes } from "../test/gallery/themes.mjs";
import { PlainError, ensureInstalled, fail, root } from "./ensure.mjs";
import { panelBundle } from "./panel.mjs";

const folder = join(root, "out", "gallery");
const address = "http://panel.localhost/";
const scenarios = ["healthy", "vanishing", "exploding", "deep", "paused", "failed", "starting", "empty"];
const models = [
  "model-ready",
  "model-mismatch",
  "model-stale",
  "model-failed",
  "model-untrusted",
  "model-checking",
  "model-skipped",
  "model-vanishing",
  "model-deep",
];
const sizes = [
  { width: 300, height: 900 },
  { width: 400, height: 900 },
  { width: 900, height: 760 },
  { width: 1600, height: 900 },
];
const tabs = ["network", "classes", "boundary", "images", "runs"];

/** The model's face in other states than its first: what is opened, and what is done with it. */
const modelActs = {
  "model-run": { scenario: "model-ready", run: "healthy", state: { preferences: { front: { face: "model" } } } },
  "model-units": {
    scenario: "model-mismatch",
    act: (tab) => tab.getByText("Network diagram", { exact: true }).click(),
  },
  "model-unfolded": {
    scenario: "model-mismatch",
    act: (tab) => tab.getByText("Unfold", { exact: true }).click(),
  },
  "model-tables": {
    scenario: "model-mismatch",
    state: { preferences: { tables: ["network", "prediction", "issues"] } },
  },
  "model-edited": {
    scenario: "model-deep",
    act: (tab) =>
      tab.evaluate(() => {
        const path = "/workspace/models/classifier.nn.ts";
        window.simulation.edit(200, 64, [2], false);
        window.simulation.send({ type: "modelCursor", path, layer: "blocks.0.expand" });
      }),
  },
};

/** The tensor view: a page of its own, with what is done with it. */
const tensorActs = {
  "tensor-vector": {},
  "tensor-matrix": { act: (tab) => walk(tab, 3, 5) },
  "tensor-values": { scenario: "tensor-matrix", state: { zoom: 9 }, act: (tab) => walk(tab, 2, 3) },
  "tensor-large": { act: (tab) => tab.mouse.move(180, 420) },
  "tensor-filters": {},
  "tensor-pictures": { scenario: "tensor-filters", state: { face: "pictures" } },
  "tensor-images": { state: { face: "pictures" } },
  "tensor-nan": { act: (tab) => walk(tab, 3, 7) },
  "tensor-scalar": {},
  "tensor-jacobian": { state: { subject: "jacobian" } },
  "tensor-change": { scenario: "tensor-matrix", state: { subject: "change" } },
  "tensor-gradient": { scenario: "tensor-matrix", state: { subject: "gradient" } },
  "tensor-table": { scenario: "tensor-matrix", state: { face: "table" } },
  "tensor-pins": {
    scenario: "tensor-matrix",
    state: { pins: ["h", "conv1.weight", "hidden.bias", "logts"] },
    act: (tab) => tab.evaluate(() => window.simulation.become({ stop: 2 })),
  },
  "tensor-error": {},
  "tensor-running": {},
  "tensor-ended": { act: (tab) => tab.evaluate(() => window.simulation.become({ state: "ended" })) },
  "tensor-none": {},
  "tensor-blank": {},
};

/** Brings the cursor of the heat map to a cell, as a keyboard does. */
async function walk(tab, rows, columns) {
  await tab.getByRole("application").focus();
  for (let i = 0; i <= rows; i++) await tab.keyboard.press("ArrowDown");
  for (let i = 0; i < columns; i++) await tab.keyboard.press("ArrowRight");
}

/** Bundles the panel, the tensor view and their simulations into out/gallery/. */
async function bundle() {
  const esbuild = await import("esbuild");
  const entries = {
    panel: ["webview", "main.tsx"],
    simulation: ["test", "gallery", "simulation.ts"],
    tensor: ["webview", "tensor", "main.tsx"],
    "tensor-simulation": ["test", "gallery", "tensor-simulation.ts"],
  };
  for (const [out, path] of Object.entries(entries)) {
    const entryPoints = [{ in: join(root, ...path), out }];
    await esbuild.build({ ...panelBundle, entryPoints, outdir: folder, logLevel: "warning" });
  }
}

function findChromium() {
  const found = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path && existsSync(path),
  );
  if (!found) throw new PlainError("the gallery wants Chromium: install it, or name its program in CHROMIUM");
  return found;
}

/** The page of a view as the extension writes it, with the same policy. */
function page(theme, { bundle, simulation, place }) {
  const nonce = "Zm9yIHRoZSBnYWxsZXJ5";
  const policy = [
    "default-src 'none'",
    `style-src ${address} 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    `img-src ${address} data: blob:`,
    `font-src ${address}`,
  ].join("; ");
  const variables = Object.entries(themes[theme]).map(([name, value]) => `--vscode-${name}: ${value};`);
  const kinds = theme === "vscode-high-contrast-light" ? `${theme} vscode-high-contrast` : theme;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta property="csp-nonce" content="${nonce}">
<title>Backstep</title>
<style nonce="${nonce}" id="theme">html { ${variables.join(" ")} }</style>
<link rel="stylesheet" href="${bundle}.css">
</head>
<body class="${kinds}" data-vscode-theme-kind="${theme}">
<div id="${place}"></div>
<script nonce="${nonce}" src="${simulation}.js"></script>
<script nonce="${nonce}" src="${bundle}.js"></script>
</body>
</html>`;
}

const panelPage = { bundle: "panel", simulation: "simulation", place: "panel" };
const tensorPage = { bundle: "tensor", simulation: "tensor-simulation", place: "root" };

/** Opens the panel or the tensor view; problems of the page are collected in `problems`. */
async function open(browser, { scenario, run, theme = "vscode-dark", width = 1600, height = 900, state, scale = 1 }) {
  const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale });
  const tab = await context.newPage();
  const problems = [];
  tab.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  tab.on("pageerror", (error) => problems.push(`error: ${error.stack ?? error.message}`));
  const view = scenario.startsWith("tensor-") ? tensorPage : panelPage;
  await tab.route(`${address}**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    if (name === "") return route.fulfill({ contentType: "text/html", body: page(theme, view) });
    if (!/^(panel|tensor|simulation|tensor-simulation)\.(js|css)$/.test(name)) return route.fulfill({ status: 404 });
    const contentType = name.endsWith(".css") ? "text/css" : "text/javascript";
    return route.fulfill({ contentType, body: readFileSync(join(folder, name)) });
  });
  const query = new URLSearchParams({ scenario, ...(run && { run }), ...(state && { state: JSON.stringify(state) }) });
  await tab.goto(`${address}?${query}`);
  await tab.waitForTimeout(400);
  return { context, tab, problems };
}

async function pictures(browser, wanted) {
  const asked = (name) => wanted.length === 0 || wanted.includes(name);
  const some = (list) => (list.some((name) => wanted.includes(name)) ? list.filter(asked) : list);
  const problems = [];
  const take = async (options, name, act) => {
    const { context, tab, problems: own } = await open(browser, options);
    await act?.(tab);
    await tab.waitForTimeout(250);
    await tab.screenshot({ path: join(folder, `${name}.png`), fullPage: options.width < 860 });
    problems.push(...own.map((problem) => `${name}: ${problem}`));
    await context.close();
  };
  const chosen = sizes.filter(({ width }) => some(sizes.map((size) => String(size.width))).includes(String(width)));
  for (const theme of some(Object.keys(themes))) {
    for (const size of chosen) {
      for (const scenario of some([
        ...scenarios,
        ...tabs,
        "tables",
        "expanded",
        ...models,
        ...Object.keys(modelActs),
        ...Object.keys(tensorActs),
      ])) {
        const name = `${scenario}-${theme.replace("vscode-", "")}-${size.width}`;
        if (tabs.includes(scenario)) {
          await take({ scenario: "paused", theme, ...size, state: { preferences: { tab: scenario } } }, name);
        } else if (models.includes(scenario)) {
          await take({ scenario, theme, ...size }, name);
        } else if (tensorActs[scenario]) {
          const { act, ...options } = tensorActs[scenario];
          await take({ scenario, ...options, theme, ...size }, name, act);
        } else if (modelActs[scenario]) {
          const { act, ...options } = modelActs[scenario];
          await take({ ...options, theme, ...size }, name, act);
        } else if (scenario === "tables") {
          const preferences = { tables: ["flow", "curves", "findings"] };
          await take({ scenario: "vanishing", theme, ...size, state: { preferences } }, name);
        } else if (scenario === "expanded") {
          await take({ scenario: "vanishing", theme, ...size }, name, async (tab) => {
            await tab.locator('[data-layer="1"]').focus();
            await tab.keyboard.press("ArrowRight");
            await tab.evaluate(() => window.simulation.send({ type: "cursor", run: "vanishing", layer: 4 }));
          });
        } else {
          await take({ scenario, theme, ...size }, name, (tab) => tab.evaluate(() => window.simulation.tick(3, 4)));
        }
      }
    }
  }
  return problems;
}

async function main() {
  const wanted = process.argv.slice(2);
  await ensureInstalled();
  mkdirSync(folder, { recursive: true });
  await bundle();
  const { chromium } = await import("playwright-core");
  const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
  try {
    const named = wanted.filter((name) => !name.startsWith("--"));
    const problems = wanted.includes("--check") ? await checks(browser, open, named) : await pictures(browser, named);
    for (const problem of problems) process.stderr.write(`${problem}\n`);
    if (problems.length > 0) process.exitCode = 1;
    process.stderr.write(problems.length > 0 ? `${problems.length} problems\n` : "No problem found.\n");
  } finally {
    await browser.close();
  }
}

main().catch(fail);
