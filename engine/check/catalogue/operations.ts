import { type Entry, pair } from "./entry";

/** Operations on tensors whose sizes, axes or kinds of numbers do not fit. */

/** A free program: the named functions, and one line. */
function line(names: string): (text: string) => string {
  return (text) => `import { ${names} } from "backstep";\n\n${text}`;
}

export const operations = {
  broadcast: {
    title: "Sizes that do not broadcast",
    summary:
      "Two tensors meet element by element, but an axis has different sizes, and neither is 1. Axes are compared from the last one on; missing ones count as 1.",
    why: "Element-wise operations (add, mul, W ∘ X) need a partner for each element. Only an axis of size 1 is repeated.",
    ...pair(line("ones"), "ones([4, 3]).add(ones([4]));", "ones([4, 3]).add(ones([4, 1]));"),
    see: ["matmul-inner", "reshape"],
  },
  dtype: {
    title: "The wrong kind of numbers",
    summary: "The operation works on another dtype: float32, int32 or bool.",
    why: "Indices are int32, conditions are bool, all that has a gradient is float32. `cast` converts.",
    ...pair(
      line("cast, ones, take, tensor"),
      "take(ones([5, 2]), tensor([0.5, 1.5]));",
      'take(ones([5, 2]), cast(tensor([0.5, 1.5]), "int32"));',
    ),
    see: ["embedding-dtype"],
  },
  axis: {
    title: "No such axis",
    summary: "The axis lies outside the tensor. n axes are counted from 0 to n − 1, or from the end, −1 to −n.",
    why: "The batch is axis 0, so the features of [N, F] are axis 1 or −1.",
    ...pair(line("ones"), "ones([4, 3]).sum(2);", "ones([4, 3]).sum(1);"),
    see: ["rank"],
  },
  rank: {
    title: "The wrong number of axes",
    summary: "The operation needs a vector, a matrix or more, and the tensor has fewer or more axes.",
    why: "`unsqueeze` adds an axis of size 1, `squeeze` removes one, `flatten` joins several.",
    ...pair(line("ones, outer"), "outer(ones([2, 3]), ones([3]));", "outer(ones([2]), ones([3]));"),
    see: ["axis", "squeeze"],
  },
  index: {
    title: "No such element",
    summary: "An index of `slice` lies outside its axis.",
    why: "Elements of an axis of size n are counted from 0 to n − 1, or from the end, −1 to −n.",
    ...pair(line("ones"), "ones([4, 3]).slice(null, 3);", "ones([4, 3]).slice(null, 2);"),
    see: ["slice"],
  },
  empty: {
    title: "An extreme of nothing",
    summary: "The largest or smallest of no elements: an axis has size 0.",
    why: "A sum of nothing is 0, but no number is the largest of none.",
    ...pair(line("max, ones"), "max(ones([4, 0]), 1);", "max(ones([4, 2]), 1);"),
  },
  "matmul-inner": {
    title: "Inner sizes of a product differ",
    summary:
      "In X·W the last axis of X and the one before the last of W are summed over together, and their sizes differ.",
    why: "[n, k] · [k, m] → [n, m]. Weights that are stored (outputs, inputs), as those of layers, are transposed first: x·Wᵀ.",
    ...pair(
      line("matmul, ones"),
      "matmul(ones([8, 4]), ones([3, 4]));",
      "matmul(ones([8, 4]), ones([3, 4]).transpose());",
    ),
    see: ["linear-inputs", "broadcast"],
  },
  dot: {
    title: "No two vectors of one length",
    summary: "`dot` is the sum of products of two vectors of equal length.",
    why: "Of matrices the product is `matmul`; element by element it is `mul`.",
    ...pair(line("dot, matmul, ones"), "dot(ones([2, 3]), ones([3]));", "matmul(ones([2, 3]), ones([3]));"),
    see: ["matmul-inner"],
  },
  einsum: {
    title: "An equation that does not fit",
    summary: "The letters of an operand are not as many as its axes, or one letter stands for two sizes.",
    why: "Each letter is one size throughout the equation; letters that the result leaves out are summed.",
    ...pair(
      line("einsum, ones"),
      'einsum("ij,jk->ik", ones([2, 3]), ones([4, 5]));',
      'einsum("ij,jk->ik", ones([2, 3]), ones([3, 5]));',
    ),
    see: ["matmul-inner"],
  },
  reshape: {
    title: "The numbers do not fit the shape",
    summary: "A reshape keeps all numbers in their order, so the sizes must multiply to the same total.",
    why: "A batch size that is written as a number fits that one batch only: write −1 or x.shape[0] for it.",
    ...pair(line("ones"), "ones([4, 6]).reshape([-1, 5]);", "ones([4, 6]).reshape([-1, 3]);"),
    see: ["batch-mixing-reshape"],
  },
  permute: {
    title: "No order of the axes",
    summary: "`permute` names each axis once, from 0 to n − 1, in the new order.",
    why: "Axis i of the result is axis order[i] of the input; one that is left out would lose its numbers.",
    ...pair(line("ones"), "ones([2, 3, 4]).permute([0, 2]);", "ones([2, 3, 4]).permute([0, 2, 1]);"),
  },
  expand: {
    title: "Only axes of size 1 expand",
    summary: "`expand` repeats axes of size 1 (and new leading ones); another size cannot change.",
    why: "Repeating more than one element has no single meaning: `tile` repeats the whole axis.",
    ...pair(line("ones"), "ones([4, 3]).expand([4, 6]);", "ones([4, 1]).expand([4, 6]);"),
    see: ["tile", "broadcast"],
  },
  squeeze: {
    title: "Only an axis of size 1 can go",
    summary: "`squeeze` removes an axis of size 1; this one has another size.",
    why: "An axis with several elements is reduced (sum, mean, max), sliced or joined with another, not dropped.",
    ...pair(line("ones"), "ones([4, 3]).squeeze(1);", "ones([4, 1]).squeeze(1);"),
    see: ["reshape"],
  },
  concat: {
    title: "Parts that do not join",
    summary: "`concat` joins along one axis; all other axes must have equal sizes, and all parts as many axes.",
    why: "[N, 8, H, W] and [N, 4, H, W] join along axis 1 to [N, 12, H, W]; skip connections need equal H and W.",
    ...pair(
      line("concat, ones"),
      "concat([ones([2, 3]), ones([2, 4])], 0);",
      "concat([ones([2, 3]), ones([2, 4])], 1);",
    ),
    see: ["stack"],
  },
  stack: {
    title: "Different shapes to stack",
    summary: "`stack` puts tensors side by side along a new axis, so all have the same shape.",
    why: "Along an axis that is there already, `concat` joins.",
    ...pair(line("ones, stack"), "stack([ones([3]), ones([4])]);", "stack([ones([3]), ones([3])]);"),
    see: ["concat"],
  },
  split: {
    title: "Parts that do not add up",
    summary: "The axis cannot be cut into so many equal parts, or the given sizes do not add up to it.",
    why: "Each element goes to one part: sizes as a list may differ.",
    ...pair(line("ones, split"), "split(ones([7, 2]), 2);", "split(ones([7, 2]), [4, 3]);"),
  },
  slice: {
    title: "More parts than axes",
    summary: "`slice` takes one part per axis, from the first one on.",
    why: "null keeps an axis whole; axes at the end may be left out.",
    ...pair(line("ones"), "ones([4, 3]).slice(null, 0, 1);", "ones([4, 3]).slice(null, 0);"),
    see: ["index"],
  },
  pad: {
    title: "More pairs than axes",
    summary: "`pad` takes one pair [before, after] for each of the last axes.",
    why: "The last pair belongs to the last axis; axes in front without a pair stay as they are.",
    ...pair(line("ones"), "ones([4]).pad([[0, 0], [1, 1]]);", "ones([4]).pad([[1, 1]]);"),
  },
  tile: {
    title: "Fewer counts than axes",
    summary: "`tile` takes a count for each axis.",
    why: "Counts in front of those of the tensor's own axes make new axes, so each of its own must have one.",
    ...pair(line("ones, tile"), "tile(ones([2, 3]), [2]);", "tile(ones([2, 3]), [1, 2]);"),
    see: ["expand"],
  },
  "grad-scalar": {
    title: "The gradient of more than one number",
    summary: "A gradient is asked of a tensor with several elements.",
    why: "∂cost/∂x needs one cost: take the sum or mean, or use `jacobian`, which has a row for each element.",
    ...pair(
      line("gradients, variable"),
      "const x = variable([1, 2, 3]);\ngradients(x.square(), [x]);",
      "const x = variable([1, 2, 3]);\ngradients(x.square().sum(), [x]);",
    ),
    see: ["loss-scalar"],
  },
} satisfies Record<string, Entry>;
