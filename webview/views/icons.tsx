/** Icons, drawn here since a webview has no icon font: 16 × 16, in the colour of the text around them. */
import type { JSX } from "preact";

export type IconName =
  | "error"
  | "warning"
  | "information"
  | "good"
  | "chevron"
  | "play"
  | "pause"
  | "stop"
  | "again"
  | "continue"
  | "table"
  | "chart"
  | "maximize"
  | "restore"
  | "delete"
  | "open"
  | "add";

/** Says nothing to a screen reader: whoever uses it says in words what it means. */
export function Icon({ name, className }: { readonly name: IconName; readonly className?: string }): JSX.Element {
  return (
    <svg
      class={className ? `icon ${className}` : "icon"}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
      focusable="false"
      fill="none"
      stroke="currentColor"
      stroke-width="1.3"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {SHAPES[name]}
    </svg>
  );
}

// Error is a circle, a warning a triangle, information a square with round corners: they differ in form too.
const SHAPES: Readonly<Record<IconName, JSX.Element>> = {
  error: (
    <>
      <circle cx="8" cy="8" r="6.2" />
      <path d="M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6" />
    </>
  ),
  warning: <path d="M8 1.9 14.6 13.6H1.4zM8 6.2v3.6M8 11.6v.1" />,
  information: (
    <>
      <rect x="2" y="2" width="12" height="12" rx="3" />
      <path d="M8 7.3v3.9M8 4.8v.1" />
    </>
  ),
  good: (
    <>
      <circle cx="8" cy="8" r="6.2" />
      <path d="M5 8.2l2.1 2.1L11 6" />
    </>
  ),
  chevron: <path d="M6 3.5 10.5 8 6 12.5" />,
  play: <path d="M4.5 2.8v10.4L13 8z" fill="currentColor" />,
  pause: <path d="M5.3 3v10M10.7 3v10" stroke-width="2.4" />,
  stop: <rect x="3.5" y="3.5" width="9" height="9" rx="1" fill="currentColor" />,
  again: <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.2v2.7h-2.7" />,
  continue: <path d="M3 3v10M6.5 3.4v9.2L13.6 8z" />,
  table: <path d="M2 3h12v10H2zM2 6.3h12M2 9.7h12M6.5 3v10" />,
  chart: <path d="M2 2v12h12M4.5 11l3-4 2.5 2L14 4" />,
  maximize: <path d="M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5 9 7M2.5 13.5 7 9" />,
  restore: <path d="M13.5 6.5h-4v-4M2.5 9.5h4v4M9.5 6.5 14 2M6.5 9.5 2 14" />,
  delete: <path d="M2.5 4.2h11M6 4V2.5h4V4M4 4.2l.7 9.3h6.6l.7-9.3M6.7 6.8v4M9.3 6.8v4" />,
  open: <path d="M9 2.5h4.5V7M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4" />,
  add: <path d="M8 3v10M3 8h10" />,
};
