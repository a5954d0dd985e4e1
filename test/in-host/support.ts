import assert from "node:assert/strict";
import { extensions, workspace, type Extension, type Uri } from "vscode";

/** What the extension's `activate` returns; nobody but tests uses it. */
export interface Face {
  /** What its own activation took. */
  readonly activationMs: number;
}

/** The extension under test. */
export function backstep(): Extension<Face> {
  const extension = extensions.getExtension<Face>("backstep.backstep");
  assert.ok(extension, "the extension backstep.backstep is installed");
  return extension;
}

/** The extension, once the editor has activated it of its own accord. */
export async function activated(): Promise<Extension<Face>> {
  const extension = backstep();
  await until("the extension is active", () => extension.isActive);
  return extension;
}

/** The folder that is open: a copy of its own of test/in-host/fixtures/NAME. */
export function folder(): Uri {
  const [first] = workspace.workspaceFolders ?? [];
  assert.ok(first, "a folder is open");
  return first.uri;
}

/** Waits until `condition` holds, for a minute at most: the machine may be busy. Resolves to what it returned. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = 60_000,
): Promise<NonNullable<T>> {
  const end = Date.now() + limitMs;
  while (true) {
    const result = await condition();
    if (result !== undefined && result !== null && result !== false) return result;
    if (Date.now() > end) assert.fail(`not within ${limitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
