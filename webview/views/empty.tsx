/** The panel before there is anything to draw: what it will show, and how to come there. */
import type { JSX } from "preact";
import { post } from "../host";
import { Button, ProgressRing } from "../ui";
import { Icon } from "./icons";

export function Connecting(): JSX.Element {
  return (
    <main class="empty">
      <ProgressRing label="Loading the runs" />
    </main>
  );
}

export function NoRun(): JSX.Element {
  return (
    <main class="empty">
      <Sketch />
      <h1>No training yet</h1>
      <p>
        Open a model file (<code>*.nn.ts</code>) and train it: loss curves, the gradient of every layer and what is
        wrong with them appear here while it runs.
      </p>
      <span class="controls">
        <Button
          appearance="primary"
          icon={<Icon name="play" />}
          onClick={() => post({ type: "command", command: "train" })}
        >
          Train Model
        </Button>
        <Button icon={<Icon name="add" />} onClick={() => post({ type: "command", command: "new" })}>
          New Model from Template
        </Button>
      </span>
    </main>
  );
}

/** Rows of a gradient flow within their band. */
export function Sketch(): JSX.Element {
  const marks = [62, 70, 66, 78, 84, 80];
  return (
    <svg class="sketch" viewBox="0 0 220 120" width="220" height="120" aria-hidden="true" focusable="false">
      <rect class="sketch-band" x="48" y="2" width="56" height="116" rx="3" />
      <polyline class="sketch-line" points={marks.map((x, i) => `${x},${14 + i * 18.5}`).join(" ")} />
      {marks.map((x, i) => (
        <g key={i}>
          <rect class="sketch-name" x="2" y={11 + i * 18.5} width={20 + ((i * 13) % 17)} height="6" rx="3" />
          <circle class="sketch-mark" cx={x} cy={14 + i * 18.5} r="4.5" />
          {Array.from({ length: 12 }, (_, j) => (
            <rect
              key={j}
              class={`sketch-heat heat-${(i * 2 + j * 3 + ((i * j) % 4)) % 5}`}
              x={120 + j * 8}
              y={8.5 + i * 18.5}
              width="8"
              height="11"
            />
          ))}
        </g>
      ))}
    </svg>
  );
}
