import type { Edit, Fix, Issue } from "../graph/issue";
import type { Range } from "../graph/site";
import { optionSite } from "../train/training";
import { type Workshop, operandRange } from "./operands";
import { type Sources, endOf, isNamespace, isPrimary, linesOf, textAt } from "./source-text";

/** Edits of the code itself: another name, an operation left out or put in, a line removed. */
export function rewrite(issue: Issue, workshop: Workshop): Fix[] {
  const { sources } = workshop;
  const { code, range, subject } = issue;
  if (!range) return [];
  switch (code) {
    case "export":
      return suggested(issue, range);
    case "softmax-loss":
      return /use logSoftmax/.test(issue.message) ? logarithmic(range, sources) : unwrap(issue, workshop);
    case "double-softmax":
      return unwrap(issue, workshop);
    case "plain-random":
      return [
        {
          title: "Use randomUniform([]), which draws anew in every iteration",
          edits: [{ range, text: "randomUniform([])" }, ...imported("randomUniform", range.file, sources)],
        },
      ];
    case "linear-chain":
      return subject ? activate(issue, workshop) : [];
    case "blocked-gradient":
      return smoother(range, sources);
    case "unused-parameter":
    case "dead-code":
      return removeStatement(
        range,
        sources,
        code === "dead-code" ? "Remove this unused line" : "Remove the unused layer",
      );
    case "axis":
      return changeArgument(issue, sources, /axis (-?\d+) does not exist/, () => "-1", "axis");
    case "index":
      return changeArgument(
        issue,
        sources,
        /index (-?\d+) does not exist .* to (-?\d+)$/,
        ([, , most]) => most,
        "index",
      );
    case "squeeze":
      return leaveOut(issue, sources);
    case "batch-norm-batch-1":
      return biggerBatch(workshop);
    case "reshape":
      return flattenInstead(issue, workshop);
    case "batch-mixing-reshape":
      return permuted(issue, workshop) ?? flattenInstead(issue, workshop);
    default:
      return [];
  }
}

/** "did you mean 'x'?" */
function suggested({ message }: Issue, range: Range): Fix[] {
  const [, name] = /did you mean '([^']+)'\?/.exec(message) ?? [];
  return name === undefined ? [] : [{ title: `Change to ${name}`, edits: [{ range, text: name }] }];
}

/** `softmax(x, 1)` and `x.softmax(1)` become `x`; an element of a Sequential goes with its comma. */
function unwrap(issue: Issue, workshop: Workshop): Fix[] {
  const { sources } = workshop;
  const { site: outer, tensors } = issue.subject ?? { site: undefined, tensors: [] };
  // The logarithm of a softmax stays one: what goes is the softmax before it.
  const inner = outer && /logSoftmax/i.test(textAt(sources, outer) ?? "") ? tensors[0]?.site : undefined;
  const site = inner ?? outer;
  if (!site) return [];
  const call = textAt(sources, site) ?? "";
  if (/^new\s/.test(call)) {
    // Of a function in a Sequential the place is the whole Sequential.
    const edit = /^new\s+(?:[\w$]+\.)*(?:Softmax|LogSoftmax|Sigmoid)\b/.test(call) && removeElement(site, sources);
    return edit ? [{ title: `Remove ${call}`, edits: [edit] }] : [];
  }
  const receiver = site.receiver && textAt(sources, site.receiver);
  const isMethod = receiver !== undefined && receiver !== "this" && !isNamespace(receiver, site.file, sources);
  const [, name] =
    (isMethod ? /^\s*\??\.\s*([\w$]+)/ : /([\w$]+)\s*\(/).exec(isMethod ? call.slice(receiver.length) : call) ?? [];
  const operand = isMethod ? site.receiver : site.arguments?.[0];
  const text = operand && textAt(sources, operand);
  return name === undefined || !/softmax|sigmoid/i.test(name) || text === undefined || text.startsWith("...")
    ? []
    : [{ title: `Remove ${name}`, edits: [{ range: site, text }] }];
}

/** `this.second(h)` becomes `this.second(h.relu())`; in a Sequential a ReLU is put before the layer. */
function activate(issue: Issue, workshop: Workshop): Fix[] {
  const { sources } = workshop;
  const { subject } = issue;
  const tensor = subject?.tensors[0];
  if (!subject || !tensor || !issue.range) return [];
  const call = textAt(sources, issue.range) ?? "";
  if (/^new\s/.test(call)) {
    const start = { ...issue.range, endLine: issue.range.line, endColumn: issue.range.column };
    const edits = [{ range: start, text: "new ReLU(), " }, ...imported("ReLU", issue.range.file, sources)];
    return [{ title: "Put a ReLU before it", edits }];
  }
  const range = operandRange(subject, tensor, workshop);
  const text = range && textAt(sources, range);
  if (!range || text === undefined) return [];
  const edit: Edit = isPrimary(text) ? { range: endOf(range), text: ".relu()" } : { range, text: `(${text}).relu()` };
  return [{ title: "Put a relu between the two", edits: [edit] }];
}

const SMOOTH: Readonly<Record<string, string>> = {
  step: "sigmoid",
  sign: "tanh",
  hardThreshold: "sigmoid",
};

/** A function without gradient becomes its smooth counterpart. */
function smoother(range: Range, sources: Sources): Fix[] {
  const text = textAt(sources, range);
  if (text === undefined) return [];
  const [, before, name] = /^([\s\S]*?)\b(step|sign|hardThreshold)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)$/.exec(text) ?? [];
  if (name === undefined) return [];
  const changed = `${before}${SMOOTH[name]}${text.slice(before.length + name.length)}`;
  const isMethod = /\.\s*$/.test(before);
  return [
    {
      title: `Use ${SMOOTH[name]} instead of ${name}`,
      edits: [{ range, text: changed }, ...(isMethod ? [] : imported(SMOOTH[name], range.file, sources))],
    },
  ];
}

