import { type Dim, dimsAgree, productOfDims } from "../graph/dim";
import { formatShape } from "../graph/shape";
import type { Tensor } from "../graph/tensor";
import { composite } from "../graph/trace";
import { type TensorLike, apply, asTensor, reportIssue } from "./apply";
import { mul, permute, reshape, slice, squeeze, sum, unknownShape, unsqueeze } from "./functions";

/**
 * Matrix product as in PyTorch: matrices multiply, leading axes broadcast, a vector on the left is a row, on the
 * right a column, and the axis it brought is removed again.
 */
export function matmul(a: TensorLike, b: TensorLike): Tensor {
  const left = asTensor(a);
  const right = asTensor(b);
  if (left.knownShape === null || right.knownShape === null) return apply("matmul", [left, right]);
  if (left.rank === 0 || right.rank === 0) return apply("matmul", [left, right]);
  const rowless = left.rank === 1;
  const columnless = right.rank === 1;
  const product = apply("matmul", [rowless ? unsqueeze(left, 0) : left, columnless ? unsqueeze(right, 1) : right]);
  const withoutColumn = columnless ? squeeze(product, -1) : product;
  return rowless ? squeeze(withoutColumn, columnless ? -1 : -2) : withoutColumn;
}

/** Sum of products of two vectors of equal length: a scalar. */
export function dot(a: TensorLike, b: TensorLike): Tensor {
  const left = asTensor(a);
  const right = asTensor(b);
  return composite("dot", () => {
    const bad = [left, right].some((t) => t.knownShape !== null && t.knownShape.length !== 1);
    if (bad || (left.knownShape && right.knownShape && !dimsAgree(left.knownShape[0], right.knownShape[0]))) {
      reportIssue(
        "dot",
        `dot: needs two vectors of equal length, got ${formatShape(left.knownShape)} and ${formatShape(right.knownShape)}; use matmul for matrices`,
      );
      return reshape(sum(left), []);
    }
    return sum(mul(left, right));
  });
}

/** All products of two vectors: [m], [n] → [m, n]. */
export function outer(a: TensorLike, b: TensorLike): Tensor {
  const left = asTensor(a);
  const right = asTensor(b);
  if ([left, right].some((t) => t.knownShape !== null && t.knownShape.length !== 1)) {
    reportIssue(
      "rank",
      `outer: needs two vectors, got ${formatShape(left.knownShape)} and ${formatShape(right.knownShape)}`,
    );
  }
  return composite("outer", () => mul(unsqueeze(left, -1), unsqueeze(right, 0)));
}

/**
 * Einstein summation: `einsum("bij,bjk->bik", a, b)`. Letters that the result leaves out are summed; without
 * `->` the result has the letters that occur once, in alphabetical order. `...` is not supported: name each axis.
 */
export function einsum(equation: string, ...operands: readonly TensorLike[]): Tensor {
  const tensors = operands.map((operand) => asTensor(operand));
  const [inputs, output] = parseEinsum(equation, tensors.length);
  return composite("einsum", () => {
    if (tensors.some((t) => t.knownShape === null)) return tensors.find((t) => t.knownShape === null) as Tensor;
    const sizes = new Map<string, Dim>();
    for (let i = 0; i < tensors.length; i++) {
      const shape = tensors[i].shape;
      if (shape.length !== inputs[i].length) {
        reportIssue(
          "einsum",
          `einsum "${equation}": operand ${i} has shape ${formatShape(shape)}, but "${inputs[i]}" names ${inputs[i].length} axes`,
        );
        return unknownShape(tensors[i]);
      }
      for (let axis = 0; axis < shape.length; axis++) {
        const letter = inputs[i][axis];
        const before = sizes.get(letter);
        if (before !== undefined && !dimsAgree(before, shape[axis])) {
          reportIssue(
            "einsum",
            `einsum "${equation}": the axis ${letter} has size ${String(before)} and, in operand ${i} ${formatShape(shape)}, size ${String(shape[axis])}`,
          );
          return unknownShape(tensors[i]);
        }
        if (before === undefined) sizes.set(letter, shape[axis]);
      }
    }
    let letters = inputs[0];
    let result = tensors[0];
    [result, letters] = diagonals(result, letters);
    for (let i = 1; i < tensors.length; i++) {
      const [next, nextLetters] = diagonals(tensors[i], inputs[i]);
      const later = output + inputs.slice(i + 1).join("");
      [result, letters] = contract([result, letters], [next, nextLetters], later, sizes);
    }
    const summed = [...letters].flatMap((letter, axis) => (output.includes(letter) ? [] : [axis]));
    if (summed.length > 0) result = sum(result, summed);
    letters = [...letters].filter((letter) => output.includes(letter)).join("");
    return permute(
      result,
      [...output].map((letter) => letters.indexOf(letter)),
    );
  });
}

