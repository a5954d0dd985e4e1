/** The network of the model in the editor, redrawn at every edit: what is wrong in it is red, and what the edit changed is marked. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { changeMarks, type EditedModel } from "../model/edited";
import { networkProblems } from "../model/problems";
import type { ModelChange, ModelView, NetworkResult } from "../protocol";
import { Icon } from "./icons";
import { predictedColours } from "./network-colours";
import { NetworkDrawing, type Chosen } from "./network-drawing";
import { foldingToLayers } from "./network-graph";
import { MARK_SIGNS, marksOf } from "./network-marks";
import { Pane } from "./pane";
import { openLayer, placeText } from "./places";

const chosen: Chosen = { mode: "graph", shapes: null };

export interface ModelNetworkProps {
  readonly edited: EditedModel;
  readonly cursor: number | null;
  readonly old: boolean;
}

export function ModelNetwork({ edited, cursor, old }: ModelNetworkProps): JSX.Element {
  const { view, prediction, changes, edit } = edited;
  const { network, layers } = view;
  const marks = useMemo(() => marksOf(layers, changeMarks(changes).layers, edit), [layers, changes, edit]);
  const colours = useMemo(() => predictedColours(layers, prediction?.layers ?? []), [layers, prediction]);
  if (!network) {
    return (
      <Pane name="network" title="Network">
        <p class="look-nothing">{missing(view)}</p>
      </Pane>
    );
  }
  return (
    <NetworkDrawing
      subject={`model ${view.path}`}
      result={network}
      chosen={chosen}
      folding={foldingToLayers}
      colours={colours}
      marks={marks}
      cursor={cursor}
      below={
        <>
          <Problems network={network} />
          <Changes changes={changes} />
        </>
      }
      frame={({ body, ...parts }) => (
        <Pane name="network" title="Network" old={old} {...parts}>
          {body}
        </Pane>
      )}
    />
  );
}

function missing({ state, issues }: ModelView): string {
  if (state === "checking") return "The network is drawn as soon as the file is checked.";
  if (state === "untrusted") return "The network is drawn once the workspace is trusted.";
  if (state !== "ready") return "There is no network to draw until the file can be read.";
  if (issues.some(({ severity }) => severity === "error")) return "The mistakes in this file hide its network.";
  return "There is no network to draw: the file exports no training (export default training({ … })).";
}

const MOST_PROBLEMS = 4;

/** What is red in the drawing, to be read. */
function Problems({ network }: { readonly network: NetworkResult }): JSX.Element | null {
  const problems = useMemo(() => networkProblems(network), [network]);
  if (problems.length === 0) return null;
  const more = problems.length - MOST_PROBLEMS;
  return (
    <ul class="net-problems" aria-label="What does not fit">
      {problems.slice(0, MOST_PROBLEMS).map((problem) => (
        <li key={problem.text}>
          <Icon name="error" className="severity error" />
          <span>
            {problem.text}{" "}
            {problem.file !== null && (
              <button type="button" class="link" onClick={() => openLayer(problem)}>
                {placeText(problem)}
              </button>
            )}
          </span>
        </li>
      ))}
      {more > 0 && <li class="quiet">and {more} more, listed as issues.</li>}
    </ul>
  );
}

const MOST_CHANGES = 6;

/** What the last edit changed: marked in the drawing where it is still there. */
function Changes({ changes }: { readonly changes: readonly ModelChange[] }): JSX.Element | null {
  if (changes.length === 0) return null;
  const more = changes.length - MOST_CHANGES;
  return (
    <ul class="net-changes" aria-label="What the last edit changed">
      {changes.slice(0, MOST_CHANGES).map(({ layer, kind, what }) => (
        <li key={layer}>
          <span class={`change ${kind}`} aria-hidden="true">
            {kind === "removed" ? "−" : MARK_SIGNS[kind]}
          </span>{" "}
          <b>{layer}</b> {what === "" ? kind : what}
        </li>
      ))}
      {more > 0 && <li class="quiet">and {more} more</li>}
    </ul>
  );
}
