import type { Tensor } from "../graph/tensor";

/**
 * How far the elements of a feature map see: r_out = r_in + (d·(f − 1))·j_in and j_out = j_in·s for a window of f elements with
 * dilation d and stride s (Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks").
 */
export interface Field {
  /** Elements of the input along [height, width] that one element sees; of [length] in a one-dimensional map as [1, length]. */
  readonly size: readonly [number, number];
  /** Distance in the input between neighbours. */
  readonly jump: readonly [number, number];
}

interface Window {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Pooling says its window itself, a convolution by its weight. */
  readonly window?: readonly [number, number];
}

/** The fields of all nodes that have one: feature maps behind at least one window. */
export function receptiveFields(nodes: readonly Tensor[]): ReadonlyMap<Tensor, Field> {
  const fields = new Map<Tensor, Field>();
  for (const node of nodes) {
    const field = fieldOf(node, fields);
    if (field) fields.set(node, field);
  }
  return fields;
}

const WINDOWS: ReadonlySet<string> = new Set(["conv2d", "maxPool2d", "averagePool2d"]);
const START: Field = { size: [1, 1], jump: [1, 1] };

function fieldOf(node: Tensor, fields: ReadonlyMap<Tensor, Field>): Field | undefined {
  if (WINDOWS.has(node.op)) return behindWindow(node, fields.get(node.inputs[0]) ?? START);
  const inputs = node.inputs.flatMap((input) => fields.get(input) ?? []);
  if (inputs.length === 0 || (node.knownShape?.length ?? 0) < 3) return undefined;
  if (node.op === "matmul" || node.op === "permute") return undefined;
  const longest = (a: Field, b: Field): Field => ({
    size: [Math.max(a.size[0], b.size[0]), Math.max(a.size[1], b.size[1])],
    jump: [Math.max(a.jump[0], b.jump[0]), Math.max(a.jump[1], b.jump[1])],
  });
  return inputs.reduce(longest);
}

function behindWindow({ inputs, attributes }: Tensor, before: Field): Field | undefined {
  const { stride, dilation, window } = attributes as unknown as Window;
  const sizes = window ?? inputs[1]?.knownShape?.slice(-2);
  if (!sizes?.every((size) => typeof size === "number")) return undefined;
  const along = (axis: 0 | 1): [size: number, jump: number] => [
    before.size[axis] + dilation[axis] * (Number(sizes[axis]) - 1) * before.jump[axis],
    before.jump[axis] * stride[axis],
  ];
  const [height, width] = [along(0), along(1)];
  return { size: [height[0], width[0]], jump: [height[1], width[1]] };
}
