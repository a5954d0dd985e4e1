import * as ops from "../../../engine/ops";
import { type CaseTable, kink } from "./case";

export const windows: CaseTable = {
  conv2d: (x, w) => ops.conv2d(x, w),
  "conv2d stride 2": (x, w) => ops.conv2d(x, w, null, { stride: 2 }),
  "conv2d stride 2 1": (x, w) => ops.conv2d(x, w, null, { stride: [2, 1] }),
  "conv2d padding 1": (x, w) => ops.conv2d(x, w, null, { padding: 1 }),
  "conv2d padding 2 1": (x, w) => ops.conv2d(x, w, null, { padding: [2, 1] }),
  "conv2d valid": (x, w) => ops.conv2d(x, w, null, { padding: "valid" }),
  "conv2d dilation 2": (x, w) => ops.conv2d(x, w, null, { dilation: [2, 1] }),
  "conv2d stride padding dilation": (x, w) => ops.conv2d(x, w, null, { stride: 2, padding: 2, dilation: [2, 3] }),
  "conv2d bias": (x, w, b) => ops.conv2d(x, w, b),
  "conv2d same": (x, w) => ops.conv2d(x, w, null, { padding: "same" }),
  "conv2d same even": (x, w) => ops.conv2d(x, w, null, { padding: "same" }),
  "conv2d same dilated": (x, w) => ops.conv2d(x, w, null, { padding: "same", dilation: 2 }),
  "conv2d groups": (x, w, b) => ops.conv2d(x, w, b, { groups: 2 }),
  "conv2d depthwise": (x, w) => ops.conv2d(x, w, null, { groups: 3 }),
  "conv2d 1 by 1": (x, w) => ops.conv2d(x, w),
  "conv2d whole image": (x, w) => ops.conv2d(x, w),
  "conv2d no batch": (x, w) => ops.conv2d(x, w),
  conv1d: (x, w, b) => ops.conv1d(x, w, b),
  "conv1d options": (x, w) => ops.conv1d(x, w, null, { stride: 2, padding: 2, dilation: 2, groups: 2 }),
  "conv1d same": (x, w) => ops.conv1d(x, w, null, { padding: "same" }),

  convTranspose2d: (x, w) => ops.convTranspose2d(x, w),
  "convTranspose2d stride 2": (x, w) => ops.convTranspose2d(x, w, null, { stride: 2 }),
  "convTranspose2d padding 1": (x, w) => ops.convTranspose2d(x, w, null, { padding: 1 }),
  "convTranspose2d dilation 2": (x, w) => ops.convTranspose2d(x, w, null, { dilation: 2 }),
  "convTranspose2d output padding": (x, w) =>
    ops.convTranspose2d(x, w, null, { stride: [3, 2], outputPadding: [2, 1] }),
  "convTranspose2d all": (x, w) =>
    ops.convTranspose2d(x, w, null, { stride: 2, padding: 1, outputPadding: 1, dilation: 2 }),
  "convTranspose2d bias groups": (x, w, b) => ops.convTranspose2d(x, w, b, { groups: 2 }),

  "maxPool2d 2": (x) => ops.maxPool2d(x, 2),
  "maxPool2d 3 2": (x) => ops.maxPool2d(x, [3, 2]),
  "maxPool2d stride 1": (x) => ops.maxPool2d(x, 2, { stride: 1 }),
  "maxPool2d overlapping": (x) => ops.maxPool2d(x, 3, { stride: [2, 1] }),
  "maxPool2d padding": (x) => ops.maxPool2d(x, 3, { stride: 2, padding: 1 }),
  "maxPool2d dilation": (x) => ops.maxPool2d(x, 2, { stride: 1, dilation: [2, 1] }),
  "maxPool2d ties": kink("kink", (x) => ops.maxPool2d(x, 2, { stride: 1 })),
  // The gradient of the gradient of maxPool2d; nobody calls it by name.
  maxPool2dPick: (x, v) =>
    ops.apply("maxPool2dPick", [x, v], {
      window: [2, 2],
      stride: [1, 1],
      dilation: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      countPadding: true,
    }),
  "averagePool2d 2": (x) => ops.averagePool2d(x, 2),
  "averagePool2d 3 2": (x) => ops.averagePool2d(x, [3, 2]),
  "averagePool2d stride 1": (x) => ops.averagePool2d(x, 2, { stride: 1 }),
  "averagePool2d overlapping": (x) => ops.averagePool2d(x, 3, { stride: [2, 1] }),
  "averagePool2d padding": (x) => ops.averagePool2d(x, 3, { stride: 2, padding: 1 }),
  "averagePool2d without padding": (x) => ops.averagePool2d(x, 3, { stride: 2, padding: 1, countPadding: false }),
  maxPool1d: (x) => ops.maxPool1d(x, 3, { stride: 2, padding: 1 }),
  averagePool1d: (x) => ops.averagePool1d(x, 3, { stride: 2, padding: 1 }),
  globalAveragePool2d: (x) => ops.globalAveragePool2d(x),
  globalMaxPool2d: (x) => ops.globalMaxPool2d(x),
  adaptiveAveragePool2d: (x) => ops.adaptiveAveragePool2d(x, [2, 3]),
  "adaptiveAveragePool2d 1": (x) => ops.adaptiveAveragePool2d(x, 1),
  "adaptiveAveragePool2d dividing": (x) => ops.adaptiveAveragePool2d(x, [2, 3]),
};
