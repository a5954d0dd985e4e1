/**
 * Trains the three digit models of the shelf by the README's command line and prints what each reaches on the 2,000
 * held-out digits. `node scripts/accuracy.mjs [--seeds 0,1] [NAME…]`; exit code 1 when one stays under its bound.
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { fail, root } from "./ensure.mjs";

const bounds = { digits: 0.945, lenet5: 0.97, "digits-best": 0.985 };

/** The last event of a training, or an error with what it said. */
function train(file, seed) {
  return new Promise((resolve, reject) => {
    const args = ["run", "--silent", "backstep", "--", "train", file, "--seed", seed, "--json"];
    const child = spawn("npm", args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    let last = "";
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      last = lines.at(-1) ?? last;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(last));
      else reject(new Error(`${file} ended with exit code ${code}`));
    });
  });
}

try {
  const options = { seeds: { type: "string", default: "0" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const names = positionals.length > 0 ? positionals : Object.keys(bounds);
  console.log("example       seed  epochs  accuracy  bound    loss    seconds");
  for (const name of names) {
    if (!Object.hasOwn(bounds, name)) throw new Error(`no such model: ${name}; choose from ${Object.keys(bounds)}`);
    for (const seed of values.seeds.split(",")) {
      const { epochs, validation, seconds } = await train(`examples/${name}.nn.ts`, seed);
      const { accuracy } = validation.metrics;
      const percent = (share) => `${(100 * share).toFixed(2)} %`;
      const cells = [name.padEnd(12), seed.padStart(5), String(epochs).padStart(7), percent(accuracy).padStart(9)];
      console.log(
        [...cells, percent(bounds[name]), validation.loss.toFixed(4), seconds.toFixed(1).padStart(8)].join("  "),
      );
      if (!(accuracy >= bounds[name])) process.exitCode = 1;
    }
  }
} catch (error) {
  fail(error);
}
