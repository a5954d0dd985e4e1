/** Tensors of a simulated debug session, and an adapter that answers `backstep/tensor` for them as `protocol.ts` has it. */
import type {
  SessionView,
  Looked,
  TensorAnswer,
  TensorPicture,
  TensorQuestion,
  TensorStatistics,
} from "../../webview/tensor/protocol";

/** A value for each index, at each stop. */
interface Simulated {
  readonly shape: readonly number[];
  readonly at: (index: readonly number[], stop: number) => number;
  readonly pixels?: boolean;
  readonly line?: number;
}

export interface TensorScenario {
  readonly session: SessionView;
  readonly show: string;
}

const stopped: SessionView = {
  state: "stopped",
  name: "digits.nn.ts",
  stop: 1,
  direction: "forward",
  description: "Breakpoint, forward",
  layout: "denominator",
};

export const TENSOR_SCENARIOS: Readonly<Record<string, TensorScenario>> = {
  "tensor-vector": { session: stopped, show: "hidden.bias" },
  "tensor-matrix": { session: stopped, show: "h" },
  "tensor-large": { session: stopped, show: "embedding.weight" },
  "tensor-filters": { session: stopped, show: "conv1.weight" },
  "tensor-images": { session: stopped, show: "x" },
  "tensor-nan": { session: stopped, show: "log(p)" },
  "tensor-scalar": { session: stopped, show: "loss" },
  "tensor-jacobian": { session: stopped, show: "logits" },
  "tensor-error": { session: stopped, show: "hiden.weight" },
  "tensor-running": { session: { ...stopped, state: "running" }, show: "" },
  "tensor-ended": { session: stopped, show: "h" },
  "tensor-none": { session: { ...stopped, state: "none", name: "" }, show: "" },
  "tensor-blank": { session: stopped, show: "" },
};

const TENSORS: Readonly<Record<string, Simulated>> = {
  "hidden.bias": { shape: [16], at: ([i], stop) => 0.08 * noise(i + 7 * stop), line: 9 },
  h: {
    shape: [64, 128],
    at: ([i, j], stop) => Math.tanh(1.4 * noise(131 * i + j + 9973 * stop) + Math.sin(j / 9)),
    line: 11,
  },
  small: { shape: [4, 6], at: ([i, j]) => noise(10 * i + j) * 10 ** (j - 3), line: 12 },
  "embedding.weight": { shape: [4096, 300], at: ([i, j]) => 0.3 * noise(311 * i + j), line: 6 },
  "conv1.weight": {
    shape: [16, 3, 5, 5],
    at: ([o, c, y, x]) => Math.sin((x - 2) * Math.cos(o * 0.4) * 1.3 + (y - 2) * Math.sin(o * 0.4) * 1.3 + c) * 0.3,
    pixels: true,
    line: 8,
  },
  x: {
    shape: [64, 1, 28, 28],
    at: ([n, , y, x]) => Math.max(0, 1 - Math.abs(Math.hypot(x - 14, y - 14) - 4 - (n % 7)) / 2.5),
    pixels: true,
    line: 21,
  },
  "log(p)": {
    shape: [8, 10],
    at: ([i, j]) =>
      i === 3 && j > 5
        ? NaN
        : j === 2 && i % 3 === 0
          ? -Infinity
          : i === 6 && j === 9
            ? Infinity
            : Math.log((j + 1) / (i + 12)),
    line: 17,
  },
  loss: { shape: [], at: () => 2.302585092994046, line: 18 },
  logits: { shape: [8, 10], at: ([i, j]) => noise(10 * i + j), line: 15 },
};

/** What the adapter would answer. */
export function answerTensor(question: TensorQuestion, stop: number): Looked {
  const { expression, of } = question;
  const tensor = TENSORS[expression];
  if (!tensor) return { ok: false, message: `There is no "${expression}" in sight. Did you mean "hidden.weight"?` };
  if (of === "value") return { ok: true, body: pictureOf(question, tensor, stop, expression) };
  if (of === "change") {
    const change = { ...tensor, at: (index: readonly number[]) => tensor.at(index, stop) - tensor.at(index, stop - 1) };
    return {
      ok: true,
      body: pictureOf(
        question,
        change,
        stop,
        `Δ${expression}`,
        `${expression} now − ${expression} at the previous stop.`,
      ),
    };
  }
  if (of === "gradient") {
    const message = `The gradient of ${expression} is not computed yet: the program stands in the forward pass. Continue into the backward pass.`;
    return { ok: false, message };
  }
  if (expression !== "logits")
    return { ok: false, message: `${expression} is no input of the current operation, relu.` };
  // Of a softmax over ten classes: diag(s) − s sᵀ.
  const s = Array.from({ length: 10 }, (_, i) => Math.exp(noise(i) * 1.2));
  const sum = s.reduce((a, b) => a + b, 0);
  const jacobian: Simulated = {
    shape: [10, 10],
    at: ([i, j]) => ((i === j ? 1 : 0) - s[j] / sum) * (s[i] / sum),
    line: 16,
  };
  const note = `Of softmax, for one example: ∂softmax(logits)/∂logits = diag(s) − s sᵀ, the same in both layouts since it is symmetric.`;
  return { ok: true, body: pictureOf(question, jacobian, stop, "∂softmax/∂logits", note) };
}

