/** An editor with the packaged extension, and what a user does in it and sees of it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { request, sharedBrowser, startServer } from "./session";
import { changedFiles, listFiles, strayFiles, watchConsole, watchRequests, watchSockets } from "./watch";

/** What VS Code itself keeps in a user's home. */
const ownFiles = /^\.cache\/Microsoft\/DeveloperTools\//;

/** How long anything may take on a busy machine. */
export const PATIENCE_MS = 60_000;

const STATE_MS = 8000;

export interface FlowOptions {
  /** The files of the folder that is opened, by their paths. */
  readonly files?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Whether the folder is trusted unasked. */
  readonly trust?: boolean;
  /** Whether the extension is installed from the start. */
  readonly installed?: boolean;
  /** Paths in the folder that the flow itself writes. */
  readonly writes?: readonly string[];
}

export interface Editor {
  readonly page: Page;
  /** The folder that is open. */
  readonly folder: string;
  /** Runs a command by its title, through the palette. */
  readonly run: (title: string) => Promise<void>;
  /** Types into the quick input that is open and accepts. */
  readonly answer: (text: string) => Promise<void>;
  /** Chooses a file of this machine in the file dialog that is open. */
  readonly chooseFile: (path: string) => Promise<void>;
  /** Chooses the entry of the quick input that has this text. */
  readonly pick: (text: string) => Promise<void>;
  readonly openFile: (name: string) => Promise<void>;
  /** Goes to a line of the active editor, from 1. */
  readonly goToLine: (line: number) => Promise<void>;
  /** Replaces the first place where `from` stands in a file that is open, on the disk, and waits until the editor shows it. */
  readonly replace: (file: string, from: string, to: string) => Promise<void>;
  /** The page in the panel. */
  readonly panel: FrameLocator;
  /** A button of the panel by its name. */
  readonly button: (name: string | RegExp) => Locator;
  /** A notification with this text. */
  readonly notification: (text: string | RegExp) => Locator;
  readonly statusItem: (text: string | RegExp) => Locator;
  /** A picture of the window for people to look at. */
  readonly shot: (what: string) => Promise<void>;
  readonly reload: () => Promise<void>;
  /** What must not have happened up to now. */
  readonly problems: () => string[];
  readonly close: () => Promise<void>;
}

/**
 * Declares a flow: one editor on a folder of its own, in which `tests` run one after the other, and after them the check
 * that nothing happened behind the user's back.
 */
export function flow(name: string, title: string, options: FlowOptions, tests: (editor: () => Editor) => void): void {
  describe(title, () => {
    let editor: Editor | undefined;
    const opened = (): Editor => {
      assert.ok(editor, "the editor is open");
      return editor;
    };
    before(async () => {
      editor = await openEditor(name, options);
    });
    afterEach(async function () {
      if (this.currentTest?.state === "failed") await editor?.shot("failed").catch(() => undefined);
    });
    after(() => editor?.close());

    tests(opened);

    it("leaves no error in a console, asks no other machine, and writes where it may only", () => {
      assert.deepEqual(opened().problems(), []);
    });
  });
}

