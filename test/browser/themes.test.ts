import { endless } from "./models";
import { flow, until } from "./support";

/** Pictures for people; that the panel follows the theme is asserted. */
for (const [theme, kind] of [
  ["Default Dark Modern", "vscode-dark"],
  ["Default High Contrast", "vscode-high-contrast"],
  ["Default High Contrast Light", "vscode-high-contrast-light"],
]) {
  const name = theme.toLowerCase().replace(/ /g, "-");
  flow(
    name,
    `the panel in ${theme}`,
    { files: { "moons.nn.ts": endless }, settings: { "workbench.colorTheme": theme } },
    (editor) => {
      it("has its colours", async () => {
        const { panel, openFile, run, shot } = editor();
        await openFile("moons.nn.ts");
        await run("Backstep: Train Model");
        await panel.locator(".chart-loss canvas").first().waitFor();
        await until("the panel has the theme", async () => {
          const classes = (await panel.locator("body").getAttribute("class")) ?? "";
          return classes.split(" ").includes(kind);
        });
        await shot("panel");
      });
    },
  );
}
