import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import {
  Position,
  Range,
  Uri,
  WorkspaceEdit,
  languages,
  window,
  workspace,
  type Diagnostic,
  type Extension,
  type TextDocument,
} from "vscode";
import type { BackstepApi } from "../../extension/main";
import { activated, folder, until } from "./support";

/** How fast the editor answers while one types, and what thousands of senseless edits leave behind. Not a test: see bench/typing.mjs. */

const LAYERS = 100;
const KEYS = 60;
const EDITS = Number(process.env.BACKSTEP_EDITS ?? 10_000);

type Results = Record<string, Record<string, number>>;

describe("typing", () => {
  let extension: Extension<BackstepApi>;
  let examples: string[];
  const results: Results = {};

  before(async () => {
    extension = (await activated()) as unknown as Extension<BackstepApi>;
    const shelf = join(extension.extensionPath, "..", "..", "examples");
    examples = readdirSync(shelf)
      .filter((name) => name.endsWith(".nn.ts"))
      .map((name) => join(shelf, name));
  });
  afterEach(() => {
    const out = join(extension.extensionPath, "..", "bench");
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "typing.json"), JSON.stringify(results));
  });

  it(`a model of ${LAYERS} layers`, async () => {
    const document = await open("deep.nn.ts", deepModel());
    const at = document.getText().indexOf("l50 = new Linear(64, 64, he)") + "l50 = new Linear(64, ".length;
    // The first keys meet a cold engine, and an editor that has just been opened.
    const cold = await typeAt(document, at, ["63", "64"], 6);
    results[`${LAYERS} layers: first keys to diagnostics`] = percentiles(cold.answers);
    const { answers } = await typeAt(document, at, ["63", "64"], KEYS);
    results[`${LAYERS} layers: key to diagnostics`] = percentiles(answers);
    // Beside an error nothing is predicted: these keys change a comment.
    const { predictions } = await typeAt(document, document.getText().length, [" "], KEYS);
    results[`${LAYERS} layers: key to prediction`] = percentiles(predictions);
  });

  it("the examples", async () => {
    const answers: number[] = [];
    const predictions: number[] = [];
    for (const path of examples) {
      const document = await open(basename(path), readFileSync(path, "utf8"));
      // A comment changes nothing, and is checked all the same.
      const typed = await typeAt(document, document.getText().length, [" ", " "], 10);
      answers.push(...typed.answers);
      predictions.push(...typed.predictions);
    }
    results["examples: key to report"] = percentiles(answers);
    results["examples: key to prediction"] = percentiles(predictions);
  });

  it("the extension host's thread meanwhile", async () => {
    const document = await open("deep.nn.ts", deepModel());
    const delay = monitorEventLoopDelay({ resolution: 2 });
    const end = document.getText().length;
    delay.enable();
    for (let i = 0; i < 100; i++) {
      await insert(document, end, "/");
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    delay.disable();
    results["extension host's delay while typing"] = {
      p50: Math.max(0, delay.percentile(50) / 1e6 - 2),
      p99: Math.max(0, delay.percentile(99) / 1e6 - 2),
      max: delay.max / 1e6 - 2,
    };
  });

  const random = generator(1);
  const memory: number[] = [];
  for (let part = 0; part < 20; part++) {
    it(`senseless edits, part ${part + 1}`, async function () {
      this.timeout(600_000);
      const path = examples[part % examples.length];
      const text = readFileSync(path, "utf8");
      const document = await open(`edited-${basename(path)}`, text);
      for (let i = 0; i < EDITS / 20; i++) {
        await senseless(document, random);
        // As fast as a hand can type, and at times so slowly that checks finish.
        if (i % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 120));
        // From time to time a new beginning: what is broken beyond recognition teaches nothing more.
        if (i % 50 === 49) await replaceAll(document, text);
      }
      await replaceAll(document, text);
      await until("the report of the last text", () => upToDate(document), 120_000);
      assert.deepEqual(
        ours(document).map(({ message }) => message),
        [],
        "a stale diagnostic is left",
      );
      memory.push(process.memoryUsage().rss / 2 ** 20);
      results["senseless edits"] = {
        edits: (EDITS / 20) * memory.length,
        "MiB after the first file": memory[0],
        "MiB now": memory[memory.length - 1],
        "MiB at most": Math.max(...memory),
      };
    });
  }

  /** Puts each of the texts in turn at an offset, and measures from the key to the report and to the prediction of that version. */
  async function typeAt(
    document: TextDocument,
    offset: number,
    texts: readonly string[],
    keys: number,
  ): Promise<{ answers: number[]; predictions: number[] }> {
    const answers: number[] = [];
    const predictions: number[] = [];
    const length = texts[0].length;
    const replaces = document.getText().length > offset;
    const { reports } = extension.exports;
    for (let i = 0; i < keys; i++) {
      const edit = new WorkspaceEdit();
      const start = document.positionAt(offset);
      edit.replace(
        document.uri,
        new Range(start, replaces ? document.positionAt(offset + length) : start),
        texts[i % texts.length],
      );
      const before = reports.checked(document.uri)?.prediction;
      const began = performance.now();
      const answered = new Promise<number>((resolve) => {
        const listener = reports.onDidCheck((uri) => {
          if (uri.fsPath !== document.uri.fsPath || !upToDate(document)) return;
          listener.dispose();
          resolve(performance.now() - began);
        });
      });
      const predicted = new Promise<number>((resolve) => {
        const listener = reports.onDidCheck((uri) => {
          if (uri.fsPath !== document.uri.fsPath || !upToDate(document)) return;
          const now = reports.checked(uri)?.prediction ?? null;
          if (now === null || now === before) return;
          listener.dispose();
          resolve(performance.now() - began);
        });
      });
      await workspace.applyEdit(edit);
      answers.push(await answered);
      predictions.push(await predicted);
    }
    return { answers, predictions };
  }

  function upToDate(document: TextDocument): boolean {
    const checked = extension.exports.reports.checked(document.uri);
    return checked?.latest.versions.get(document.uri.fsPath) === document.version;
  }
});

