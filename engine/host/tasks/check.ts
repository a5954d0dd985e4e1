import type { Issue } from "../../graph/issue";
import type { Tensor } from "../../graph/tensor";
import { currentTrace } from "../../graph/trace";
import { Parameter } from "../../nn/parameter";
import { checkTraining, reviewMinimize, type CheckReport } from "../../train/check";
import { setRunner } from "../../train/execute";
import type { CheckTask } from "../messages";
import { createNodeFiles } from "../node-files";
import { type LoadedProgram, loadProgram, strayExport } from "../program";
import { type Session, nextTurn } from "../session";
import { Enough } from "./common";

/** Rounds of a hand-written loop that a check builds before it has seen enough. */
const CHECKED_ROUNDS = 20;

export async function check(task: CheckTask, { send, assets }: Session): Promise<void> {
  let rounds = 0;
  const round = (): void => {
    if (++rounds > CHECKED_ROUNDS) throw new Enough();
  };
  setRunner({
    values: (tensors) => {
      round();
      return Promise.resolve(tensors.map((tensor) => new Float32Array(numberOfElements(tensor)).fill(NaN)));
    },
    minimize: (loss) => {
      round();
      reviewMinimize(loss, currentTrace());
      return Promise.resolve(NaN);
    },
  });
  const program = await loadProgram(task.file, task.text);
  send({ kind: "limited", what: "its forward or its loss" });
  const issues = [
    ...program.issues.filter(({ message }) => !message.includes(Enough.name) || rounds <= CHECKED_ROUNDS),
    ...strayExport(program),
  ].map((issue) => (rounds > 0 ? doubted(issue) : issue));
  const empty: CheckReport = { issues: [], layers: [], parameters: programParameters(program) };
  const files = createNodeFiles(program.file, assets);
  const report = program.training ? await checkTraining(program.training, files, program.locate) : empty;
  await nextTurn();
  send({ kind: "report", report: { ...report, issues: [...issues, ...report.issues] } });
  send({ kind: "done", exitCode: [...issues, ...report.issues].some(({ severity }) => severity === "error") ? 1 : 0 });
}

/** Code that throws after it saw a value may have thrown because of it: a check does not know values and gives NaN. */
function doubted(issue: Issue): Issue {
  if (issue.code !== "program" || /^(?:Type|Reference|Syntax)Error:/.test(issue.message)) return issue;
  return {
    ...issue,
    severity: "warning",
    message: `${issue.message} (or so it seems: a check knows no values, and gave NaN)`,
  };
}

function programParameters(program: LoadedProgram): number {
  return program.trace.nodes.reduce(
    (sum, node) => sum + (node instanceof Parameter && node.trainable ? node.size : 0),
    0,
  );
}

function numberOfElements(tensor: Tensor): number {
  return (tensor.knownShape ?? []).reduce<number>((size, dim) => size * (typeof dim === "number" ? dim : 1), 1);
}
