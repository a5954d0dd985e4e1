import type { Backend } from "../backend";
import { createJsBackend } from "../js/index";
import type { GatheredThreads } from "./gather";
import { type WasmBackendOptions, createWasmBackend } from "./index";
import { KERNELS, type Selection, describeSelection } from "./select";

/**
 * The backend that the selected kernels and the gathered threads make, or the next best one where the platform refuses something; its name
 * says what it is, and why.
 * @param threads undefined: this one alone
 * @param now milliseconds
 * @param warn told, in words for the user, of what goes wrong later without being the end of the work
 */
export function assembleCpu(
  selection: Selection,
  threads: GatheredThreads | undefined,
  now: () => number,
  warn: (message: string) => void,
): Backend {
  const { kernels } = selection;
  if (!kernels) {
    threads?.dismiss();
    return createJsBackend({ name: describeSelection(selection, 1) });
  }
  const why = threads?.reasons ?? [];
  const problems: string[] = [];
  const attempt = (more: Pick<WasmBackendOptions, "threads">, count: number, failed: string): Backend | undefined => {
    try {
      const name = describeSelection(selection, count, [...why, ...problems]);
      return createWasmBackend({ target: KERNELS[kernels], name, warn, ...more });
    } catch (error) {
      problems.push(`${failed}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const { others = 0, start } = threads ?? {};
  const together =
    start && others > 0
      ? attempt({ threads: { others, start, now } }, others + 1, "memory cannot be shared by threads")
      : undefined;
  if (together) return together;
  threads?.dismiss();
  return (
    attempt({}, 1, "there is no memory for WebAssembly") ??
    createJsBackend({ name: describeSelection({ ...selection, kernels: undefined }, 1, [...why, ...problems]) })
  );
}
