/** What the gallery asserts of the panel. Each check returns the problems it found, and says on stdout what it measured. */

/**
 * @param open of scripts/gallery.mjs
 * @param wanted names of checks; all where there are none
 */
export async function checks(browser, open, wanted = []) {
  const problems = [];
  const all = [frameTime, memory, editing, front, keyboard, names, hidden, tensor];
  for (const check of wanted.length === 0 ? all : all.filter(({ name }) => wanted.includes(name))) {
    const found = await check(browser, open);
    process.stdout.write(`${check.name}: ${found.length === 0 ? "holds" : "FAILS"}\n`);
    problems.push(...found.map((problem) => `${check.name}: ${problem}`));
  }
  return problems;
}

async function withPanel(browser, open, options, act) {
  const { context, tab, problems } = await open(browser, options);
  const found = await act(tab);
  problems.push(...found, ...(await tab.evaluate(() => window.simulation.violations)));
  const told = await tab.evaluate(() => window.simulation.received.filter(({ type }) => type === "problem"));
  problems.push(...told.map(({ message }) => message));
  await context.close();
  return problems;
}

/** 200 layers at 10 ticks a second: of 100 frames, 95 come in time, also where no graphics card helps. */
function frameTime(browser, open) {
  return withPanel(browser, open, { scenario: "deep" }, async (tab) => {
    await tab.evaluate(() => window.simulation.play(10));
    await tab.waitForTimeout(2000);
    const intervals = await tab.evaluate(
      (count) =>
        new Promise((resolve) => {
          const times = [];
          const frame = (time) => {
            times.push(time);
            if (times.length <= count) return requestAnimationFrame(frame);
            resolve(times.slice(1).map((each, i) => each - times[i]));
          };
          requestAnimationFrame(frame);
        }),
      400,
    );
    await tab.evaluate(() => window.simulation.stop());
    intervals.sort((a, b) => a - b);
    const at = (part) => intervals[Math.floor(intervals.length * part)];
    const [p50, p95, most] = [at(0.5), at(0.95), intervals.at(-1)].map((milliseconds) => milliseconds.toFixed(1));
    const said = `between two frames p50 ${p50} ms, p95 ${p95} ms, most ${most} ms`;
    process.stdout.write(`  ${said}\n`);
    return at(0.95) < 1000 / 60 + 1 ? [] : [said];
  });
}

/** An hour of ticks by count: after the histories are full, the heap no longer grows. */
function memory(browser, open) {
  return withPanel(browser, open, { scenario: "deep" }, async (tab) => {
    const session = await tab.context().newCDPSession(tab);
    const used = async () => {
      await session.send("HeapProfiler.collectGarbage");
      return (await session.send("Runtime.getHeapUsage")).usedSize / 2 ** 20;
    };
    const ticks = async (count) => {
      for (let i = 0; i < count; i += 200) {
        await tab.evaluate(async () => {
          window.simulation.tick(200, 4);
          await new Promise((resolve) => requestAnimationFrame(resolve));
        });
      }
    };
    await ticks(6000);
    const before = await used();
    await ticks(30000);
    const after = await used();
    process.stdout.write(`  ${before.toFixed(1)} MiB after 6,000 ticks, ${after.toFixed(1)} MiB after 36,000\n`);
    return after < before * 1.15 + 2 ? [] : [`the heap grew from ${before.toFixed(1)} to ${after.toFixed(1)} MiB`];
  });
}

/** Milliseconds of script that an edit of a model of 100 layers may take. */
const EDIT_TIME = 50;

/** Edits of a model of 100 layers: drawn in time, and what the viewer looks at, unfolded and chose stays as it was. */
async function editing(browser, open) {
  // The first is folded to its blocks when it is first seen; the second grew from a small one, and so shows the layers of all blocks.
  return [...(await editingOf(browser, open, "model-deep")), ...(await editingOf(browser, open, "model-ready"))];
}

