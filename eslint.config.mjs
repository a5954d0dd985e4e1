import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import rooms, { globalsOfOnePlatform } from "./scripts/lint/rooms.mjs";

const root = import.meta.dirname;
const nodeGlobals = [
  "process",
  "console",
  "URL",
  "Buffer",
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "performance",
  "URLSearchParams",
];

export default defineConfig(
  globalIgnores(["out/", "dist/", ".cache/", "runs/", "test/**/fixtures/"]),

  // No file switches a rule off for itself: a rule that is wrong is changed here, for all.
  { linterOptions: { noInlineConfig: true } },

  {
    files: ["**/*.ts", "**/*.tsx", "**/*.mjs"],
    plugins: { rooms },
    rules: {
      "rooms/import-direction": ["error", { root }],
      eqeqeq: "error",
      "no-constant-condition": ["error", { checkLoops: "allExceptWhileTrue" }],
      "no-else-return": ["error", { allowElseIf: true }],
      "no-empty": "error",
      "no-fallthrough": "error",
      "no-loss-of-precision": "error",
      "no-param-reassign": "off",
      "no-self-compare": "error",
      "no-shadow-restricted-names": "error",
      "no-sparse-arrays": "error",
      "no-template-curly-in-string": "error",
      "no-unreachable-loop": "error",
      "no-unsafe-finally": "error",
      "no-unused-labels": "error",
      "no-useless-escape": "error",
      "no-useless-rename": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "use-isnan": "error",
      "valid-typeof": "error",
    },
  },

  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    rules: {
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: false },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // An implementation of an asynchronous interface need not wait for anything.
      "@typescript-eslint/require-await": "off",
    },
  },

  {
    files: ["engine/**/*.ts", "extension/**/*.ts", "webview/**/*.ts", "webview/**/*.tsx"],
    rules: { "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }] },
  },

  {
    files: ["engine/**/*.ts"],
    ignores: ["engine/cli/**", "engine/host/**"],
    rules: {
      "no-console": "error",
      "no-restricted-globals": [
        "error",
        ...globalsOfOnePlatform.map((name) => ({
          name,
          message:
            "The engine core runs in workers, webviews and pages too: let cli/ or the host hand in what it needs.",
        })),
      ],
    },
  },

  {
    files: ["engine/nn/module.ts"],
    // An instance is called like a function; a class can say so only by a merged interface.
    rules: { "@typescript-eslint/no-unsafe-declaration-merging": "off" },
  },

  {
    files: ["engine/backends/js/elementwise.ts"],
    // Kernels are compiled from text; the text is made of the kernel language alone.
    rules: { "@typescript-eslint/no-implied-eval": "off" },
  },

  {
    files: ["test/**/*.ts"],
    rules: {
      // Parsed JSON (fixtures, the command line's output) is taken as it comes; the assertions check it.
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },

  {
    files: ["**/*.mjs"],
    languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, "readonly"])) },
    rules: { "no-undef": "error", "no-unused-vars": "error" },
  },

  {
    // Parts of these run in the page that they drive.
    files: ["scripts/gallery.mjs", "test/gallery/*.mjs"],
    languageOptions: {
      globals: Object.fromEntries(
        ["window", "document", "requestAnimationFrame", "Event", "MutationObserver"].map((name) => [name, "readonly"]),
      ),
    },
  },
);
