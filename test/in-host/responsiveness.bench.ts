import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Uri, commands, workspace, type Extension } from "vscode";
import type { BackstepApi } from "../../extension/main";
import { activated, folder, until } from "./support";

/** Milliseconds that the extension host's thread came too late, while nothing goes on and while models train. Not a test: see bench/responsiveness.mjs. */

const SECONDS = 15;
const RESOLUTION_MS = 2;

describe("the extension host", () => {
  it("is measured", async () => {
    const extension = (await activated()) as unknown as Extension<BackstepApi>;
    const [template] = ["digits.nn.ts"];
    const text = readFileSync(join(extension.extensionPath, "dist", "templates", template), "utf8").replace(
      /epochs: \d+/,
      "epochs: 100_000",
    );
    const models = ["one.nn.ts", "two.nn.ts"].map((name) => Uri.joinPath(folder(), name));
    for (const uri of models) await workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    const results: Record<string, unknown> = { activation: { took: extension.exports.activationMs } };
    results.idle = await measure();
    for (const [i, uri] of models.entries()) {
      await commands.executeCommand("backstep.train", uri);
      await until("it trains", () =>
        extension.exports.runs().some(({ path, summary }) => path === uri.fsPath && summary.epochs > 0),
      );
      results[`${i + 1} training`] = await measure();
    }
    for (let i = 0; i < models.length; i++) await commands.executeCommand("backstep.stop", models[i]);
    const out = join(extension.extensionPath, "..", "bench");
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "responsiveness.json"), JSON.stringify(results));
  });
});

async function measure(): Promise<Record<string, number>> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const cpu = process.cpuUsage();
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  // The histogram holds the time between two ticks of its timer, which is the timer's own period too.
  const late = (percentile: number): number => Math.max(0, delay.percentile(percentile) / 1e6 - RESOLUTION_MS);
  return {
    p50: late(50),
    p99: late(99),
    p999: late(99.9),
    max: delay.max / 1e6 - RESOLUTION_MS,
    "busy cores of the process": (user + system) / 1e6 / SECONDS,
  };
}
