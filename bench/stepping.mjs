/**
 * How soon the debugger answers: `node bench/stepping.mjs`. Milliseconds from a request over stdio to its answer (for moves: to the
 * `stopped` event), through `backstep dap`, with the Variables of each stop read as an editor reads them.
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../scripts/build.mjs";
import { ensureInstalled, fail, root } from "../scripts/ensure.mjs";

/** d 128, 4 heads, 4 layers, sequences of 64 in batches of 16. */
const TRANSFORMER = `import { Linear, Module, Sequential, TransformerEncoderLayer, adam, custom, mse, training, type Tensor } from "backstep";
class Encoder extends Module {
  layers = new Sequential(
    ${Array.from({ length: 4 }, () => "new TransformerEncoderLayer(128, 4, { feedforward: 256, dropout: 0 }),").join("\n    ")}
  );
  output = new Linear(128, 1);
  forward(x: Tensor) {
    const h = this.layers(x);
    return this.output(h);
  }
}
const data = custom({
  name: "waves", length: 64,
  inputs: { shape: [64, 128], dtype: "float32" }, targets: { shape: [64, 1], dtype: "float32" },
  get: (i) => ({
    inputs: Float32Array.from({ length: 64 * 128 }, (_, j) => Math.sin(i + j / 7)),
    targets: Float32Array.from({ length: 64 }, (_, j) => Math.cos(i + j)),
  }),
});
export default training({ model: new Encoder(), data, loss: mse, optimizer: adam({ learningRate: 1e-3 }), batchSize: 16, epochs: 100 });
`;

try {
  await ensureInstalled();
  await build();
  const folder = join(root, "out", "bench");
  mkdirSync(folder, { recursive: true });
  const transformer = join(folder, "transformer.nn.ts");
  writeFileSync(transformer, TRANSFORMER);
  const rows = [];
  for (const [name, file] of [
    ["LeNet-5, batch 64", join(root, "examples", "lenet5.nn.ts")],
    ["transformer of the shelf, batch 50", join(root, "examples", "transformer.nn.ts")],
    ["transformer d 128, 4 layers, 64 × 16", transformer],
    ["digits, batch 64", join(root, "examples", "digits.nn.ts")],
  ])
    rows.push([name, await measure(file)]);
  rmSync(transformer);
  for (const [name, times] of rows) {
    console.log(name);
    for (const [what, list] of Object.entries(times)) {
      const sorted = list.toSorted((a, b) => a - b);
      const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))].toFixed(1).padStart(8);
      console.log(
        `  ${what.padEnd(24)} n ${String(list.length).padStart(5)}  p50 ${at(0.5)}  p95 ${at(0.95)}  most ${at(1)} ms`,
      );
    }
  }
} catch (error) {
  fail(error);
}

async function measure(file) {
  const times = { "launch to first stop": [], "step over": [], "step into": [], "step back": [], variables: [] };
  for (let round = 0; round < 3; round++) {
    const client = connect();
    await client.request("initialize", { adapterID: "backstep" });
    const began = performance.now();
    const launched = client.request("launch", { program: file, stopOnEntry: true });
    await client.event("initialized");
    await client.request("configurationDone");
    await launched;
    await client.event("stopped");
    times["launch to first stop"].push(performance.now() - began);
    const move = async (command, kind, count) => {
      for (let i = 0; i < count; i++) {
        const start = performance.now();
        const stopped = client.event("stopped");
        await client.request(command, { threadId: 1 });
        await stopped;
        times[kind].push(performance.now() - start);
        await look();
      }
    };
    const timed = async (variablesReference, more = {}) => {
      const start = performance.now();
      const { variables } = await client.request("variables", { variablesReference, ...more });
      times.variables.push(performance.now() - start);
      return variables;
    };
    const look = async () => {
      const { stackFrames } = await client.request("stackTrace", { threadId: 1 });
      const { scopes } = await client.request("scopes", { frameId: stackFrames[0].id });
      for (const { variablesReference } of scopes) {
        for (const variable of (await timed(variablesReference)).slice(0, 4))
          if (variable.variablesReference > 0) await timed(variable.variablesReference, { start: 0, count: 50 });
      }
    };
    await move("next", "step over", 30);
    await move("stepBack", "step back", 10);
    await move("stepIn", "step into", 40);
    await move("stepBack", "step back", 20);
    client.end();
  }
  return times;
}

function connect() {
  const child = spawn(process.execPath, [join(root, "out", "cli", "backstep.mjs"), "dap"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let buffer = Buffer.alloc(0);
  let sequence = 0;
  const answers = new Map();
  const waiting = new Map();
  const early = [];
  child.stdout.on("data", (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const header = buffer.indexOf("\r\n\r\n");
      if (header < 0) return;
      const length = Number(/Content-Length: (\d+)/.exec(buffer.subarray(0, header).toString())?.[1]);
      if (buffer.length < header + 4 + length) return;
      const message = JSON.parse(buffer.subarray(header + 4, header + 4 + length).toString());
      buffer = buffer.subarray(header + 4 + length);
      if (message.type === "response") answers.get(message.request_seq)?.(message);
      else if (message.type === "event") {
        const heard = waiting.get(message.event);
        waiting.delete(message.event);
        if (heard) heard(message.body);
        else early.push(message);
      }
    }
  });
  return {
    request(command, args) {
      const seq = ++sequence;
      const text = JSON.stringify({ seq, type: "request", command, arguments: args });
      child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
      return new Promise((resolve, reject) => {
        answers.set(seq, ({ success, body, message }) =>
          success ? resolve(body) : reject(new Error(`${command}: ${message}`)),
        );
      });
    },
    event(name) {
      const at = early.findIndex(({ event }) => event === name);
      if (at >= 0) return Promise.resolve(early.splice(at, 1)[0].body);
      return new Promise((resolve) => waiting.set(name, resolve));
    },
    end: () => child.kill(),
  };
}