function parseEinsum(equation: string, count: number): [string[], string] {
  const match = /^\s*([a-zA-Z,\s]*?)\s*(?:->\s*([a-zA-Z\s]*))?$/.exec(equation);
  if (!match) throw new Error(`einsum: cannot read "${equation}"; write letters for axes as in "ij,jk->ik"`);
  const inputs = match[1].replace(/\s/g, "").split(",");
  if (inputs.length !== count) throw new Error(`einsum: "${equation}" names ${inputs.length} operands, got ${count}`);
  const all = inputs.join("");
  const output =
    match[2]?.replace(/\s/g, "") ??
    [...new Set(all)]
      .filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter))
      .sort()
      .join("");
  for (const letter of output) {
    if (!all.includes(letter))
      throw new Error(`einsum: the result of "${equation}" has the axis ${letter}, which no operand has`);
    if (output.indexOf(letter) !== output.lastIndexOf(letter))
      throw new Error(`einsum: the result of "${equation}" has the axis ${letter} twice`);
  }
  return [inputs, output];
}

/** Turns a repeated letter into one axis, the diagonal: in the joined axis it is every (n + 1)-th element. */
function diagonals(t: Tensor, letters: string): [Tensor, string] {
  for (let first = 0; first < letters.length; first++) {
    const second = letters.indexOf(letters[first], first + 1);
    if (second < 0) continue;
    const rest = [...letters].map((_, axis) => axis).filter((axis) => axis !== first && axis !== second);
    const n = t.shape[first];
    const joined = reshape(permute(t, [...rest, first, second]), [...rest.map((axis) => t.shape[axis]), n * n]);
    const diagonal = slice(joined, ...rest.map(() => null), [0, null, n + 1]);
    return diagonals(diagonal, rest.map((axis) => letters[axis]).join("") + letters[first]);
  }
  return [t, letters];
}

/** One pair as a batched matrix product: shared kept letters are the batch, shared dropped ones are summed. */
function contract(
  [a, lettersA]: [Tensor, string],
  [b, lettersB]: [Tensor, string],
  later: string,
  sizes: ReadonlyMap<string, Dim>,
): [Tensor, string] {
  const shared = [...lettersA].filter((letter) => lettersB.includes(letter));
  const batch = shared.filter((letter) => later.includes(letter));
  const inner = shared.filter((letter) => !later.includes(letter));
  const onlyA = [...lettersA].filter((letter) => !shared.includes(letter));
  const onlyB = [...lettersB].filter((letter) => !shared.includes(letter));
  const size = (group: readonly string[]): Dim => productOfDims(group.map((letter) => sizes.get(letter) as Dim));
  const arrange = (t: Tensor, letters: string, groups: readonly (readonly string[])[]): Tensor =>
    reshape(
      permute(
        t,
        groups.flat().map((letter) => letters.indexOf(letter)),
      ),
      groups.map(size) as number[],
    );
  const product = apply("matmul", [
    arrange(a, lettersA, [batch, onlyA, inner]),
    arrange(b, lettersB, [batch, inner, onlyB]),
  ]);
  const result = [...batch, ...onlyA, ...onlyB];
  return [
    reshape(
      product,
      result.map((letter) => sizes.get(letter) as number),
    ),
    result.join(""),
  ];
}
