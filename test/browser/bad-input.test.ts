import { rmSync } from "node:fs";
import { join } from "node:path";
import { endless } from "./models";
import { flow, until } from "./support";

/** What the user is told of files that cannot train. */
const BAD: readonly (readonly [file: string, text: string, says: RegExp])[] = [
  ["throws.nn.ts", `throw new Error("no luck");\n`, /no luck/],
  ["loops.nn.ts", `while (true);\n`, /did not finish within 2 s/],
  [
    "fills.nn.ts",
    `const all: Float32Array[] = [];\nfor (;;) all.push(new Float32Array(1e6).fill(1));\n`,
    /out of memory|did not finish/,
  ],
  ["nothing.nn.ts", `export const a = 1;\n`, /no default export to train/],
];

flow(
  "bad-input",
  "files that cannot train, beside one that can",
  {
    files: { "good.nn.ts": endless, ...Object.fromEntries(BAD.map(([file, text]) => [file, text])) },
    settings: { "backstep.engine.timeLimit": 2, "backstep.engine.memoryLimit": 600 },
    writes: ["good.nn.ts"],
  },
  (editor) => {
    it("trains the good one", async () => {
      const { panel, openFile, run } = editor();
      await openFile("good.nn.ts");
      await run("Backstep: Train Model");
      await panel.locator(".state.state-running").waitFor();
    });

    for (const [file, , says] of BAD) {
      it(`says why ${file} does not train`, async () => {
        const { openFile, run, notification, shot } = editor();
        await openFile(file);
        await run("Backstep: Train Model");
        await notification(says).first().waitFor();
        await shot(file.split(".")[0]);
        await run("Notifications: Clear All Notifications");
      });
    }

    it("has not disturbed the good one, which goes on when its file is gone", async () => {
      const { panel, folder, statusItem, shot } = editor();
      await statusItem(/good: epoch/)
        .first()
        .waitFor();
      rmSync(join(folder, "good.nn.ts"));
      const [chooser] = [panel.getByRole("combobox").first()];
      await chooser.waitFor();
      const epoch = async (): Promise<string | null> =>
        statusItem(/good: epoch/)
          .first()
          .textContent();
      const before = await epoch();
      await until("it goes on", async () => (await epoch()) !== before);
      await shot("deleted");
    });
  },
);
