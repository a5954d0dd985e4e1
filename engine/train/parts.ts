import type { DataFiles, Dataset, LoadedDataset } from "../data/dataset";
import { ownParts, split } from "../data/split";
import type { Training } from "./training";

export interface Parts {
  readonly train: LoadedDataset;
  readonly validation: LoadedDataset | undefined;
}

/** Reads the data and sets the validation part aside: a set of its own, a fraction, or what the data holds out. */
export async function loadParts(training: Training, files: DataFiles): Promise<Parts> {
  const parts = partsOf(training);
  return { train: await parts.train.load(files), validation: await parts.validation?.load(files) };
}

function partsOf({ data, validation, seed }: Training): { train: Dataset; validation: Dataset | null } {
  if (validation === false) return { train: data, validation: null };
  if (typeof validation === "number") return split(data, { validation, seed });
  return validation === undefined ? ownParts(data) : { train: data, validation };
}
