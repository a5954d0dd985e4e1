import type { CheckReport } from "../../engine/api/host";
import { byteText, exactCount, roundCount } from "./amounts";

/** `100,480 parameters · 1.2 M multiply-adds · 12 KiB activations`: what is known of them; empty where nothing is. */
export function totalsText({ totals: { parameters, frozen, multiplyAdds, bytes } }: CheckReport): string {
  return [
    ...(parameters > 0 ? [`${exactCount(parameters)} ${parameters === 1 ? "parameter" : "parameters"}`] : []),
    ...(frozen > 0 ? [`${exactCount(frozen)} frozen`] : []),
    ...(multiplyAdds !== null && multiplyAdds > 0 && parameters + frozen > 0
      ? [`${roundCount(multiplyAdds)} multiply-${multiplyAdds === 1 ? "add" : "adds"}`]
      : []),
    ...(bytes !== null && bytes > 0 && parameters + frozen > 0 ? [`${byteText(bytes)} activations`] : []),
  ].join(" · ");
}

/** `1 error`, `2 errors`; empty where there is none. */
export function errorsText({ issues }: CheckReport): string {
  const errors = issues.filter(({ severity }) => severity === "error").length;
  return errors === 0 ? "" : `${errors} ${errors === 1 ? "error" : "errors"}`;
}
