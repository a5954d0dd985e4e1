import { vanishing } from "./models";
import { flow, until } from "./support";

flow(
  "findings",
  "a network whose gradient vanishes",
  { files: { "deep.nn.ts": vanishing }, writes: ["deep.nn.ts"] },
  (editor) => {
    it("is found out, with evidence, what to do, and a mark on the line", async () => {
      const { page, panel, openFile, run, shot } = editor();
      await openFile("deep.nn.ts");
      await run("Backstep: Train Model");
      await panel
        .getByText(/vanishing-gradient/)
        .first()
        .waitFor();
      await panel.locator(".state.state-ended").waitFor();
      await panel.locator(".evidence dd").first().waitFor();
      await panel
        .getByText(/in place of sigmoid/)
        .first()
        .waitFor();
      await page.locator(".squiggly-warning").first().waitFor();
      await shot("found");
    });

    it("leads from the finding to its line, and from the line to its layer", async () => {
      const { panel, goToLine, statusItem, shot } = editor();
      await panel.getByText("deep.nn.ts:12", { exact: true }).first().click();
      await statusItem("Ln 12").waitFor();
      await panel.locator(".flow-row.at-cursor").first().waitFor();
      await goToLine(17);
      await statusItem("Ln 17").waitFor();
      await until("the layer of line 17 is marked", async () => {
        const marked = await panel.locator(".flow-row.at-cursor").allTextContents();
        return marked.length === 1 && marked[0].includes("output");
      });
      await shot("cursor");
    });

    it("loses its mark when the line is mended", async () => {
      const { page, replace, shot } = editor();
      await page.locator(".squiggly-warning").first().waitFor();
      await replace("deep.nn.ts", "let h = sigmoid(this.first(x));", "let h = relu(this.first(x));");
      await page.locator(".squiggly-warning").first().waitFor({ state: "detached" });
      await shot("mended");
    });

    it("is still there after the window was loaded anew", async () => {
      const { panel, reload, shot } = editor();
      await reload();
      // The last edit had brought the model to the front.
      await panel.locator(".faces label", { hasText: /^Run/ }).click();
      await panel
        .getByText(/vanishing-gradient/)
        .first()
        .waitFor();
      await panel.getByText("Epoch 4 of 4").waitFor();
      await panel.locator(".chart-loss canvas").first().waitFor();
      await shot("reloaded");
    });

    it("shows the network, the classes, the images and the runs", async () => {
      const { panel, shot } = editor();
      for (const name of ["Network", "Classes", "Images", "Runs"]) {
        await panel.getByRole("tab", { name }).click();
        await panel
          .locator("h2:visible", { hasText: name === "Runs" ? "Runs" : /./ })
          .first()
          .waitFor();
        await shot(name.toLowerCase());
      }
      await panel.getByRole("tab", { name: "Training" }).click();
    });
  },
);
