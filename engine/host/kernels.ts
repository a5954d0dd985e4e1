import { readFile, stat } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import {
  KERNELS,
  type RememberedKernels,
  type Selection,
  possibleKernels,
  selectKernels,
} from "../backends/wasm/select";
import { makeFolder, writeAtomically } from "./node-files";
import { optimiseAtOnce, vectorSupport } from "./vector-flags";

/** Which kernels are used on this machine: chosen once, and remembered from one host to the next. */

/** Put in by the build from package.json. */
declare const BACKSTEP_VERSION: string | undefined;

let chosen: Promise<Selection> | undefined;

/** The choice, made the first time that it is asked for. @param storage folder to remember it in */
export function kernelsOfHost(storage: string | undefined): Promise<Selection> {
  return (chosen ??= chooseKernels(createMemory(storage ?? temporaryFolder(), machine())));
}

/** What is remembered of one machine and one version of all that matters. Neither reading nor writing ever throws. */
export interface KernelMemory {
  read(): Promise<RememberedKernels | undefined>;
  write(choice: RememberedKernels): Promise<void>;
}

export async function chooseKernels(memory: KernelMemory): Promise<Selection> {
  const remembered = await memory.read();
  const selection = await selectKernels({
    ...vectorSupport(),
    remembered,
    optimiseAtOnce,
    now: () => performance.now(),
  });
  const { kernels, speeds, faults } = selection;
  if (kernels && speeds !== remembered?.speeds) await memory.write({ kernels, speeds, faults });
  return selection;
}

/** @param key what the choice depends on */
export function createMemory(folder: string, key: string): KernelMemory {
  const path = join(folder, FILE);
  const readAll = async (): Promise<[key: string, choice: RememberedKernels][]> => {
    try {
      // In a folder for all, a file of that name may be anybody's.
      if ((await stat(folder)).uid !== (process.getuid?.() ?? 0)) return [];
      const content: unknown = JSON.parse(await readFile(path, "utf8"));
      return isFile(content) ? content.choices.filter(([, choice]) => isChoice(choice)) : [];
    } catch {
      return [];
    }
  };
  return {
    read: async () => (await readAll()).find(([each]) => each === key)?.[1],
    async write(choice) {
      const others = (await readAll()).filter(([each]) => each !== key);
      const choices = [[key, choice], ...others].slice(0, MOST_CHOICES);
      try {
        await makeFolder(folder);
        if ((await stat(folder)).uid !== (process.getuid?.() ?? 0)) return;
        await writeAtomically(path, `${JSON.stringify({ format: FORMAT, choices })}\n`);
      } catch {
        // It is measured again the next time.
      }
    },
  };
}

const FILE = "kernels.json";
/** Of the file, and of what the figures mean. */
const FORMAT = 1;
/** Versions of Node that take turns on a machine. */
const MOST_CHOICES = 16;

function temporaryFolder(): string {
  return join(tmpdir(), `backstep-${process.getuid?.() ?? "user"}`);
}

function machine(): string {
  const version = typeof BACKSTEP_VERSION === "string" ? BACKSTEP_VERSION : "";
  const { node, v8 } = process.versions;
  const possible = possibleKernels(vectorSupport().wide);
  return [version, node, v8, process.arch, cpus()[0]?.model ?? "", ...possible].join("; ");
}

function isFile(content: unknown): content is { readonly choices: [string, RememberedKernels][] } {
  const { format, choices } = (content ?? {}) as { readonly format?: unknown; readonly choices?: unknown };
  return format === FORMAT && Array.isArray(choices) && choices.every((each) => Array.isArray(each));
}

function isChoice(choice: unknown): choice is RememberedKernels {
  const { kernels, speeds, faults } = (choice ?? {}) as { readonly [field in keyof RememberedKernels]?: unknown };
  const isKnown = (name: unknown): boolean => typeof name === "string" && Object.hasOwn(KERNELS, name);
  if (!isKnown(kernels) || typeof speeds !== "object" || speeds === null) return false;
  const measured = Object.entries(speeds) as [string, unknown][];
  const isFigure = (value: unknown): boolean => typeof value === "number" && value > 0 && Number.isFinite(value);
  return (
    Object.hasOwn(speeds, kernels as string) &&
    measured.every(([name, value]) => isKnown(name) && isFigure(value)) &&
    Array.isArray(faults) &&
    faults.every((each) => typeof each === "string")
  );
}
