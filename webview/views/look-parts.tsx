/** What the views that ask have in common: a heading, a switch to the table, and words where there is nothing to draw. */
import "./looks.css";
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { Button, ProgressRing } from "../ui";
import { Icon } from "./icons";

export interface ViewProps {
  /** Part of element ids: `network`. */
  readonly name: string;
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly controls?: ComponentChildren;
  /** The same in words and numbers. */
  readonly table?: () => JSX.Element;
  readonly children: ComponentChildren;
}

/** Which views show their table: kept while the panel lives, whichever tab is in sight. */
const tabular = new Set<string>();

export function View({ name, title, note, controls, table, children }: ViewProps): JSX.Element {
  const [asTable, setAsTable] = useState(tabular.has(name));
  const toggle = (): void => {
    if (asTable) tabular.delete(name);
    else tabular.add(name);
    setAsTable(!asTable);
  };
  return (
    <section class={`look look-${name}`} aria-labelledby={`look-${name}`}>
      <header class="look-head">
        <h2 id={`look-${name}`}>{title}</h2>
        {note !== undefined && <span class="note">{note}</span>}
        <span class="spring" />
        {controls}
        {table && (
          <Button
            appearance="icon"
            pressed={asTable}
            label={asTable ? `${title}: show the picture` : `${title}: show as table`}
            icon={<Icon name={asTable ? "chart" : "table"} />}
            onClick={toggle}
          />
        )}
      </header>
      <div class="look-body">{asTable && table ? table() : children}</div>
    </section>
  );
}

/** In place of a picture that is not there (yet). */
export function Waiting({ reason, what }: { readonly reason: string | null; readonly what: string }): JSX.Element {
  if (reason !== null) return <p class="look-nothing">{reason}</p>;
  return (
    <p class="look-nothing" role="status">
      <ProgressRing label={`Waiting for ${what}`} /> Waiting for {what}. A run answers between two iterations.
    </p>
  );
}

/** Below a picture that could not be brought up to date. */
export function Stale({ reason }: { readonly reason: string | null }): JSX.Element | null {
  return reason === null ? null : <p class="look-stale">This is the last answer. {reason}</p>;
}

export function ScrolledTable(props: { readonly label: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={props.label}>
      <table>{props.children}</table>
    </div>
  );
}
