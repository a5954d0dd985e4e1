/**
 * The memory of training steps, of the examples and of larger models: `node bench/memory.mjs`. Each step is traced, planned and
 * compiled as a run does it; what the backend then holds is compared with the sum of parameters, optimiser state, batch and the
 * values that are alive at once where most are. No step is run.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { ensureInstalled, fail, root } from "../scripts/ensure.mjs";

try {
  await ensureInstalled();
  const { exported, largerSubjects, memoryOf, subjectsOf } = await bundled();
  const titles = ["parameters", "optimiser", "batch", "peak", "scratch", "scratch/peak", "used", "used/needed"];
  console.log(`${"KiB".padEnd(46)}${titles.map((title) => title.padStart(13)).join("")}`);
  for (const subject of [...subjectsOf(exported), ...largerSubjects()]) {
    const memory = memoryOf(subject);
    console.log(memory ? row(memory) : `${subject.name.padEnd(46)} only reading the data tells their shapes`);
  }
} catch (error) {
  fail(error);
}

function row({ name, parameters, optimizerState, given, peak, scratch, used }) {
  const needed = parameters + optimizerState + given + peak;
  const kib = (bytes) => (bytes / 1024).toFixed(1);
  const cells = [
    ...[parameters, optimizerState, given, peak, scratch].map(kib),
    (scratch / peak).toFixed(3),
    kib(used),
    (used / needed).toFixed(3),
  ];
  return `${name.padEnd(46)}${cells.map((cell) => cell.padStart(13)).join("")}`;
}

/** The measuring and all examples that export something, on one engine. */
async function bundled() {
  const files = readdirSync(join(root, "examples")).filter((file) => {
    if (!file.endsWith(".nn.ts")) return false;
    // The others compute something of their own as soon as they are loaded.
    return readFileSync(join(root, "examples", file), "utf8").includes("export default training(");
  });
  const lines = files.map((file, i) => `import example${i} from "./examples/${file}";`);
  const entries = files.map((file, i) => `${JSON.stringify(file.replace(".nn.ts", ""))}: example${i}`);
  const outfile = join(root, "out", "bench", `memory-${process.pid}.mjs`);
  mkdirSync(join(root, "out", "bench"), { recursive: true });
  await build({
    absWorkingDir: root,
    stdin: {
      contents: `${lines.join("\n")}\nexport * from "./bench/memory/measure";\nexport const exported = { ${entries.join(", ")} };`,
      resolveDir: root,
      loader: "ts",
    },
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
  });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
}
