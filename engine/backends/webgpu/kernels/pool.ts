import type { PoolGeometry, PoolKernel } from "../../../kernel/kernel";
import type { GpuTarget, KernelCode, Pass, Place, TypedKernel } from "../code";
import { loadElement, storeElement } from "../wgsl/elements";
import { GROUP, entryForEach, groupsOf } from "../wgsl/grid";
import { MathTexts, floatText } from "../wgsl/math";
import { composed, inputSpot, outputSpot, sharedSpot } from "./compose";
import { pullPass } from "./pull";

export function poolCode({ kernel: { which, geometry } }: TypedKernel<PoolKernel>, target: GpuTarget): KernelCode {
  const { planes, input, output } = geometry;
  const image = which.endsWith("Gradient") ? input : output;
  if (planes * image[0] * image[1] === 0) return { passes: [] };
  switch (which) {
    case "maximum":
    case "maximumPick":
      return { passes: [chosenPass(which, geometry, target)] };
    case "maximumGradient":
      return maximumGradientCode(geometry, target);
    case "average":
      return { passes: [averagePass(geometry, target)] };
    case "averageGradient":
      return { passes: [averageGradientPass(geometry, target)] };
    default:
      return which satisfies never;
  }
}

/** The largest elements themselves, another tensor's elements at their places, or their positions. */
function chosenPass(which: "maximum" | "maximumPick" | "positions", geometry: PoolGeometry, target: GpuTarget): Pass {
  const { planes, output } = geometry;
  return pullPass(
    {
      key: `pool ${which} ${JSON.stringify(geometry)}`,
      size: planes * output[0] * output[1],
      type: which === "positions" ? "int32" : "float32",
      write: (operands) => {
        const math = new MathTexts();
        const find = maximumFunction(geometry, operands.input(0), math);
        const from = operands.input(which === "maximumPick" ? 1 : 0);
        const none = which === "maximum" ? "bitcast<u32>(-infinity())" : "0u";
        const value =
          which === "positions"
            ? "value = bitcast<u32>(best);"
            : `value = ${none}; if (best >= 0) { value = bitcast<u32>(${loadElement(from, "float32", "best")}); }`;
        const statements = `${positionText(output)} let best = maximumOf_(plane, y, x); ${value}`;
        return { statements, functions: `${math.toString()}\n${find}` };
      },
    },
    target,
  );
}

/** Where windows do not meet, each writes all elements around it; otherwise their maxima are found first, and each element looks for itself. */
function maximumGradientCode(geometry: PoolGeometry, target: GpuTarget): KernelCode {
  const { planes, input, output } = geometry;
  const windows = planes * output[0] * output[1];
  if (windows > 0 && [0, 1].every((axis) => isApart(geometry, axis)))
    return { passes: [windowsPass(geometry, target)] };
  const gather = pullPass(
    {
      key: `pool maximumGradient ${JSON.stringify(geometry)}`,
      size: planes * input[0] * input[1],
      type: "float32",
      write: (operands) => {
        const index = `plane * ${output[0] * output[1]} + oy * ${output[1]} + ox`;
        const found = loadElement(operands.input(0), "int32", index);
        const statements = `${positionText(input)} var sum = 0.0f;
  ${windowsOver(geometry, `if (${found} == i32(element)) { sum += ${loadElement(operands.input(1), "float32", index)}; }`)}
  value = bitcast<u32>(sum);`;
        return { statements };
      },
    },
    target,
  );
  if (windows === 0) return { passes: [gather] };
  const find = chosenPass("positions", geometry, target);
  return composed({
    parts: [
      { code: { passes: [find] }, inputs: [inputSpot(0)], outputs: [sharedSpot(0)] },
      { code: { passes: [gather] }, inputs: [sharedSpot(0), inputSpot(1)], outputs: [outputSpot(0)] },
    ],
    inputs: 2,
    bytes: 4 * windows,
  });
}

