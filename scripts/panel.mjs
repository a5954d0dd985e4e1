/** How the panel's page is made: esbuild's options for its bundle, and the page around it. */
import { join } from "node:path";
import { root } from "./ensure.mjs";

/** One script and one style sheet (panel.js, panel.css), with nothing left to load. */
export const panelBundle = {
  entryPoints: [{ in: join(root, "webview", "main.tsx"), out: "panel" }],
  bundle: true,
  format: "iife",
  platform: "browser",
  target: ["chrome128"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  tsconfigRaw: { compilerOptions: { jsx: "react-jsx", jsxImportSource: "preact", verbatimModuleSyntax: true } },
};
