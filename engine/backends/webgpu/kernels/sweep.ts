import type { SweepKernel } from "../../../kernel/kernel";
import { shareAll } from "../../../kernel/nodes";
import type { GpuTarget, KernelCode, Pass, TypedKernel } from "../code";
import { GroupCombiner, accumulatorKind, acrossLanes, combined, loopText, neutral } from "../wgsl/combine";
import { typeName } from "../wgsl/elements";
import { GROUP, entry, groupsOf } from "../wgsl/grid";
import { MathTexts } from "../wgsl/math";
import { type Elementwise, type ElementwisePlan, elementwisePass, keyOfPlan, planElementwise, unitText } from "./map";
import { type Partials, type Total, partialWords, storePartial, storeTotal, totalsPass } from "./totals";

/** Units that an invocation goes over before more workgroups are worth it. */
const WORTH = 8;
/** Workgroups that keep a device busy. */
const BUSY = 1024;

/** A total with its body. */
interface Sum extends Total {
  readonly root: number;
}

/** Maps and whole reductions over one shape, which read their inputs once. */
export function sweepCode({ kernel, inputs, outputs }: TypedKernel<SweepKernel>, target: GpuTarget): KernelCode {
  const { shape, views } = kernel;
  const size = shape.reduce((product, dim) => product * dim, 1);
  const { nodes, roots } = shareAll(kernel.results.map(({ body }) => body));
  const maps = kernel.results.flatMap(({ combine }, output) =>
    combine === undefined ? [{ root: roots[output], type: outputs[output], output }] : [],
  );
  const totals = kernel.results.flatMap(({ combine }, output): Sum[] =>
    combine === undefined ? [] : [{ combine, root: roots[output], type: outputs[output], output }],
  );
  const work: Elementwise = { shape, views, nodes, results: maps, inputs };
  if (totals.length === 0) return { passes: size === 0 ? [] : [elementwisePass(work, size, target)] };
  // Over nothing, totals are what combining starts from.
  if (size === 0) return { passes: [totalsPass({ totals, groups: 0, unit: 1, start: 0 }, inputs.length, target)] };
  const plan = planElementwise(work, size);
  const group = target.software ? GROUP / 8 : GROUP;
  const most = target.software ? BUSY / 64 : BUSY;
  const groups = Math.min(most, Math.ceil(plan.units / (group * WORTH)));
  const partials: Partials = { totals, groups, unit: plan.width, start: 0 };
  const main = sweepPass(plan, totals, partials, group, target);
  if (groups === 1) return { passes: [main] };
  return { passes: [main, totalsPass(partials, inputs.length, target)], shared: 4 * partialWords(partials) };
}

function sweepPass(
  plan: ElementwisePlan,
  totals: readonly Sum[],
  partials: Partials,
  group: number,
  target: GpuTarget,
): Pass {
  const { width, units } = plan;
  const { groups } = partials;
  return {
    key: `sweep ${keyOfPlan(plan)} ${JSON.stringify([totals, groups, group, target.subgroups])}`,
    workgroups: groupsOf(groups, target),
    vectors: width === 4,
    ...(target.subgroups ? { features: ["subgroups"] } : {}),
    write: (operands) => {
      const math = new MathTexts();
      const combiner = new GroupCombiner(group, target.subgroups, math);
      const sums = totals.map((total, i) => {
        const kind = accumulatorKind(total.type);
        const start = `${typeName(kind, width)}(${neutral(total.combine, total.type)})`;
        return { ...total, kind, start, lanes: `lanes${i}`, name: `total${i}` };
      });
      const range = {
        first: `group * ${group}u + local`,
        end: `${units}u`,
        step: groups * group,
        turns: Math.ceil(units / (groups * group)),
      };
      const loop = loopText(range, sums, width, math, (names) => [
        unitText(plan, operands, math, ({ value, present }) =>
          sums.map((sum, i) => {
            const { start, root, kind } = sum;
            const each = value(root, kind === "int" ? "int32" : "float32");
            const counted = present === undefined ? each : `select(${start}, ${each}, ${present})`;
            return `${names[i]} = ${combined(sum, width, names[i], counted, math)};`;
          }),
        ),
      ]);
      const store = sums.map((sum, order) =>
        groups === 1 ? storeTotal(operands, sum, sum.name, width) : storePartial(operands, partials, order, sum.name),
      );
      const text = [
        ...combiner.beginning,
        ...sums.map(({ lanes, start }) => `var ${lanes} = ${start};`),
        ...loop,
        ...sums.map((sum) => `var ${sum.name} = ${width === 4 ? acrossLanes(sum, sum.lanes, math) : sum.lanes};`),
        ...combiner.combine(sums),
        `if (local == 0u) {`,
        ...store,
        "}",
      ].join("\n  ");
      return `${combiner.declarations}${entry(groups, group, text)}\n${math.toString()}`;
    },
  };
}
