/** The CPU engine in a worker of a real browser, as a webview runs it: on one thread, and on several where the page may share memory. */
import assert from "node:assert/strict";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import type { Told } from "./engine-worker";
import { note, request, sharedBrowser } from "./session";

const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

describe("the CPU engine in a worker of a page", () => {
  let scripts: ReadonlyMap<string, string> = new Map();
  let server: Server;

  before(async () => {
    const { outputFiles } = await build({
      absWorkingDir: request.root,
      entryPoints: [
        { in: join("test", "browser", "engine-worker.ts"), out: "worker" },
        { in: join("engine", "host", "web-thread.ts"), out: "thread" },
      ],
      outdir: "/",
      bundle: true,
      write: false,
      platform: "browser",
      target: "chrome132",
      format: "iife",
      keepNames: true,
      logLevel: "silent",
    });
    scripts = new Map(outputFiles.map(({ path, text }) => [path, text]));
    // A page under /isolated/ may share memory, others may not.
    server = createServer(({ url = "/" }, response) => {
      const isIsolated = url.startsWith("/isolated") || url.endsWith(".js");
      const script = scripts.get(url);
      if (script === undefined && url.endsWith(".js")) return response.writeHead(404).end();
      const type = script === undefined ? "text/html" : "text/javascript";
      response.writeHead(200, { "content-type": type, ...(isIsolated ? ISOLATED : {}) });
      response.end(script ?? "<!doctype html><title>engine</title>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  after(() => server.close());

  async function trainAt(path: string): Promise<Told> {
    const { port } = server.address() as AddressInfo;
    const page = await (await sharedBrowser()).newPage();
    try {
      await page.goto(`http://127.0.0.1:${port}${path}`);
      return await page.evaluate<Told>(TRAIN);
    } finally {
      await page.close();
    }
  }

  /** Starts the worker and waits for what it tells; a text, because the tests know no DOM. */
  const TRAIN = `new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js");
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  })`;

  function checkNumbers({ runs: { javascript, alone, together }, problem, warnings }: Told): void {
    assert.equal(problem, undefined);
    assert.deepEqual(warnings, []);
    assert.equal(javascript.losses.length, 16);
    assert.ok(javascript.losses[15] < 0.5 * javascript.losses[0], javascript.losses.join());
    const distances = alone.losses.map((loss, i) => Math.abs(loss - javascript.losses[i]));
    // Rounding grows from one update to the next.
    assert.ok(distances[0] < 1e-5 && Math.max(...distances) < 1e-2, distances.join());
    assert.deepEqual(together.losses, alone.losses);
    assert.deepEqual(together.values, alone.values);
    assert.ok(together.values.length > 8 * 8 * 8 * 64);
  }

  // Chromium has relaxed SIMD since 114; which of the two is faster is the machine's affair.
  const kernels = String.raw`WebAssembly, (?:plain|relaxed) SIMD`;
  const speeds = String.raw`\d+ GFLOP/s a thread, \d+ with (?:plain|relaxed) SIMD; 256-bit kernels need the engine in a process of its own`;

  it("trains as the JavaScript backend does, on one thread where memory cannot be shared, and says why", async () => {
    const told = await trainAt("/");
    checkNumbers(told);
    assert.equal(told.isolated, false);
    assert.match(told.runs.alone.name, new RegExp(`^${kernels}, 1 thread \\(${speeds}\\)$`));
    const why = "threads need a page that is isolated from other origins";
    assert.match(told.runs.together.name, new RegExp(`^${kernels}, 1 thread \\(${speeds}; ${why}\\)$`));
    assert.equal(told.shared, 0);
    note(told.runs.together.name);
  });

  it("trains on two threads in an isolated page, to the same bits as on one", async () => {
    const told = await trainAt("/isolated/");
    checkNumbers(told);
    assert.equal(told.isolated, true);
    assert.match(told.runs.together.name, new RegExp(`^${kernels}, 2 threads \\(${speeds}\\)$`));
    assert.ok(told.shared > 0);
    note(told.runs.together.name);
  });
});
