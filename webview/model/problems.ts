/** What a check holds against the network that is drawn, each once. Pure. */
import type { NetworkResult } from "../protocol";

export interface NetworkProblem {
  readonly text: string;
  readonly file: string | null;
  readonly line: number | null;
}

/** In the order of execution: several nodes, and both drawings, may say the same. */
export function networkProblems({ graph, diagram }: NetworkResult): NetworkProblem[] {
  const found = new Map<string, NetworkProblem>();
  for (const { problem, file, line } of [...graph.nodes, ...diagram.columns]) {
    if (problem === null) continue;
    const before = found.get(problem);
    if (!before || before.file === null) found.set(problem, { text: problem, file, line });
  }
  return [...found.values()];
}
