import type { Backend } from "../../backends/backend";
import { predict, skipped } from "../../check/predict";
import type { Prediction } from "../../check/records";
import { Tensor } from "../../graph/tensor";
import { setDataFiles } from "../../train/execute";
import { networkOf } from "../../view/network";
import * as backstep from "../../index";
import type { Channel } from "../channel";
import { type CheckedFile, checkFile } from "../check-file";
import type { CheckOrder, Task } from "../messages";
import { createNodeFiles } from "../node-files";
import { type Session, nextTurn } from "../session";
import { createCpuBackend } from "../cpu";

/**
 * Checks file after file as one types. An order that is abandoned costs nothing more once its check is done: its prediction is given
 * up between two kernels.
 */
export async function checkLive(session: Session, channel: Channel): Promise<void> {
  const waiting: { readonly ticket: number; readonly order: CheckOrder }[] = [];
  const abandoned = new Set<number>();
  let wake: () => void = () => undefined;
  session.order = (request) => {
    if (request.kind === "check") waiting.push(request);
    else abandoned.add(request.ticket);
    wake();
  };
  channel.hold(true);
  session.send({ kind: "alive" });
  for (;;) {
    const next = waiting.shift();
    if (!next) {
      await new Promise<void>((resolve) => (wake = resolve));
      continue;
    }
    const { ticket, order } = next;
    if (abandoned.delete(ticket)) {
      session.send({ kind: "rested", ticket, clean: true });
      continue;
    }
    const before = leftovers();
    pristine ??= prototypesNow();
    const breathe = async (): Promise<boolean> => {
      await nextTurn();
      return abandoned.has(ticket);
    };
    await answer(session, ticket, order, breathe);
    await nextTurn();
    abandoned.delete(ticket);
    session.send({ kind: "rested", ticket, clean: leftovers() <= before && isPristine() });
  }
}

/** What user code may leave to a later time, by Node's names; printing and reading files ends by itself. */
const LASTING = /^(?:Timeout|TCP|TLS|UDP|HTTP|Process|Pipe|FSEvent|StatWatcher|Worker|Signal)/;

function leftovers(): number {
  return process.getActiveResourcesInfo().filter((name) => LASTING.test(name)).length;
}

/** What user code may have changed under everybody's feet: the prototypes of the language and of the engine. */
const PROTOTYPES = [
  ...[Object, Function, Array, Map, Set, WeakMap, Promise, String, Number, RegExp, Float32Array, Float64Array],
  ...Object.values(backstep).filter((value): value is typeof Tensor => typeof value === "function"),
].flatMap(({ prototype }) => ((prototype as object | undefined) ? [prototype as object] : []));

type Snapshot = readonly (readonly (readonly [key: PropertyKey, value: unknown])[])[];
let pristine: Snapshot | undefined;

function prototypesNow(): Snapshot {
  return PROTOTYPES.map((prototype) =>
    Reflect.ownKeys(prototype).map(
      (key) => [key, Object.getOwnPropertyDescriptor(prototype, key)?.value as unknown] as const,
    ),
  );
}

function isPristine(): boolean {
  try {
    const now = prototypesNow();
    return now.every((entries, i) => {
      const then = pristine?.[i] ?? [];
      return (
        entries.length === then.length && entries.every(([key, value], j) => key === then[j][0] && value === then[j][1])
      );
    });
  } catch {
    return false;
  }
}

async function answer(
  session: Session,
  ticket: number,
  order: CheckOrder,
  breathe: () => Promise<boolean>,
): Promise<void> {
  const files = createNodeFiles(order.file, session.assets);
  setDataFiles(files);
  const limited = (what: string): void => session.send({ kind: "limited", what, file: order.file });
  limited("its top-level code");
  const checked = await checkFile(order.file, new Map(Object.entries(order.texts)), files, limited);
  // A message that comes late would be of an older text.
  const network = order.network ? drawing(checked) : null;
  session.send({ kind: "checked", ticket, result: { report: checked.report, whole: checked.whole, network } });
  if (order.prediction && !(await breathe())) {
    limited("its forward or its loss");
    const prediction = await prophecy(session.task, checked, breathe);
    if (prediction) session.send({ kind: "predicted", ticket, prediction });
  }
  session.send({ kind: "alive" });
}

function drawing({ check, report }: CheckedFile): CheckedNetwork {
  // A loss that is no tensor has been reported, and leaves nothing to draw.
  if (!((check?.forward?.cost as unknown) instanceof Tensor)) return null;
  return check?.forward ? networkOf(check.forward, undefined, report.issues) : null;
}

type CheckedNetwork = ReturnType<typeof networkOf> | null;

/** One for all predictions: it remembers its kernels. */
let backend: Backend | undefined;

async function prophecy(
  task: Task,
  { program, check, report, whole }: CheckedFile,
  breathe: () => Promise<boolean>,
): Promise<Prediction | undefined> {
  if (!program.training || !check?.forward || !check.fields || !whole) {
    return skipped(whole ? "the file has no training" : "the file cannot be run as it is");
  }
  if (report.issues.some(({ severity }) => severity === "error")) return skipped("the file has errors");
  try {
    return await predict(program.training, check.fields, check.forward, {
      backend: (backend ??= await createCpuBackend(task)),
      breathe,
      now: () => performance.now(),
    });
  } catch (error) {
    return skipped(error instanceof Error ? error.message : String(error));
  }
}