async function openEditor(name: string, options: FlowOptions): Promise<Editor> {
  const scratch = mkdtempSync(join(request.scratch, `${name}-`));
  const [data, temporary, folder] = [join(scratch, "data"), join(scratch, "tmp"), join(scratch, "project")];
  for (const each of [data, temporary, folder]) mkdirSync(each, { recursive: true });
  for (const [path, text] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const server = await startServer({
    leg: "current",
    data,
    settings: { "window.restoreWindows": "all", "workbench.reduceMotion": "on", ...options.settings },
    extensions: options.installed === false ? [] : [request.extension],
    trust: options.trust ?? true,
    env: { TMPDIR: temporary },
  });
  const home = join(data, "home");
  const extensions = join(data, "extensions");
  const before = { folder: listFiles(folder), home: listFiles(home), extensions: listFiles(extensions) };
  const sockets = watchSockets(home);
  const browser = await sharedBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE_MS);
  const errors = watchConsole(context);
  const strangers = watchRequests(context);
  const page = await context.newPage();
  await page.goto(server.url(folder));
  await workbenchReady(page);

  let pictures = 0;
  const panel = page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame");
  const input = page.locator(".quick-input-widget:visible input:visible").first();
  const accept = async (text: string): Promise<void> => {
    await input.fill(text);
    await page.keyboard.press("Enter");
  };
  /** The row of the quick input's list with the focus; typing moves the focus. */
  const focusedRow = page.locator(".quick-input-list .monaco-list-row.focused");

  return {
    page,
    folder,
    panel,
    async run(title) {
      const row = focusedRow.filter({ hasText: title }).first();
      // Just after the start the palette may open before it knows its commands, and then it stays as it is.
      await until(`the palette offers ${title}`, async () => {
        await page.keyboard.press("F1");
        await input.waitFor();
        await input.fill(`>${title}`);
        const there = await row.waitFor({ timeout: 4000 }).then(
          () => true,
          () => false,
        );
        if (!there) await page.keyboard.press("Escape");
        return there;
      });
      await page.keyboard.press("Enter");
      await until(
        `the palette is gone after ${title}`,
        async () => (await input.inputValue({ timeout: 1000 }).catch(() => "")) !== `>${title}`,
      );
    },
    async answer(text) {
      await input.waitFor();
      await accept(text);
    },
    async chooseFile(path) {
      // The dialog shows its first folder in its own time, and forgets what was typed before.
      await until("the dialog shows a folder", async () => (await input.inputValue().catch(() => "")).endsWith("/"));
      const row = page.locator(".quick-input-list .monaco-list-row", { hasText: basename(path) }).first();
      await until("the dialog shows the file", async () => {
        // It may still come back to its first folder, with what was typed behind it.
        if ((await input.inputValue()) !== path) await input.fill(path);
        const there = await row.waitFor({ timeout: 3000 }).then(
          () => true,
          () => false,
        );
        return there && (await input.inputValue()) === path;
      });
      await page.keyboard.press("Enter");
    },
    async pick(text) {
      await input.waitFor();
      await input.fill(text);
      await focusedRow.filter({ hasText: text }).first().waitFor();
      await page.keyboard.press("Enter");
    },
    async openFile(file) {
      await page.keyboard.press("Control+p");
      await input.waitFor();
      await input.fill(file);
      await focusedRow.filter({ hasText: file }).first().waitFor();
      await page.keyboard.press("Enter");
      await page.locator(`.tab.active[data-resource-name="${file}"]`).first().waitFor();
      await page.locator(".editor-instance .view-lines .view-line").first().waitFor();
      // The tab is there before keys go to the text.
      await input.waitFor({ state: "hidden" });
      await page.locator(".editor-group-container.active .monaco-editor.focused").first().waitFor();
    },
    async goToLine(line) {
      await page.keyboard.press("Control+g");
      await input.waitFor();
      await accept(`:${line}`);
    },
    async replace(file, from, to) {
      const path = join(folder, file);
      const text = readFileSync(path, "utf8");
      assert.ok(text.includes(from), `${file} holds ${from}`);
      writeFileSync(path, text.replace(from, to));
      // Chromium writes spaces of code as no-break spaces.
      await page
        .locator(".view-line")
        .filter({ hasText: to.split("\n")[0].trim().replace(/ /g, "\u00a0") })
        .first()
        .waitFor();
    },
    button: (label) => panel.getByRole("button", { name: label }),
    notification: (text) =>
      page
        .locator(".notifications-toasts .notification-list-item, .notifications-center.visible .notification-list-item")
        .filter({ hasText: text }),
    statusItem: (text) => page.locator(".statusbar-item").filter({ hasText: text }),
    async shot(what) {
      pictures += 1;
      const number = String(pictures).padStart(2, "0");
      await page.screenshot({ path: join(request.screenshots, `${name}-${number}-${what}.png`) });
    },
    async reload() {
      // In a browser the workbench writes down which editors are open every five seconds, when it is idle.
      await page.waitForTimeout(STATE_MS);
      await page.reload();
      await workbenchReady(page);
    },
    problems() {
      const outside = changedFiles(before.folder, folder).filter((file) => !(options.writes ?? []).includes(file));
      const at = (place: string, files: readonly string[]): string[] =>
        files.map((file) => `written ${place}: ${file}`);
      return [
        ...errors,
        ...strangers.map((url) => `asked for ${url}`),
        ...[...sockets.found].map((remote) => `connected to ${remote}`),
        ...at("in the folder", outside),
        ...at(
          "at home",
          changedFiles(before.home, home).filter((file) => !ownFiles.test(file)),
        ),
        ...at(
          "in temporary files",
          // What VS Code deletes it first moves there, under a name of eight letters and digits.
          [...listFiles(temporary).keys()].filter((file) => !/^(vscode-|[A-Za-z0-9]{8}($|[\\/]))/.test(file)),
        ),
        ...(options.installed === false ? [] : at("beside the extension", changedFiles(before.extensions, extensions))),
        ...at("in VS Code's own files", strayFiles(data)),
      ];
    },
    async close() {
      sockets.stop();
      await context.close();
      await server.stop();
    },
  };
}

async function workbenchReady(page: Page): Promise<void> {
  await page.locator(".monaco-workbench .part.editor").waitFor();
  // Commands of the workbench work from here on; those of extensions wait for their host by themselves.
  await page.locator(".statusbar-item").first().waitFor();
}

/** Waits until `condition` gives something. Resolves to it. */
export async function until<T>(
  what: string,
  condition: () => Promise<T>,
  limitMs = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const end = Date.now() + limitMs;
  while (true) {
    const result = await condition();
    if (result !== undefined && result !== null && result !== false) return result;
    if (Date.now() > end) assert.fail(`not within ${limitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a canvas shows, as text that differs where the picture does. */
export function picture(canvas: Locator): Promise<string> {
  return canvas.evaluate((element) => (element as unknown as { toDataURL(): string }).toDataURL());
}
