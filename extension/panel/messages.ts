import type { FromPanel, PanelState } from "../../webview/protocol";

/** A message of the panel as it was meant, or null: what comes from a page is not taken on trust. */
export function readMessage(value: unknown): FromPanel | null {
  if (typeof value !== "object" || value === null) return null;
  const message = value as Readonly<Record<string, unknown>>;
  const text = (name: string): boolean => typeof message[name] === "string";
  const sound = ((): boolean => {
    switch (message.type) {
      case "ready":
        return true;
      case "show":
      case "pause":
      case "resume":
      case "stop":
      case "again":
      case "continue":
      case "delete":
        return text("run");
      case "compare":
        return isTexts(message.runs);
      case "look":
        return text("run") && Number.isInteger(message.ticket) && isLook(message.look);
      case "open":
        return text("file") && Number.isInteger(message.line) && (message.of === "model" || message.of === "run");
      case "command":
        return ["train", "new", "log", "trust"].includes(message.command as string);
      case "problem":
        return text("message");
      default:
        return false;
    }
  })();
  if (!sound) return null;
  return message.type === "ready" ? { type: "ready", state: readState(message.state) } : (value as FromPanel);
}

/** What the panel had saved; of another version or in pieces it counts as nothing. */
export function readState(value: unknown): PanelState | null {
  if (typeof value !== "object" || value === null) return null;
  const { run, compared } = value as Partial<PanelState>;
  return { run: typeof run === "string" ? run : null, compared: isTexts(compared) ? compared : [] };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

const LOOKS = ["histogram", "weights", "features", "confusion", "boundary", "network"];

function isLook(value: unknown): boolean {
  return typeof value === "object" && value !== null && LOOKS.includes((value as { kind?: unknown }).kind as string);
}
