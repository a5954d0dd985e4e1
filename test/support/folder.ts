import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder that is gone after the tests of the enclosing `describe`. */
export interface Folder {
  /** A path within it. */
  path(...names: readonly string[]): string;
  /** Writes a file, with the folders it needs, and returns its path. */
  write(name: string, content: string | Uint8Array): string;
}

/** Call it within `describe`; the folder exists while the tests run. */
export function temporaryFolder(): Folder {
  let root = "";
  before(() => {
    root = mkdtempSync(join(tmpdir(), "backstep-"));
  });
  after(() => rmSync(root, { recursive: true, force: true }));
  const path = (...names: readonly string[]): string => join(root, ...names);
  return {
    path,
    write: (name, content) => {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
      return path(name);
    },
  };
}
