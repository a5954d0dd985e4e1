/** What the gallery asserts of the panel. Each check returns the problems it found, and says on stdout what it measured. */

/** @param open of scripts/gallery.mjs */
export async function checks(browser, open) {
  const problems = [];
  for (const check of [frameTime, memory, keyboard, names, hidden]) {
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

/** Tab reaches everything that can be used, or its group, which arrow keys move in. */
async function keyboard(browser, open) {
  const problems = [];
  for (const tabName of ["training", "network", "classes", "boundary", "images", "runs"]) {
    const options = { scenario: "paused", state: { preferences: { tab: tabName } } };
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
  "tab",
  "textbox",
  "treegrid",
  "progressbar",
  "image",
  "row",
]);

/** Everything interactive has a name in the accessibility tree. */
async function names(browser, open) {
  const problems = [];
  for (const tabName of ["training", "network", "classes", "boundary", "images", "runs"]) {
    const options = { scenario: "paused", state: { preferences: { tab: tabName } } };
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
          if (role === "row") return inside(node, (at) => at.role.value === "treegrid");
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