/** The whole statement or field, where it stands alone on its lines. */
function removeStatement(range: Range, sources: Sources, title: string): Fix[] {
  const lines = linesOf(sources, range.file);
  if (!lines) return [];
  const before = lines[range.line - 1].slice(0, range.column - 1);
  const after = lines[range.endLine - 1].slice(range.endColumn - 1);
  const alone =
    /^\s*(?:(?:const|let)\s+[\w$]+(?:\s*:[^=]+)?\s*=\s*|(?:(?:readonly|private|public|protected|override)\s+)*#?[\w$]+(?:\s*:[^=]+)?\s*=\s*)?$/.test(
      before,
    );
  if (!alone || !/^\s*;?\s*(?:\/\/.*)?$/.test(after)) return [];
  const whole: Range =
    range.endLine < lines.length
      ? { file: range.file, line: range.line, column: 1, endLine: range.endLine + 1, endColumn: 1 }
      : {
          file: range.file,
          line: range.line,
          column: 1,
          endLine: range.endLine,
          endColumn: lines[range.endLine - 1].length + 1,
        };
  return [{ title, edits: [{ range: whole, text: "" }] }];
}

function removeElement(range: Range, sources: Sources): Edit | undefined {
  const lines = linesOf(sources, range.file);
  if (!lines) return undefined;
  const after = lines[range.endLine - 1].slice(range.endColumn - 1);
  const comma = /^\s*,\s*/.exec(after);
  if (comma) return { range: { ...range, endColumn: range.endColumn + comma[0].length }, text: "" };
  const before = lines[range.line - 1].slice(0, range.column - 1);
  const leading = /,\s*$/.exec(before);
  if (leading) return { range: { ...range, column: range.column - leading[0].length }, text: "" };
  return { range, text: "" };
}

function biggerBatch({ training, sources }: Workshop): Fix[] {
  const range = training && optionSite(training, "batchSize");
  const text = range && textAt(sources, range);
  return range && text === "1" ? [{ title: "Train with batches of 32", edits: [{ range, text: "32" }] }] : [];
}

