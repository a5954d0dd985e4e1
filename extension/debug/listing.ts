import { debug, window, workspace } from "vscode";
import { DEBUG_TYPE } from "./configuration";

/** A source as the adapter lists it. */
interface LoadedSource {
  readonly name?: string;
  readonly path?: string;
  readonly sourceReference?: number;
}

/** Opens the generated text of the backward pass, in which one can step and set breakpoints. */
export async function showBackward(): Promise<void> {
  const session = debug.activeDebugSession;
  if (session?.type !== DEBUG_TYPE) {
    void window.showInformationMessage(
      "Backstep: debug a model first. The backward listing is made of the program as it runs.",
    );
    return;
  }
  let sources: readonly LoadedSource[];
  try {
    ({ sources } = (await session.customRequest("loadedSources")) as { sources: readonly LoadedSource[] });
  } catch (error) {
    void window.showInformationMessage(`Backstep: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const generated = sources.find(({ sourceReference }) => sourceReference !== undefined && sourceReference > 0);
  if (!generated) {
    void window.showInformationMessage(
      "Backstep: there is no backward pass to list: the program has no loss, or has not been traced yet.",
    );
    return;
  }
  // The address that frames and breakpoints have too: a text without a path goes by its name.
  const path = generated.path ?? generated.name ?? "";
  const uri = debug.asDebugSourceUri({ ...generated, path }, session);
  const document = await workspace.openTextDocument(uri);
  await window.showTextDocument(document, { preview: false });
}
