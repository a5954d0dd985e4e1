/** `--out` and `--resume`: stopping and killing a training costs nothing but time, and no checkpoint is ever damaged. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backstep, jsonLines } from "../support/cli";
import { temporaryFolder } from "../support/folder";

/** With all that has a state of its own: dropout, batch norm, augmentation, momentum, a schedule, early stopping. */
const program = (options = ""): string => `
import { BatchNorm1d, Dropout, Linear, Module, adam, augment, cosine, crossEntropy, moons, noise, relu, training, type Tensor } from "backstep";

class Model extends Module {
  first = new Linear(2, 24);
  norm = new BatchNorm1d(24);
  dropout = new Dropout(0.3);
  second = new Linear(24, 2);

  forward(x: Tensor) {
    return this.second(this.dropout(relu(this.norm(this.first(x)))));
  }
}

export default training({
  model: new Model(),
  data: augment(moons({ count: 500, seed: 3 }), [noise(0.05)]),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01 }),
  schedule: cosine(),
  validation: 0.2,
  earlyStopping: { patience: 50 },
  batchSize: 16,
  epochs: 6,
  ${options}
});
`;

const checkpointIn = (folder: string): string => join(folder, "checkpoint.safetensors");

/** Starts a training, and sends it a signal once it has printed so many lines of JSON. */
function stopped(args: readonly string[], lines: number, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join("out", "cli", "backstep.mjs"), ...args, "--json"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let seen = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const before = seen;
      seen += text.split("\n").length - 1;
      if (before < lines && seen >= lines) child.kill(signal);
    });
    child.on("error", reject);
    child.on("close", resolve);
  });
}

