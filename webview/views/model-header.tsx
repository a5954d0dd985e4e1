/** Which model file this is, whether what is drawn is of its newest text, and what it amounts to. */
import type { JSX } from "preact";
import { baseName, formatBytes, formatCount, formatShort } from "../format";
import { post } from "../host";
import { countIssues, type IssueCounts } from "../model/edited";
import type { ModelView } from "../protocol";
import { Button, Link, ProgressRing } from "../ui";
import { Icon, type IconName } from "./icons";

export function ModelHeader({ view }: { readonly view: ModelView }): JSX.Element {
  const counts = countIssues(view.issues);
  return (
    <header class="header model-header">
      <div class="header-top">
        <h1 class="model-name">
          <button
            type="button"
            class="link"
            title={view.file}
            aria-label={`Open ${view.file}`}
            onClick={() => post({ type: "open", file: view.path, line: 1, of: "model" })}
          >
            {baseName(view.file)}
          </button>
        </h1>
        <ModelState view={view} counts={counts} />
        {view.state === "stale" ? <StaleMessage view={view} /> : <Counts counts={counts} />}
        <span class="spring" />
        <Button
          appearance="primary"
          icon={<Icon name="play" />}
          label={
            view.state === "untrusted" ? "Train Model: not in a workspace that is not trusted" : "Train this model"
          }
          disabled={view.state === "untrusted"}
          onClick={() => post({ type: "command", command: "train" })}
        >
          Train
        </Button>
      </div>
      <Totals view={view} />
      <Message view={view} />
    </header>
  );
}

const STATES: Readonly<Record<ModelView["state"], { readonly text: string; readonly icon: IconName | null }>> = {
  checking: { text: "Checking", icon: null },
  ready: { text: "Up to date", icon: "good" },
  stale: { text: "Of an earlier text", icon: "warning" },
  failed: { text: "Cannot be read", icon: "error" },
  untrusted: { text: "Not trusted", icon: "warning" },
};

function ModelState({ view, counts }: { readonly view: ModelView; readonly counts: IssueCounts }): JSX.Element {
  const { text, icon } = STATES[view.state];
  // Mistakes are told beside it: nothing that has them is green.
  const isGood = view.state === "ready" && counts.errors === 0;
  return (
    <span class={`state model-${view.state}${isGood ? " good" : ""}`}>
      {icon ? <Icon name={icon} /> : <ProgressRing label={text} />}
      {text}
    </span>
  );
}

function Counts({ counts: { errors, warnings, notes } }: { readonly counts: IssueCounts }): JSX.Element | null {
  const all = [
    ["error", errors],
    ["warning", warnings],
    ["information", notes],
  ] as const;
  if (errors + warnings + notes === 0) return null;
  return (
    <span class="issue-counts">
      {all.map(([severity, count]) =>
        count === 0 ? null : (
          <span key={severity} class="issue-count">
            <Icon name={severity} className={`severity ${severity}`} />
            {count} {words(severity, count)}
          </span>
        ),
      )}
    </span>
  );
}

function words(severity: "error" | "warning" | "information", count: number): string {
  const one = severity === "information" ? "note" : severity;
  return count === 1 ? one : `${one}s`;
}

function Totals({ view: { totals, layers } }: { readonly view: ModelView }): JSX.Element | null {
  if (!totals) return null;
  const { parameters, frozen, multiplyAdds, bytes } = totals;
  return (
    <dl class="figures">
      <Figure label="Parameters" value={formatShort(parameters)} title={`${formatCount(parameters)} trainable`} />
      {frozen > 0 && <Figure label="Frozen" value={formatShort(frozen)} title={`${formatCount(frozen)} not trained`} />}
      <Figure
        label="Multiply-adds"
        value={multiplyAdds === null ? "unknown" : formatShort(multiplyAdds)}
        title={
          multiplyAdds === null
            ? "Some sizes are not known"
            : `${formatCount(multiplyAdds)} in one forward pass, for one example`
        }
      />
      <Figure
        label="Memory"
        value={bytes === null ? "unknown" : formatBytes(bytes)}
        title={
          bytes === null
            ? "Some sizes are not known"
            : `${formatCount(bytes)} bytes of results in one forward pass, for one example`
        }
      />
      <Figure label="Layers" value={formatCount(layers.length)} title="Calls of layers in the model's forward pass" />
    </dl>
  );
}

interface FigureProps {
  readonly label: string;
  readonly value: string;
  readonly title: string;
}

function Figure({ label, value, title }: FigureProps): JSX.Element {
  return (
    <div class="figure" title={title}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** In one line beside the state: it comes and goes as one types, and must not move what is below. */
function StaleMessage({ view: { message, line, path, file } }: { readonly view: ModelView }): JSX.Element {
  const text = message ?? "The text cannot be read.";
  const place = line === null ? baseName(file) : `${baseName(file)}:${line}`;
  return (
    <button
      type="button"
      class="link stale-message"
      title={`${text}\nWhat is drawn is of the last text that could be read.`}
      aria-label={`${text}. Open ${place}`}
      onClick={() => post({ type: "open", file: path, line: line ?? 1, of: "model" })}
    >
      {text}
    </button>
  );
}

/** Why there is nothing to draw. */
function Message({ view }: { readonly view: ModelView }): JSX.Element | null {
  const { state, message, line, path } = view;
  if (state === "untrusted") {
    return (
      <div class="failure mild">
        <Icon name="warning" className="severity warning" />
        <div>
          <b>This workspace is not trusted.</b>
          <p>
            {message ?? "A model file is a program: to check it is to run it. Trust the workspace to see its network."}
          </p>
          <span class="controls">
            <Button onClick={() => post({ type: "command", command: "trust" })}>Manage Workspace Trust</Button>
          </span>
        </div>
      </div>
    );
  }
  if (state !== "failed") return null;
  const place = line === null ? null : `${baseName(view.file)}:${line}`;
  return (
    <div class="failure">
      <Icon name="error" className="severity error" />
      <div>
        <b>The model cannot be read.</b>
        {message !== null && <pre>{message}</pre>}
        {place !== null && (
          <p>
            <Link
              label={`Open ${place}`}
              onClick={() => post({ type: "open", file: path, line: line ?? 1, of: "model" })}
            >
              {place}
            </Link>
          </p>
        )}
      </div>
    </div>
  );
}
