/** Engine hosts: threads and processes in which user code runs, and the messages to and from them. Needs Node. */
export * from "../host/client";
export * from "../host/messages";
export type { CheckReport, LayerReport } from "../train/check";
export type { Issue } from "../graph/issue";
export type { Range } from "../graph/site";
