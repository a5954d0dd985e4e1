import type { Device, DeviceFigures, ParameterCheck, RateResult } from "../../engine/api/host";
import { shortNumber } from "../format";
import { shortRate } from "./rate-edit";

/** The comparison with central differences as a page of Markdown. */
export function gradientTable(name: string, reports: readonly ParameterCheck[]): string {
  const failed = reports.filter(({ passed }) => !passed).length;
  const verdict =
    failed === 0
      ? "All gradients agree."
      : `${failed} of ${reports.length} ${reports.length === 1 ? "gradient differs" : "gradients differ"}.`;
  const rows = reports.map(({ name: parameter, shape, line, checked, error, passed, worst }) => [
    passed ? "agrees" : "**differs**",
    code(parameter),
    line === null ? "" : String(line),
    `[${shape.join(", ")}]`,
    String(checked),
    exponential(error),
    `[${worst.index.join(", ")}]`,
    shortNumber(worst.analytic),
    shortNumber(worst.numeric),
  ]);
  return page(`Gradients of ${name}`, [
    `${verdict} Each parameter's gradient of the loss on a small batch, from backpropagation, is compared with the central difference (J(θ + ε) − J(θ − ε)) / 2ε in float64. The error is |difference| / max(1, |gradient|); up to 1e-6 it agrees.`,
    table(
      ["", "parameter", "line", "shape", "elements", "error", "worst at", "backpropagation", "central difference"],
      rows,
    ),
    failed === 0
      ? ""
      : "A gradient that differs comes from a `customFunction` whose backward does not fit its forward, or from a point where the loss has a kink (ReLU at exactly 0).",
  ]);
}

/** The learning-rate range test as a page of Markdown. */
export function rateTable(name: string, { points, suggestion, current }: RateResult): string {
  const finite = points.filter(({ loss }) => Number.isFinite(loss));
  const step = Math.max(1, Math.ceil(finite.length / 40));
  const shown = finite.filter((_, i) => i % step === 0);
  const losses = shown.map(({ loss }) => loss);
  const least = Math.min(...losses);
  // Where the loss blows up, its bars all have the full length: what matters is how it falls before.
  const most = Math.max(least, Math.min(Math.max(...losses), 1.25 * (losses[0] ?? 0)));
  const closest = shown.reduce<number>(
    (best, { rate }, i) =>
      suggestion !== null &&
      Math.abs(Math.log(rate / suggestion)) < Math.abs(Math.log((shown[best]?.rate ?? 1) / suggestion))
        ? i
        : best,
    0,
  );
  const rows = shown.map(({ rate, loss }, i) => [
    shortRate(rate),
    shortNumber(loss),
    "▇".repeat(1 + Math.round((15 * (Math.min(loss, most) - least)) / (most - least || 1))),
    suggestion !== null && i === closest ? "**suggested**" : "",
  ]);
  return page(`Learning rate of ${name}`, [
    suggestion === null
      ? "The loss fell at no learning rate."
      : `The loss falls fastest near **${shortRate(suggestion)}**. The file says ${shortRate(current)}.`,
    "From a tiny rate on, the rate grows a little with each iteration until the loss blows up (L. Smith 2017, *Cyclical learning rates*). A good rate lies where the loss falls steeply, well before it rises.",
    shown.length === 0 ? "" : table(["learning rate", "loss", "", ""], rows),
  ]);
}

/** How fast each device trains a model, as a page of Markdown. */
export function deviceTable(name: string, devices: readonly DeviceFigures[], batchSize: number | null): string {
  const rows = devices.map(({ device, name: called, lacking, milliseconds }) => [
    device === "cpu" ? "CPU" : "GPU",
    milliseconds === null ? "" : `${shortNumber(milliseconds)} ms`,
    milliseconds === null || batchSize === null ? "" : shortNumber((1000 * batchSize) / milliseconds),
    called ?? lacking ?? "",
  ]);
  return page(`Devices for ${name}`, [
    deviceVerdict(devices).text,
    "Each device trained the model from its initial weights for a moment; the time is the median from one update to the next.",
    table(["device", "time of an update", "examples a second", ""], rows),
  ]);
}

/** Less of a difference than this is none. */
const WORTH_CHANGING = 1.1;

/** Which device is best for a model, null where it makes no difference or nothing was measured. */
export function deviceVerdict(devices: readonly DeviceFigures[]): {
  readonly text: string;
  readonly best: Device | null;
} {
  const timeOf = (device: Device): number | null =>
    devices.find((each) => each.device === device)?.milliseconds ?? null;
  const [cpu, gpu] = [timeOf("cpu"), timeOf("webgpu")];
  if (cpu === null) return { text: "Nothing was measured.", best: null };
  if (gpu === null) {
    const reason = devices.find(({ device }) => device === "webgpu")?.lacking;
    return { text: `There is the CPU alone${reason ? `: ${reason}` : ""}.`, best: "cpu" };
  }
  const [fast, slow, best] = gpu < cpu ? ([gpu, cpu, "webgpu"] as const) : ([cpu, gpu, "cpu"] as const);
  if (slow / fast < WORTH_CHANGING) return { text: "The CPU and the GPU are about equally fast.", best: null };
  const [winner, loser] = best === "cpu" ? ["CPU", "GPU"] : ["GPU", "CPU"];
  return { text: `The ${winner} trains it ${(slow / fast).toFixed(1)} times as fast as the ${loser}.`, best };
}

function page(title: string, parts: readonly string[]): string {
  return `# ${title}\n\n${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "")}\``;
}

function exponential(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}
