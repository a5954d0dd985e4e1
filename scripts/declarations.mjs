/** The declarations of the package "backstep", emitted by TypeScript from engine/index.ts and what it leads to. */
import { rmSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { write } from "./bundle.mjs";
import { PlainError, root } from "./ensure.mjs";

/**
 * Writes them into a folder, its index.d.ts first among them. The folder is an ES module package of its own with relative
 * imports in full, which every way of resolving modules accepts ("bundler", "nodenext", the classic one of Node).
 */
export async function writeDeclarations(folder) {
  const { default: ts } = await import("typescript");
  const engine = join(root, "engine");
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram([join(engine, "index.ts")], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    noCheck: true, // the stage `types` of the tests checks
    stripInternal: true,
    rootDir: engine,
    outDir: folder,
  });

  const files = new Map();
  const { diagnostics, emitSkipped } = program.emit(undefined, (path, text) => files.set(resolve(path), text));
  if (emitSkipped || diagnostics.length > 0) {
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => root, getNewLine: () => "\n" };
    throw new PlainError(`the declarations could not be written\n${ts.formatDiagnostics(diagnostics, host)}`);
  }

  rmSync(folder, { recursive: true, force: true });
  const index = join(folder, "index.d.ts");
  const wanted = new Set([index]);
  for (const path of wanted) {
    const text = withFullImports(ts, path, files, (target) => wanted.add(target));
    write(path, text);
  }
  write(join(folder, "package.json"), `${JSON.stringify({ name: "backstep", type: "module", types: "index.d.ts" })}\n`);
}

/** The text of a declaration file with "./shape" as "./shape.js" and "../nn" as "../nn/index.js". */
function withFullImports(ts, path, files, use) {
  const source = ts.createSourceFile(path, files.get(path), ts.ScriptTarget.Latest);
  let result = "";
  let end = 0;
  const visit = (node) => {
    // In imports, exports, import types and augmentations of another module; no other text of ours begins so.
    if (ts.isStringLiteral(node) && /^\.\.?(\/|$)/.test(node.text)) {
      const base = resolve(dirname(path), node.text);
      const target = [`${base}.d.ts`, join(base, "index.d.ts")].find((candidate) => files.has(candidate));
      if (target === undefined)
        throw new PlainError(`internal: ${path} imports ${node.text}, which has no declarations`);
      use(target);
      const full = relative(dirname(path), target)
        .split(sep)
        .join("/")
        .replace(/\.d\.ts$/, ".js");
      result +=
        source.text.slice(end, node.getStart(source)) + JSON.stringify(full.startsWith(".") ? full : `./${full}`);
      end = node.end;
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(source, visit);
  return result + source.text.slice(end);
}
