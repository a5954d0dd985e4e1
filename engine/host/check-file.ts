import { callReports } from "../check/calls";
import { explain } from "../check/explain";
import { costOfAll } from "../check/costs";
import { type CheckReport, emptyReport } from "../check/records";
import { type TrainingCheck, checkTraining, reviewMinimize } from "../check/training";
import type { DataFiles } from "../data/dataset";
import type { Issue } from "../graph/issue";
import type { Tensor } from "../graph/tensor";
import { currentTrace } from "../graph/trace";
import { Parameter } from "../nn/parameter";
import { setRunner } from "../train/execute";
import { layersOf } from "../train/statistics";
import { type LoadedProgram, loadProgram, strayExport } from "./program";
import { Enough } from "./enough";

/** Rounds of a hand-written loop that a check builds before it has seen enough. */
const CHECKED_ROUNDS = 20;

export interface CheckedFile {
  readonly report: CheckReport;
  readonly program: LoadedProgram;
  /** Where there is a training. */
  readonly check: TrainingCheck | undefined;
  /**
   * Whether all of the file could be read and run, so that the report speaks of the whole model; else it holds the problems alone, and
   * what was built before them.
   */
  readonly whole: boolean;
}

/**
 * Loads a model file and checks all that it builds.
 *
 * @param texts what files hold in the editor, by path, where that is not what is on the disk
 * @param limited told before each piece of user code what it is
 */
export async function checkFile(
  file: string,
  texts: ReadonlyMap<string, string>,
  files: DataFiles,
  limited: (what: string) => void,
): Promise<CheckedFile> {
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
  const program = await loadProgram(file, texts);
  limited("its forward or its loss");
  const enough = ({ message }: Issue): boolean => message.includes(Enough.name) && rounds > CHECKED_ROUNDS;
  const problems = [...program.issues.filter((issue) => !enough(issue)), ...strayExport(program)].map((issue) =>
    rounds > 0 ? doubted(issue) : issue,
  );
  const check = program.training ? await checkTraining(program.training, files, program.locate) : undefined;
  const report = check ? check.report : freeReport(program);
  const issues = explain([...problems, ...report.issues], {
    sources: program.loaded.sources,
    calls: [...program.calls, ...(check?.calls ?? [])],
    training: program.training,
  });
  const loaded = program.loaded.exports !== undefined || rounds > CHECKED_ROUNDS;
  return {
    report: {
      ...report,
      issues,
      calls: check ? [...topLevelCalls(program), ...report.calls] : report.calls,
      files: program.loaded.files,
    },
    program,
    check,
    whole: loaded && (check === undefined || check.forward !== undefined),
  };
}

/** Of a file without a training: its operations, and the layers that its top level calls. */
function freeReport(program: LoadedProgram): CheckReport {
  const { nodes } = program.trace;
  const parameters = programParameters(program);
  return {
    ...emptyReport,
    parameters,
    calls: topLevelCalls(program),
    totals: { ...costOfAll(nodes), parameters, frozen: 0 },
  };
}

function topLevelCalls({ trace, calls }: LoadedProgram): CheckReport["calls"] {
  return callReports({ nodes: trace.nodes, layers: layersOf(calls), calls }).map((call) => ({ ...call, layer: null }));
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
