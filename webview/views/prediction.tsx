/** The predicted gradient flow of the model in the editor: one small batch at initialisation, forward and backward. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { Scale } from "../charts/scale";
import { DESCRIPTIONS } from "../flow/figures";
import { side } from "../flow/paint";
import { formatNumber } from "../format";
import type { EditedModel } from "../model/edited";
import {
  foretold,
  predictedBand,
  predictedColumn,
  predictedScale,
  PREDICTED_FIGURES,
  type PredictedFigure,
} from "../model/predicted";
import type { FindingEvent, ModelView, Prediction } from "../protocol";
import { setPreferences, usePreferences } from "../store";
import { FlowChart } from "./flow-chart";
import { FiguresTable } from "./flow-table";
import { Icon } from "./icons";
import { Pane, Segments } from "./pane";
import { openLayer } from "./places";

export interface PredictionPaneProps {
  readonly edited: EditedModel;
  /** Name of the layer at the editor's cursor. */
  readonly cursor: string | null;
  readonly old: boolean;
}

export function PredictionPane({ edited, cursor, old }: PredictionPaneProps): JSX.Element {
  const { prediction, predictionIsOld, view } = edited;
  const { predicted: figure } = usePreferences();
  const title = "Predicted gradient flow";
  if (!prediction || prediction.skipped !== null) {
    return (
      <Pane name="prediction" title={title} old={old || predictionIsOld}>
        <p class="quiet">{prediction?.skipped ?? missing(view)}</p>
      </Pane>
    );
  }
  return (
    <Pane
      name="prediction"
      title={title}
      old={old || predictionIsOld}
      table={() => <PredictionTable prediction={prediction} />}
      controls={
        <>
          <Segments
            label="What the rows show"
            name="predicted"
            value={figure}
            choices={PREDICTED_FIGURES.map((value) => ({
              value,
              text: DESCRIPTIONS[value].label,
              hint: DESCRIPTIONS[value].meaning,
            }))}
            onChange={(value) => setPreferences({ predicted: value })}
          />
          <p class="hint">{DESCRIPTIONS[figure].meaning}.</p>
        </>
      }
    >
      <PredictionChart key={view.path} prediction={prediction} figure={figure} cursor={cursor} />
    </Pane>
  );
}

function missing({ state, network }: ModelView): string {
  if (state === "untrusted") return "Nothing is calculated in a workspace that is not trusted.";
  if (state === "failed") return "There is nothing to calculate until the file can be read.";
  if (state === "ready" && !network) return "There is nothing to calculate without a network.";
  return "It is calculated a moment after the last key.";
}

interface PredictionChartProps {
  readonly prediction: Prediction;
  readonly figure: PredictedFigure;
  readonly cursor: string | null;
}

function PredictionChart({ prediction, figure, cursor }: PredictionChartProps): JSX.Element {
  const { layers } = prediction;
  const columns = useMemo(() => [predictedColumn(prediction)], [prediction]);
  const findings = useMemo(() => foretold(prediction), [prediction]);
  const scales = useRef(new Map<PredictedFigure, Scale>());
  const scale = predictedScale(layers, figure, scales.current.get(figure));
  if (scale) scales.current.set(figure, scale);
  const at = layers.findIndex(({ name }) => name === cursor);
  return (
    <>
      <Foretold findings={[...findings.values()].flat()} />
      <p class="quiet prediction-sum">
        At initialisation, for a batch of {prediction.batch}, before any training. {summary(prediction, figure)}
      </p>
      {layers.length > 0 && (
        <FlowChart
          run={null}
          layers={layers}
          columns={columns}
          figure={figure}
          findings={findings}
          cursor={at < 0 ? null : at}
          axis={scale}
        />
      )}
    </>
  );
}

/** What the rows say, in a sentence. */
function summary({ layers, loss }: Prediction, figure: PredictedFigure): string {
  const said = loss === null ? "" : ` Loss of the batch: ${formatNumber(loss, 3)}.`;
  const band = predictedBand(layers, figure) ?? null;
  const known = layers.flatMap((layer) => (layer[figure] === null ? [] : [layer[figure]]));
  if (known.length === 0) {
    return `No layer has this figure: ${DESCRIPTIONS[figure].meaning.charAt(0).toLowerCase()}${DESCRIPTIONS[figure].meaning.slice(1)}.${said}`;
  }
  const outside = known.filter((value) => side(band, value) !== "within").length;
  const healthy =
    DESCRIPTIONS[figure].kind === "fraction" ? "the healthy band" : "the band around this network's middle";
  if (outside === 0) return `All layers lie within ${healthy}.${said}`;
  return `${outside} of ${known.length} layers ${outside === 1 ? "lies" : "lie"} outside ${healthy}.${said}`;
}

const MOST_FORETOLD = 3;

function Foretold({ findings }: { readonly findings: readonly FindingEvent[] }): JSX.Element | null {
  if (findings.length === 0) return null;
  const more = findings.length - MOST_FORETOLD;
  return (
    <ul class="issues foretold" aria-label="What it foretells">
      {findings.slice(0, MOST_FORETOLD).map((finding, i) => (
        <li key={i} class={`issue ${finding.severity}`}>
          <Icon name={finding.severity} className={`severity ${finding.severity}`} />
          <button
            type="button"
            class="link issue-message"
            disabled={finding.file === null}
            onClick={() => openLayer(finding)}
          >
            <span class="unseen">{finding.severity}: </span>
            {finding.message}
          </button>
        </li>
      ))}
      {more > 0 && <li class="quiet">and {more} more, marked in their rows.</li>}
    </ul>
  );
}

function PredictionTable({ prediction: { layers, batch } }: { readonly prediction: Prediction }): JSX.Element {
  return (
    <FiguresTable
      label="Predicted gradient flow as a table"
      caption={`Figures of all layers at initialisation for a batch of ${batch}, from input to output`}
      figures={PREDICTED_FIGURES}
      layers={layers}
      valueOf={(figure, i) => layers[i][figure]}
      remark={(i) => !layers[i].finite && <span class="quiet"> (not finite)</span>}
    />
  );
}
