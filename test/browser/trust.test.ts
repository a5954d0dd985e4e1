import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endless } from "./models";
import { flow, until } from "./support";

/** Leaves a trace when any of it runs. */
const telltale = (file: string): string =>
  `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(file)}, "");\n${endless}`;

flow(
  "trust",
  "a workspace that is not trusted",
  {
    files: { "model.nn.ts": endless },
    trust: false,
    settings: { "security.workspace.trust.startupPrompt": "never", "security.workspace.trust.untrustedFiles": "open" },
    writes: ["model.nn.ts", "ran.txt"],
  },
  (editor) => {
    it("runs nothing, and says why", async () => {
      const { folder, openFile, panel, run, notification, shot } = editor();
      writeFileSync(join(folder, "model.nn.ts"), telltale(join(folder, "ran.txt")));
      await openFile("model.nn.ts");
      await run("Backstep: Train Model");
      await notification(/Restricted Mode/)
        .first()
        .waitFor();
      await shot("restricted");
      await run("Backstep: Show Panel");
      await panel
        .getByText(/not trusted/)
        .first()
        .waitFor();
      await shot("restricted-panel");
      assert.ok(!existsSync(join(folder, "ran.txt")), "no code of the model ran");
    });

    it("runs once it is trusted", async () => {
      const { page, folder, notification, shot } = editor();
      await notification(/Restricted Mode/)
        .first()
        .getByRole("button", { name: "Manage Workspace Trust" })
        .click();
      await page.getByRole("button", { name: "Trust", exact: true }).first().click();
      await shot("trusted");
      await until("the model is checked", async () => existsSync(join(folder, "ran.txt")));
    });
  },
);
