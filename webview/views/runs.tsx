/** All runs of the workspace: to show, compare, continue and delete. */
import type { JSX } from "preact";
import { formatNumber, formatPercent } from "../format";
import { post } from "../host";
import type { RunSummary } from "../protocol";
import { Button, Checkbox } from "../ui";
import { runName, StateBadge } from "./header";
import { Icon } from "./icons";

/** Runs whose curves can lie over each other and still be told apart. */
export const MOST_COMPARED = 5;

export interface RunsProps {
  readonly runs: readonly RunSummary[];
  readonly shown: string | null;
  readonly compared: readonly string[];
}

export function Runs({ runs, shown, compared }: RunsProps): JSX.Element {
  const now = Date.now();
  const compare = (run: string, on: boolean): void => {
    post({ type: "compare", runs: on ? [...compared, run] : compared.filter((other) => other !== run) });
  };
  return (
    <section class="pane pane-runs" aria-labelledby="pane-runs">
      <header class="pane-head">
        <h2 id="pane-runs">Runs</h2>
        <span class="note">Tick runs to lay their curves over those of the shown one.</span>
      </header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Runs of this workspace">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col">Compare</th>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              <th scope="col">Findings</th>
              <th scope="col" class="number">
                Epochs
              </th>
              <th scope="col" class="number">
                Loss
              </th>
              <th scope="col" class="number">
                Validation
              </th>
              <th scope="col" class="number">
                Accuracy
              </th>
              <th scope="col">
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => {
              const name = runName(run, now);
              const over = run.state === "ended" || run.state === "failed";
              return (
                <tr key={run.id} class={run.id === shown ? "shown" : undefined} aria-current={run.id === shown}>
                  <td>
                    <Checkbox
                      checked={run.id === shown || compared.includes(run.id)}
                      disabled={run.id === shown || (!compared.includes(run.id) && compared.length >= MOST_COMPARED)}
                      label={`Compare ${name}`}
                      onChange={(on) => compare(run.id, on)}
                    />
                  </td>
                  <th scope="row">
                    <button
                      type="button"
                      class="link"
                      title={run.file}
                      onClick={() => post({ type: "show", run: run.id })}
                    >
                      {name}
                    </button>
                  </th>
                  <td>
                    <StateBadge state={run.state} />
                  </td>
                  <td>
                    {run.worst ? (
                      <span class="worst">
                        <Icon name={run.worst} className={`severity ${run.worst}`} /> {run.worst}
                      </span>
                    ) : (
                      <span class="quiet">none</span>
                    )}
                  </td>
                  <td class="number">{run.epochs}</td>
                  <td class="number">{formatNumber(run.loss)}</td>
                  <td class="number">{formatNumber(run.validationLoss)}</td>
                  <td class="number">{formatPercent(run.accuracy)}</td>
                  <td class="actions">
                    {over && run.resumable && (
                      <Button
                        appearance="icon"
                        icon={<Icon name="continue" />}
                        label={`Continue ${name} from its checkpoint`}
                        onClick={() => post({ type: "continue", run: run.id })}
                      />
                    )}
                    {over && (
                      <Button
                        appearance="icon"
                        icon={<Icon name="delete" />}
                        label={`Delete ${name}`}
                        onClick={() => post({ type: "delete", run: run.id })}
                      />
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
