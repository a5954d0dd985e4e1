import assert from "node:assert/strict";
import {
  DiagnosticSeverity,
  Range,
  Uri,
  WorkspaceEdit,
  commands,
  languages,
  window,
  workspace,
  type CodeLens,
  type Diagnostic,
  type Hover,
} from "vscode";
import { activated, folder, until } from "./support";

const broken = `import { Linear, Module, adam, linearData, mse, relu, training, type Tensor } from "backstep";

class Net extends Module {
  first = new Linear(2, 3);
  second = new Linear(4, 1);

  forward(x: Tensor) {
    return this.second(relu(this.first(x)));
  }
}

export default training({ model: new Net(), data: linearData({ weights: [1, 2], count: 10 }), loss: mse, optimizer: adam() });
`;

async function open(name: string, text: string): Promise<Uri> {
  const uri = Uri.joinPath(folder(), name);
  await workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  await window.showTextDocument(uri);
  return uri;
}

function found(uri: Uri, source: string): Diagnostic[] {
  return languages.getDiagnostics(uri).filter((each) => each.source === source);
}

async function lensesOf(uri: Uri): Promise<string[]> {
  const lenses = await commands.executeCommand<CodeLens[]>("vscode.executeCodeLensProvider", uri, 10);
  return lenses.flatMap(({ command }) => (command?.command.startsWith("backstep.") ? [command.title] : []));
}

describe("model files in the editor", () => {
  before(activated);
  const made: Uri[] = [];
  after(async () => {
    await commands.executeCommand("workbench.action.closeAllEditors");
    for (const uri of made) await workspace.fs.delete(uri);
  });

  it("show Train and the number of parameters above the default export", async () => {
    const uri = Uri.joinPath(folder(), "xor.nn.ts");
    const document = await workspace.openTextDocument(uri);
    await window.showTextDocument(document);
    // 2·8 + 8 and 8·1 + 1.
    const titles = await until("the check has counted", async () => {
      const lenses = await lensesOf(uri);
      return lenses.length >= 3 ? lenses : undefined;
    });
    // 2·8 + 8·1; the rest of what the model computes needs no products.
    assert.equal(titles[0], "$(play) Train");
    assert.equal(titles[1], "$(debug-alt) Debug");
    assert.match(titles[2], /^33 parameters · 24 multiply-adds · \d+ B activations$/);
    assert.equal(titles.length, 3);
    const lenses = await commands.executeCommand<CodeLens[]>("vscode.executeCodeLensProvider", uri);
    assert.match(document.lineAt(lenses[0].range.start.line).text, /^export default/);
  });

  it("are checked: a mistake is underlined where it is made, and goes when it is mended, saved or not", async () => {
    const uri = await open("broken.nn.ts", broken);
    made.push(uri);
    const mistakes = await until("the mistake is found", () => {
      const list = found(uri, "backstep");
      return list.length > 0 ? list : undefined;
    });
    const [mistake] = mistakes;
    const { code } = mistake;
    assert.equal(typeof code === "object" ? code.value : code, "linear-inputs");
    assert.equal(mistake.severity, DiagnosticSeverity.Error);
    const document = await workspace.openTextDocument(uri);
    assert.equal(document.getText(mistake.range), "this.second(relu(this.first(x)))");

    const edit = new WorkspaceEdit();
    const at = document.positionAt(document.getText().indexOf("4, 1"));
    edit.replace(uri, new Range(at, at.translate(0, 1)), "3");
    await workspace.applyEdit(edit);
    assert.equal(document.isDirty, true);
    await until("the mistake is gone", () => found(uri, "backstep").length === 0);
    await document.save();
  });

  it("that cannot be run say why", async () => {
    const uri = await open("throws.nn.ts", 'const x: number = 1;\nthrow new Error("not today");\n');
    made.push(uri);
    const [problem] = await until("the error is shown", () => {
      const list = found(uri, "backstep");
      return list.length > 0 ? list : undefined;
    });
    assert.match(problem.message, /not today/);
    assert.equal(problem.range.start.line, 1);
  });

  it("have types although nothing is installed", async function () {
    this.timeout(120_000);
    const uri = Uri.joinPath(folder(), "xor.nn.ts");
    const document = await workspace.openTextDocument(uri);
    await window.showTextDocument(document);
    const at = document.positionAt(document.getText().indexOf("Linear(")).translate(0, 1);
    const text = await until(
      "TypeScript knows Linear",
      async () => {
        const hovers = await commands.executeCommand<Hover[]>("vscode.executeHoverProvider", uri, at);
        const all = hovers.flatMap(({ contents }) =>
          contents.map((each) => (typeof each === "string" ? each : each.value)),
        );
        return all.find((each) => /Linear\(/.test(each));
      },
      100_000,
    );
    assert.match(text, /new Linear|constructor Linear/);
    assert.deepEqual(
      languages.getDiagnostics(uri).map(({ message }) => message),
      [],
    );
  });
});
