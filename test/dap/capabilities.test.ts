/** What is advertised is answered, and what is answered is advertised. The table is the protocol's specification. */
import assert from "node:assert/strict";
import { requestNames } from "../../engine/dap/adapter";
import { capabilities } from "../../engine/dap/capabilities";
import { EXCEPTION_FILTERS } from "../../engine/debug/requests";
import { createClient } from "./support";

/** Requests that want a capability. */
const OF_CAPABILITY: Readonly<Record<string, readonly string[]>> = {
  supportsConfigurationDoneRequest: ["configurationDone"],
  supportsFunctionBreakpoints: ["setFunctionBreakpoints"],
  supportsDataBreakpoints: ["dataBreakpointInfo", "setDataBreakpoints"],
  supportsInstructionBreakpoints: ["setInstructionBreakpoints"],
  supportsBreakpointLocationsRequest: ["breakpointLocations"],
  supportsExceptionInfoRequest: ["exceptionInfo"],
  supportsStepBack: ["stepBack", "reverseContinue"],
  supportsRestartFrame: ["restartFrame"],
  supportsGotoTargetsRequest: ["gotoTargets", "goto"],
  supportsStepInTargetsRequest: ["stepInTargets"],
  supportsSetVariable: ["setVariable"],
  supportsSetExpression: ["setExpression"],
  supportsCompletionsRequest: ["completions"],
  supportsReadMemoryRequest: ["readMemory"],
  supportsWriteMemoryRequest: ["writeMemory"],
  supportsDisassembleRequest: ["disassemble"],
  supportsModulesRequest: ["modules"],
  supportsLoadedSourcesRequest: ["loadedSources"],
  supportsRestartRequest: ["restart"],
  supportsTerminateRequest: ["terminate"],
  supportsTerminateThreadsRequest: ["terminateThreads"],
  supportsCancelRequest: ["cancel"],
};

/** Requests that every adapter answers, or that follow from what it sends (`locations`, `source`). */
const OF_ALL = [
  ...["initialize", "launch", "attach", "disconnect", "setBreakpoints", "setExceptionBreakpoints", "threads"],
  ...["stackTrace", "scopes", "variables", "evaluate", "source", "locations"],
  ...["continue", "next", "stepIn", "stepOut", "pause"],
];

describe("capabilities", () => {
  const advertised = new Set(Object.entries(capabilities).flatMap(([name, value]) => (value === false ? [] : name)));
  for (const [capability, requests] of Object.entries(OF_CAPABILITY)) {
    it(`${capability} ⇔ ${requests.join(", ")}`, () => {
      for (const request of requests) assert.equal(requestNames.includes(request), advertised.has(capability), request);
    });
  }

  it("no other request is answered but those of all adapters and our own", () => {
    const known = new Set([...OF_ALL, ...Object.values(OF_CAPABILITY).flat()]);
    const others = requestNames.filter((name) => !known.has(name));
    assert.deepEqual(
      others.filter((name) => !name.startsWith("backstep/")),
      [],
    );
    assert.equal(others.length, 5);
    for (const name of OF_ALL) assert.ok(requestNames.includes(name), name);
  });

  it("are what initialize answers", async () => {
    const { body } = await createClient().ask("initialize", { adapterID: "backstep" });
    assert.deepEqual(body, JSON.parse(JSON.stringify(capabilities)));
  });

  it("name the filters of the runtime, and the passes of its breakpoints", () => {
    const filters = capabilities.exceptionBreakpointFilters ?? [];
    assert.deepEqual(
      filters.map(({ filter, default: on }) => [filter, on]),
      EXCEPTION_FILTERS.map(({ filter, on }) => [filter, on]),
    );
    const modes = capabilities.breakpointModes?.map(({ mode }) => mode);
    assert.deepEqual(modes, ["all", "forward", "backward", "update"]);
  });
});
