import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type CheckOrder,
  type CheckResult,
  type LiveChecker,
  type Prediction,
  createLiveChecker,
  startHost,
} from "../../engine/api/host";

/** A live checker on the host that was built. Close it. */
export function liveChecker(timeLimit = 30): LiveChecker {
  const script = pathToFileURL(resolve("dist/host.mjs"));
  return createLiveChecker((onMessage) =>
    startHost({
      kind: "thread",
      script,
      task: { kind: "live", file: "", timeLimit },
      onMessage,
      onOutput: () => undefined,
    }),
  );
}

export interface Answer {
  readonly result: CheckResult;
  readonly prediction: Prediction | null;
}

/** One check, to its end. */
export function ask(live: LiveChecker, order: Partial<CheckOrder> & { readonly file: string }): Promise<Answer> {
  return new Promise((done, fail) => {
    let result: CheckResult | undefined;
    const full = { texts: {}, network: false, prediction: false, ...order };
    live.check(full, {
      checked(checked) {
        result = checked;
        if (!full.prediction) done({ result, prediction: null });
      },
      predicted: (prediction) => done({ result: result as CheckResult, prediction }),
      failed: (failure) => fail(new Error(failure)),
    });
  });
}