function editingOf(browser, open, scenario) {
  return withPanel(browser, open, { scenario }, async (tab) => {
    const found = [];
    const session = await tab.context().newCDPSession(tab);
    // The time that the page's thread worked, whatever else the machine does.
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const worked = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return 1000 * metrics.find(({ name }) => name === "ScriptDuration").value;
    };
    const edit = async (...options) => {
      const before = await worked();
      await tab.evaluate((list) => window.simulation.edit(...list), options);
      await tab.waitForTimeout(300);
      return (await worked()) - before;
    };
    const place = () =>
      tab.evaluate(() => {
        const box = document.querySelector(".net-frame :focus .net-box")?.getBoundingClientRect();
        return box ? { x: Math.round(box.x), y: Math.round(box.y) } : null;
      });
    const columnPlace = () =>
      tab.evaluate(() => {
        const box = document.querySelector(".net-frame :focus circle")?.getBoundingClientRect();
        return box ? { x: Math.round(box.x), y: Math.round(box.y) } : null;
      });
    const key = () => tab.evaluate(() => document.activeElement?.getAttribute("data-key"));
    const scale = () =>
      tab.evaluate(() => document.querySelector(".net-svg > g").getAttribute("transform").split("scale")[1]);
    const same = (what, before, after) => {
      const text = [before, after].map((each) => JSON.stringify(each));
      if (text[0] !== text[1]) found.push(`${scenario}, ${what}: ${text[0]} before the edit, ${text[1]} after it`);
    };
    await edit(100, 64, [], true);
    const block = tab.locator('[data-key="group blocks.12"]');
    if ((await block.count()) > 0) {
      await block.focus();
      await tab.keyboard.press("Space");
    }
    await tab.locator('[data-key="group blocks.12/expand"]').focus();
    await tab.waitForTimeout(200);
    const [chosen, at, zoom] = [await key(), await place(), await scale()];
    const times = {};
    const after = async (what, ...options) => {
      times[what] = await edit(...options);
      same(`${what}, what has the focus`, chosen, await key());
      same(`${what}, its place`, at, await place());
      same(`${what}, the scale`, zoom, await scale());
    };
    await after("a layer above", 100, 64, [2], false);
    const marked = await tab.locator(".net-node.mark-added, .net-node.mark-changed").count();
    if (marked !== 1) found.push(`${scenario}: ${marked} nodes are marked, and one layer was added`);
    await after("its prediction", 100, 64, [2], true);
    await after("a layer beside it", 100, 64, [2, 50], false);
    await after("two blocks more", 108, 64, [2, 50], false);
    await after("another width", 108, 32, [2, 50], false);
    await after("all undone", 100, 64, [], false);
    await tab.getByText("Network diagram", { exact: true }).click();
    await tab.locator('[data-key="column blocks.12.expand"]').focus();
    await tab.waitForTimeout(200);
    const column = await columnPlace();
    times.diagram = await edit(104, 64, [2], false);
    same("in the diagram, its place", column, await columnPlace());
    const said = Object.entries(times).map(([what, time]) => `${what} ${time.toFixed(1)} ms`);
    process.stdout.write(`  ${scenario}: ${said.join(", ")} of script\n`);
    for (const [what, time] of Object.entries(times)) {
      if (time > EDIT_TIME) found.push(`${scenario}: ${what} takes ${time.toFixed(1)} ms of script`);
    }
    return found;
  });
}

/** Which face is in front: a training brings the run, an edit the model but where one watches a run. */
function front(browser, open) {
  return withPanel(browser, open, { scenario: "model-ready", run: "healthy" }, async (tab) => {
    const found = [];
    const expect = async (what, wanted) => {
      await tab.waitForTimeout(60);
      const face = await tab.locator('.faces input[type="radio"]:checked').getAttribute("value");
      if (face !== wanted) found.push(`${what}: the ${face} is in front`);
    };
    const send = (message) => tab.evaluate((each) => window.simulation.send(each), message);
    await expect("an edit while a run goes on", "run");
    await tab.locator('.faces input[value="model"]').check();
    await expect("a click on the model", "model");
    await send({ type: "front", what: "run" });
    await expect("a new training", "run");
    await send({ type: "state", run: "healthy", state: "ended", failure: null, end: null });
    await send({ type: "front", what: "model" });
    await expect("an edit after its end", "model");
    await tab.locator('.faces input[value="run"]').check();
    await send({ type: "front", what: "model" });
    await expect("an edit after a click on the run", "run");
    await send({ type: "model", model: null });
    await tab.waitForTimeout(60);
    if ((await tab.locator(".faces").count()) > 0) found.push("one may choose a model that is not there");
    return found;
  });
}

