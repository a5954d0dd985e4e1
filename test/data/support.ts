import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DataFiles, type Dataset, type Example, type LoadedDataset, plainContext } from "../../engine/data/index";

/** The host's files for tests: texts and bytes by path, and the real bundled assets. */
export function filesOf(contents: Record<string, string | Uint8Array> = {}): DataFiles {
  return {
    read: async (path) => {
      const content = contents[path];
      if (content === undefined) throw new Error(`there is no file ${path}`);
      return typeof content === "string" ? new TextEncoder().encode(content) : content;
    },
    asset: (name) => readFile(join(process.cwd(), "engine", "data", "assets", name)),
  };
}

export function load(data: Dataset, contents: Record<string, string | Uint8Array> = {}): Promise<LoadedDataset> {
  return data.load(filesOf(contents));
}

export function examplesOf(loaded: LoadedDataset, context = plainContext): Example[] {
  return Array.from({ length: loaded.length }, (_, index) => loaded.get(index, context));
}

/** First input of every example as plain numbers. */
export function inputsOf(loaded: LoadedDataset, context = plainContext): number[][] {
  return examplesOf(loaded, context).map((example) => Array.from(example.inputs[0]));
}

export function targetsOf(loaded: LoadedDataset): number[][] {
  return examplesOf(loaded).map((example) => Array.from(example.targets[0]));
}

export function assertClose(actual: readonly number[][], expected: readonly number[][], tolerance = 1e-6): void {
  const same =
    actual.length === expected.length &&
    actual.every(
      (row, i) =>
        row.length === expected[i].length && row.every((value, j) => Math.abs(value - expected[i][j]) <= tolerance),
    );
  if (!same) throw new Error(`${JSON.stringify(actual)}\nis not close to\n${JSON.stringify(expected)}`);
}
