/** Labels against predictions: the matrix, each class's measures, and what was mistaken. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatCount, formatPercent } from "../format";
import type { ConfusionResult } from "../protocol";
import { useHistory } from "../store";
import { useTheme } from "../theme";
import { Button } from "../ui";
import { epochVersion, useLook } from "./look";
import { Picture, usePalette } from "./look-image";
import { ScrolledTable, Stale, View, Waiting } from "./look-parts";

/** Beyond this, a number in each cell makes the matrix wider than any panel. */
const MOST_NUMBERED = 24;
const MISTAKES_AT_FIRST = 24;

export function Confusion({ run }: { readonly run: string }): JSX.Element {
  const history = useHistory(run);
  const { result, reason } = useLook(run, { kind: "confusion" }, "confusion", epochVersion(history));
  if (!result) {
    return (
      <View name="confusion" title="Classes">
        <Waiting reason={reason} what="predictions" />
      </View>
    );
  }
  const epoch = history?.epochs.at(-1)?.epoch;
  const { total, mistaken, accuracy, macroF1, data } = result;
  return (
    <View
      name="confusion"
      title="Classes"
      note={`${formatCount(total)} labels of the ${data} data${epoch === undefined ? "" : ` after epoch ${epoch}`}`}
    >
      <dl class="look-figures">
        <Figure name="Accuracy" value={formatPercent(accuracy)} />
        <Figure name="Macro F1" value={formatPercent(macroF1)} />
        <Figure name="Mistakes" value={formatCount(mistaken)} />
      </dl>
      <div class="confusion-parts">
        <section aria-labelledby="confusion-matrix">
          <h3 id="confusion-matrix">Confusion matrix</h3>
          <Matrix result={result} />
        </section>
        <section aria-labelledby="confusion-classes">
          <h3 id="confusion-classes">Each class</h3>
          <ClassTable result={result} />
        </section>
      </div>
      <Mistakes result={result} />
      <Stale reason={reason} />
    </View>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** A table, and a picture by the shade of its cells: how large a part of its row each is. */
function Matrix({ result: { classes, matrix } }: { readonly result: ConfusionResult }): JSX.Element {
  const numbered = classes.length <= MOST_NUMBERED;
  return (
    <>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Confusion matrix">
        <table class={numbered ? "confusion" : "confusion dense"}>
          <caption class="unseen">Rows are labels, columns are predictions</caption>
          <thead>
            <tr>
              <td class="corner">
                <span aria-hidden="true">label ↓ predicted →</span>
              </td>
              {classes.map((name, i) => (
                <th scope="col" key={i} title={`predicted ${name}`}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.map((row, label) => {
              const support = row.reduce((a, b) => a + b, 0);
              return (
                <tr key={label}>
                  <th scope="row">{classes[label]}</th>
                  {row.map((count, prediction) => {
                    const right = label === prediction;
                    const words = `label ${classes[label]}, predicted ${classes[prediction]}: ${count} of ${support}`;
                    return (
                      <td
                        key={prediction}
                        class={right ? "right" : count > 0 ? "wrong" : "none"}
                        style={{ "--share": String(support === 0 ? 0 : count / support) }}
                        title={words}
                        aria-label={words}
                      >
                        {numbered ? (count === 0 ? "·" : count) : ""}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="look-legend">
        <span class="legend-item">
          <span class="swatch right" aria-hidden="true" /> right
        </span>
        <span class="legend-item">
          <span class="swatch wrong" aria-hidden="true" /> mistaken; the stronger, the larger the part of the row
        </span>
      </p>
    </>
  );
}

function ClassTable({ result: { classes, perClass } }: { readonly result: ConfusionResult }): JSX.Element {
  return (
    <ScrolledTable label="Measures of each class">
      <caption class="unseen">Precision, recall, F1 and number of labels of each class</caption>
      <thead>
        <tr>
          <th scope="col">Class</th>
          <th scope="col" class="number" title="Of what was predicted so, the part that is so">
            Precision
          </th>
          <th scope="col" class="number" title="Of what is so, the part that was predicted so">
            Recall
          </th>
          <th scope="col" class="number" title="Harmonic mean of precision and recall">
            F1
          </th>
          <th scope="col" class="number" title="Labels of this class">
            Support
          </th>
        </tr>
      </thead>
      <tbody>
        {perClass.map(({ precision, recall, f1, support }, i) => (
          <tr key={i}>
            <th scope="row">{classes[i]}</th>
            <Share value={precision} />
            <Share value={recall} />
            <Share value={f1} />
            <td class="number">{formatCount(support)}</td>
          </tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}

/** A fraction as a number over a bar of its length. */
function Share({ value }: { readonly value: number | null }): JSX.Element {
  return (
    <td class="number share" style={{ "--share": String(value ?? 0) }}>
      {formatPercent(value)}
    </td>
  );
}

function Mistakes({ result }: { readonly result: ConfusionResult }): JSX.Element {
  const palette = usePalette(useTheme());
  const [all, setAll] = useState(false);
  const { mistakes, mistaken, classes } = result;
  if (mistaken === 0) {
    return (
      <section aria-labelledby="confusion-mistakes">
        <h3 id="confusion-mistakes">Mistakes</h3>
        <p class="quiet">None: every prediction is its label.</p>
      </section>
    );
  }
  const shown = all ? mistakes : mistakes.slice(0, MISTAKES_AT_FIRST);
  return (
    <section aria-labelledby="confusion-mistakes">
      <h3 id="confusion-mistakes">
        Mistakes <span class="note">the surest first</span>
      </h3>
      <ul class="mistakes">
        {shown.map(({ index, label, prediction, image }, i) => (
          <li key={i}>
            {image && <Picture image={image} palette={palette} size={56} caption={`example ${index}`} />}
            <span class="mistake-text">
              <span class="unseen">Label </span>
              <b>{classes[label]}</b>
              <span aria-hidden="true"> → </span>
              <span class="unseen">, predicted </span>
              <b class="wrong-text">{classes[prediction]}</b>
            </span>
            {!image && <span class="quiet">example {index}</span>}
          </li>
        ))}
      </ul>
      {mistakes.length > MISTAKES_AT_FIRST && (
        <Button onClick={() => setAll(!all)} expanded={all}>
          {all ? "Fewer" : `The first ${mistakes.length} of ${formatCount(mistaken)}`}
        </Button>
      )}
    </section>
  );
}