/** What is gone through by keyboard and by name. */
const places = [
  ...["training", "network", "classes", "boundary", "images", "runs"].map((name) => ({
    name,
    options: { scenario: "paused", state: { preferences: { tab: name } } },
  })),
  ...["model-mismatch", "model-vanishing", "model-stale", "model-untrusted"].map((name) => ({
    name,
    options: { scenario: name, run: "paused", state: { preferences: { front: { face: "model" } } } },
  })),
  { name: "tensor-matrix", options: { scenario: "tensor-matrix", state: { pins: ["h", "hidden.bias"] } } },
  { name: "tensor-large", options: { scenario: "tensor-large", state: { face: "table" } } },
  { name: "tensor-filters", options: { scenario: "tensor-filters", state: { face: "pictures" } } },
  { name: "tensor-jacobian", options: { scenario: "tensor-jacobian", state: { subject: "jacobian" } } },
  { name: "tensor-error", options: { scenario: "tensor-error" } },
];

/** Tab reaches everything that can be used, or its group, which arrow keys move in. */
async function keyboard(browser, open) {
  const problems = [];
  for (const { name: tabName, options } of places) {
    problems.push(
      ...(await withPanel(browser, open, options, async (tab) => {
        const wanted = await tab.evaluate(usable);
        const reached = new Set();
        for (let i = 0; i < wanted.length + 40; i++) {
          await tab.keyboard.press("Tab");
          reached.add(await tab.evaluate(() => document.activeElement?.getAttribute("data-reach") ?? ""));
        }
        process.stdout.write(`  ${tabName}: ${wanted.length} elements\n`);
        return wanted.filter(({ id }) => !reached.has(id)).map(({ what }) => `${tabName}: Tab does not reach ${what}`);
      })),
    );
  }
  return problems;
}

/** Runs in the page: numbers everything that a pointer can use and is no part of a group with one tab stop. */
function usable() {
  const chosen =
    'button, input, select, a[href], vscode-button, vscode-checkbox, vscode-dropdown, vscode-link, vscode-text-field, [tabindex="0"], vscode-panel-tab[aria-selected="true"]';
  return [...document.querySelectorAll(chosen)]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled)
    .filter((element) => element.getAttribute("tabindex") !== "-1" && element.closest("[inert]") === null)
    .filter((element) => element.type !== "radio" || element.checked)
    .map((element, i) => {
      element.setAttribute("data-reach", String(i));
      const text = element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 40);
      return { id: String(i), what: `<${element.localName}> ${text}` };
    });
}

const INTERACTIVE = new Set([
  "button",
  "checkbox",
  "combobox",
  "link",
  "radio",
  "slider",
  "spinbutton",
  "application",
  "tab",
  "textbox",
  "treegrid",
  "grid",
  "progressbar",
  "image",
  "row",
]);

/** Everything interactive has a name in the accessibility tree. */
async function names(browser, open) {
  const problems = [];
  for (const { name: tabName, options } of places) {
    problems.push(
      ...(await withPanel(browser, open, options, async (tab) => {
        const session = await tab.context().newCDPSession(tab);
        const { nodes } = await session.send("Accessibility.getFullAXTree");
        const parents = new Map(nodes.map((node) => [node.nodeId, node]));
        const inside = (node, wanted) => {
          for (let at = parents.get(node.parentId); at; at = parents.get(at.parentId)) {
            if (INTERACTIVE.has(at.role?.value) && wanted(at)) return true;
          }
          return false;
        };
        // Rows of plain tables are read cell by cell, and what the toolkit draws in a control belongs to the control's name.
        const interactive = nodes.filter((node) => {
          const role = node.role?.value;
          if (node.ignored || !INTERACTIVE.has(role)) return false;
          if (role === "row") return inside(node, (at) => ["treegrid", "grid"].includes(at.role.value));
          return role !== "image" || !inside(node, (at) => at.name?.value?.trim());
        });
        process.stdout.write(`  ${tabName}: ${interactive.length} names\n`);
        return interactive
          .filter(({ name }) => !name?.value?.trim())
          .map(({ role, nodeId }) => `${tabName}: a ${role.value} has no name (node ${nodeId})`);
      })),
    );
  }
  return problems;
}

