import assert from "node:assert/strict";
import { activated } from "./support";

describe("activation", () => {
  it("comes by itself in a workspace with a model file", async () => {
    assert.equal((await activated()).isActive, true);
  });

  it("takes less than 50 ms by the extension's own clock", async () => {
    const { activationMs } = (await activated()).exports;
    assert.equal(typeof activationMs, "number");
    assert.ok(activationMs > 0 && activationMs < 50, `${activationMs} ms`);
  });
});
