import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { note, request } from "./session";
import { flow, picture, until } from "./support";

flow(
  "newcomer",
  "a newcomer with an empty folder and the package",
  { installed: false, writes: ["xor.nn.ts"] },
  (editor) => {
    it("installs it, makes a model, trains it, sees it move, pauses, goes on and stops", async () => {
      const { page, folder, panel, run, pick, answer, chooseFile, button, notification, shot, replace } = editor();
      const began = Date.now();
      await shot("empty");
      await run("Extensions: Install from VSIX...");
      await chooseFile(request.extension);
      await notification(/Completed installing/)
        .first()
        .waitFor();
      await shot("installed");

      await run("Backstep: New Model from Template");
      await page.locator(".quick-input-list .monaco-list-row").first().waitFor();
      await shot("templates");
      await pick("XOR");
      await shot("name");
      await answer("xor.nn.ts");
      await page.locator('.tab.active[data-resource-name="xor.nn.ts"]').waitFor();
      await page.locator(".codelens-decoration", { hasText: "33 parameters" }).waitFor();
      await shot("model");

      // So short that it has ended before one sees it move.
      await run("Backstep: Train Model");
      await panel.getByText("Epoch 200 of 200").waitFor();
      await panel.locator(".state-ended").first().waitFor();
      await shot("trained");

      await replace("xor.nn.ts", "epochs: 200", "epochs: 2000000");
      await run("Backstep: Train Model");
      await panel.locator(".state.state-running").waitFor();
      const flowCanvas = panel.locator(".flow-canvas");
      const curve = panel.locator(".chart-loss canvas").first();
      const texts = panel.locator(".flow-value");
      await until("both layers have a gradient", async () => {
        const values = await texts.allTextContents();
        return values.length === 2 && values.every((text) => Number.parseFloat(text) > 0);
      });
      await curve.waitFor();
      const before = {
        flow: await picture(flowCanvas),
        curve: await picture(curve),
        text: await texts.allTextContents(),
      };
      await shot("training");
      await until("the gradient flow moves", async () => (await picture(flowCanvas)) !== before.flow);
      await until("the curves move", async () => (await picture(curve)) !== before.curve);
      await until("the numbers change", async () => (await texts.allTextContents()).join() !== before.text.join());

      await button("Pause").click();
      await panel.locator(".state.state-paused").waitFor();
      const epoch = (): Promise<string | null> => panel.locator(".progress-text").textContent();
      const paused = await until("it stands still", async () => {
        const [a, b] = [await epoch(), await new Promise((resolve) => setTimeout(resolve, 500)).then(epoch)];
        return a === b && a;
      });
      await shot("paused");
      await button("Resume").click();
      await panel.locator(".state.state-running").waitFor();
      await until("it goes on", async () => (await epoch()) !== paused);
      await button("Stop").click();
      await panel.locator(".state.state-ended").waitFor();
      await panel
        .getByText(/stopped/i)
        .first()
        .waitFor();
      await shot("stopped");
      note(`from the package to the end of a training in ${((Date.now() - began) / 1000).toFixed(1)} s`);
      assert.deepEqual(readdirSync(folder), ["xor.nn.ts"]);
    });
  },
);
