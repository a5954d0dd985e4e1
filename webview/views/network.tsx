/** The network of a run. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { RunHistory } from "../protocol";
import { useHistory, useModel } from "../store";
import { epochVersion, useLook } from "./look";
import { Stale, View, Waiting } from "./look-parts";
import { layerColours, type LayerColours } from "./network-colours";
import { NetworkDrawing, type Chosen } from "./network-drawing";
import { foldingAtFirst } from "./network-graph";
import { noMarks } from "./network-marks";

const chosen: Chosen = { mode: "diagram", shapes: null };

export function Network({ run }: { readonly run: string }): JSX.Element {
  const history = useHistory(run);
  const { cursor } = useModel();
  const { result, reason } = useLook(run, { kind: "network" }, "network", epochVersion(history));
  const colours = useColours(history);
  if (!result) {
    return (
      <View name="network" title="Network">
        <Waiting reason={reason} what="the network" />
      </View>
    );
  }
  return (
    <NetworkDrawing
      subject={`run ${run}`}
      result={result}
      chosen={chosen}
      folding={foldingAtFirst}
      colours={colours}
      marks={noMarks}
      cursor={cursor?.run === run ? cursor.layer : null}
      frame={({ body, ...parts }) => (
        <View name="network" title="Network" {...parts}>
          {body}
          <Stale reason={reason} />
        </View>
      )}
    />
  );
}

/** Milliseconds between two colourings: a large drawing would else be busy with nothing but them. */
const RECOLOUR = 500;

function useColours(history: RunHistory | null): LayerColours | undefined {
  const kept = useRef<{ colours: LayerColours | undefined; at: number }>({ colours: undefined, at: -RECOLOUR });
  return useMemo(() => {
    const now = performance.now();
    // While it runs, another tick comes; the last one counts in any case.
    if (history?.state !== "running" || now - kept.current.at >= RECOLOUR) {
      kept.current = { colours: layerColours(history), at: now };
    }
    return kept.current.colours;
  }, [history]);
}
