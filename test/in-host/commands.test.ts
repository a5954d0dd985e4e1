import assert from "node:assert/strict";
import { Uri, commands, window, workspace } from "vscode";
import { activated, folder, until } from "./support";

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
    readonly keybindings: readonly { readonly command: string }[];
  };
}

describe("commands", () => {
  it("are all there, and menus and keys name no others", async () => {
    const { packageJSON } = await activated();
    const { contributes } = packageJSON as Manifest;
    const registered = new Set(await commands.getCommands(true));
    const declared = contributes.commands.map(({ command }) => command);
    for (const command of declared) assert.ok(registered.has(command), `${command} is declared and not registered`);
    const named = [...Object.values(contributes.menus).flat(), ...contributes.keybindings];
    for (const { command } of named) assert.ok(declared.includes(command), `${command} is in a menu and not declared`);
  });

  it("have the titles that the README names", async () => {
    const { packageJSON } = await activated();
    const titles = (packageJSON as Manifest).contributes.commands.map(({ title }) => title);
    for (const title of [
      "New Model from Template",
      "Train Model",
      "Debug Model",
      "Attach Debugger to Run",
      "Show Backward Listing",
      "Show Tensor",
      "Why Is This NaN?",
      "Why Is This Zero?",
      "Pause",
      "Resume",
      "Stop",
      "Train from Checkpoint",
      "Show Panel",
      "Overfit One Batch",
      "Find Learning Rate",
      "Check Gradients",
      "Choose Device",
      "Compare Devices",
      "Fix All Problems in This File",
      "Add Types to Workspace",
      "Show Log",
    ])
      assert.ok(titles.includes(title), title);
  });

  it("Check Gradients shows a report that says they agree", async () => {
    await activated();
    await commands.executeCommand("backstep.checkGradients", Uri.joinPath(folder(), "xor.nn.ts"));
    const report = await until("the report is open", () =>
      workspace.textDocuments.find(({ uri }) => uri.scheme === "backstep-report"),
    );
    assert.match(report.getText(), /All gradients agree\./);
    assert.match(report.getText(), /`hidden\.weight` \| \d+ \| \[8, 2\]/);
  });

  it("Compare Devices shows what each takes for an update, or why there is none", async () => {
    await activated();
    await commands.executeCommand("backstep.compareDevices", Uri.joinPath(folder(), "xor.nn.ts"));
    const report = await until("the report is open", () =>
      workspace.textDocuments.find(({ uri }) => uri.scheme === "backstep-report" && uri.path.includes("devices")),
    );
    assert.match(report.getText(), /^\| CPU \| \d\S* ms \|.*WebAssembly/m);
    // Tests are run with a graphics card, with one in software, and with none.
    assert.match(report.getText(), /^\| GPU \|( \d\S* ms \|.*webgpu: | +\|.*(no adapter|no WebGPU))/m);
  });

  it("Add Types to Workspace makes a configuration that names types which are there", async () => {
    await activated();
    await window.showTextDocument(Uri.joinPath(folder(), "xor.nn.ts"));
    await commands.executeCommand("backstep.addTypes");
    const config = Uri.joinPath(folder(), "tsconfig.json");
    const { compilerOptions } = JSON.parse(new TextDecoder().decode(await workspace.fs.readFile(config)));
    const [target] = compilerOptions.paths.backstep as string[];
    const types = new TextDecoder().decode(await workspace.fs.readFile(Uri.joinPath(folder(), target)));
    assert.match(types, /export .*training/);
    await workspace.fs.delete(config);
    await workspace.fs.delete(Uri.joinPath(folder(), ".backstep"), { recursive: true });
  });
});
