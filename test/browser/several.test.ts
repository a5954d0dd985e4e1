import { endless } from "./models";
import { flow, until } from "./support";

flow(
  "several",
  "several runs",
  {
    files: { "one.nn.ts": endless, "two.nn.ts": endless.replace("0.01", "0.1") },
    settings: { "window.titleBarStyle": "custom" },
  },
  (editor) => {
    it("train at once, each its own", async () => {
      const { panel, openFile, run, shot } = editor();
      for (const file of ["one.nn.ts", "two.nn.ts"]) {
        await openFile(file);
        await run("Backstep: Train Model");
        await panel.getByRole("tab", { name: "Runs" }).waitFor();
      }
      await panel.getByRole("tab", { name: "Runs" }).click();
      await until("both train", async () => (await panel.locator(".runs tbody tr .state-running").count()) === 2);
      await shot("runs");
    });

    it("lie over each other when they are compared", async () => {
      const { panel, shot } = editor();
      await panel.locator(".runs tbody tr:not(.shown)").getByRole("checkbox").click();
      await panel.getByRole("tab", { name: "Training" }).click();
      await until(
        "the curves of both are there",
        async () => (await panel.locator(".chart-loss .legend-item").count()) >= 2,
      );
      await shot("compared");
    });

    it("stop, and are gone when they are deleted", async () => {
      const { page, panel, button, shot } = editor();
      await button("Stop").click();
      await panel.locator(".state.state-ended").first().waitFor();
      await panel.getByRole("tab", { name: "Runs" }).click();
      await panel.locator(".runs tbody tr:not(.shown) button.link").click();
      await button("Stop").click();
      await until("both have ended", async () => (await panel.locator(".runs tbody tr .state-ended").count()) === 2);
      await panel
        .getByRole("button", { name: /^Delete one/ })
        .first()
        .click();
      await page
        .locator(".monaco-dialog-box")
        .getByRole("button", { name: /Delete/ })
        .click();
      await until("one is left", async () => (await panel.locator(".runs tbody tr").count()) === 1);
      await shot("deleted");
    });
  },
);
