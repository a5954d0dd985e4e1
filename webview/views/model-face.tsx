/** The model in the editor before any training: its network, the gradient it would have, and what is wrong with it. */
import "./model.css";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { changeMarks, modelAnnouncement, type EditedModel } from "../model/edited";
import { MODEL_PANES, type Pane } from "../preferences";
import type { ModelView } from "../protocol";
import { usePreferences } from "../store";
import { Sketch } from "./empty";
import { ModelHeader } from "./model-header";
import { ModelIssues, ModelLayers } from "./model-issues";
import { ModelNetwork } from "./model-network";
import { PredictionPane } from "./prediction";

export interface ModelFaceProps {
  readonly edited: EditedModel;
  /** Name of the layer at the editor's cursor. */
  readonly cursor: string | null;
}

export function ModelFace({ edited, cursor }: ModelFaceProps): JSX.Element {
  const { maximized } = usePreferences();
  const { view, changes } = edited;
  const marks = useMemo(() => changeMarks(changes), [changes]);
  const found = view.layers.findIndex(({ name }) => name === cursor);
  const at = found < 0 ? null : found;
  const old = view.state === "stale";
  const large = maximized !== null && isModelPane(maximized) ? maximized : null;
  const shows = (pane: Pane): boolean => large === null || large === pane;
  return (
    <>
      <ModelHeader view={view} />
      <Announcer key={view.path} view={view} />
      {isEmpty(view) ? (
        <Nothing view={view} />
      ) : (
        <div class={large === null ? "model" : "model maximized"}>
          {shows("network") && <ModelNetwork edited={edited} cursor={at} old={old} />}
          {large !== "network" && (
            <div class="model-side">
              {shows("prediction") && <PredictionPane edited={edited} cursor={cursor} old={old} />}
              {shows("issues") && <ModelIssues view={view} />}
              {shows("layers") && <ModelLayers view={view} changes={marks.layers} cursor={at} old={old} />}
            </div>
          )}
        </div>
      )}
    </>
  );
}

/** Nothing can be said but why, and what is wrong. */
function isEmpty({ network, layers, state }: ModelView): boolean {
  return state !== "ready" && !network && layers.length === 0;
}

function Nothing({ view }: { readonly view: ModelView }): JSX.Element {
  if (view.issues.length > 0) return <ModelIssues view={view} />;
  return (
    <main class="empty">
      <Sketch />
      <p>{view.state === "checking" ? "The first check goes on." : NOTHING}</p>
    </main>
  );
}

const NOTHING = "The network, the gradient it would have and all that is wrong with it appear here while you write.";

function isModelPane(pane: Pane): boolean {
  return (MODEL_PANES as readonly Pane[]).includes(pane);
}

function Announcer({ view }: { readonly view: ModelView }): JSX.Element {
  const before = useRef<ModelView | null>(null);
  const text = useRef("");
  const now = modelAnnouncement(before.current, view);
  before.current = view;
  if (now !== "") text.current = now;
  return (
    <div class="unseen" role="status" aria-live="polite">
      {text.current}
    </div>
  );
}
