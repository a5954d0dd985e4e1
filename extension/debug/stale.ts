import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Uri, debug, window, workspace, type Disposable } from "vscode";
import { saved } from "../model-files";
import { whenOver } from "../run/wait";
import type { Services } from "../services";
import type { Program } from "./programs";

/** Tells, once a session, that what is debugged is no longer what the editor shows. */
export function watchSources(services: Services): Disposable {
  const { programs } = services;
  const told = new Set<string>();

  const notice = async (path: string): Promise<void> => {
    for (const program of programs.list()) {
      const { session } = program;
      if (told.has(session.id) || !(await program.files()).has(path) || programs.of(session) !== program) continue;
      if (told.has(session.id)) continue;
      told.add(session.id);
      const [restart, goOn] = ["Restart", "Go On"];
      const answer = await window.showInformationMessage(
        `Backstep: ${basename(path)} was changed, and the program that is debugged is that of the old text: lines may be off. ` +
          "Restart takes the new text and keeps the weights whose names and shapes still fit.",
        restart,
        goOn,
      );
      if (answer === restart && programs.of(session) === program) await restartWithWeights(services, program);
    }
  };
  const listeners = [
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length === 0 || document.uri.scheme !== "file" || programs.list().length === 0) return;
      void notice(document.uri.fsPath);
    }),
    debug.onDidTerminateDebugSession(({ id }) => void told.delete(id)),
  ];
  return { dispose: () => listeners.forEach((listener) => void listener.dispose()) };
}

/** Debugs the file as it is now, from the values that the parameters have. */
export async function restartWithWeights({ runs }: Services, program: Program): Promise<void> {
  const { session, run: id, path, launched } = program;
  if (!(await saved(Uri.file(path)))) return;
  const { name, type, workspaceFolder, configuration } = session;
  // One that was launched writes a checkpoint as it ends. The others train on, and their checkpoints are of another moment.
  const kept = launched ? undefined : await keptWeights(program, runs.get(id)?.folder);
  await debug.stopDebugging(session);
  if (launched) await whenOver(runs, id);
  const weights = launched ? runs.get(id)?.folder : kept;
  const how = launched ? configuration : {};
  await debug.startDebugging(workspaceFolder, {
    ...how,
    type,
    request: "launch",
    name,
    program: path,
    ...(weights ? { keepWeightsOf: weights } : {}),
  });
}

/** A file with the weights of where an attached run stands; undefined where there can be none, which has then been said. */
async function keptWeights(program: Program, folder: string | null | undefined): Promise<string | undefined> {
  const file = join(folder ?? tmpdir(), folder ? "kept.safetensors" : `backstep-${program.run}.safetensors`);
  try {
    await program.keep(file);
    return file;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    void window.showWarningMessage(`Backstep: the weights cannot be kept: ${reason}. It begins with fresh ones.`);
    return undefined;
  }
}