/** A hidden panel renders nothing, and shows what it missed when it comes back. */
function hidden(browser, open) {
  return withPanel(browser, open, { scenario: "healthy" }, async (tab) => {
    const hide = (now) =>
      tab.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, now);
    const text = () => tab.locator(".progress-text").textContent();
    await tab.waitForTimeout(300);
    await hide(true);
    const before = await text();
    const changes = await tab.evaluate(async () => {
      let count = 0;
      const observer = new MutationObserver((records) => (count += records.length));
      observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
      const frames = window.requestAnimationFrame;
      window.requestAnimationFrame = (callback) => (count++, frames.call(window, callback));
      window.simulation.tick(50, 4);
      await new Promise((resolve) => setTimeout(resolve, 400));
      observer.disconnect();
      window.requestAnimationFrame = frames;
      return count;
    });
    const during = await text();
    await hide(false);
    await tab.waitForTimeout(200);
    const after = await text();
    return [
      ...(changes === 0 && during === before ? [] : [`${changes} changes while hidden`]),
      ...(after !== before ? [] : ["does not catch up when shown again"]),
    ];
  });
}

/** The tensor view: asks at each stop and never while the program runs, walks over pages, keeps what it was after the end. */
function tensor(browser, open) {
  return withPanel(browser, open, { scenario: "tensor-large", state: { pins: ["h"] } }, async (tab) => {
    const found = [];
    const expect = (what, is, wanted) => {
      if (is !== wanted) found.push(`${what}: ${is}, not ${wanted}`);
    };
    const asked = () => tab.evaluate(() => window.simulation.received.filter(({ type }) => type === "look").length);
    const last = () => tab.evaluate(() => window.simulation.received.findLast(({ type }) => type === "look").question);
    const become = async (change) => {
      await tab.evaluate((each) => window.simulation.become(each), change);
      await tab.waitForTimeout(100);
    };
    const cell = () => tab.locator("#tensor-cell").textContent();
    const press = async (...keys) => {
      for (const key of keys) await tab.keyboard.press(key);
      await tab.waitForTimeout(100);
    };
    expect("questions at the first stop", await asked(), 2);
    await become({ stop: 2 });
    expect("questions after a step", await asked(), 4);
    await become({ state: "running" });
    expect("questions while it runs", await asked(), 4);
    await become({ state: "stopped", stop: 3 });
    expect("questions at the next stop", await asked(), 6);

    await tab.getByRole("application").focus();
    await press("ArrowDown", "ArrowRight");
    expect("the cell", (await cell()).split(" = ")[0], "embedding.weight[0, 1]");
    await press("End");
    expect("the cell at the end of the row", (await cell()).split(" = ")[0], "embedding.weight[0, 299]");
    expect("its page", JSON.stringify((await last()).from), "[0,256]");
    await press("Control+ArrowDown");
    expect("the last cell", (await cell()).split(" = ")[0], "embedding.weight[4095, 299]");
    expect("its page", JSON.stringify((await last()).from), "[3968,256]");

    const width = () => tab.evaluate(() => document.querySelector(".heat-space").offsetWidth);
    const before = await width();
    await press("+");
    const larger = await width();
    if (larger <= before) found.push(`larger cells make ${larger} pixels of ${before}`);
    const box = await tab.locator(".heat-scroll").boundingBox();
    await tab.mouse.move(box.x + 100, box.y + 100);
    await tab.keyboard.down("Control");
    await tab.mouse.wheel(0, 120);
    await tab.keyboard.up("Control");
    await tab.waitForTimeout(100);
    expect("the width after Ctrl and the wheel", await width(), before);

    await tab.getByRole("button", { name: "comma-separated" }).click();
    const copied = await tab.evaluate(() => window.simulation.received.findLast(({ type }) => type === "copy").text);
    expect("rows copied", copied.trim().split("\n").length, 128);

    const questions = await asked();
    await become({ state: "ended" });
    expect("questions after the end", await asked(), questions);
    expect("maps after the end", await tab.locator(".heat-canvas").count(), 1);
    const saved = await tab.evaluate(() => window.simulation.saved());
    expect("the expression that is kept", saved.expression, "embedding.weight");
    return found;
  });
}
