import { readFileSync } from "node:fs";
import { join } from "node:path";
import { vanishing } from "./models";
import { flow, until } from "./support";

const classifier = `import { Linear, Module, adam, crossEntropy, digits, relu, training, type Tensor } from "backstep";

class Classifier extends Module {
  hidden = new Linear(784, 128);
  output = new Linear(128, 10);

  forward(x: Tensor) {
    const h = relu(this.hidden(x));
    return this.output(h);
  }
}

export default training({
  model: new Classifier(),
  data: digits(),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 1e-3 }),
  epochs: 5,
});
`;

flow(
  "typing",
  "while one types",
  { files: { "classifier.nn.ts": classifier, "deep.nn.ts": vanishing }, writes: ["classifier.nn.ts", "deep.nn.ts"] },
  (editor) => {
    it("layers show their shapes, and the panel draws the network and its predicted gradient flow", async () => {
      const { page, panel, openFile, run, shot } = editor();
      await openFile("classifier.nn.ts");
      await page.getByText("→ [N, 128] · 100,480").first().waitFor();
      await run("Backstep: Show Panel");
      await panel.locator(".model-header").waitFor();
      await panel
        .getByText(/at initialisation/i)
        .first()
        .waitFor();
      await shot("ready");
    });

    it("a mismatch is underlined where it is, and red in the network", async () => {
      const { page, panel, goToLine, shot } = editor();
      // The editor's group; the panel has the other.
      await page.locator(".view-line").first().click();
      await goToLine(4);
      // Behind the 128 of `new Linear(784, 128);`
      await page.keyboard.press("End");
      for (let i = 0; i < 5; i++) await page.keyboard.press("Shift+ArrowLeft");
      await page.keyboard.type("96);", { delay: 60 });
      await page.locator(".squiggly-error").first().waitFor();
      await panel
        .locator(":visible", { hasText: /needs 128 features on the last axis, got 96/ })
        .first()
        .waitFor();
      await shot("mismatch");
    });

    it("while the text cannot be read, the last figures stay, and say so", async () => {
      const { page, panel, goToLine, shot } = editor();
      await goToLine(8);
      await page.keyboard.press("End");
      await page.keyboard.type(" const (", { delay: 30 });
      await panel.locator(".stale-message").first().waitFor();
      await shot("stale");
      for (let i = 0; i < 8; i++) await page.keyboard.press("Backspace");
      await panel.locator(".stale-message").first().waitFor({ state: "detached" });
    });

    it("the light bulb mends it", async () => {
      const { page, folder, panel, goToLine, shot } = editor();
      await goToLine(9);
      await page.keyboard.press("End");
      for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowLeft");
      const fix = page.getByText("Change output's inputs to 96");
      await until("the fix is offered", async () => {
        await page.keyboard.press("Control+.");
        const there = await fix
          .first()
          .waitFor({ timeout: 4000 })
          .then(
            () => true,
            () => false,
          );
        if (!there) await page.keyboard.press("Escape");
        return there;
      });
      await shot("light-bulb");
      await page.keyboard.press("Enter");
      await page.locator(".squiggly-error").first().waitFor({ state: "detached" });
      await page.getByText("→ [N, 96] · 75,360").first().waitFor();
      await panel.locator("td:visible", { hasText: "970" }).first().waitFor();
      await page.keyboard.press("Control+s");
      await until("the file is saved", () =>
        Promise.resolve(readFileSync(join(folder, "classifier.nn.ts"), "utf8").includes("new Linear(96, 10)")),
      );
      await shot("mended");
    });

    it("a hover tells shapes, parameters and costs", async () => {
      const { page, shot } = editor();
      await page
        .locator(".view-line span", { hasText: /^hidden$/ })
        .first()
        .hover();
      await page.locator(".monaco-hover:visible", { hasText: "75,360" }).first().waitFor();
      await shot("hover");
      await page.keyboard.press("Escape");
    });

    it("a gradient that will vanish is foretold before any training", async () => {
      const { page, panel, openFile, replace, shot } = editor();
      await page.keyboard.press("Control+1");
      await openFile("deep.nn.ts");
      const deeper = `h = sigmoid(this.fifth(h));${"\n    h = sigmoid(this.fifth(h));".repeat(6)}`;
      await replace("deep.nn.ts", "h = sigmoid(this.fifth(h));", deeper);
      await panel
        .getByText(/the gradient vanishes on its way back/)
        .first()
        .waitFor();
      await page.locator(".squiggly-warning").first().waitFor();
      await shot("foretold");
    });
  },
);
