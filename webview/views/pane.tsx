/** A part of the training tab or of the model's face with its heading, a switch between picture and table, and one that gives it all the room. */
import type { ComponentChildren, JSX } from "preact";
import type { Pane as PaneName } from "../preferences";
import { setPreferences, usePreferences } from "../store";
import { Button } from "../ui";
import { Icon } from "./icons";

export interface PaneProps {
  readonly name: PaneName;
  readonly title: string;
  /** Beside the title. */
  readonly note?: ComponentChildren;
  /** Controls of the pane's own. */
  readonly controls?: ComponentChildren;
  /** Marks what is of an earlier text. */
  readonly old?: boolean;
  /** Shown in place of the children where the user asks for it. */
  readonly table?: () => JSX.Element;
  readonly children: ComponentChildren;
}

export function Pane({ name, title, note, controls, old = false, table, children }: PaneProps): JSX.Element {
  const { tables, maximized } = usePreferences();
  const tabular = table !== undefined && tables.includes(name);
  const isMaximized = maximized === name;
  return (
    <section class={`pane pane-${name}${old ? " old" : ""}`} aria-labelledby={`pane-${name}`}>
      <header class="pane-head">
        <h2 id={`pane-${name}`}>{title}</h2>
        {note !== undefined && <span class="note">{note}</span>}
        {old && <span class="old-sign">earlier text</span>}
        <span class="spring" />
        {table && (
          <Button
            appearance="icon"
            pressed={tabular}
            label={tabular ? `${title}: show the picture` : `${title}: show as table`}
            icon={<Icon name={tabular ? "chart" : "table"} />}
            onClick={() => setPreferences({ tables: toggled(tables, name) })}
          />
        )}
        <Button
          appearance="icon"
          pressed={isMaximized}
          label={isMaximized ? `${title}: show beside the others` : `${title}: use all the room`}
          icon={<Icon name={isMaximized ? "restore" : "maximize"} />}
          onClick={() => setPreferences({ maximized: isMaximized ? null : name })}
        />
      </header>
      {controls !== undefined && <div class="pane-controls">{controls}</div>}
      <div class="pane-body">{tabular ? table() : children}</div>
    </section>
  );
}

function toggled<T>(list: readonly T[], item: T): readonly T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
}

export interface SegmentsProps<T extends string> {
  readonly label: string;
  readonly name: string;
  readonly value: T;
  readonly choices: readonly { readonly value: T; readonly text: string; readonly hint?: string }[];
  readonly onChange: (value: T) => void;
}

/** One of a few, all in sight: radio buttons, so that the arrow keys move between them. */
export function Segments<T extends string>({ label, name, value, choices, onChange }: SegmentsProps<T>): JSX.Element {
  return (
    <div class="segments" role="radiogroup" aria-label={label}>
      {choices.map((choice) => (
        <label key={choice.value} class={choice.value === value ? "chosen" : ""} title={choice.hint}>
          <input
            type="radio"
            name={name}
            value={choice.value}
            checked={choice.value === value}
            onChange={() => onChange(choice.value)}
          />
          {choice.text}
        </label>
      ))}
    </div>
  );
}
