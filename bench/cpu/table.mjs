/** The results as lines of text. */
import { geometricMean } from "./measure.mjs";

const TITLE = 36;
const CELL = 18;

export function header(list) {
  const [, ...peers] = list;
  const names = ["Backstep".padStart(10), "".padStart(12), ...peers.map(({ title }) => title.padStart(CELL))];
  const units = ["ms".padStart(10), "".padStart(12), ...peers.map(() => "ms    ratio".padStart(CELL))];
  return `\n${"".padEnd(TITLE)}${names.join("")}\n${"".padEnd(TITLE)}${units.join("")}`;
}

export function row({ title, task, operations, bytes, results }, list) {
  const [own, ...peers] = list.map(({ name }) => results[name]);
  const rate = own.ms === undefined ? "" : rateOf({ task, operations, bytes }, own.ms);
  const cells = peers.map((peer) => {
    if (peer.ms === undefined) return shortNote(peer.note).padStart(CELL);
    return `${number(peer.ms)} ${(peer.ratio === undefined ? "–" : `${fixed(peer.ratio)}×`).padStart(8)}`.padStart(
      CELL,
    );
  });
  const line = `${title.padEnd(TITLE)}${(own.ms === undefined ? "–" : number(own.ms)).padStart(10)}${rate.padStart(12)}${cells.join("")}`;
  const disturbed = list.filter(({ name }) => results[name].disturbed).map((each) => each.title);
  const notes = list.flatMap(({ name, title: who }) =>
    results[name].note === undefined ? [] : [`${who}: ${results[name].note}`],
  );
  if (disturbed.length > 0) notes.push(`disturbed by other work on this machine: ${disturbed.join(", ")}`);
  return [line, ...notes.map((note) => `    ${note}`)].join("\n");
}

/** What each contestant said of itself: version, kernels, threads. */
export function describeContestants(rows, list) {
  const known = list.flatMap(({ name, title }) => {
    const info = rows.map(({ results }) => results[name]?.info).find((text) => text !== undefined);
    return info === undefined ? [] : [`${title}: ${info}`];
  });
  return `\n${known.join(" · ")}`;
}

/** Geometric means of the ratios to each peer, and to the best peer written in JavaScript. */
export function describeMeans(rows, list) {
  const scripts = list.filter(({ isScript }) => isScript).map(({ name }) => name);
  const lines = [];
  for (const [kind, title] of [
    ["operation", "geometric mean, operations"],
    ["training", "geometric mean, training steps"],
  ]) {
    const own = rows.filter((each) => each.kind === kind && each.results.ours.ms !== undefined);
    const means = list.slice(1).map(({ name }) => meanText(own.flatMap(({ results }) => results[name].ratio ?? [])));
    if (means.some((text) => text !== "")) {
      lines.push(`${title.padEnd(TITLE + 22)}${means.map((text) => text.padStart(CELL)).join("")}`);
    }
  }
  const best = scripts.length < 2 ? [] : ["operation", "training"].flatMap((kind) => bestText(rows, kind, scripts));
  return [...(lines.length > 0 ? [""] : []), ...lines, ...best].join("\n");
}

/** How the engine does against the fastest peer written in JavaScript of each row. */
function bestText(rows, kind, scripts) {
  const least = rows.flatMap(({ kind: its, title, results }) => {
    const ratios = scripts.flatMap((name) => results[name]?.ratio ?? []);
    return its === kind && ratios.length > 0 ? [{ title, ratio: Math.min(...ratios) }] : [];
  });
  if (least.length === 0) return [];
  const worst = least.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  const what = kind === "operation" ? "operations" : "training steps";
  const mean = meanText(least.map(({ ratio }) => ratio));
  return [`best JavaScript peer, ${what}: geometric mean ${mean}, least ${fixed(worst.ratio)}× (${worst.title})`];
}

/** What only the engine is asked: layer figures, tracing, planning and memory of each training. */
export function describeFigures(rows) {
  const known = rows.filter(({ figures }) => figures !== undefined);
  if (known.length === 0) return "";
  const columns = ["kernels", "trace", "plan", "compile", "again", "needed", "used", "ratio", "statistics"];
  const lines = known.map(({ title, figures, results }) => {
    const { trace, plan, compile, traceAgain, planAgain, needed, used, kernels } = figures;
    const { ratio, disturbed } = results.statistics ?? {};
    const isRough = disturbed || results.ours.disturbed;
    const cells = [
      String(kernels),
      ...[trace, plan, compile, traceAgain + planAgain].map((ms) => `${number(ms)} ms`),
      ...[needed, used].map(mebibytes),
      fixed(used / needed),
      ratio === undefined ? "–" : `${isRough ? "~" : ""}${ratio >= 1 ? "+" : ""}${((ratio - 1) * 100).toFixed(1)} %`,
    ];
    return `${title.padEnd(TITLE)}${cells.map((cell) => cell.padStart(11)).join("")}`;
  });
  return [
    "",
    `${"The engine by itself".padEnd(TITLE)}${columns.map((name) => name.padStart(11)).join("")}`,
    ...lines,
    "trace, plan, compile: the first in a process; again: tracing and planning when the code is warm. needed: parameters,",
    "optimiser state, batch and live values of a step; used: buffers allocated. statistics: cost of every layer's figures,",
    "~ where other work on this machine disturbed it.",
  ].join("\n");
}

function rateOf({ task, operations, bytes }, ms) {
  if (operations !== undefined) return `${number(operations / ms / 1e6)} GF/s`;
  if (bytes !== undefined) return `${number(bytes / ms / 1e6)} GB/s`;
  if (task.op === "chain") return `${number((ms * 1000) / (2 * task.repeat))} µs/n`;
  return "";
}

function meanText(ratios) {
  return ratios.length === 0 ? "" : `${fixed(geometricMean(ratios))}×`;
}

/** Three digits that count. */
function number(value) {
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toPrecision(2);
}

function fixed(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function mebibytes(bytes) {
  return bytes >= 1e5 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 1024).toFixed(1)} KiB`;
}

function shortNote(note = "") {
  return note.startsWith("over ") ? note : note === "" ? "–" : "n/a";
}
