/** What the check says of the model in the editor, and its layers one by one. */
import type { JSX } from "preact";
import { formatCount } from "../format";
import { countIssues, countText } from "../model/edited";
import type { ModelChange, ModelIssue, ModelView } from "../protocol";
import { Icon } from "./icons";
import { MARK_SIGNS } from "./network-marks";
import { Pane } from "./pane";
import { openLayer, placeText } from "./places";

/** Of the newest text, also where the rest is of an earlier one. */
export function ModelIssues({ view }: { readonly view: ModelView }): JSX.Element {
  const { issues, state } = view;
  return (
    <Pane
      name="issues"
      title="Issues"
      note={issues.length > 0 ? countText(countIssues(issues)) : undefined}
      table={issues.length > 0 ? () => <IssueTable issues={issues} /> : undefined}
    >
      {issues.length > 0 ? (
        <ul class="issues">
          {issues.map((issue, i) => (
            <IssueItem key={i} issue={issue} />
          ))}
        </ul>
      ) : (
        <NoIssues state={state} />
      )}
    </Pane>
  );
}

function NoIssues({ state }: { readonly state: ModelView["state"] }): JSX.Element {
  if (state !== "ready") return <p class="quiet">{NOTHING[state]}</p>;
  return (
    <p class="healthy">
      <Icon name="good" className="severity good" /> No mistakes found.
    </p>
  );
}

const NOTHING = {
  checking: "The first check goes on.",
  stale: "The text must be readable before it can be checked.",
  failed: "The text must be readable before it can be checked.",
  untrusted: "Nothing is checked in a workspace that is not trusted.",
};

function IssueItem({ issue }: { readonly issue: ModelIssue }): JSX.Element {
  const { severity, message, code } = issue;
  const place = placeText(issue);
  return (
    <li class={`issue ${severity}`}>
      <Icon name={severity} className={`severity ${severity}`} />
      <div class="finding-text">
        <button
          type="button"
          class="link issue-message"
          disabled={place === undefined}
          onClick={() => openLayer(issue)}
        >
          <span class="unseen">{severity}: </span>
          {message}
        </button>
        <span class="finding-where quiet">
          {place !== undefined && <span>{place}</span>}
          <span>{code}</span>
        </span>
      </div>
    </li>
  );
}

function IssueTable({ issues }: { readonly issues: readonly ModelIssue[] }): JSX.Element {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Issues as a table">
      <table>
        <caption class="unseen">Issues in the order of the places</caption>
        <thead>
          <tr>
            {["Severity", "Issue", "Code", "Line"].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {issues.map((issue, i) => (
            <tr key={i}>
              <td>{issue.severity}</td>
              <th scope="row" class="issue-message">
                {issue.message}
              </th>
              <td class="quiet">{issue.code}</td>
              <td>
                <button
                  type="button"
                  class="link"
                  disabled={issue.file === null}
                  aria-label={`Open ${placeText(issue) ?? "nothing"}`}
                  onClick={() => openLayer(issue)}
                >
                  {issue.line ?? "–"}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export interface ModelLayersProps {
  readonly view: ModelView;
  /** By name. */
  readonly changes: ReadonlyMap<string, ModelChange>;
  /** Index of the layer at the editor's cursor. */
  readonly cursor: number | null;
  readonly old: boolean;
}

export function ModelLayers({ view, changes, cursor, old }: ModelLayersProps): JSX.Element {
  const { layers } = view;
  return (
    <Pane name="layers" title="Layers" note={layers.length > 0 ? formatCount(layers.length) : undefined} old={old}>
      {layers.length === 0 ? (
        <p class="quiet">{view.state === "ready" ? "No layer is called in this file." : "Not known yet."}</p>
      ) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Layers of the model">
          <table class="layers">
            <thead>
              <tr>
                <th scope="col">Layer</th>
                <th scope="col" class="kind">
                  Type
                </th>
                <th scope="col">Input → output</th>
                <th scope="col" class="number">
                  Parameters
                </th>
              </tr>
            </thead>
            <tbody>
              {layers.map(({ name, type, input, output, parameters, file, line }, i) => {
                const change = changes.get(name);
                const place = { file, line };
                return (
                  <tr key={i} class={i === cursor ? "at-cursor" : undefined} aria-current={i === cursor}>
                    <th scope="row">
                      <button
                        type="button"
                        class="link"
                        disabled={place.file === null}
                        title={placeText(place)}
                        onClick={() => openLayer(place)}
                      >
                        {name}
                      </button>
                      {change && change.kind !== "removed" && (
                        <span class={`change ${change.kind}`} title={change.what}>
                          <span aria-hidden="true">{MARK_SIGNS[change.kind]}</span>
                          <span class="unseen">
                            {" "}
                            {change.kind} by the last edit {change.what}
                          </span>
                        </span>
                      )}
                    </th>
                    <td class="quiet kind">{type}</td>
                    <td class="shapes">
                      <span>{input}</span> → <span>{output}</span>
                    </td>
                    <td class="number">{formatCount(parameters)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Pane>
  );
}
