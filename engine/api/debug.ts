/** The debugger for editors: its adapter, and what is said to and by a debugged program. */
export * from "../debug/requests";
export { createDebugSession } from "../dap/adapter";
export type { ExplainAnswer, ExplainArguments, Sent, TensorAnswer, TensorArguments } from "../dap/custom";
export {
  debugOptions,
  type AttachArguments,
  type Debuggee,
  type LaunchArguments,
  type Launcher,
} from "../dap/launcher";
