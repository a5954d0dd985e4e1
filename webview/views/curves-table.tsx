import type { JSX } from "preact";
import { metricNames, type DrawnRun } from "../charts/curves";
import { formatCount, formatNumber } from "../format";

/** Rows that a table of epochs shows, the last ones. */
const MOST_ROWS = 200;

/** Loss and metrics epoch by epoch, the last epoch first. */
export function CurvesTable({ runs }: { readonly runs: readonly DrawnRun[] }): JSX.Element {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Curves as a table">
      {runs.map((run) => (
        <RunTable key={run.id} run={run} />
      ))}
    </div>
  );
}

function RunTable({ run }: { readonly run: DrawnRun }): JSX.Element {
  const { epochs } = run.history;
  const names = metricNames(epochs.slice(-1));
  if (epochs.length === 0) return <p class="quiet">No epoch has ended yet{run.label && ` in ${run.label}`}.</p>;
  return (
    <table>
      <caption>
        {run.label || "Loss and metrics by epoch"}
        {epochs.length > MOST_ROWS && `, the last ${MOST_ROWS} of ${formatCount(epochs.length)}`}
      </caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            Epoch
          </th>
          <th scope="col" class="number">
            Iteration
          </th>
          <th scope="col" class="number">
            Training loss
          </th>
          <th scope="col" class="number">
            Validation loss
          </th>
          {names.flatMap((name) => [
            <th scope="col" class="number" key={`${name} training`}>
              Training {name}
            </th>,
            <th scope="col" class="number" key={`${name} validation`}>
              Validation {name}
            </th>,
          ])}
        </tr>
      </thead>
      <tbody>
        {epochs
          .slice(-MOST_ROWS)
          .reverse()
          .map((epoch) => (
            <tr key={epoch.epoch}>
              <th scope="row" class="number">
                {epoch.epoch}
              </th>
              <td class="number">{formatCount(epoch.iteration)}</td>
              <td class="number">{formatNumber(epoch.loss)}</td>
              <td class="number">{formatNumber(epoch.validation?.loss)}</td>
              {names.flatMap((name) => [
                <td class="number" key={`${name} training`}>
                  {formatNumber(epoch.metrics[name])}
                </td>,
                <td class="number" key={`${name} validation`}>
                  {formatNumber(epoch.validation?.metrics[name])}
                </td>,
              ])}
            </tr>
          ))}
      </tbody>
    </table>
  );
}
