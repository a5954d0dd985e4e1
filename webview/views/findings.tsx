/** What the diagnosis says of the run: what is wrong, how that is known, where, and what to do. */
import type { JSX } from "preact";
import { formatCount } from "../format";
import { findingKey, type FindingEvent, type RunHistory } from "../protocol";
import { Link } from "../ui";
import { Icon } from "./icons";
import { Pane } from "./pane";
import { openLayer, placeText } from "./places";

export function Findings({ history }: { readonly history: RunHistory }): JSX.Element {
  const { findings } = history;
  return (
    <Pane
      name="findings"
      title="Findings"
      note={findings.length > 0 ? countText(findings) : undefined}
      table={() => <FindingsTable findings={findings} />}
    >
      {findings.length === 0 ? (
        <Healthy history={history} />
      ) : (
        <ul class="findings">
          {findings.map((finding) => (
            <FindingItem key={findingKey(finding)} finding={finding} />
          ))}
        </ul>
      )}
    </Pane>
  );
}

function FindingItem({ finding }: { readonly finding: FindingEvent }): JSX.Element {
  const place = placeText(finding);
  return (
    <li class={`finding ${finding.severity}`}>
      <Icon name={finding.severity} className={`severity ${finding.severity}`} />
      <div class="finding-text">
        <p class="finding-title">
          <span class="unseen">{finding.severity}: </span>
          {sentence(finding)}
        </p>
        <p class="finding-where">
          {finding.layer !== null && <code>{finding.layer}</code>}
          {place && (
            <Link label={`Open ${place}`} onClick={() => openLayer(finding)}>
              {place}
            </Link>
          )}
          <span class="quiet">
            {finding.code} · iteration {formatCount(finding.iteration)}
          </span>
        </p>
        {finding.evidence && finding.evidence.length > 0 && (
          <dl class="evidence">
            {finding.evidence.map(({ label, value }) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
        {finding.remedy && <p class="remedy">{capital(finding.remedy)}</p>}
      </div>
    </li>
  );
}

/** Messages go on after a place elsewhere; here they begin. A layer's name stays as it is. */
function sentence({ message, layer }: FindingEvent): string {
  return layer !== null && message.startsWith(layer) ? message : capital(message);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Nothing to worry about is worth saying, once there is something to judge. */
function Healthy({ history }: { readonly history: RunHistory }): JSX.Element {
  if (history.iteration === 0) {
    return (
      <p class="quiet">
        {history.state === "failed" ? "There was nothing to judge." : "The first iterations will be judged here."}
      </p>
    );
  }
  return (
    <div class="healthy">
      <Icon name="good" className="severity good" />
      <div>
        <p class="finding-title">Everything looks healthy.</p>
        <p class="quiet">
          {formatCount(history.iteration)} iterations judged: gradients reach every layer, updates have a sensible size,
          and the loss does what it should.
        </p>
      </div>
    </div>
  );
}

function FindingsTable({ findings }: { readonly findings: readonly FindingEvent[] }): JSX.Element {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Findings as a table">
      <table>
        <caption class="unseen">Findings, the most severe first</caption>
        <thead>
          <tr>
            {["Severity", "Finding", "Layer", "Evidence", "What to do"].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {findings.map((finding) => (
            <tr key={findingKey(finding)}>
              <td>{finding.severity}</td>
              <th scope="row">{finding.message}</th>
              <td>{finding.layer ?? "–"}</td>
              <td>{finding.evidence?.map(({ label, value }) => `${label} ${value}`).join("; ") ?? "–"}</td>
              <td>{finding.remedy ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {findings.length === 0 && <p class="quiet">No findings.</p>}
    </div>
  );
}

function countText(findings: readonly FindingEvent[]): string {
  const count = (severity: FindingEvent["severity"], one: string, many: string): string[] => {
    const number = findings.filter((finding) => finding.severity === severity).length;
    return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
  };
  return [
    ...count("error", "error", "errors"),
    ...count("warning", "warning", "warnings"),
    ...count("information", "note", "notes"),
  ].join(", ");
}