/** Whether neighbouring windows have no element in common, and none has many elements beside it. */
function isApart({ input, window, output, stride, dilation, padding }: PoolGeometry, axis: number): boolean {
  const reach = (window[axis] - 1) * dilation[axis] + 1;
  const last = (output[axis] - 1) * stride[axis] - padding[axis];
  return padding[axis] >= 0 && reach <= stride[axis] && input[axis] - last <= 2 * stride[axis];
}

/** An invocation for each window, which writes the elements up to the next one. */
function windowsPass(geometry: PoolGeometry, target: GpuTarget): Pass {
  const { planes, input, output, stride, padding } = geometry;
  const count = planes * output[0] * output[1];
  const span = (name: string, axis: number): string => {
    const start = `${name} * ${stride[axis]} - ${padding[axis]}`;
    return `let ${name}Start = max(0, ${start});
  var ${name}End = min(${input[axis]}, ${start} + ${stride[axis]});
  if (${name} == ${output[axis] - 1}) { ${name}End = ${input[axis]}; }`;
  };
  return {
    key: `pool maximumGradient by windows ${JSON.stringify(geometry)}`,
    workgroups: groupsOf(Math.ceil(count / GROUP), target),
    write: (operands) => {
      const math = new MathTexts();
      const find = maximumFunction(geometry, operands.input(0), math);
      const text = `  let element = at;
  ${positionText(output)}
  let best = maximumOf_(plane, y, x);
  let gradient = ${loadElement(operands.input(1), "float32", "element")};
  ${span("y", 0)}
  ${span("x", 1)}
  for (var iy = yStart; iy < yEnd; iy++) {
    for (var ix = xStart; ix < xEnd; ix++) {
      let index = (plane * ${input[0]} + iy) * ${input[1]} + ix;
      ${storeElement(operands.output(0), "index", "select(0.0f, gradient, index == best)")}
    }
  }`;
      return `${math.toString()}\n${find}\n${entryForEach(count, text)}`;
    },
  };
}

function averagePass(geometry: PoolGeometry, target: GpuTarget): Pass {
  const { planes, input, output, window, countPadding } = geometry;
  return pullPass(
    {
      key: `pool average ${JSON.stringify(geometry)}`,
      size: planes * output[0] * output[1],
      type: "float32",
      write: (operands) => {
        const index = `(plane * ${input[0]} + iy) * ${input[1]} + ix`;
        const sum = insideOf(geometry, `sum += ${loadElement(operands.input(0), "float32", index)};`);
        // A window of nothing has the average 0.
        const divisor = countPadding
          ? `${window[0] * window[1]}.0f`
          : `f32(max(1, ${insideCount(geometry, 0, "y")} * ${insideCount(geometry, 1, "x")}))`;
        return { statements: `${positionText(output)} var sum = 0.0f; ${sum} value = bitcast<u32>(sum / ${divisor});` };
      },
    },
    target,
  );
}

function averageGradientPass(geometry: PoolGeometry, target: GpuTarget): Pass {
  const { planes, input, output, window, countPadding } = geometry;
  return pullPass(
    {
      key: `pool averageGradient ${JSON.stringify(geometry)}`,
      size: planes * input[0] * input[1],
      type: "float32",
      write: (operands) => {
        const gradient = loadElement(
          operands.input(0),
          "float32",
          `plane * ${output[0] * output[1]} + oy * ${output[1]} + ox`,
        );
        const divisor = countPadding
          ? `${window[0] * window[1]}.0f`
          : `f32(${insideCount(geometry, 0, "oy")} * ${insideCount(geometry, 1, "ox")})`;
        const statements = `${positionText(input)} var sum = 0.0f;
  ${windowsOver(geometry, `sum += ${gradient} / ${divisor};`)}
  value = bitcast<u32>(sum);`;
        return { statements };
      },
    },
    target,
  );
}

