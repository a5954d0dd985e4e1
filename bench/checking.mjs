/**
 * What a check costs in a warm host, without an editor around it: `node bench/checking.mjs`. Milliseconds from the order to the report and
 * to the prediction, for the examples and for a model of 100 layers.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "../scripts/build.mjs";
import { bundle } from "../scripts/bundle.mjs";
import { ensureInstalled, fail, root } from "../scripts/ensure.mjs";

const ROUNDS = 20;

try {
  await ensureInstalled();
  await build();
  const folder = join(root, "out", "bench");
  mkdirSync(folder, { recursive: true });
  const face = join(folder, "host-face.mjs");
  await bundle({
    entryPoints: [join(root, "engine", "api", "host.ts")],
    outfile: face,
    platform: "node",
    format: "esm",
    tsconfigRaw: {},
  });
  const { createLiveChecker, startHost } = await import(pathToFileURL(face).href);
  rmSync(face);
  const live = createLiveChecker((onMessage) =>
    startHost({
      kind: "thread",
      script: pathToFileURL(join(root, "dist", "host.mjs")),
      task: { kind: "live", file: "", timeLimit: 60 },
      onMessage,
      onOutput: () => undefined,
    }),
  );
  const ask = (file, text) =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      let report;
      live.check(
        { file, texts: { [file]: text }, network: true, prediction: true },
        {
          checked: () => (report = performance.now() - began),
          predicted: () => resolve({ report, prediction: performance.now() - began }),
          failed: (failure) => reject(new Error(failure)),
        },
      );
    });
  const shelf = join(root, "examples");
  const examples = readdirSync(shelf)
    .filter((name) => name.endsWith(".nn.ts"))
    .map((name) => [join(shelf, name), readFileSync(join(shelf, name), "utf8")]);
  const deep = [[join(shelf, "deep.nn.ts"), deepModel(100)]];
  for (const [what, files] of [
    ["examples", examples],
    ["100 layers", deep],
  ]) {
    const figures = { report: [], prediction: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const [file, text] of files) {
        const took = await ask(file, `${text}// ${round}\n`);
        // The first rounds meet code that is not compiled yet.
        if (round < 5) continue;
        figures.report.push(took.report);
        figures.prediction.push(took.prediction);
      }
    }
    for (const [name, values] of Object.entries(figures)) {
      const sorted = values.sort((a, b) => a - b);
      const at = (fraction) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))].toFixed(1);
      console.log(`${what.padEnd(12)} ${name.padEnd(12)} p50 ${at(0.5)}  p95 ${at(0.95)}  max ${at(1)}  (ms)`);
    }
  }
  live.close();
  process.exit(0);
} catch (error) {
  fail(error);
}

function deepModel(layers) {
  const all = Array.from({ length: layers }, (_, i) => i);
  return `import { Module, Linear, relu, crossEntropy, adam, digits, initializers, training, type Tensor } from "backstep";
const he = { initializer: initializers.heNormal() };
class Deep extends Module {
  first = new Linear(784, 64);
${all.map((i) => `  l${i} = new Linear(64, 64, he);`).join("\n")}
  last = new Linear(64, 10);
  forward(x: Tensor) {
    let h = relu(this.first(x));
${all.map((i) => `    h = relu(this.l${i}(h));`).join("\n")}
    return this.last(h);
  }
}
export default training({ model: new Deep(), data: digits(), loss: crossEntropy, optimizer: adam({ learningRate: 1e-3 }) });
`;
}
