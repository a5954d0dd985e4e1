import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatNumber, formatPercent, px } from "../format";
import type { FindingEvent, StartEvent } from "../protocol";
import { Histogram } from "./histogram";
import { Icon } from "./icons";
import { openLayer, placeText } from "./places";

export interface FlowRowProps {
  /** Null where there is nothing to look into. */
  readonly run: string | null;
  readonly layer: number;
  readonly info: StartEvent["layers"][number];
  readonly top: number;
  readonly height: number;
  /** Widths of the columns. */
  readonly columns: string;
  readonly width: number;
  readonly value: number | null;
  readonly fraction: boolean;
  /** Where the value lies relative to what is healthy; null where that cannot be said. */
  readonly side: "below" | "within" | "above" | null;
  readonly findings: readonly FindingEvent[] | undefined;
  readonly expanded: boolean;
  readonly focusable: boolean;
  readonly cursor: boolean;
  readonly onFocus: (layer: number) => void;
  readonly onExpand: (layer: number, open: boolean) => void;
  readonly onMeasure: (layer: number, height: number) => void;
}

const SIDES = { below: "below the healthy band", within: "in the healthy band", above: "above the healthy band" };

export function FlowRow(props: FlowRowProps): JSX.Element {
  const { run, layer, info, top, height, columns, width, value, fraction, side, findings, expanded, cursor } = props;
  const worst = findings?.[0];
  const place = placeText(info);
  const classes = ["flow-row", cursor ? "at-cursor" : "", worst ? `has-${worst.severity}` : ""]
    .filter(Boolean)
    .join(" ");
  const title = [`${info.name} · ${info.type}`, place, ...(findings ?? []).map((finding) => finding.message)];
  return (
    <>
      <div
        class={classes}
        role="row"
        aria-rowindex={layer + 2}
        aria-level={run === null ? undefined : 1}
        aria-expanded={run === null ? undefined : expanded}
        aria-selected={cursor}
        tabIndex={props.focusable ? 0 : -1}
        data-layer={layer}
        title={title.filter(Boolean).join("\n")}
        style={{ top: px(top), height: px(height), gridTemplateColumns: columns, width: px(width) }}
        onFocus={() => props.onFocus(layer)}
        onClick={() => openLayer(info)}
      >
        <span role="rowheader" class="flow-name">
          {run !== null && (
            <span
              class={expanded ? "twist open" : "twist"}
              title={expanded ? "Hide the histogram" : "Show how values are spread"}
              onClick={(event) => {
                event.stopPropagation();
                props.onExpand(layer, !expanded);
              }}
            >
              <Icon name="chevron" />
            </span>
          )}
          {worst && <Icon name={worst.severity} className={`severity ${worst.severity}`} />}
          {worst && <span class="unseen">{worst.severity}:</span>}
          <span class="path">
            <bdi>{info.name}</bdi>
          </span>
          <span class="type">{info.type}</span>
        </span>
        <span role="gridcell" class="unseen">
          {side ? SIDES[side] : ""}
        </span>
        <span role="gridcell" class={side === "below" || side === "above" ? "flow-value outside" : "flow-value"}>
          {fraction ? formatPercent(value) : formatNumber(value, 3)}
        </span>
      </div>
      {expanded && run !== null && (
        <Expansion layer={layer} top={top + height} width={width} name={info.name} onMeasure={props.onMeasure}>
          {findings?.map((finding) => (
            <p key={finding.code} class="flow-finding">
              <Icon name={finding.severity} className={`severity ${finding.severity}`} /> {finding.message}
            </p>
          ))}
          <Histogram run={run} layer={layer} />
        </Expansion>
      )}
    </>
  );
}

interface ExpansionProps {
  readonly layer: number;
  readonly top: number;
  readonly width: number;
  readonly name: string;
  readonly onMeasure: (layer: number, height: number) => void;
  readonly children: JSX.Element | (JSX.Element[] | JSX.Element | undefined)[];
}

/** Tells how high its content is, since the rows below must make room for it. */
function Expansion({ layer, top, width, name, onMeasure, children }: ExpansionProps): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const tell = useRef(onMeasure);
  tell.current = onMeasure;
  useLayoutEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => {
      tell.current(layer, Math.ceil(entry.borderBoxSize[0]?.blockSize ?? entry.contentRect.height));
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [layer]);
  return (
    <div class="flow-expansion" role="row" aria-level={2} ref={element} style={{ top: px(top), width: px(width) }}>
      <div role="gridcell" aria-label={`How values of ${name} are spread`}>
        {children}
      </div>
    </div>
  );
}
