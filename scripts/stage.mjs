/**
 * Gathers what a user installs in out/extension/: the files that .vscodeignore lets through, package.json without what is
 * for developers, and the plugin for tsserver, which finds plugins in an extension's node_modules only. Development and
 * tests start the extension from there too, and package.mjs packs it.
 */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./ensure.mjs";

export const extensionFolder = join(root, "out", "extension");

const pluginName = "backstep-types";

export async function stageExtension() {
  const { default: vsce } = await import("@vscode/vsce");
  const files = await vsce.listFiles({ cwd: root, packageManager: vsce.PackageManager.None });
  const partial = `${extensionFolder}.${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  const copy = (from, to) => {
    mkdirSync(dirname(join(partial, to)), { recursive: true });
    cpSync(join(root, from), join(partial, to));
  };
  const plugin = /^dist[\\/]types-plugin[\\/]/;
  for (const file of files) {
    copy(file, plugin.test(file) ? file.replace(plugin, `node_modules/${pluginName}/`) : file);
  }
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { version } = manifest;
  for (const field of ["scripts", "devDependencies", "private", "bin"]) delete manifest[field];
  const hasPlugin = files.some((file) => plugin.test(file));
  // All else that runs is bundled.
  manifest.dependencies = hasPlugin ? { [pluginName]: version } : {};
  const writeJson = (file, content) => writeFileSync(join(partial, file), `${JSON.stringify(content, undefined, 2)}\n`);
  writeJson("package.json", manifest);
  if (hasPlugin) writeJson(`node_modules/${pluginName}/package.json`, { name: pluginName, version, main: "index.js" });
  // Told to leave nothing out: this choice is made already.
  writeFileSync(join(partial, ".vscodeignore"), "");
  rmSync(extensionFolder, { recursive: true, force: true });
  renameSync(partial, extensionFolder);
}
