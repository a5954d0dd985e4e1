/** The debugger as people use it: F9, F5, forward, backward, into the operation, back, another weight. */
import type { Locator, Page } from "playwright-core";
import { flow, until } from "./support";

/** y = (2, −1)·tanh(W·x) on two examples: every number of it can be had by hand. */
const known = `import { Linear, Module, fromArrays, initializers, mse, sgd, tanh, training, type Tensor } from "backstep";

class Known extends Module {
  hidden = new Linear(2, 2, { initializer: initializers.constant(0.5), biasInitializer: initializers.zeros });
  output = new Linear(2, 1, { initializer: initializers.constant(1), biasInitializer: initializers.zeros });

  forward(x: Tensor) {
    const h = tanh(this.hidden(x));
    return this.output(h);
  }
}

export default training({
  model: new Known(),
  data: fromArrays({ inputs: [[1, 0], [0, 1]], targets: [[1], [0]] }),
  loss: mse,
  optimizer: sgd({ learningRate: 0.1 }),
  batchSize: "all",
  shuffle: false,
  validation: false,
  epochs: 200,
});
`;

const zero = `import { log, mul, sub, variable } from "backstep";

const x = variable([3, 2]);
const y = sub(x, 2);
const z = log(y);
const J = mul(z, z).sum();

export default J;
`;

flow(
  "debug",
  "the debugger",
  { files: { "known.nn.ts": known, "zero.nn.ts": zero }, writes: ["known.nn.ts", "zero.nn.ts"] },
  (editor) => {
    it("F9 and F5 stop on the line going forward", async () => {
      const { page, openFile, goToLine, statusItem, shot } = editor();
      await openFile("known.nn.ts");
      await page.getByText("Debug", { exact: true }).first().waitFor();
      await goToLine(8);
      await page.keyboard.press("F9");
      await page.keyboard.press("F5");
      await page.locator(".debug-toolbar").waitFor();
      await statusItem("Stopped: forward, iteration 0").waitFor();
      await page.getByText("Known.forward").first().waitFor();
      for (const button of ["Step Back", "Reverse"]) await toolbar(page, button).waitFor();
      await shot("forward");
    });

    it("F5 stops there again as the gradient comes back, and F11 goes into the operation", async () => {
      const { page, statusItem, shot } = editor();
      await page.keyboard.press("F5");
      await statusItem("Stopped: backward, iteration 0").waitFor();
      await page.getByText("Known.forward (backward)").first().waitFor();
      await expand(page, "This operation");
      await shot("backward");
      // 2·(0.924234 − 1)/2 = −0.0757657, ∂mse/∂out of the first example, times the weight 1.
      await page
        .getByText(/upstream ∂loss\/∂h/)
        .first()
        .waitFor();
      await page
        .getByText(/-0\.0757657/)
        .first()
        .waitFor();
      await page
        .getByText(/× local ∂h/)
        .first()
        .waitFor();
      await page.keyboard.press("F11");
      await page.getByText("backward pass", { exact: false }).first().waitFor();
      await shot("into");
    });

    it("steps back, and shows another loss for another weight", async () => {
      const { page, shot } = editor();
      await toolbar(page, "Step Back").click();
      await page.locator(".debug-call-stack").getByText("tanh → h (backward)").first().waitFor();
      await page.locator(".repl-input-wrapper .monaco-editor").first().click();
      const ask = async (text: string): Promise<void> => {
        await page.keyboard.type(text);
        await page.keyboard.press("Escape");
        await page.keyboard.press("Enter");
      };
      const said = (text: string | RegExp) => page.locator(".repl").getByText(text).last();
      await ask("loss");
      await said("0.429975").waitFor();
      await ask("hidden.weight[0][0] = 1");
      await ask("loss");
      await said("0.452128").waitFor();
      await shot("weight");
    });

    it("shows a tensor as a picture that follows the program", async () => {
      const { page, run, shot } = editor();
      await run("Backstep: Show Tensor");
      await page.keyboard.type("h");
      await page.keyboard.press("Enter");
      await page
        .locator(".tab", { hasText: /Tensor/ })
        .first()
        .waitFor();
      await shot("tensor");
    });

    it("ends", async () => {
      const { page } = editor();
      await toolbar(page, "Stop").click();
      await page.locator(".debug-toolbar").waitFor({ state: "hidden" });
      await until("the run has ended", async () => (await page.locator(".debug-top-stack-frame-line").count()) === 0);
    });

    it("stops where the first infinity comes up, and says why", async () => {
      const { page, openFile, run, shot } = editor();
      await openFile("zero.nn.ts");
      await page.keyboard.press("F5");
      await page
        .getByText(/Infinity comes up/)
        .first()
        .waitFor();
      await shot("infinity");
      await run("Backstep: Why Is This NaN?");
      await page.locator(".quick-input-widget").waitFor();
      await page.keyboard.type("z");
      await page.keyboard.press("Enter");
      await page
        .getByText(/log\(0\)/)
        .first()
        .waitFor();
      await shot("why");
      await page.keyboard.press("Escape");
      await toolbar(page, "Stop").click();
      await page.locator(".debug-toolbar").waitFor({ state: "hidden" });
    });
  },
);

/** A button of the debug toolbar. */
function toolbar(page: Page, name: string): Locator {
  return page.locator(`.debug-toolbar [aria-label^="${name}"]`).first();
}

/** Unfolds a scope of Variables. */
async function expand(page: Page, scope: string): Promise<void> {
  const row = page.locator(".debug-variables .monaco-list-row", { hasText: scope }).first();
  await row.waitFor();
  if ((await row.getAttribute("aria-expanded")) !== "true") await row.click();
}