function ours(document: TextDocument): Diagnostic[] {
  return languages.getDiagnostics(document.uri).filter(({ source }) => source === "backstep");
}

async function open(name: string, text: string): Promise<TextDocument> {
  const uri = Uri.joinPath(folder(), name);
  await workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const document = await workspace.openTextDocument(uri);
  await window.showTextDocument(document);
  await until("it was checked", async () => {
    const extension = (await activated()) as unknown as Extension<BackstepApi>;
    return extension.exports.reports.checked(uri)?.prediction;
  });
  return document;
}

async function insert(document: TextDocument, offset: number, text: string): Promise<void> {
  const edit = new WorkspaceEdit();
  edit.insert(document.uri, document.positionAt(offset), text);
  await workspace.applyEdit(edit);
}

async function replaceAll(document: TextDocument, text: string): Promise<void> {
  const edit = new WorkspaceEdit();
  edit.replace(document.uri, new Range(new Position(0, 0), document.lineAt(document.lineCount - 1).range.end), text);
  await workspace.applyEdit(edit);
}

/** An insertion, a deletion or a swap of words somewhere. */
async function senseless(document: TextDocument, random: () => number): Promise<void> {
  const text = document.getText();
  const words = [...text.matchAll(/[\w$]+|[^\s\w$]/g)];
  const pick = (): { start: number; end: number; word: string } => {
    const match = words[Math.floor(random() * words.length)];
    return { start: match?.index ?? 0, end: (match?.index ?? 0) + (match?.[0].length ?? 0), word: match?.[0] ?? "x" };
  };
  const [a, b] = [pick(), pick()];
  const edit = new WorkspaceEdit();
  const range = ({ start, end }: { start: number; end: number }): Range =>
    new Range(document.positionAt(start), document.positionAt(end));
  const kind = Math.floor(random() * 4);
  if (kind === 0) edit.insert(document.uri, document.positionAt(a.start), b.word);
  else if (kind === 1) edit.delete(document.uri, range(a));
  else if (kind === 2) edit.replace(document.uri, range(a), String(Math.floor(random() * 1000)));
  else if (a.end <= b.start || b.end <= a.start) {
    edit.replace(document.uri, range(a), b.word);
    edit.replace(document.uri, range(b), a.word);
  }
  await workspace.applyEdit(edit);
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function percentiles(values: readonly number[]): Record<string, number> {
  const sorted = [...values].sort((x, y) => x - y);
  const at = (fraction: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))];
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

function deepModel(): string {
  const fields = Array.from({ length: LAYERS }, (_, i) => `  l${i} = new Linear(64, 64, he);`).join("\n");
  const calls = Array.from({ length: LAYERS }, (_, i) => `    h = relu(this.l${i}(h));`).join("\n");
  return `import { Module, Linear, relu, crossEntropy, adam, digits, initializers, training, type Tensor } from "backstep";
const he = { initializer: initializers.heNormal() };
class Deep extends Module {
  first = new Linear(784, 64);
${fields}
  last = new Linear(64, 10);
  forward(x: Tensor) {
    let h = relu(this.first(x));
${calls}
    return this.last(h);
  }
}
export default training({ model: new Deep(), data: digits(), loss: crossEntropy, optimizer: adam({ learningRate: 1e-3 }) });
`;
}
