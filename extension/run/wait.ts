import { isLive } from "./record";
import type { Runs } from "./runs";

/** Resolves once a run is over, or gone. */
export function whenOver(runs: Pick<Runs, "get" | "listen">, id: string): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      const run = runs.get(id);
      if (run && isLive(run.summary.state)) return;
      listening.dispose();
      resolve();
    };
    const listening = runs.listen(check);
    check();
  });
}
