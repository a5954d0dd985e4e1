/** The gradient flow: one row per layer from input to output, what each is now and how it came there. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { formatCount } from "../format";
import { DESCRIPTIONS, FLOW_FIGURES } from "../flow/figures";
import { currentValues, findingsByLayer } from "../flow/series";
import type { RunHistory } from "../protocol";
import { setPreferences, usePreferences } from "../store";
import { FlowChart } from "./flow-chart";
import { FlowTable } from "./flow-table";
import { Pane, Segments } from "./pane";

export interface FlowProps {
  readonly run: string;
  readonly history: RunHistory;
  /** The layer on whose line the editor's cursor stands. */
  readonly cursor: number | null;
}

export function Flow({ run, history, cursor }: FlowProps): JSX.Element {
  const { figure } = usePreferences();
  const layers = useMemo(() => history.start?.layers ?? [], [history.start]);
  const findings = useMemo(() => findingsByLayer(history.findings, layers), [history.findings, layers]);
  const column = history.flow.at(-1);
  const hasValues =
    column !== undefined && currentValues(column, layers.length, figure).some((value) => value !== null);
  const description = DESCRIPTIONS[figure];
  return (
    <Pane
      name="flow"
      title="Gradient flow"
      note={layers.length > 0 ? `${formatCount(layers.length)} ${layers.length === 1 ? "layer" : "layers"}` : undefined}
      table={() => <FlowTable layers={layers} column={column} />}
      controls={
        <>
          <Segments
            label="What the rows show"
            name="figure"
            value={figure}
            choices={FLOW_FIGURES.map((value) => ({
              value,
              text: DESCRIPTIONS[value].label,
              hint: DESCRIPTIONS[value].meaning,
            }))}
            onChange={(value) => setPreferences({ figure: value })}
          />
          <p class="hint">{description.meaning}.</p>
        </>
      }
    >
      {layers.length === 0 ? (
        <p class="quiet">
          {history.start ? "This model has no layers to follow." : "The layers appear as soon as the model is loaded."}
        </p>
      ) : (
        <>
          {column !== undefined && !hasValues && (
            <p class="quiet">No layer of this network has this figure: {description.meaning.toLowerCase()}.</p>
          )}
          <FlowChart
            key={run}
            run={run}
            layers={layers}
            columns={history.flow}
            figure={figure}
            findings={findings}
            cursor={cursor}
          />
        </>
      )}
    </Pane>
  );
}
