/**
 * Gathers what a user installs in out/extension/: the files that .vscodeignore lets through, package.json without what is
 * for developers, and the plugin for tsserver, which finds plugins in an extension's node_modules only. Development and
 * tests start the extension from there too, and package.mjs packs it; for one platform, with what brings it WebGPU.
 */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./ensure.mjs";

export const extensionFolder = join(root, "out", "extension");

const pluginName = "backstep-types";

/** Platforms as VS Code names them, with the folder of the package `webgpu` that is for them. */
export const targets = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-x64": "darwin-universal",
  "darwin-arm64": "darwin-universal",
  "win32-x64": "win32-x64",
  "win32-arm64": "win32-arm64",
};

/**
 * @param {object} [options]
 * @param {keyof typeof targets} [options.target] for all platforms without
 * @param {string} [options.folder] where
 */
export async function stageExtension({ target, folder = extensionFolder } = {}) {
  const { default: vsce } = await import("@vscode/vsce");
  const files = await vsce.listFiles({ cwd: root, packageManager: vsce.PackageManager.None });
  const partial = `${folder}.${process.pid}`;
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
  if (target !== undefined) manifest.dependencies.webgpu = stageBinding(target, partial, writeJson);
  writeJson("package.json", manifest);
  if (hasPlugin) writeJson(`node_modules/${pluginName}/package.json`, { name: pluginName, version, main: "index.js" });
  // Told to leave nothing out: this choice is made already.
  writeFileSync(join(partial, ".vscodeignore"), "");
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}

/** Puts Dawn for a platform where Node finds it. Returns its version. */
function stageBinding(target, to, writeJson) {
  const from = join(root, "node_modules", "webgpu");
  const manifest = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
  const { name, version, main, type, license } = manifest;
  for (const each of ["index.js", "LICENSE.md", join("dist", targets[target])]) {
    cpSync(join(from, each), join(to, "node_modules", name, each), { recursive: true });
  }
  // What it depends on is for building it, and for types.
  writeJson(join("node_modules", name, "package.json"), { name, version, main, type, license });
  return version;
}
