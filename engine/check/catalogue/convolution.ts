import { type Entry, pair } from "./entry";

/** Windows that slide over images and sequences. */

/** Layers on images [N, 1, 28, 28] of ten digits. */
function images(names: string, layers: (piece: string) => string): (piece: string) => string {
  return (
    piece,
  ) => `import { Flatten, Linear, ReLU, Sequential, ${names}, adam, crossEntropy, digits, training } from "backstep";

export default training({
  model: new Sequential(${layers(piece)}),
  data: digits({ shape: [1, 28, 28] }),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.001 }),
});`;
}

export const convolution = {
  "conv-rank": {
    title: "No images for the convolution",
    summary:
      "A convolution needs [N, C, H, W], one over sequences [N, C, L], and its weight (Cout, Cin/groups, kh, kw).",
    why: "An image without a channel axis gets one with unsqueeze(1), one without a batch axis with unsqueeze(0). A flattened image has lost where its pixels were.",
    ...pair(
      images("Conv2d", (order) => order),
      "new Flatten(), new Conv2d(1, 4, 5), new ReLU(), new Flatten(), new Linear(2304, 10)",
      "new Conv2d(1, 4, 5), new ReLU(), new Flatten(), new Linear(2304, 10)",
    ),
    see: ["conv-channels"],
  },
  "conv-channels": {
    title: "Channels that do not fit",
    summary: "The input has another number of channels on axis 1 than the kernel reads.",
    why: "Each output channel sums over all input channels of its group. Grey images have 1 channel, colour images 3; files often keep them last, [N, H, W, C]: permute([0, 3, 1, 2]).",
    ...pair(
      images("Conv2d", (n) => `new Conv2d(${n}, 4, 5), new ReLU(), new Flatten(), new Linear(2304, 10)`),
      "3",
      "1",
    ),
    see: ["conv-groups", "conv-rank"],
  },
  "conv-groups": {
    title: "Groups that do not divide the channels",
    summary: "A grouped convolution cuts input and output channels into equal groups, and these do not come out even.",
    why: "Each group is a convolution of its own. groups = channels is a depthwise convolution, groups = 1 an ordinary one.",
    ...pair(
      (n) =>
        `import { conv2d, ones } from "backstep";\n\nconv2d(ones([1, 6, 8, 8]), ones([6, 2, 3, 3]), null, { groups: ${n} });`,
      "4",
      "3",
    ),
    see: ["conv-channels"],
  },
  "conv-size": {
    title: "The kernel is larger than the image",
    summary:
      "The kernel, spread by its dilation, does not fit into the image with its padding: ⌊(n + 2p − d(f−1) − 1)/s⌋ + 1 is below 1.",
    why: 'Convolution and pooling shrink the image; after several of them little is left. Pad (`padding: "same"`), or leave a layer out.',
    ...pair(
      images(
        "Conv2d, MaxPool2d",
        (size) => `new MaxPool2d(7), new Conv2d(1, 4, ${size}), new ReLU(), new Flatten(), new Linear(16, 10)`,
      ),
      "5",
      "3",
    ),
    see: ["pool-size", "conv-discards"],
  },
  "conv-bias": {
    title: "A bias that does not fit",
    summary: "The bias of a convolution is one number per output channel, [Cout].",
    why: "It is added to each pixel of its channel.",
    ...pair(
      (n) =>
        `import { conv2d, ones } from "backstep";\n\nconv2d(ones([1, 1, 8, 8]), ones([4, 1, 3, 3]), ones([${n}]));`,
      "1",
      "4",
    ),
  },
  "conv-discards": {
    title: "Pixels that no kernel covers",
    summary:
      "The stride does not come out even, and a tenth of an axis or more at its end is never seen. Less than that is not reported, nor is what a 1×1 kernel leaves out by its stride.",
    why: "(n + 2p − f) that is no multiple of the stride s leaves a rest: what is there cannot be learned. Choose sizes that come out even, pad, or crop on purpose.",
    ...pair(
      images("Conv2d", (options) => `new Conv2d(1, 4, ${options}), new ReLU(), new Flatten(), new Linear(4 * 16, 10)`),
      "6, { stride: 6 }",
      "7, { stride: 7 }",
    ),
    see: ["pool-discards", "conv-size"],
  },
  "pool-rank": {
    title: "No images to pool",
    summary: "Pooling needs [N, C, H, W], over sequences [N, C, L].",
    why: "Pool before flattening: afterwards nothing is beside anything.",
    ...pair(
      images("MaxPool2d", (order) => order),
      "new Flatten(), new MaxPool2d(2), new Flatten(), new Linear(196, 10)",
      "new MaxPool2d(2), new Flatten(), new Linear(196, 10)",
    ),
    see: ["conv-rank"],
  },
  "pool-size": {
    title: "The window is larger than the image",
    summary: "The pooling window does not fit into the image, or the size of the image is not known.",
    why: "After several poolings little is left of an image: 28 → 14 → 7 → 3 → 1. A global average pools whatever is left.",
    ...pair(
      images("MaxPool2d", (window) => `new MaxPool2d(14), new MaxPool2d(${window}), new Flatten(), new Linear(1, 10)`),
      "4",
      "2",
    ),
    see: ["conv-size", "pool-discards"],
  },
  "pool-discards": {
    title: "Pixels that no window covers",
    summary:
      "The windows do not come out even, and a fifth of an axis or more at its end goes into no window. Less is not reported.",
    why: "Halving an odd size is common and costs a row; of 5 rows one is a fifth, of 3 a third. Pad, or choose another window.",
    ...pair(
      images("MaxPool2d", (windows) => `${windows}, new Flatten(), new Linear(4, 10)`),
      "new MaxPool2d(5), new MaxPool2d(2)",
      "new MaxPool2d(7), new MaxPool2d(2)",
    ),
    see: ["conv-discards"],
  },
} satisfies Record<string, Entry>;
