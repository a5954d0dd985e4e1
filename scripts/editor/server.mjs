/** Starts and stops the server of VS Code that install.mjs put there. It listens on the loopback address only. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { PlainError } from "../ensure.mjs";
import { ensureEditor } from "./install.mjs";
import { startGroup } from "./process.mjs";

/** User settings of every editor that the project starts: quiet, and nothing that wants a network. */
export const quietSettings = {
  "telemetry.telemetryLevel": "off",
  "telemetry.feedback.enabled": false,
  "update.mode": "none",
  "update.showReleaseNotes": false,
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "workbench.enableExperiments": false,
  "workbench.settings.enableNaturalLanguageSearch": false,
  "workbench.startupEditor": "none",
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
  "workbench.tips.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "chat.commandCenter.enabled": false,
  "chat.agent.enabled": false,
  "inlineChat.enabled": false,
  "git.enabled": false,
  "git.openRepositoryInParentFolders": "never",
  "typescript.disableAutomaticTypeAcquisition": true,
  "typescript.surveys.enabled": false,
  "npm.fetchOnlinePackageInfo": false,
  "json.schemaDownload.enable": false,
};

/** How long a server may take to start, on a busy machine too. */
const startLimitMs = 120_000;

/**
 * Starts a server whose files (settings, extensions, storage, its home) lie in `data`.
 *
 * @param {object} options
 * @param {"current" | "floor"} options.leg which VS Code
 * @param {string} options.data an existing folder
 * @param {Record<string, unknown>} [options.settings] on top of {@link quietSettings}
 * @param {readonly string[]} [options.extensions] paths of .vsix files to install first
 * @param {boolean} [options.development] heed the URL's extensionDevelopmentPath; suppresses toasts on new versions
 * @param {boolean} [options.trust] whether folders count as trusted unasked
 * @param {boolean} [options.token] want a token in the URL
 * @param {number} [options.port] 0 for any that is free
 * @param {NodeJS.ProcessEnv} [options.env]
 */
export async function startServer(options) {
  const { leg, data, settings = {}, extensions = [], development = false, trust = true, token = false } = options;
  const editor = await ensureEditor(leg);
  const home = join(data, "home");
  const user = join(data, "data", "User");
  for (const folder of [home, user]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(user, "settings.json"), JSON.stringify({ ...quietSettings, ...settings }, undefined, 2));
  const folders = [
    ...["--server-data-dir", join(data, "server")],
    ...["--user-data-dir", join(data, "data")],
    ...["--extensions-dir", join(data, "extensions")],
  ];
  const env = {
    ...process.env,
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_CACHE_HOME: join(home, ".cache"),
    XDG_DATA_HOME: join(home, ".local", "share"),
    PATH: `${dirname(editor.node)}${delimiter}${process.env.PATH}`,
    EXTENSIONS_GALLERY: '{"serviceUrl":""}',
    ...options.env,
  };
  // What VS Code sets for the terminals and extensions of its own would confuse this one.
  for (const name of Object.keys(env)) if (/^(VSCODE_|ELECTRON_|NODE_OPTIONS$)/.test(name)) delete env[name];

  const accept = "--accept-server-license-terms";
  if (extensions.length > 0) {
    const install = extensions.flatMap((file) => ["--install-extension", file]);
    const installer = launch([...install, "--force", accept, ...folders]);
    const code = await installer.ended;
    if (code !== 0 || !/successfully installed/.test(installer.output())) {
      throw new PlainError(`VS Code ${editor.version} did not install the extension\n${installer.output()}`);
    }
  }

  const secret = randomBytes(16).toString("hex");
  const server = launch([
    ...["--host", "127.0.0.1", "--port", String(options.port ?? 0), accept],
    ...["--telemetry-level", "off", "--disable-telemetry"],
    ...(token ? ["--connection-token", secret] : ["--without-connection-token"]),
    ...(trust ? ["--disable-workspace-trust"] : []),
    ...(development ? ["--enable-smoke-test-driver"] : []),
    ...folders,
  ]);
  const port = await listening(server, editor.version);
  const origin = `http://127.0.0.1:${port}`;
  return {
    version: editor.version,
    origin,
    /** The address that opens a folder, with the workbench's own parameters if need be. */
    url(folder, payload = {}) {
      const query = new URLSearchParams({ ...(token ? { tkn: secret } : {}), folder });
      const entries = Object.entries(payload);
      if (entries.length > 0) query.set("payload", JSON.stringify(entries));
      return `${origin}/?${query}`;
    },
    /** How the workbench names a file of this machine. */
    remote: (path) => `vscode-remote://127.0.0.1:${port}${path}`,
    output: server.output,
    /** Resolves when the server has ended, however that came. */
    ended: server.ended,
    stop: server.stop,
  };

  function launch(args) {
    return startGroup(editor.node, [editor.server, ...args], { cwd: home, env });
  }
}

async function listening({ child, ended, output, stop }, version) {
  const started = new Promise((resolve) => {
    child.stdout.on("data", () => {
      const [, port] = /Extension host agent listening on (\d+)/.exec(output()) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, startLimitMs)));
  const port = await Promise.race([started, ended.then(() => undefined), late]);
  clearTimeout(timer);
  if (port !== undefined) return port;
  await stop();
  throw new PlainError(`the server of VS Code ${version} did not start\n${output()}`);
}
