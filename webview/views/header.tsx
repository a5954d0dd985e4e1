/** Which run this is, what can be done with it, and how far it is. */
import type { JSX } from "preact";
import {
  baseName,
  describeEnd,
  formatCount,
  formatDuration,
  formatNumber,
  formatShort,
  formatWhen,
  STATE_NAMES,
} from "../format";
import { post } from "../host";
import { headline, progressOf } from "../progress";
import type { RunHistory, RunState, RunSummary } from "../protocol";
import { Button, Dropdown, ProgressRing } from "../ui";
import { Icon, type IconName } from "./icons";

export interface HeaderProps {
  readonly runs: readonly RunSummary[];
  readonly run: string;
  readonly history: RunHistory;
}

export function Header({ runs, run, history }: HeaderProps): JSX.Element {
  const summary = runs.find(({ id }) => id === run);
  return (
    <header class="header">
      <div class="header-top">
        <h1 class="unseen">Training run</h1>
        <Dropdown
          label="Run"
          value={run}
          choices={choicesOf(runs, run)}
          onChange={(chosen) => post({ type: "show", run: chosen })}
        />
        <StateBadge state={history.state} />
        <span class="spring" />
        <Controls run={run} state={history.state} resumable={summary?.resumable ?? false} />
      </div>
      <Progress history={history} />
      <Figures history={history} />
      {history.failure !== null && <Failure run={run} failure={history.failure} epochs={history.epochs.length} />}
    </header>
  );
}

const PURPOSES = { train: "", overfit: " · one batch", rate: " · rate search", debug: " · debugged" };

/** How a run is called in lists: file, purpose and time. */
export function runName(run: RunSummary, now: number): string {
  return `${baseName(run.file)}${PURPOSES[run.purpose]} · ${formatWhen(run.started, now)}`;
}

function choicesOf(runs: readonly RunSummary[], run: string): { value: string; text: string }[] {
  const now = Date.now();
  const choices = runs.map((each) => ({ value: each.id, text: runName(each, now) }));
  // A run may be shown before the list of runs tells of it.
  return choices.some(({ value }) => value === run) ? choices : [{ value: run, text: run }, ...choices];
}

const STATE_ICONS: Readonly<Record<RunState, IconName | null>> = {
  starting: null,
  running: "play",
  paused: "pause",
  stopping: null,
  ended: "good",
  failed: "error",
};

export function StateBadge({ state }: { readonly state: RunState }): JSX.Element {
  const icon = STATE_ICONS[state];
  return (
    <span class={`state state-${state}`}>
      {icon ? <Icon name={icon} /> : <ProgressRing label={STATE_NAMES[state]} />}
      {STATE_NAMES[state]}
    </span>
  );
}

interface ControlsProps {
  readonly run: string;
  readonly state: RunState;
  readonly resumable: boolean;
}

function Controls({ run, state, resumable }: ControlsProps): JSX.Element {
  const over = state === "ended" || state === "failed";
  return (
    <span class="controls" role="group" aria-label="Run">
      {state === "paused" && (
        <Button
          key="resume"
          appearance="primary"
          icon={<Icon name="play" />}
          onClick={() => post({ type: "resume", run })}
        >
          Resume
        </Button>
      )}
      {(state === "running" || state === "starting") && (
        <Button
          key="pause"
          icon={<Icon name="pause" />}
          disabled={state === "starting"}
          onClick={() => post({ type: "pause", run })}
        >
          Pause
        </Button>
      )}
      {!over && (
        <Button
          key="stop"
          icon={<Icon name="stop" />}
          disabled={state === "stopping"}
          onClick={() => post({ type: "stop", run })}
        >
          Stop
        </Button>
      )}
      {over && resumable && (
        <Button
          key="continue"
          icon={<Icon name="continue" />}
          label="Go on from the last checkpoint of this run"
          onClick={() => post({ type: "continue", run })}
        >
          Continue
        </Button>
      )}
      {over && (
        <Button
          key="again"
          appearance="primary"
          icon={<Icon name="again" />}
          label="Train the model anew, as its file is now"
          onClick={() => post({ type: "again", run })}
        >
          Train Again
        </Button>
      )}
    </span>
  );
}

function Progress({ history }: { readonly history: RunHistory }): JSX.Element {
  const { done, iterations, epochs, epoch, secondsLeft } = progressOf(history);
  const text =
    history.start === null
      ? history.state === "failed"
        ? "It ended before its first iteration"
        : "Loading the model and its data"
      : `Epoch ${formatCount(epoch)} of ${formatCount(epochs)} · iteration ${formatCount(history.iteration)} of ${formatCount(iterations)}`;
  return (
    <div class="progress">
      <div
        class="progress-track"
        role="progressbar"
        aria-label="Progress of the training"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(done * 100)}
        aria-valuetext={text}
      >
        <div class={`progress-bar state-${history.state}`} style={{ width: `${done * 100}%` }} />
      </div>
      <span class="progress-text">{text}</span>
      <span class="progress-rest">
        {history.end
          ? describeEnd(history.end)
          : secondsLeft === null
            ? ""
            : `about ${formatDuration(secondsLeft)} left`}
      </span>
    </div>
  );
}

function Figures({ history }: { readonly history: RunHistory }): JSX.Element {
  const { start } = history;
  return (
    <dl class="figures">
      {headline(history).map(({ label, value }) => (
        <div key={label} class="figure main">
          <dt>{label}</dt>
          <dd>{formatNumber(value)}</dd>
        </div>
      ))}
      <div class="figure">
        <dt>Samples / s</dt>
        <dd>{history.examplesPerSecond > 0 ? formatCount(history.examplesPerSecond) : "–"}</dd>
      </div>
      <div class="figure">
        <dt>Learning rate</dt>
        <dd>{history.learningRate > 0 ? formatNumber(history.learningRate, 3) : "–"}</dd>
      </div>
      {start && (
        <>
          <div class="figure">
            <dt>Optimizer</dt>
            <dd>{start.optimizer}</dd>
          </div>
          <div class="figure">
            <dt>Parameters</dt>
            <dd title={formatCount(start.parameters)}>{formatShort(start.parameters)}</dd>
          </div>
          <div class="figure">
            <dt>Data</dt>
            <dd
              title={`${formatCount(start.examples)} examples, ${formatCount(start.validationExamples)} for validation`}
            >
              {start.data}
            </dd>
          </div>
          <div class="figure">
            <dt>Device</dt>
            <dd title={start.device}>{start.device.split(" (")[0]}</dd>
          </div>
        </>
      )}
    </dl>
  );
}

interface FailureProps {
  readonly run: string;
  readonly failure: string;
  readonly epochs: number;
}

function Failure({ run, failure, epochs }: FailureProps): JSX.Element {
  return (
    <div class="failure" role="alert">
      <Icon name="error" className="severity error" />
      <div>
        <b>The run failed.</b>
        <pre>{failure}</pre>
        <p class="quiet">
          {epochs > 0 && "Finished epochs are kept. "}
          Correct the model file, then train again; the log has the details.
        </p>
        <span class="controls">
          <Button icon={<Icon name="again" />} onClick={() => post({ type: "again", run })}>
            Train Again
          </Button>
          <Button onClick={() => post({ type: "command", command: "log" })}>Show Log</Button>
        </span>
      </div>
    </div>
  );
}
