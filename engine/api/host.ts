/** Engine hosts: threads and processes in which user code runs, and the messages to and from them. Needs Node. */
export * from "../host/client";
export * from "../host/messages";
export type * from "../check/records";
export type { Edit, Fix, Issue } from "../graph/issue";
export type { Range } from "../graph/site";
export { createLiveChecker, type Heard as CheckHeard, type LiveChecker, type StartLive } from "../host/live";
export { helpPage } from "../check/catalogue";
export type { NetworkResult } from "../view/looks";
