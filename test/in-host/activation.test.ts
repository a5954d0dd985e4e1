import assert from "node:assert/strict";
import { activated } from "./support";

describe("activation", () => {
  it("comes by itself in a workspace with a model file", async () => {
    assert.equal((await activated()).isActive, true);
  });

  // bench/responsiveness.mjs measures it: a busy machine may take any time.
  it("tells what it took", async () => {
    const { activationMs } = (await activated()).exports;
    assert.ok(Number.isFinite(activationMs) && activationMs > 0, `${activationMs} ms`);
  });
});