/** Statements that take `element` apart. */
function positionText([height, width]: readonly [number, number]): string {
  return `let plane = i32(element / ${height * width}u); let y = i32((element / ${width}u) % ${height}u); let x = i32(element % ${width}u);`;
}

/** Whether windows reach beyond the image on an axis. */
function isBeyond({ window, stride, dilation, padding, input, output }: PoolGeometry, axis: number): boolean {
  const last = (output[axis] - 1) * stride[axis] + (window[axis] - 1) * dilation[axis] - padding[axis];
  return padding[axis] > 0 || last >= input[axis];
}

/** Does `body` for each element (iy, ix) of the window (y, x) that lies in the image. */
function insideOf(geometry: PoolGeometry, body: string): string {
  const { window, stride, dilation, padding, input } = geometry;
  const test = (axis: number, name: string): string =>
    isBeyond(geometry, axis) ? `if (${name} < 0 || ${name} >= ${input[axis]}) { continue; }` : "";
  return `for (var wy = 0; wy < ${window[0]}; wy++) {
    let iy = y * ${stride[0]} + wy * ${dilation[0]} - ${padding[0]};
    ${test(0, "iy")}
    for (var wx = 0; wx < ${window[1]}; wx++) {
      let ix = x * ${stride[1]} + wx * ${dilation[1]} - ${padding[1]};
      ${test(1, "ix")}
      ${body}
    }
  }`;
}

/** Text of the number of elements that a window has inside the image along an axis. */
function insideCount(geometry: PoolGeometry, axis: number, at: string): string {
  const { window, stride, dilation, padding, input } = geometry;
  if (!isBeyond(geometry, axis)) return String(window[axis]);
  const start = `(${at} * ${stride[axis]} - ${padding[axis]})`;
  const [size, step] = [input[axis], dilation[axis]];
  // Those before the image's end without those before its start.
  const before = (end: string): string => `clamp((${end} + ${step - 1}) / ${step}, 0, ${window[axis]})`;
  return `(${before(`max(0, ${size} - ${start})`)} - ${before(`max(0, -${start})`)})`;
}

/** Does `body` for each window (oy, ox) that the image's element (y, x) lies in, in the windows' order. */
function windowsOver(geometry: PoolGeometry, body: string): string {
  const { window, stride, dilation, padding, output } = geometry;
  const loop = (axis: number, own: string, name: string, inner: string): string => {
    const [size, s, d, p, count] = [window[axis], stride[axis], dilation[axis], padding[axis], output[axis]];
    if (d === 1 && p >= 0)
      return `for (var ${name} = (max(0, ${own} + ${p - size + 1}) + ${s - 1}) / ${s}; ${name} <= min(${count - 1}, (${own} + ${p}) / ${s}); ${name}++) {
      ${inner}
    }`;
    return `for (var w${name} = ${size - 1}; w${name} >= 0; w${name}--) {
      let f${name} = ${own} + ${p} - w${name} * ${d};
      if (f${name} < 0 || f${name} % ${s} != 0 || f${name} / ${s} >= ${count}) { continue; }
      let ${name} = f${name} / ${s};
      ${inner}
    }`;
  };
  return loop(0, "y", "oy", loop(1, "x", "ox", body));
}

/** The position of the first largest element of a window (the first NaN, if any), or −1 where it has none. */
function maximumFunction(geometry: PoolGeometry, x: Place, math: MathTexts): string {
  const { input } = geometry;
  const isNan = math.name("isNan", 1);
  const body = `let index = (plane * ${input[0]} + iy) * ${input[1]} + ix;
      let value = ${loadElement(x, "float32", "index")};
      if (!${isNan}(champion) && (best < 0 || value > champion || ${isNan}(value))) { best = index; champion = value; }`;
  return `fn maximumOf_(plane: i32, y: i32, x: i32) -> i32 {
  var best = -1;
  var champion = ${floatText(-Infinity)};
  ${insideOf(geometry, body)}
  return best;
}`;
}
