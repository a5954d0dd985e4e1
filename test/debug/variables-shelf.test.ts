/** Over every example: all that Variables show can be looked at, and each expression they give for a value gives that value. */
import assert from "node:assert/strict";
import type { Scene } from "../../engine/debug/episode";
import { evaluateExpression, formatValue } from "../../engine/debug/expressions";
import { namesAt } from "../../engine/debug/names";
import { arriveAt } from "../../engine/debug/position";
import type { VariableRecord } from "../../engine/debug/requests";
import { inlineValuesAt } from "../../engine/debug/variables/inline";
import { References, variablesAt } from "../../engine/debug/variables/items";
import { scopesAt } from "../../engine/debug/variables/scopes";
import { shelf } from "../support/cli";
import { sceneOf } from "./support/scenes";

/** Stops per program, spread over its passes. */
const STOPS = 7;

describe("variables of the examples", () => {
  for (const file of shelf) {
    it(`can be looked at in ${file}`, async function () {
      this.timeout(60_000);
      const { episode } = await sceneOf(undefined, file);
      const { steps } = episode.graph;
      for (let i = 0; i < STOPS; i++) {
        const index = Math.round((i * steps.length) / (STOPS - 1));
        const arrived = arriveAt(steps, index);
        const deepest = index < steps.length ? steps[index].levels.length - 1 : 0;
        for (const depth of new Set([0, arrived.depth, deepest])) lookAround({ episode, position: { index, depth } });
      }
    });
  }
});

function lookAround(scene: Scene): void {
  const references = new References();
  const frame = { depth: scene.position.depth };
  const names = namesAt(scene, frame);
  const check = ({ name, value, evaluateName }: VariableRecord): void => {
    assert.ok(!value.includes("internal:") && !value.includes("undefined"), `${name}: ${value}`);
    if (evaluateName === null || name === "shape" || name === "dtype") return;
    const [shown] = value.split(/ · (?:next|=|\d+ of \d+ contributions)/);
    let found: string;
    try {
      found = formatValue(evaluateExpression(evaluateName, names));
    } catch (error) {
      assert.fail(`${name}: ${evaluateName} fails: ${(error as Error).message}`);
    }
    // Modules and groups describe themselves in words of their own.
    if (/ parameters?$|^of \d+ parameter/.test(shown)) return;
    if (value.startsWith("not ") || value.startsWith("no ")) return;
    // Sums that cancel may be added up in another order.
    if (Math.abs(Number(found) - Number(shown)) < 1e-12) return;
    assert.equal(found, shown, `${name}: ${evaluateName}`);
  };
  for (const scope of scopesAt(scene, frame, references)) {
    for (const record of variablesAt(references, scope.reference)) {
      check(record);
      if (record.reference === 0) continue;
      for (const child of variablesAt(references, record.reference, { first: 0, count: 25 })) {
        check(child);
        if (child.reference === 0) continue;
        for (const inner of variablesAt(references, child.reference, { first: 0, count: 12 })) check(inner);
      }
    }
  }
  const file = scene.episode.graph.place?.file ?? "";
  for (const { text } of inlineValuesAt(scene, file, 1, 10_000)) assert.ok(text.length > 0 && text.length <= 60, text);
}
