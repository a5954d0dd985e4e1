/** The colours of the editor's theme for what is drawn on canvases: read from the page, and read again when the theme changes. */
import { useEffect, useState } from "preact/hooks";
import { cssOf, packed, parseColour, ramp, withAlpha, type Colour } from "./charts/colour";

export interface Theme {
  readonly kind: "light" | "dark" | "contrast-dark" | "contrast-light";
  readonly foreground: string;
  readonly background: string;
  readonly muted: string;
  /** Lines that help the eye, fainter than any mark. */
  readonly grid: string;
  readonly border: string;
  readonly focus: string;
  /** Fill and edge of the healthy band. */
  readonly band: string;
  readonly bandEdge: string;
  readonly good: string;
  readonly error: string;
  readonly warning: string;
  readonly information: string;
  /** Runs and metrics, in order. */
  readonly series: readonly string[];
  /** From the least value to the greatest, for CSS and canvas strokes. */
  readonly ramp: readonly string[];
  /** The same as pixels of an `ImageData`. */
  readonly rampPixels: Uint32Array;
  readonly font: string;
}

/** The theme's colours; the component renders again when the user changes the theme. */
export function useTheme(): Theme {
  const [theme, setTheme] = useState(current);
  useEffect(() => {
    const listener = (): void => setTheme(current());
    listeners.add(listener);
    listener();
    return () => void listeners.delete(listener);
  }, []);
  return theme;
}

const listeners = new Set<() => void>();
let cached: Theme | undefined;

function current(): Theme {
  if (cached) return cached;
  if (listeners.size === 0) observe();
  return (cached = readTheme());
}

let observing = false;

/** VS Code changes the body's class and the variables on the root element, in whichever order. */
function observe(): void {
  if (observing) return;
  observing = true;
  const observer = new MutationObserver(() => {
    cached = undefined;
    for (const listener of [...listeners]) listener();
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ["class", "data-vscode-theme-kind"] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
}

function readTheme(): Theme {
  const style = getComputedStyle(document.body);
  const classes = document.body.classList;
  const kind = classes.contains("vscode-high-contrast-light")
    ? "contrast-light"
    : classes.contains("vscode-high-contrast")
      ? "contrast-dark"
      : classes.contains("vscode-light")
        ? "light"
        : "dark";
  const light = kind === "light" || kind === "contrast-light";
  const contrast = kind === "contrast-dark" || kind === "contrast-light";
  const ink = parsed(light ? "#1f1f1f" : "#cccccc");
  const colour = (names: readonly string[], or: Colour): Colour => {
    for (const name of names) {
      const found = parseColour(style.getPropertyValue(`--vscode-${name}`));
      if (found && found.alpha > 0) return found;
    }
    return or;
  };
  const foreground = colour(["foreground", "editor-foreground"], ink);
  const background = colour(["editor-background"], parsed(light ? "#ffffff" : "#1f1f1f"));
  // Some themes give chart colours that let the background through, as they were made to mark text: a thin line would vanish.
  const chart = (name: string): Colour => withAlpha(colour([`charts-${name}`], foreground), 1);
  const good = chart("green");
  const [least, most] = light ? [0.95, contrast ? 0.25 : 0.33] : [contrast ? 0.2 : 0.3, contrast ? 0.97 : 0.92];
  const hues = light
    ? [chart("yellow"), chart("green"), chart("blue"), chart("purple")]
    : [chart("purple"), chart("blue"), chart("green"), chart("yellow")];
  const steps = ramp(hues, least, most);
  return {
    kind,
    foreground: cssOf(foreground),
    background: cssOf(background),
    muted: cssOf(colour(["descriptionForeground"], foreground)),
    grid: cssOf(withAlpha(foreground, contrast ? 0.35 : 0.12)),
    border: cssOf(colour(["contrastBorder", "panel-border", "widget-border"], withAlpha(foreground, 0.25))),
    focus: cssOf(colour(["focusBorder"], foreground)),
    band: cssOf(withAlpha(good, contrast ? 0.22 : 0.14)),
    bandEdge: cssOf(withAlpha(good, contrast ? 1 : 0.55)),
    good: cssOf(good),
    error: cssOf(colour(["editorError-foreground", "errorForeground", "charts-red"], foreground)),
    warning: cssOf(colour(["editorWarning-foreground", "charts-yellow"], foreground)),
    information: cssOf(colour(["editorInfo-foreground", "charts-blue"], foreground)),
    series: ["blue", "orange", "green", "purple", "red", "yellow"].map((name) => cssOf(chart(name))),
    ramp: steps.map(cssOf),
    rampPixels: packed(steps),
    font: style.getPropertyValue("--vscode-font-family") || "sans-serif",
  };
}

function parsed(css: string): Colour {
  return parseColour(css) ?? { red: 0.5, green: 0.5, blue: 0.5, alpha: 1 };
}
