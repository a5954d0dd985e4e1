import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  CodeAction,
  CodeActionKind,
  DiagnosticSeverity,
  Position,
  Range,
  TabInputCustom,
  Uri,
  WorkspaceEdit,
  commands,
  languages,
  window,
  workspace,
  type CodeLens,
  type CompletionList,
  type Diagnostic,
  type DocumentSymbol,
  type Extension,
  type Hover,
  type InlayHint,
  type TextDocument,
} from "vscode";
import type { BackstepApi } from "../../extension/main";
import { activated, folder, until } from "./support";

const digits = `import { Linear, Module, adam, crossEntropy, digits, relu, training, type Tensor } from "backstep";

class Classifier extends Module {
  hidden = new Linear(784, 128);
  output = new Linear(128, 10);

  forward(x: Tensor) {
    const h = relu(this.hidden(x));
    return this.output(h);
  }
}

export default training({ model: new Classifier(), data: digits(), loss: crossEntropy, optimizer: adam() });
`;

/** Two mistakes; of each, either side could change. */
const broken = digits
  .replace("new Linear(784, 128)", "new Linear(700, 128)")
  .replace("Linear(128, 10)", "Linear(64, 10)");

const helper = `import { Linear, Module, relu, type Tensor } from "backstep";

export class Block extends Module {
  inner = new Linear(784, 32);

  forward(x: Tensor) {
    return relu(this.inner(x));
  }
}
`;

const importer = `import { Linear, Module, adam, crossEntropy, digits, training, type Tensor } from "backstep";
import { Block } from "./features-block";

class Net extends Module {
  block = new Block();
  output = new Linear(32, 10);

  forward(x: Tensor) {
    return this.output(this.block(x));
  }
}

export default training({ model: new Net(), data: digits(), loss: crossEntropy, optimizer: adam() });
`;

