import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * The folder in which all windows of a workspace keep its runs. VS Code gives a second window on the same folder a storage of
 * its own, named `ID-1` beside the first one's `ID`; what is trained there would be out of sight once that window is closed.
 * @param storage the extension's folder in this window's storage: `…/workspaceStorage/ID-1/backstep.backstep`
 */
export function sharedStorage(storage: string, exists: (path: string) => boolean = existsSync): string {
  const own = dirname(storage);
  const [, first] = /^(.+)-\d{1,2}$/.exec(basename(own)) ?? [];
  const shared = first === undefined ? undefined : join(dirname(own), first);
  return shared !== undefined && exists(shared) ? join(shared, basename(storage)) : storage;
}