function pictureOf(
  { expression, slice, rows, columns, most, from = [0, 0] }: TensorQuestion,
  { shape, at, pixels = false, line }: Simulated,
  stop: number,
  title: string,
  note: string | null = null,
): TensorAnswer {
  const rank = shape.length;
  const rowAxis = rank < 2 ? null : (rows ?? rank - 2);
  const columnAxis = rank < 1 ? null : (columns ?? rank - 1);
  const others = shape.map((_, axis) => axis).filter((axis) => axis !== rowAxis && axis !== columnAxis);
  const extent = (axis: number | null, first: number): TensorPicture["rows"] => {
    const size = axis === null ? 1 : shape[axis];
    return { axis, size, first: Math.min(first, size - 1), count: Math.min(most, size - Math.min(first, size - 1)) };
  };
  const [down, along] = [extent(rowAxis, from[0]), extent(columnAxis, from[1])];
  const values = new Float64Array(down.count * along.count);
  for (let i = 0; i < values.length; i++) {
    const index = shape.map(() => 0);
    others.forEach((axis, k) => (index[axis] = slice[k] ?? 0));
    if (rowAxis !== null) index[rowAxis] = down.first + Math.floor(i / along.count);
    if (columnAxis !== null) index[columnAxis] = along.first + (i % along.count);
    values[i] = at(index, stop);
  }
  const whole = statisticsOf(shape, (index) => at(index, stop));
  return {
    expression,
    shape,
    dtype: "float32",
    slice: others.map((_, k) => slice[k] ?? 0),
    rows: down,
    columns: along,
    values: btoa(binary(values)),
    statistics: Object.fromEntries(
      Object.entries(whole.statistics).map(([name, value]) => [name, wire(value)]),
    ) as TensorAnswer["statistics"],
    histogram: whole.histogram,
    title,
    note,
    place: line === undefined ? null : { file: "/workspace/models/digits.nn.ts", line },
    pixels,
  };
}

function binary(values: Float64Array): string {
  let text = "";
  for (const byte of new Uint8Array(values.buffer)) text += String.fromCharCode(byte);
  return text;
}

/** Over at most some ten thousand elements: a simulation may guess. */
function statisticsOf(
  shape: readonly number[],
  at: (index: readonly number[]) => number,
): { readonly statistics: TensorStatistics; readonly histogram: TensorAnswer["histogram"] } {
  const size = shape.reduce((a, b) => a * b, 1);
  const step = Math.max(1, Math.floor(size / 20000));
  const all: number[] = [];
  for (let flat = 0; flat < size; flat += step) {
    let rest = flat;
    const index = [...shape].reverse().map((length) => {
      const here = rest % length;
      rest = Math.floor(rest / length);
      return here;
    });
    all.push(at(index.reverse()));
  }
  const finite = all.filter(Number.isFinite);
  const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  const mean = finite.reduce((a, b) => a + b, 0) / finite.length;
  const squares = finite.reduce((a, b) => a + b * b, 0) / finite.length;
  const counts = Array.from({ length: 32 }, () => 0);
  for (const value of finite) counts[Math.min(31, Math.floor(((value - least) / (most - least || 1)) * 32))]++;
  const bad = all.length - finite.length;
  return {
    statistics: {
      size,
      least,
      most,
      mean,
      deviation: Math.sqrt(Math.max(0, squares - mean * mean)),
      norm: bad > 0 ? NaN : Math.sqrt(squares * size),
      zeros: Math.round((finite.filter((value) => value === 0).length / all.length) * size),
      notFinite: bad,
    },
    histogram: { least, most, counts },
  };
}

function wire(value: number): TensorAnswer["statistics"]["mean"] {
  return Number.isFinite(value) ? value : (String(value) as "NaN" | "Infinity" | "-Infinity");
}

/** Between −1.5 and 1.5, the same for the same seed, nearly normal. */
function noise(seed: number): number {
  let sum = 0;
  for (let i = 1; i <= 3; i++) {
    const x = Math.sin(seed * 12.9898 * i + i * 78.233) * 43758.5453;
    sum += x - Math.floor(x) - 0.5;
  }
  return sum;
}
