/** The contestants and the processes they run in. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const peersFolder = fileURLToPath(new URL("../peers", import.meta.url));

/**
 * V8's flags that the engine host starts with.
 * Relaxed SIMD needs one before Node 22; pairs of vectors become 256-bit ones with another from Node 24 on.
 */
export function engineFlags(version = process.versions.node) {
  const major = Number(version.split(".")[0]);
  if (major < 22) return ["--experimental-wasm-relaxed-simd"];
  return major < 24 ? [] : ["--experimental-wasm-revectorize"];
}

/** Those to compare; `ours` first. `peers` names a part of the others. @returns with `absent` for those not found here */
export function contestants({ bundle, threads, peers }) {
  const wants = (name) => peers.includes(name);
  const engine = (options = {}) => [
    process.execPath,
    [...engineFlags(), join(peersFolder, "backstep.mjs"), bundle, JSON.stringify({ threads, ...options })],
  ];
  const list = [{ name: "ours", title: "Backstep", command: engine() }];
  const absent = [];
  if (wants("torch")) {
    const python = pythonWithTorch();
    const file = join(peersFolder, "pytorch.py");
    if (python) list.push({ name: "torch", title: "PyTorch", command: [python, [file, JSON.stringify({ threads })]] });
    else absent.push("PyTorch (no python3 on the PATH can import torch)");
  }
  if (wants("jax")) {
    // Its threads make small models slower, so it runs without them, too.
    for (const workers of threads > 1 ? [1, threads] : [1]) {
      list.push({
        name: workers > 1 ? "jax-threads" : "jax",
        title: workers > 1 ? `jax-js, ${workers} threads` : "jax-js wasm",
        isScript: true,
        command: [process.execPath, [join(peersFolder, "jax.mjs"), JSON.stringify({ threads: workers })]],
      });
    }
  }
  if (wants("tfjs")) {
    for (const backend of ["wasm", "cpu"]) {
      const command = [process.execPath, [join(peersFolder, "tfjs.mjs"), backend]];
      list.push({ name: `tfjs-${backend}`, title: `tfjs-${backend}`, isScript: true, command });
    }
  }
  const withStatistics = { name: "statistics", title: "with statistics", command: engine({ statistics: true }) };
  return { list, absent, withStatistics };
}

/** The first Python on the PATH that has torch: the system's may be hidden behind another. */
function pythonWithTorch() {
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .flatMap((folder) => ["python3", "python3.exe"].map((name) => join(folder, name)))
    .filter((file) => existsSync(file));
  return found.find((file) => spawnSync(file, ["-c", "import torch"], { stdio: "ignore" }).status === 0);
}

/** A contestant did not answer in time. */
export class TooSlow extends Error {}

/** One contestant's process: started when it is first asked, and again after it was ended. */
export class Runner {
  #child;
  #waiting = [];
  #said = "";

  constructor(contestant) {
    this.name = contestant.name;
    this.title = contestant.title;
    this.isScript = contestant.isScript;
    this.command = contestant.command;
  }

  /** Resolves to the answer. @throws TooSlow after `seconds`, and with the contestant's own words if it fails */
  ask(request, seconds) {
    this.#child ??= this.#start();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.end();
        reject(new TooSlow(`over ${seconds} s`));
      }, seconds * 1000);
      this.#waiting.push((answer) => {
        clearTimeout(late);
        if (answer.failed === undefined) resolve(answer);
        else reject(new Error(answer.failed));
      });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  end() {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#waiting = [];
  }

  #start() {
    const [program, args] = this.command;
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#said = "";
    child.stdin.on("error", () => undefined);
    child.stderr.on("data", (chunk) => (this.#said = (this.#said + chunk).slice(-2000)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (child === this.#child) this.#waiting.shift()?.(JSON.parse(line));
    });
    const gone = (why) => {
      if (child !== this.#child) return;
      this.#child = undefined;
      const lines = this.#said.trim().split("\n");
      const said = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
      for (const answer of this.#waiting.splice(0)) answer({ failed: `its process ended (${why}): ${said}` });
    };
    child.on("error", (error) => gone(error.message));
    child.on("close", (code, signal) => gone(signal ?? `exit ${code}`));
    return child;
  }
}
