/**
 * Where `import "package/sub"` leads, by Node's rules for ES modules (conditions `node`, `import`, `default`).
 *
 * Node 20 offers this only for the running file itself, and `require.resolve` fails for packages that have
 * nothing for CommonJS. Source: Node.js documentation, "Modules: ECMAScript modules", resolution algorithm.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The file that a bare specifier stands for, seen from `folder`; `undefined` when no package offers it. */
export async function findPackageEntry(specifier: string, folder: string): Promise<string | undefined> {
  const [, name, subpath] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  for (let at = folder; ; at = dirname(at)) {
    const root = join(at, "node_modules", name);
    const manifest = await readManifest(root);
    if (manifest) return entryOf(root, manifest, `.${subpath ?? ""}`);
    if (at === dirname(at)) return undefined;
  }
}

type Target = string | null | readonly Target[] | { readonly [condition: string]: Target };

interface Manifest {
  readonly exports?: Target;
  readonly main?: string;
}

const CONDITIONS: ReadonlySet<string> = new Set(["node", "import", "default"]);

async function readManifest(root: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

function entryOf(root: string, { exports }: Manifest, subpath: string): string | undefined {
  // Without `exports`, the entry is found the old way, which `require.resolve` knows.
  if (exports === undefined || exports === null) return undefined;
  const isMap =
    typeof exports === "object" && !Array.isArray(exports) && Object.keys(exports).some((key) => key.startsWith("."));
  const paths: { readonly [path: string]: Target } = isMap
    ? (exports as { readonly [path: string]: Target })
    : { ".": exports };
  const direct = Object.hasOwn(paths, subpath) ? choose(paths[subpath], "") : undefined;
  const found = direct ?? matchPattern(paths, subpath);
  return found === undefined ? undefined : join(root, found);
}

/** `"./features/*.js": "./src/*.js"`; the longest pattern wins. */
function matchPattern(paths: { readonly [path: string]: Target }, subpath: string): string | undefined {
  const patterns = Object.keys(paths)
    .filter((key) => key.includes("*"))
    .sort((a, b) => b.indexOf("*") - a.indexOf("*"));
  for (const pattern of patterns) {
    const [before, after] = pattern.split("*");
    const fits =
      subpath.length >= before.length + after.length && subpath.startsWith(before) && subpath.endsWith(after);
    if (fits) return choose(paths[pattern], subpath.slice(before.length, subpath.length - after.length));
  }
  return undefined;
}

function choose(target: Target, star: string): string | undefined {
  if (typeof target === "string") return target.replaceAll("*", star);
  if (target === null) return undefined;
  const options = Array.isArray(target)
    ? (target as readonly Target[])
    : Object.entries(target).flatMap(([condition, option]) => (CONDITIONS.has(condition) ? [option] : []));
  for (const option of options) {
    const found = choose(option, star);
    if (found !== undefined) return found;
  }
  return undefined;
}