describe("the editor's language features", () => {
  before(activated);
  const made: Uri[] = [];
  after(async () => {
    await commands.executeCommand("workbench.action.closeAllEditors");
    for (const uri of made) await workspace.fs.delete(uri);
  });

  /** A file of its own for each test: what an editor holds of an earlier one is not what is written anew. */
  async function open(name: string, text: string): Promise<TextDocument> {
    const uri = Uri.joinPath(folder(), name);
    if (!made.some((each) => each.path === uri.path)) made.push(uri);
    await workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    const document = await workspace.openTextDocument(uri);
    await window.showTextDocument(document);
    return document;
  }

  function ours(document: TextDocument): Diagnostic[] {
    return languages.getDiagnostics(document.uri).filter(({ source }) => source === "backstep");
  }

  function codeOf({ code }: Diagnostic): unknown {
    return typeof code === "object" ? code.value : code;
  }

  async function hints(document: TextDocument): Promise<{ label: string; before: string; line: number }[]> {
    const all = new Range(0, 0, document.lineCount, 0);
    const found = await commands.executeCommand<InlayHint[]>("vscode.executeInlayHintProvider", document.uri, all);
    return found
      .map(({ label, position }) => ({
        label: typeof label === "string" ? label : label.map(({ value }) => value).join(""),
        before: document.lineAt(position.line).text.slice(0, position.character).trim(),
        line: position.line,
      }))
      .filter(({ label }) => label.startsWith("→"))
      .sort((a, b) => a.line - b.line);
  }

  async function hintsOnceThere(document: TextDocument): ReturnType<typeof hints> {
    return until("there are hints", async () => {
      const list = await hints(document);
      return list.length > 0 ? list : undefined;
    });
  }

  async function replace(document: TextDocument, old: string, text: string): Promise<void> {
    const at = document.getText().indexOf(old);
    assert.ok(at >= 0, old);
    const edit = new WorkspaceEdit();
    edit.replace(document.uri, new Range(document.positionAt(at), document.positionAt(at + old.length)), text);
    assert.ok(await workspace.applyEdit(edit));
  }

  async function hoverText(document: TextDocument, piece: string, offset = 0): Promise<string> {
    const at = document.positionAt(document.getText().indexOf(piece) + offset);
    const found = await commands.executeCommand<Hover[]>("vscode.executeHoverProvider", document.uri, at);
    return found
      .flatMap(({ contents }) => contents.map((each) => (typeof each === "string" ? each : each.value)))
      .filter((each) => each.includes("command:backstep."))
      .join("\n");
  }

  async function actionsAt(document: TextDocument, range: Range, kind: CodeActionKind): Promise<CodeAction[]> {
    const found = await commands.executeCommand<CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      range,
      kind.value,
      100,
    );
    return found.filter((each) => each instanceof CodeAction);
  }

  it("hints: shape and parameters stand behind the calls of layers, and move with the text", async () => {
    const document = await open("features-hints.nn.ts", digits);
    assert.deepEqual(await hintsOnceThere(document), [
      { label: "→ [N, 128] · 100,480", before: "const h = relu(this.hidden(x)", line: 7 },
      { label: "→ [N, 10] · 1,290", before: "return this.output(h)", line: 8 },
    ]);
    await replace(document, "class Classifier", "// one line more\nclass Classifier");
    await replace(document, "const h =", "const hidden = 1, h =");
    assert.deepEqual(
      (await hints(document)).map(({ label, before }) => [label, before]),
      [
        ["→ [N, 128] · 100,480", "const hidden = 1, h = relu(this.hidden(x)"],
        ["→ [N, 10] · 1,290", "return this.output(h)"],
      ],
    );
  });

  it("hints: follow what is typed, and stay where a half-typed line cannot be read", async () => {
    const document = await open("features-typed.nn.ts", digits);
    await hintsOnceThere(document);
    await replace(document, "784, 128", "784, 32");
    await replace(document, "Linear(128", "Linear(32");
    const followed = ["→ [N, 32] · 25,120", "→ [N, 10] · 330"];
    await until("the hints follow", async () =>
      isDeepStrictEqual(
        (await hints(document)).map(({ label }) => label),
        followed,
      ),
    );
    await replace(document, "export default", "const half = (;\nexport default");
    await until("the text is found wanting", () =>
      ours(document).some(({ severity }) => severity === DiagnosticSeverity.Error),
    );
    assert.deepEqual(
      (await hints(document)).map(({ label }) => label),
      followed,
    );
  });

  it("hints: a setting turns them off, or shows them behind all operations", async () => {
    const document = await open("features-all.nn.ts", digits.replace("relu(this.hidden(x))", "relu(x)"));
    await until("the last layer alone", async () => (await hints(document)).length === 1);
    const configuration = workspace.getConfiguration("backstep");
    try {
      await configuration.update("hints.shapes", "all");
      const befores = (await hints(document)).map(({ before }) => before);
      for (const call of ["const h = relu(x)", "return this.output(h)"])
        assert.ok(befores.includes(call), befores.join("\n"));
      await configuration.update("hints.shapes", "off");
      assert.equal((await hints(document)).length, 0);
    } finally {
      await configuration.update("hints.shapes", undefined);
    }
  });

  it("hints and hovers are in helper files too, as the model uses them", async () => {
    const block = await open("features-block.ts", helper);
    const model = await open("features-importer.nn.ts", importer);
    await hintsOnceThere(model);
    const [hint] = await hintsOnceThere(block);
    assert.deepEqual([hint.label, hint.before], ["→ [N, 32] · 25,120", "return relu(this.inner(x)"]);
    assert.match(await hoverText(block, "inner(x)"), /\[N, 784\]/);
  });

  it("hovers: a call, its variable and its field tell shapes and costs", async () => {
    const document = await open("features-hovers.nn.ts", digits);
    await hintsOnceThere(document);
    const call = await hoverText(document, "hidden(x)", 2);
    for (const part of ["`[N, 128]`", "`[N, 784]`", "100,480", "multiply-adds"]) assert.ok(call.includes(part), call);
    assert.match(await hoverText(document, "h = relu"), /relu[\s\S]*\[N, 128\]/);
    assert.match(await hoverText(document, "hidden = new"), /hidden[\s\S]*Linear[\s\S]*\[N, 128\]/);
    assert.match(await hoverText(document, "new Linear(128", 5), /output[\s\S]*\[N, 10\]/);
    assert.equal(await hoverText(document, "x: Tensor"), "");
  });

  it("hovers: what is predicted, and after a training what it measured", async () => {
    const xor = new TextDecoder().decode(await workspace.fs.readFile(Uri.joinPath(folder(), "xor.nn.ts")));
    const document = await open("features-run.nn.ts", xor);
    await until("the prediction is there", async () =>
      /Predicted, \d+ examples? at initialisation:[\s\S]*gradient norm/.test(await hoverText(document, "hidden(x))")),
    );
    await commands.executeCommand("backstep.train", document.uri);
    await until("the run has measured it", async () =>
      /Last run, iteration [\d,]+:[\s\S]*gradient norm \| \S+ [▁▂▃▄▅▆▇█ ]+ \|[\s\S]*update \/ weight/.test(
        await hoverText(document, "hidden = new"),
      ),
    );
    const { exports: api } = (await activated()) as unknown as Extension<BackstepApi>;
    await until("the training has ended", () =>
      api.runs().some(({ path, summary }) => path === document.uri.fsPath && summary.state === "ended"),
    );
  });

  it("completion offers the sizes that fit, on either side", async () => {
    const document = await open("features-sizes.nn.ts", digits.replace("784, 128", ", 128"));
    const offered = async (marker: string): Promise<string[]> => {
      const at = document.positionAt(document.getText().indexOf(marker) + marker.length);
      const list = await commands.executeCommand<CompletionList>(
        "vscode.executeCompletionItemProvider",
        document.uri,
        at,
      );
      return list.items.flatMap(({ label }) =>
        typeof label !== "string" && label.description?.startsWith("fits") ? [label.label] : [],
      );
    };
    const once = (what: string, marker: string): Promise<string[]> =>
      until(what, async () => {
        const list = await offered(marker);
        return list.length > 0 ? list : undefined;
      });
    assert.deepEqual(await once("784 is offered", "hidden = new Linear("), ["784"]);
    await replace(document, "(, 128)", "(784, )");
    assert.deepEqual(await once("128 is offered", "hidden = new Linear(784, "), ["128"]);
    assert.deepEqual(await offered("output = "), []);
  });

  it("a quick fix mends the mistake, and its explanation opens as a page", async () => {
    const document = await open("features-broken.nn.ts", broken.replace("Linear(64, 10)", "Linear(128, 10)"));
    const [mistake] = await until("the mistake is found", () => {
      const list = ours(document);
      return list.length > 0 ? list : undefined;
    });
    assert.equal(codeOf(mistake), "linear-inputs");
    const actions = await actionsAt(document, mistake.range, CodeActionKind.QuickFix);
    const fix = actions.find(({ isPreferred }) => isPreferred);
    assert.ok(fix?.edit, `a preferred fix among ${actions.map(({ title }) => title).join(", ")}`);
    assert.ok(await workspace.applyEdit(fix.edit));
    await until("the file is clean", () => ours(document).length === 0);
    assert.match(document.getText(), /hidden = new Linear\(784, 128\)/);

    const explain = actions.find(({ title }) => title === "Explain linear-inputs");
    assert.ok(explain?.command);
    await commands.executeCommand(explain.command.command, ...((explain.command.arguments ?? []) as unknown[]));
    const input = await until("the page is open", () => {
      const tab = window.tabGroups.activeTabGroup.activeTab;
      return tab?.label.includes("linear-inputs") && tab.input;
    });
    assert.ok(input instanceof TabInputCustom, "as a preview");
    assert.equal(input.viewType, "vscode.markdown.preview.editor");
    assert.equal(input.uri.scheme, "backstep-help");
    const page = await workspace.openTextDocument(input.uri);
    assert.match(page.getText(), /^# /);
    const { code } = mistake;
    assert.ok(typeof code === "object" && code.target.toString() === input.uri.toString(), "the code leads there too");
    await commands.executeCommand("workbench.action.closeActiveEditor");
  });

  /** Applies what VS Code shows first: nothing is changed before it was confirmed. */
  async function confirmed(document: TextDocument, edit: WorkspaceEdit): Promise<void> {
    const { version } = document;
    let applied: boolean | undefined;
    void workspace.applyEdit(edit, { isRefactoring: true }).then((done) => (applied = done));
    await until("the preview is confirmed", async () => {
      if (applied === undefined) assert.equal(document.version, version);
      await commands.executeCommand("refactorPreview.apply");
      return applied;
    });
  }

  it("all problems of a file can be fixed at once: by the command, the light bulb and on saving", async () => {
    for (const way of ["command", "bulb", "preview", "save"]) {
      const document = await open(`features-all-${way}.nn.ts`, broken);
      const found = await until(`both mistakes are found (${way})`, () => {
        const list = ours(document);
        return list.length === 2 ? list : undefined;
      });
      if (way === "command") await commands.executeCommand("backstep.fixAll");
      else {
        const kind = way === "save" ? CodeActionKind.SourceFixAll : CodeActionKind.QuickFix;
        const actions = await actionsAt(document, found[0].range, kind);
        const titles = actions.filter(({ title }) => title.startsWith("Fix all Backstep"));
        assert.deepEqual(
          titles.map(({ title }) => title),
          way !== "save"
            ? ["Fix all Backstep problems in this file", "Fix all Backstep problems in this file (preview)"]
            : ["Fix all Backstep problems in this file"],
        );
        const { edit } = titles[way === "preview" ? 1 : 0];
        assert.ok(edit && edit.size > 0, "the edit is known");
        if (way === "preview") await confirmed(document, edit);
        else assert.ok(await workspace.applyEdit(edit));
      }
      await until(`the file is clean (${way})`, () => ours(document).length === 0);
      assert.match(document.getText(), /hidden = new Linear\(784, (\d+)\);\n {2}output = new Linear\(\1, 10\);/);
    }
  });

  it("the CodeLens tells what the model costs", async () => {
    const document = await open("features-lens.nn.ts", digits);
    await hintsOnceThere(document);
    const lenses = await commands.executeCommand<CodeLens[]>("vscode.executeCodeLensProvider", document.uri, 10);
    const titles = lenses.map(({ command }) => command?.title ?? "");
    // 784·128 + 128·10 multiply-adds, and 101,770 parameters with the offsets.
    assert.ok(
      titles.some((title) => /^101,770 parameters · 102 k multiply-adds · .* activations$/.test(title)),
      titles.join(", "),
    );
  });

  it("the outline lists the modules", async () => {
    const document = await open("features-outline.nn.ts", digits);
    await hintsOnceThere(document);
    const symbols = await commands.executeCommand<DocumentSymbol[]>(
      "vscode.executeDocumentSymbolProvider",
      document.uri,
    );
    const root = symbols.find(({ name }) => name === "Model");
    assert.ok(root, symbols.map(({ name }) => name).join(", "));
    assert.deepEqual(
      root.children.map(({ name, detail, range }) => [name, detail, document.getText(range)]),
      [
        ["hidden", "Linear → [N, 128] · 100,480", "new Linear(784, 128)"],
        ["output", "Linear → [N, 10] · 1,290", "new Linear(128, 10)"],
      ],
    );
  });

  it("nothing of it fails in texts that make no sense", async () => {
    for (const text of [
      "",
      "class {",
      "new Linear(",
      "export default training({ model: new Net(",
      "`${",
      digits.slice(0, 300),
    ]) {
      const document = await open("features-odd.nn.ts", text);
      const end = document.positionAt(text.length);
      const all = new Range(new Position(0, 0), end);
      for (const [provider, place] of [
        ["vscode.executeInlayHintProvider", all],
        ["vscode.executeHoverProvider", end],
        ["vscode.executeCompletionItemProvider", end],
        ["vscode.executeCodeActionProvider", all],
        ["vscode.executeDocumentSymbolProvider"],
        ["vscode.executeCodeLensProvider"],
      ] as const) {
        // The workbench gives up what it asked for when anything changes meanwhile, and says so by an error.
        await commands.executeCommand(provider, document.uri, place).then(undefined, (error: unknown) => {
          if (!(error instanceof Error) || error.name !== "Canceled") throw error;
        });
      }
    }
  });
});
