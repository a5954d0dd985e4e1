import type { ElementType, RowsKernel } from "../../../kernel/kernel";
import { type Loop, planLoops } from "../../../kernel/loops";
import type { GpuTarget, KernelCode, Pass, TypedKernel } from "../code";
import { storeBools } from "../wgsl/elements";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";
import { keyText } from "./map";
import { type RowStages, planStages } from "./rows-stages";
import { rowsText } from "./rows-text";
import { type Partials, type Total, partialWords, totalsPass } from "./totals";

/** Words that an invocation may hold from one pass over its elements to the next. */
const MOST_HELD = 64;
/** Units of a row that an invocation takes before more invocations are worth it. */
const WORTH = 4;
/** Workgroups that keep a device busy. */
const BUSY = 1024;
/** Rows, of which four one after the other may be left to one workgroup. */
const MANY = 4096;

export interface RowsPlan {
  readonly kernel: RowsKernel;
  readonly inputs: readonly ElementType[];
  /** By result: its output. */
  readonly places: readonly (RowsPlace | undefined)[];
  readonly stages: RowStages;
  /** Loops over rows. */
  readonly outer: readonly Loop[];
  readonly rows: number;
  readonly length: number;
  /** Elements that are computed together. */
  readonly width: 1 | 4;
  /** Invocations of a workgroup, and those that share a row: all, or each has its own. */
  readonly group: number;
  readonly team: number;
  /** Rows that a team does one after the other. */
  readonly turns: number;
  readonly groups: number;
  readonly totals: Partials;
  readonly subgroups: boolean;
}

export interface RowsPlace {
  readonly output: number;
  readonly type: ElementType;
  /** Where flags are left, one a word, in what the passes share: rows do not begin at whole words of flags. */
  readonly flags: number | undefined;
}

/** Several results over rows: a workgroup for each row, or an invocation where rows are short. */
export function rowsCode({ kernel, inputs, outputs }: TypedKernel<RowsKernel>, target: GpuTarget): KernelCode {
  const { shape, results } = kernel;
  const length = shape[shape.length - 1];
  const rows = shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
  const sizeOf = { element: rows * length, row: rows, rows: 1, all: 1 };
  let kept = 0;
  let words = 0;
  const flagged: Flags[] = [];
  const places = results.map(({ kept: isKept, over }): RowsPlace | undefined => {
    if (!isKept) return undefined;
    const output = kept++;
    const type = outputs[output];
    if (type !== "bool" || over === "rows" || over === "all") return { output, type, flags: undefined };
    flagged.push({ output, size: sizeOf[over], start: words });
    words += Math.ceil(sizeOf[over] / 4) * 4;
    return { output, type, flags: flagged[flagged.length - 1].start };
  });
  const totals = results.flatMap(({ combine, over }, j): Total[] => {
    const place = places[j];
    const isTotal = combine !== undefined && (over === "rows" || over === "all");
    return place && isTotal ? [{ combine, type: place.type, output: place.output }] : [];
  });
  if (rows === 0)
    return {
      passes: totals.length > 0 ? [totalsPass({ totals, groups: 0, unit: 1, start: 0 }, inputs.length, target)] : [],
    };
  const plan = planRows({ kernel, inputs, outputs, places, rows, length, totals, start: words }, target);
  const passes = [rowsPass(plan, target)];
  if (plan.groups > 1 && totals.length > 0) {
    passes.push(totalsPass(plan.totals, inputs.length, target));
    words += partialWords(plan.totals);
  }
  for (const each of flagged) passes.push(packPass(each, inputs.length, target));
  return { passes, ...(words > 0 ? { shared: 4 * words } : {}) };
}

interface Rows {
  readonly kernel: RowsKernel;
  readonly inputs: readonly ElementType[];
  readonly outputs: readonly ElementType[];
  readonly places: readonly (RowsPlace | undefined)[];
  readonly rows: number;
  readonly length: number;
  readonly totals: readonly Total[];
  /** First free word of what the passes share. */
  readonly start: number;
}

