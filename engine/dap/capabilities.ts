import type { DebugProtocol } from "@vscode/debugprotocol";
import { EXCEPTION_FILTERS } from "../debug/requests";

/**
 * What the adapter can do, and no more: a client offers what it finds here. Left out, for they have no meaning here: machine
 * instructions (disassembly, breakpoints on them), several threads, exception paths, checksums, addresses to watch, suspending a
 * program that nobody debugs.
 */
export const capabilities: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsDataBreakpoints: true,
  supportsBreakpointLocationsRequest: true,
  breakpointModes: [
    {
      mode: "all",
      label: "All passes",
      description: "Stops in the forward and in the backward pass, and where the update uses it",
      appliesTo: ["source"],
    },
    { mode: "forward", label: "Forward", description: "Stops in the forward pass alone", appliesTo: ["source"] },
    {
      mode: "backward",
      label: "Backward",
      description: "Stops where the gradient comes back through the line",
      appliesTo: ["source"],
    },
    {
      mode: "update",
      label: "Update",
      description: "Stops where the optimiser changes parameters",
      appliesTo: ["source"],
    },
  ],
  exceptionBreakpointFilters: EXCEPTION_FILTERS.map(({ filter, label, description, on }) => ({
    filter,
    label,
    description,
    default: on,
    supportsCondition: true,
    conditionDescription: "An expression, such as iteration > 100",
  })),
  supportsExceptionFilterOptions: true,
  supportsExceptionInfoRequest: true,
  supportsStepBack: true,
  supportsRestartFrame: true,
  supportsGotoTargetsRequest: true,
  supportsStepInTargetsRequest: true,
  supportsSteppingGranularity: true,
  supportsDelayedStackTraceLoading: true,
  supportsEvaluateForHovers: true,
  supportsClipboardContext: true,
  supportsSetVariable: true,
  supportsSetExpression: true,
  supportsValueFormattingOptions: true,
  supportsCompletionsRequest: true,
  completionTriggerCharacters: ["."],
  supportsReadMemoryRequest: true,
  supportsWriteMemoryRequest: true,
  supportsModulesRequest: true,
  additionalModuleColumns: [
    { attributeName: "type", label: "Type", type: "string" },
    { attributeName: "parameters", label: "Parameters", type: "number" },
    { attributeName: "line", label: "Line", type: "number" },
  ],
  supportsLoadedSourcesRequest: true,
  supportsRestartRequest: true,
  supportsTerminateRequest: true,
  supportTerminateDebuggee: true,
  supportsCancelRequest: true,
  supportsANSIStyling: true,
};
