import type { DataFiles, Dataset, FieldSpec, LoadedDataset } from "../data/dataset";
import { ownParts, split } from "../data/split";
import type { Training } from "./training";

export interface Parts {
  readonly train: LoadedDataset;
  readonly validation: LoadedDataset | undefined;
}

/** Reads the data and sets the validation part aside: a set of its own, a fraction, or what the data holds out. */
export async function loadParts(training: Training, files: DataFiles): Promise<Parts> {
  const parts = partsOf(training);
  const train = await parts.train.load(files);
  const validation = await parts.validation?.load(files);
  if (validation) checkSameFields(train, validation);
  return { train, validation };
}

/** The model that trains on one set validates on the other. */
function checkSameFields(train: LoadedDataset, validation: LoadedDataset): void {
  for (const role of ["inputs", "targets"] as const) {
    const [wanted, given] = [describeFields(train.fields[role]), describeFields(validation.fields[role])];
    if (wanted !== given) {
      throw new Error(
        `training: the validation data ${validation.name} has the ${role} ${given}, but the training data ${train.name} ${wanted}; give both the same fields`,
      );
    }
  }
}

function describeFields(fields: readonly FieldSpec[]): string {
  return fields.map(({ shape, dtype }) => `[${shape.join(", ")}] ${dtype}`).join(" and ") || "none";
}

function partsOf({ data, validation, seed }: Training): { train: Dataset; validation: Dataset | null } {
  if (validation === false) return { train: data, validation: null };
  if (typeof validation === "number") return split(data, { validation, seed });
  return validation === undefined ? ownParts(data) : { train: data, validation };
}
