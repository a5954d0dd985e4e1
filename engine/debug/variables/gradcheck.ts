import type { NdArray } from "../../graph/array";
import { reachable } from "../../graph/order";
import { concreteShape, rowMajorStrides, sizeOf } from "../../graph/shape";
import type { Tensor } from "../../graph/tensor";
import type { GradientReport } from "../../train/check-gradients";
import {
  type RecordValue,
  type Value,
  booleanValue,
  formatNumber,
  listValue,
  numberValue,
  textValue,
} from "../expressions";
import { createQuickEvaluator } from "../../plan/quick";
import type { Scene } from "../episode";
import type { Values } from "../values";
import { costLabel, gradientLabel, labelOf } from "./labels";
import { arrivalOf } from "./arrivals";

/** Elements computed anew, over all evaluations: what may be waited for at a prompt. */
const EFFORT = 2e7;

/** Compares ∂cost/∂node with central differences on this episode's values, those that the user set included. */
export function checkGradient(scene: Scene, node: Tensor): RecordValue {
  const { graph, values } = scene.episode;
  const cost = graph.output;
  const gradient = graph.adjoints.get(node)?.gradient;
  if (!gradient) {
    const arrival = arrivalOf(scene, node);
    throw new Error("because" in arrival ? arrival.because : `no gradient reaches ${labelOf(scene, node)}`);
  }
  const behind = new Set([node]);
  for (const each of reachable([cost])) if (each.inputs.some((input) => behind.has(input))) behind.add(each);
  const pinned = [...values.changed.keys()].find((other) => other !== node && behind.has(other));
  if (pinned) {
    throw new Error(
      `${labelOf(scene, pinned)} was set by hand, so ${labelOf(scene, node)} no longer moves ${costLabel(scene)} through it; ` +
        `check ${labelOf(scene, pinned)} instead, or go back to before it was set`,
    );
  }
  const once = [...behind].reduce((sum, each) => sum + sizeOf(concreteShape(each.knownShape)), 0);
  const elements = Math.max(4, Math.min(100, Math.floor(EFFORT / (2 * once))));
  // What does not depend on the tensor keeps its value: only what lies behind it is computed again.
  const order = reachable([cost]).filter((each) => each !== node && behind.has(each));
  const report = compare(values, node, values.of(gradient), { cost, order, elements });
  const stopped = [...behind].some(({ op }) => op === "stopGradient");
  return reportValue(scene, node, report, stopped && !report.passed);
}

/** Half the distance of the two evaluations; smaller ones where the first has a kink between them, as ReLU makes. */
const EPSILONS = [1e-5, 1e-6, 1e-7];
const TOLERANCE = 1e-6;
const quick = createQuickEvaluator();

interface Comparison extends Omit<GradientReport, "name"> {
  /** The slopes on both sides of the worst element, where they differ: there is no gradient to agree with. */
  readonly kink: readonly [left: number, right: number] | null;
}

interface Forward {
  readonly cost: Tensor;
  /** What depends on the tensor, in order: only that is computed again. */
  readonly order: readonly Tensor[];
  readonly elements: number;
}

/** As `checkGradients` compares, but with the gradient that the debugger shows, and without computing anything twice. */
function compare(values: Values, node: Tensor, gradient: NdArray, { cost, order, elements }: Forward): Comparison {
  const base = values.of(node);
  const costAt = (flat: number, value: number): number => {
    const data = base.data.slice();
    data[flat] = value;
    const made = new Map<Tensor, NdArray>([[node, { ...base, data }]]);
    for (const each of order) {
      const inputs = each.inputs.map((input) => made.get(input) ?? values.of(input));
      made.set(each, quick.evaluate(each, inputs));
    }
    return (made.get(cost) as NdArray).data[0];
  };
  const size = base.data.length;
  const checked = Math.min(elements, size);
  let worst = { flat: 0, error: -1, analytic: 0, numeric: 0 };
  for (let i = 0; i < checked; i++) {
    const flat = Math.floor((i * size) / checked);
    const x = base.data[flat];
    const analytic = gradient.data[flat];
    let [error, numeric] = [Infinity, NaN];
    for (const epsilon of EPSILONS) {
      const slope = (costAt(flat, x + epsilon) - costAt(flat, x - epsilon)) / (2 * epsilon);
      const difference = Math.abs(analytic - slope) / Math.max(1, Math.abs(analytic), Math.abs(slope));
      // NaN counts as the worst there can be.
      if (!(difference >= error)) [error, numeric] = [Number.isNaN(difference) ? Infinity : difference, slope];
      if (error <= TOLERANCE) break;
    }
    if (error > worst.error) worst = { flat, error, analytic, numeric };
  }
  const [x, epsilon] = [base.data[worst.flat], EPSILONS[1]];
  const here = costAt(worst.flat, x);
  const sides = [here - costAt(worst.flat, x - epsilon), costAt(worst.flat, x + epsilon) - here] as const;
  const [left, right] = [sides[0] / epsilon, sides[1] / epsilon];
  // A second derivative makes the sides differ by about as much as the step is long; a kink by far more.
  const kink = Math.abs(left - right) > Math.sqrt(epsilon) * Math.max(1, Math.abs(left), Math.abs(right));
  const strides = rowMajorStrides(base.shape);
  const index = base.shape.map((dim, axis) => Math.floor(worst.flat / strides[axis]) % dim);
  const { error, analytic, numeric } = worst;
  return {
    shape: base.shape,
    error: Math.max(0, error),
    passed: error <= TOLERANCE,
    worst: { index, analytic, numeric },
    checked,
    kink: kink ? [left, right] : null,
  };
}

function reportValue(scene: Scene, node: Tensor, report: Comparison, isStopped: boolean): RecordValue {
  const { error, passed, worst, checked, kink } = report;
  const size = sizeOf(report.shape);
  const at = worst.index.length === 0 ? "" : ` at [${worst.index.join(", ")}]`;
  const members = new Map<string, Value>([
    ["passed", booleanValue(passed)],
    ["error", numberValue(error)],
    ["checked", numberValue(checked)],
    ["analytic", numberValue(worst.analytic)],
    ["numeric", numberValue(worst.numeric)],
    ["index", listValue(worst.index.map(numberValue))],
    ["name", textValue(labelOf(scene, node))],
  ]);
  const figure = (x: number): string => formatNumber(x);
  return {
    kind: "record",
    type: "gradcheck",
    text:
      `${gradientLabel(scene, node)} ${passed ? "agrees" : "DISAGREES"} with central differences: largest error ${figure(error)}${at} ` +
      `(analytic ${figure(worst.analytic)}, numeric ${figure(worst.numeric)}), ${checked} of ${size} elements checked` +
      (kink && !passed
        ? `; there is a kink: slope ${figure(kink[0])} on the left, ${figure(kink[1])} on the right`
        : "") +
      (isStopped ? "; stopGradient holds a part back that differences do not" : ""),
    members: () => [...members].map(([name]) => ({ name, kind: "property", detail: "" })),
    member: (name) => members.get(name),
  };
}
