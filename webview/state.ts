/** What the panel knows, and how each message changes it. Pure: no page is needed to test it. */
import { editedAfter, type EditedModel } from "./model/edited";
import { emptyHistory, extendHistory, type RunHistory, type RunSummary, type ToPanel } from "./protocol";

export interface PanelModel {
  /** False until the extension answered: nothing can be said of runs before. */
  readonly connected: boolean;
  readonly runs: readonly RunSummary[];
  readonly shown: string | null;
  readonly compared: readonly string[];
  /** Of the shown and the compared runs only, so that memory does not grow with the list of runs. */
  readonly histories: Readonly<Record<string, RunHistory>>;
  /** The layer on whose line the editor's cursor stands. */
  readonly cursor: { readonly run: string; readonly layer: number } | null;
  /** The model file in the editor; null where none is open. */
  readonly edited: EditedModel | null;
  /** The name of its layer on whose line the editor's cursor stands. */
  readonly editedCursor: { readonly path: string; readonly layer: string } | null;
}

export const emptyModel: PanelModel = {
  connected: false,
  runs: [],
  shown: null,
  compared: [],
  histories: {},
  cursor: null,
  edited: null,
  editedCursor: null,
};

/** The model after a message. Messages about runs that the panel does not draw change nothing. */
export function reduce(model: PanelModel, message: ToPanel): PanelModel {
  switch (message.type) {
    case "snapshot": {
      const { runs, shown, histories, compared } = message;
      const cursor = model.cursor?.run === shown ? model.cursor : null;
      return { ...model, connected: true, runs, shown, histories, compared, cursor };
    }
    case "runs":
      return { ...model, runs: message.runs };
    case "started": {
      const shown = model.shown ?? message.run;
      if (message.run !== shown && !model.compared.includes(message.run)) return model;
      const before = model.histories[message.run];
      // A run that goes on from its checkpoint keeps what it has drawn so far.
      const kept = message.start.startIteration > 0 && before ? before : emptyHistory;
      return withHistory({ ...model, shown }, message.run, {
        ...kept,
        start: message.start,
        state: "running",
        failure: null,
        end: null,
      });
    }
    case "tick": {
      const history = model.histories[message.run];
      return history ? withHistory(model, message.run, extendHistory(history, message.tick)) : model;
    }
    case "state": {
      const history = model.histories[message.run];
      const { state, failure, end } = message;
      return history ? withHistory(model, message.run, { ...history, state, failure, end }) : model;
    }
    case "cursor": {
      const cursor = message.layer === null ? null : { run: message.run, layer: message.layer };
      return { ...model, cursor };
    }
    case "model":
      return { ...model, edited: editedAfter(model.edited, message.model) };
    case "modelCursor": {
      const { path, layer } = message;
      return { ...model, editedCursor: layer === null ? null : { path, layer } };
    }
    // Answers find their question, and what is in front is a preference.
    case "looked":
    case "front":
      return model;
    default:
      message satisfies never;
      return model;
  }
}

/** The history that is shown, where there is one. */
export function shownHistory(model: PanelModel): RunHistory | null {
  return model.shown === null ? null : (model.histories[model.shown] ?? null);
}

function withHistory(model: PanelModel, run: string, history: RunHistory): PanelModel {
  return { ...model, histories: { ...model.histories, [run]: history } };
}
