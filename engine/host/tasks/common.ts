import type { DataFiles } from "../../data/dataset";
import { checkTraining } from "../../check/training";
import type { Issue } from "../../graph/issue";
import { IssuesError } from "../../train/failures";
import type { Training } from "../../train/training";
import { Failure } from "../failure";
import { createNodeFiles } from "../node-files";
import { type LoadedProgram, loadProgram, noTraining } from "../program";
import type { Session } from "../session";

/** A program whose default export is a training without mistakes: the check has spoken of the batch as N and found none. */
export interface SoundTraining {
  readonly program: LoadedProgram;
  readonly training: Training;
  readonly files: DataFiles;
  /** What the check doubts, below errors. */
  readonly doubts: readonly Issue[];
}

/** Loads the file of a task that wants a training. @throws Failure, IssuesError */
export async function loadSoundTraining(session: Session): Promise<SoundTraining> {
  const program = await loadProgram(session.task.file);
  stopOnProblems(program);
  if (!program.training) throw new Failure(noTraining(program));
  return soundTraining(program, program.training, session);
}

/** @throws IssuesError */
export async function soundTraining(
  program: LoadedProgram,
  training: Training,
  session: Session,
): Promise<SoundTraining> {
  const files = createNodeFiles(program.file, session.assets);
  await readAhead(training, files, session);
  // The check finds all mistakes; a run would stop at its own batch size.
  session.send({ kind: "limited", what: "its forward or its loss" });
  const {
    report: { issues },
  } = await checkTraining(training, files, program.locate);
  if (issues.some(({ severity }) => severity === "error")) throw new IssuesError(issues);
  // The model's code has run once by now: what follows may take as long as the data and the epochs need.
  session.send({ kind: "alive" });
  return { program, training, files, doubts: issues };
}

/** Reads data whose shapes only reading can tell, with no time limit. What goes wrong, the check reports with its place. */
async function readAhead(training: Training, files: DataFiles, { send }: Session): Promise<void> {
  if (training.data.fields !== null) return;
  send({ kind: "alive" });
  await training.data.load(files).catch(() => undefined);
}

/** @throws Failure with all problems of loading, a line each. */
export function stopOnProblems(program: LoadedProgram): void {
  const errors = program.issues.filter(({ severity }) => severity === "error");
  if (errors.length > 0)
    throw new Failure(
      errors
        .map(({ message, range }) => (range ? `${range.file}:${range.line}:${range.column}: ${message}` : message))
        .join("\n"),
    );
}