function planRows({ kernel, inputs, outputs, places, rows, length, totals, start }: Rows, target: GpuTarget): RowsPlan {
  const { shape, views, results } = kernel;
  const { software, subgroups } = target;
  const along = shape.length - 1;
  const rowViews = views.map((view) => ({ ...view, strides: view.strides.slice(0, along) }));
  const ofRows = results.some(({ kept, over }) => kept && over === "row");
  const isMany = rows >= (software ? MANY / 64 : MANY);
  const width = (isMany || !ofRows) && fitsVectors(kernel, length) ? 4 : 1;
  const units = length / width;
  const team = teamOf(units, rows, software);
  const group = team > 1 ? team : software ? 16 : 64;
  const steps = Math.ceil(units / team);
  const stages = planStages(kernel, outputs, Math.floor(MOST_HELD / Math.max(1, steps * width)));
  const together = team > 1 ? 1 : group;
  // Numbers of rows are stored as a vector of four.
  const least = width === 4 && ofRows ? 4 : 1;
  const most = software ? BUSY / 64 : BUSY;
  const wanted = totals.length > 0 ? Math.ceil(rows / (together * most)) : 1;
  const turns = Math.ceil(wanted / least) * least;
  const groups = Math.ceil(rows / (together * turns));
  return {
    kernel,
    inputs,
    places,
    stages,
    outer: planLoops(shape.slice(0, along), [], rowViews, stages.nodes),
    rows,
    length,
    width,
    group,
    team,
    turns,
    groups,
    totals: { totals, groups, unit: width, start },
    subgroups: subgroups && (team > 1 || totals.length > 0),
  };
}

/** Whether four elements side by side are a vector in memory, or the same number, in all that is read. */
function fitsVectors({ shape, views }: RowsKernel, length: number): boolean {
  const along = shape.length - 1;
  return (
    length > 0 &&
    length % 4 === 0 &&
    views.every(({ strides, offset }) => {
      if (strides[along] === 0) return true;
      const others = strides.filter((_, axis) => axis !== along && shape[axis] > 1);
      return strides[along] === 1 && [offset, ...others].every((each) => each % 4 === 0);
    })
  );
}

/** How many invocations share a row: a power of two. */
function teamOf(units: number, rows: number, software: boolean): number {
  const isShort = software ? units <= 128 && rows >= 8 : units <= 8 || (units <= 32 && rows >= MANY);
  if (isShort) return 1;
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, units / WORTH)));
  return software ? Math.min(16, Math.max(4, wanted)) : Math.min(GROUP, Math.max(32, wanted));
}

function rowsPass(plan: RowsPlan, target: GpuTarget): Pass {
  const { kernel, inputs, places, groups } = plan;
  return {
    key: `rows ${JSON.stringify([kernel, inputs, places, target], keyText)}`,
    workgroups: groupsOf(groups, target),
    vectors: plan.width === 4,
    ...(plan.subgroups ? { features: ["subgroups"] } : {}),
    write: (operands) => rowsText(plan, operands),
  };
}

/** Flags that stand one a word in what the passes share. */
interface Flags {
  readonly output: number;
  readonly size: number;
  /** In words. */
  readonly start: number;
}

/** Makes bytes of them. */
function packPass({ output, size, start }: Flags, inputs: number, target: GpuTarget): Pass {
  const count = Math.ceil(size / 4);
  return {
    key: `pack flags ${[inputs, output, size, start].join()}`,
    workgroups: groupsOf(Math.ceil(count / GROUP), target),
    write: (operands) => {
      const { memory, start: begin } = operands.shared();
      const words = [0, 1, 2, 3].map((lane) => `${memory}[${begin} + ${start + lane}u + at * 4u]`).join(", ");
      const flags = `(vec4<u32>(${words}) != vec4<u32>(0u))`;
      return entryForEach(count, `  ${storeBools(operands.output(output), "at * 4u", flags)}`);
    },
  };
}