describe("checkpoints", () => {
  const folder = temporaryFolder();
  let file = "";
  let whole: Buffer;
  let metrics: string[];

  const metricsIn = (out: string): string[] =>
    readFileSync(join(out, "metrics.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      // How long it took is the one thing that differs.
      .map((line) => line.replace(/,"seconds":[^,}]*/, ""));

  before(async () => {
    file = folder.write("model.nn.ts", program());
    const out = folder.path("whole");
    const { code, stderr } = await backstep("train", file, "--out", out);
    assert.deepEqual([code, stderr], [0, ""]);
    whole = readFileSync(checkpointIn(out));
    metrics = metricsIn(out);
    assert.equal(metrics.length, 6);
  });

  it("are written with a summary and the metrics of each epoch", () => {
    const out = folder.path("whole");
    assert.deepEqual(readdirSync(out).sort(), ["checkpoint.json", "checkpoint.safetensors", "metrics.jsonl"]);
    const summary = JSON.parse(readFileSync(join(out, "checkpoint.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual([summary.model, summary.optimizer, summary.seed, summary.epoch], ["Model", "adam", 0, 6]);
    // 400 examples for training make 25 batches of 16.
    assert.equal(summary.iteration, 150);
    assert.deepEqual(
      metrics.map((line) => (JSON.parse(line) as { epoch: number }).epoch),
      [1, 2, 3, 4, 5, 6],
    );
  });

  it("are the same bits in a second run, and with data workers", async () => {
    for (const [name, options] of [
      ["again", ""],
      ["workers", "workers: 2, prefetch: 3,"],
    ]) {
      const same = folder.write(`${name}.nn.ts`, program(options));
      assert.equal((await backstep("train", same, "--out", folder.path(name))).code, 0);
      assert.ok(whole.equals(readFileSync(checkpointIn(folder.path(name)))), name);
    }
  });

  it("are others with another seed", async () => {
    assert.equal((await backstep("train", file, "--seed", "1", "--out", folder.path("seed"))).code, 0);
    assert.ok(!whole.equals(readFileSync(checkpointIn(folder.path("seed")))));
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`are written at ${signal}, exit 130, and resumed to the same bits`, async () => {
      const out = folder.path(signal);
      let runs = 0;
      for (let code: number | null = 130; code === 130; runs++) {
        assert.ok(runs < 100);
        const resume = existsSync(checkpointIn(out)) ? ["--resume", out] : [];
        code = await stopped(["train", file, "--out", out, ...resume], 40, signal);
        assert.ok(code === 130 || code === 0, String(code));
      }
      assert.ok(runs > 2, "it was stopped more than once");
      assert.ok(whole.equals(readFileSync(checkpointIn(out))));
      assert.deepEqual(metricsIn(out), metrics);
    });
  }

  it("survive being killed at any time, and resume to the same bits", async () => {
    const out = folder.path("killed");
    for (const lines of [20, 33, 27, 60, 55, 90]) {
      const resume = existsSync(checkpointIn(out)) ? ["--resume", out] : [];
      await stopped(["train", file, "--out", out, ...resume], lines, "SIGKILL");
    }
    const resume = existsSync(checkpointIn(out)) ? ["--resume", out] : [];
    const { code, stderr } = await backstep("train", file, "--out", out, ...resume);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(whole.equals(readFileSync(checkpointIn(out))));
    assert.deepEqual(metricsIn(out), metrics);
    assert.deepEqual(readdirSync(out).sort(), ["checkpoint.json", "checkpoint.safetensors", "metrics.jsonl"]);
  });

  it("of a run that is over end at once when resumed", async () => {
    const { code, stdout } = await backstep("train", file, "--resume", folder.path("whole"), "--json");
    assert.equal(code, 0);
    const [start, ...rest] = jsonLines<{ type: string; reason?: string; startIteration?: number }>({
      code,
      stdout,
      stderr: "",
    });
    assert.equal(start.startIteration, 150);
    assert.deepEqual(
      rest.map(({ type, reason }) => [type, reason]),
      [["end", "epochs"]],
    );
  });

  it("go on for more epochs as if these had been asked for from the start", async () => {
    const plain = folder.write("constant.nn.ts", program().replace("schedule: cosine(),", ""));
    await backstep("train", plain, "--epochs", "5", "--out", folder.path("five"));
    await backstep("train", plain, "--epochs", "2", "--out", folder.path("two"));
    await backstep("train", plain, "--epochs", "5", "--out", folder.path("two"), "--resume", folder.path("two"));
    assert.ok(readFileSync(checkpointIn(folder.path("five"))).equals(readFileSync(checkpointIn(folder.path("two")))));
  });

  describe("that cannot be resumed from say why, and the one in --out stays as it is", () => {
    const cases: Readonly<
      Record<string, { content: () => Uint8Array | string; says: RegExp; args?: string[]; file?: () => string }>
    > = {
      "an empty file": { content: () => "", says: /file\.safetensors: byte 0: the file ends inside/ },
      "a text": { content: () => "no checkpoint, but a text of some length", says: /text\.safetensors: / },
      "cut in the header": { content: () => whole.subarray(0, 100), says: /header\.safetensors: .*header/ },
      "cut in the data": { content: () => whole.subarray(0, whole.length - 10), says: /data\.safetensors: / },
      "another safetensors file": {
        content: () => {
          const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
          const bytes = new Uint8Array(8 + header.length + 4);
          new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
          bytes.set(new TextEncoder().encode(header), 8);
          return bytes;
        },
        says: /no Backstep checkpoint .*resume from a checkpoint\.safetensors that `backstep train --out` wrote/,
      },
      "damaged metadata": {
        content: () =>
          Buffer.from(whole.toString("latin1").replace('\\"iteration\\":150', '\\"iteration\\":-50'), "latin1"),
        says: /the state of the run is damaged/,
      },
      "another seed": {
        content: () => whole,
        args: ["--seed", "4"],
        says: /trained with seed 0, this run has seed 4; use --seed 0/,
      },
      "another optimiser": {
        content: () => whole,
        file: () => folder.write("sgd.nn.ts", program().replaceAll("adam", "sgd")),
        says: /trained with adam, the file says sgd/,
      },
      "another model": {
        content: () => whole,
        file: () => folder.write("wide.nn.ts", program().replaceAll("24", "25")),
        says: /does not fit the model: first\.weight is \[24, 2\], the model has \[25, 2\]/,
      },
    };
    for (const [what, { content, says, args = [], file: other }] of Object.entries(cases)) {
      it(what, async () => {
        const from = folder.write(`${what.split(" ").at(-1)}.safetensors`, content());
        const out = folder.path(`out ${what}`);
        mkdirSync(out);
        writeFileSync(checkpointIn(out), "precious");
        const { code, stdout, stderr } = await backstep(
          "train",
          other?.() ?? file,
          "--resume",
          from,
          "--out",
          out,
          ...args,
        );
        assert.equal(code, 1);
        assert.equal(stdout, "");
        assert.match(stderr, says);
        assert.ok(stderr.includes(from), stderr);
        assert.match(stderr, /^backstep: [^\n]+\n$/);
        assert.equal(readFileSync(checkpointIn(out), "utf8"), "precious");
      });
    }
  });

  describe("that cannot be written say so", () => {
    it("when a file stands where the folder should be", async () => {
      const { code, stderr } = await backstep("train", file, "--out", folder.write("in-the-way", "text"));
      assert.equal(code, 1);
      assert.match(stderr, /in-the-way: a part of the path is a file, not a folder/);
    });

    it("when a folder stands where the file should be", async () => {
      folder.write("full/checkpoint.safetensors/inner", "text");
      const { code, stderr } = await backstep("train", file, "--out", folder.path("full"));
      assert.equal(code, 1);
      assert.match(stderr, /^backstep: [^\n]*checkpoint\.safetensors: this is a folder, a file is needed[^\n]*\n$/);
      assert.deepEqual(
        readdirSync(folder.path("full")).filter((name) => name.endsWith(".tmp")),
        [],
      );
    });

    it("when the file system takes no folder", async function () {
      if (!existsSync("/proc/self")) this.skip();
      const { code, stderr } = await backstep("train", file, "--out", "/proc/nowhere/run");
      assert.equal(code, 1);
      assert.match(stderr, /^backstep: \/proc\/nowhere\/run: [^\n]+\n$/);
    });
  });
});