/** A reshape to [-1, F] or [N, F] that does not fit or mixes examples: what was meant is flatten. */
function flattenInstead({ subject }: Issue, { sources }: Workshop): Fix[] {
  const site = subject?.site;
  const x = subject?.tensors[0];
  const text = site && textAt(sources, site);
  if (!site || !text || (x?.knownShape?.length ?? 0) < 2) return [];
  const receiver = site.receiver && textAt(sources, site.receiver);
  const isMethod = receiver !== undefined && !isNamespace(receiver, site.file, sources);
  const operand = isMethod ? site.receiver : site.arguments?.[0];
  const list = isMethod ? site.arguments?.[0] : site.arguments?.[1];
  const [inside, sizes] = [operand && textAt(sources, operand), list && textAt(sources, list)];
  if (!operand || inside === undefined || sizes === undefined || !list) return [];
  const elements = /^\[([^[\]]*)\]$/
    .exec(sizes)?.[1]
    .split(",")
    .map((each) => each.trim());
  if (!elements) return [];
  const fixes: Fix[] = [];
  if (elements.length === 2) {
    const base = isPrimary(inside) ? inside : `(${inside})`;
    fixes.push({
      title: "Use flatten(), which keeps the examples apart",
      edits: [{ range: site, text: `${base}.flatten()` }],
    });
  }
  const rest = x?.knownShape?.slice(1) ?? [];
  const total = rest.every((dim) => typeof dim === "number")
    ? rest.reduce<number>((product, dim) => product * Number(dim), 1)
    : NaN;
  const fixed = elements.slice(1, -1).reduce((product, each) => product * Number(each), 1);
  if (elements.length > 2 && elements[0] === "-1" && total % fixed === 0) {
    const changed = [...elements.slice(0, -1), String(total / fixed)];
    fixes.push({
      title: `Change the last size to ${total / fixed}`,
      edits: [{ range: list, text: `[${changed.join(", ")}]` }],
    });
  }
  return fixes;
}

/** Where the sizes are those of before in another order, what was meant is permute. */
function permuted({ message, subject }: Issue, { sources }: Workshop): Fix[] | undefined {
  const [order] = /permute\(\[[\d, ]+\]\)/.exec(message) ?? [];
  const site = subject?.site;
  const receiver = site?.receiver && textAt(sources, site.receiver);
  if (order === undefined || !site || receiver === undefined) return undefined;
  const isMethod = !isNamespace(receiver, site.file, sources);
  const operand = isMethod ? receiver : site.arguments?.[0] && textAt(sources, site.arguments[0]);
  if (operand === undefined) return undefined;
  const base = isPrimary(operand) ? operand : `(${operand})`;
  return [{ title: `Use ${order}, which moves the axes`, edits: [{ range: site, text: `${base}.${order}` }] }];
}

/** The argument that a message quotes becomes another number. */
function changeArgument(
  { message, subject }: Issue,
  sources: Sources,
  quoted: RegExp,
  next: (match: RegExpExecArray) => string,
  what: string,
): Fix[] {
  const match = quoted.exec(message);
  const argument = match && subject?.site?.arguments?.find((range) => textAt(sources, range) === match[1]);
  if (!argument) return [];
  const text = next(match);
  return [{ title: `Change the ${what} to ${text}`, edits: [{ range: argument, text }] }];
}

/** `x.squeeze(1)` becomes `x`. */
function leaveOut({ subject }: Issue, sources: Sources): Fix[] {
  const site = subject?.site;
  const text = site?.receiver && textAt(sources, site.receiver);
  if (!site || text === undefined || isNamespace(text, site.file, sources)) return [];
  return [{ title: "Remove squeeze", edits: [{ range: site, text }] }];
}

/** Losses of logarithms: softmax becomes logSoftmax. */
function logarithmic(range: Range, sources: Sources): Fix[] {
  const text = textAt(sources, range);
  const match =
    text === undefined ? null : /^([\s\S]*\b)(softmax|Softmax)(\s*\([^()]*(?:\([^()]*\)[^()]*)*\))$/.exec(text);
  if (!match) return [];
  const [, before, name, rest] = match;
  const other = name === "softmax" ? "logSoftmax" : "LogSoftmax";
  const isMethod = /\.\s*$/.test(before);
  return [
    {
      title: `Use ${other}`,
      edits: [{ range, text: `${before}${other}${rest}` }, ...(isMethod ? [] : imported(other, range.file, sources))],
    },
  ];
}

/** An edit that imports a name from "backstep", unless it is imported already. */
function imported(name: string, file: string, sources: Sources): Edit[] {
  const text = sources.get(file) ?? "";
  if (new RegExp(String.raw`import\s*(?:type\s*)?\{[^}]*\b${name}\b[^}]*\}\s*from\s*["']backstep["']`).test(text))
    return [];
  const match = /^import\s*\{\s*(?=[^{}]*\}\s*from\s*["']backstep["'])/m.exec(text);
  if (!match) return [];
  const before = text.slice(0, match.index + match[0].length).split(/\r\n|[\n\r\u2028\u2029]/);
  const [line, column] = [before.length, before[before.length - 1].length + 1];
  return [{ range: { file, line, column, endLine: line, endColumn: column }, text: `${name}, ` }];
}
