/**
 * The rooms of the repository and which way their doors open, as an ESLint rule: the one list from which the check of
 * every import follows. See engine/ARCHITECTURE.md.
 */
import { isBuiltin } from "node:module";
import { dirname, relative, resolve, sep } from "node:path";

/** The engine's rooms from left to right. A room imports itself and what stands left of it, never its own neighbours. */
export const order = [
  ["graph"],
  ["kernel"],
  ["ops", "backends"],
  ["autodiff", "plan", "formats", "load"],
  ["nn", "optim"],
  ["data", "metrics"],
  ["train"],
  ["check"],
  ["diagnose"],
  ["debug"],
  ["dap", "view", "export"],
  ["host"],
  ["cli"],
];

/** Rooms that know Node: where user code runs, and the command line. */
const onNode = new Set(["engine/host", "engine/cli"]);

/** What a page of a webview shares with the extension, and the plain records of the engine on which that rests. */
const shared = new Map([
  ["webview/protocol", "engine/api/view"],
  ["webview/tensor/protocol", "engine/api/debug"],
]);

/** What the engine core may not name besides its imports: it runs in workers, child processes, webviews and pages. */
export const globalsOfOnePlatform = ["window", "document", "process", "Buffer", "require", "__dirname", "__filename"];

const columns = new Map(order.flatMap((rooms, column) => rooms.map((room) => [room, column])));

/**
 * The place a file belongs to, from its path in the repository: an engine room ("engine/nn"), the engine's public face
 * ("engine": the files directly in engine/ and all of engine/api/), or a top-level folder ("webview").
 */
function placeOf(path) {
  const [top, second, ...rest] = path.split("/");
  if (top !== "engine") return top;
  if (second === undefined || rest.length === 0 || second === "api") {
    // An import may name a room itself ("../nn" for nn/index), or the face ("../index").
    return columns.has(second) ? `engine/${second}` : "engine";
  }
  return `engine/${second}`;
}

/** Why a file in place `from` may not import from place `to`, or undefined where it may. */
function objection(from, to, target, file) {
  if (from === to || from === "test" || from === "scripts") return undefined;
  if (from === "webview" && shared.get(file.replace(/\.ts$/, "")) === target) return undefined;
  if (from.startsWith("engine")) {
    if (!to.startsWith("engine")) return `the engine imports nothing from ${to}/`;
    if (from === "engine") {
      // What needs Node has a face of its own.
      if (to === "engine/host" && file === "engine/api/host.ts") return undefined;
      return onNode.has(to) ? `the engine's public face leaves out ${to.slice(7)}/` : undefined;
    }
    if (to === "engine") {
      return onNode.has(from)
        ? undefined
        : "only host/ and cli/ may import the engine's public face from inside the engine";
    }
    const [here, there] = [columns.get(from.slice(7)), columns.get(to.slice(7))];
    if (here === undefined || there === undefined) {
      return `${here === undefined ? from : to}/ has no place in the order of rooms (scripts/lint/rooms.mjs)`;
    }
    if (there < here) return undefined;
    return there === here
      ? `${from.slice(7)}/ and ${to.slice(7)}/ stand side by side and do not know each other`
      : `${to.slice(7)}/ stands to the right of ${from.slice(7)}/, and imports go to the left only`;
  }
  if (from === "extension") {
    if (to === "engine" || shared.has(target.replace(/\.ts$/, ""))) return undefined;
    return to.startsWith("engine/")
      ? "the extension imports the engine's public face (engine/index and the files beside it) only"
      : `the extension imports nothing from ${to}/ but ${[...shared.keys()].join(" and ")}`;
  }
  if (from === "webview")
    return "the webview imports its own files only (shared ones may rest on records of the engine: scripts/lint/rooms.mjs)";
  if (from === "examples") return 'an example imports "backstep", as a user\'s file does';
  return undefined;
}

/** The same question for an import by package name. */
function packageObjection(from, name) {
  if (!from.startsWith("engine") || onNode.has(from)) {
    if (name === "vscode" && from !== "extension" && from !== "test") return "only extension/ imports vscode";
    if (from === "webview" && isBuiltin(name)) return "the webview runs in a page, without Node's modules";
    return undefined;
  }
  if (name === "vscode") return "the engine knows nothing of VS Code";
  if (isBuiltin(name)) return "the engine core runs without Node too: let host/ or cli/ hand in what it needs";
  return undefined;
}

const importDirection = {
  meta: {
    type: "problem",
    docs: { description: "imports go to the left in the order of rooms" },
    messages: { direction: '"{{source}}": {{reason}}.' },
    schema: [{ type: "object", properties: { root: { type: "string" } }, additionalProperties: false }],
  },
  create(context) {
    const root = context.options[0]?.root ?? context.cwd;
    const inRepository = (path) => relative(root, path).split(sep).join("/");
    const from = placeOf(inRepository(context.filename));

    function check(node) {
      const source = node?.value ?? node?.literal?.value;
      if (typeof source !== "string") return;
      let reason;
      if (source.startsWith(".")) {
        const target = inRepository(resolve(dirname(context.filename), source));
        reason = target.startsWith("../")
          ? "it lies outside the repository"
          : objection(from, placeOf(target), target, inRepository(context.filename));
      } else if (source === "backstep") {
        reason = objection(from, "engine", "engine/index");
        if (from === "examples") reason = undefined;
      } else {
        reason = packageObjection(from, source);
      }
      if (reason !== undefined) context.report({ node, messageId: "direction", data: { source, reason } });
    }

    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument),
      TSExternalModuleReference: (node) => check(node.expression),
    };
  },
};

export default { meta: { name: "rooms", version: "1.0.0" }, rules: { "import-direction": importDirection } };
