/** What user code makes parameters of by mistake: told where it is made, with what to write. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { setSiteSource } from "../../engine/graph/site";
import { loadProgram } from "../../engine/host/program";
import * as nn from "../../engine/nn";
import { ones } from "../../engine/ops";
import { traced } from "../support/graph";

const WRONG: readonly (readonly [what: string, given: readonly unknown[], says: RegExp])[] = [
  [
    "no initialiser",
    [[3]],
    /shape \[3\] needs an initialiser.*write new Parameter\(\[3\], initializers\.zeros\), or variable/,
  ],
  ["null", [[2, 3], null], /shape \[2, 3\] needs an initialiser/],
  ["a number", [[3], 0], /initialiser of a parameter of shape \[3\] is none, got 0; write/],
  ["a function that is not called", [[3], nn.initializers.normal], /got a function: call it/],
  ["no shape", [], /begins with its shape.*got nothing/],
  ["one size", [3, nn.initializers.zeros], /begins with its shape.*got 3;/],
  ["sizes that are none", [[2.5], nn.initializers.zeros], /whole numbers, got \[2\.5\]/],
];

describe("a parameter", () => {
  const make = (given: readonly unknown[]): unknown =>
    traced(() => Reflect.construct(nn.Parameter, given as unknown[]) as unknown);

  for (const [what, given, says] of WRONG) {
    it(`with ${what} says what is missing`, () => {
      assert.throws(
        () => make(given),
        (error) => error instanceof Error && !(error instanceof TypeError) && says.test(error.message),
      );
    });
  }

  it("of a tensor, as PyTorch has it, says what to write", () => {
    traced(() =>
      assert.throws(() => Reflect.construct(nn.Parameter, [ones([3])]) as unknown, /got a tensor; .* variable/),
    );
  });

  it("without an initialiser is an issue of the line that makes it", async () => {
    const file = resolve("test/nn/parameter.nn.ts");
    const text = `import { Module, Parameter, type Tensor } from "backstep";
class Scale extends Module {
  scale = new Parameter([3]);
  forward(x: Tensor) {
    return x.mul(this.scale);
  }
}
export default new Scale();
`;
    try {
      const { issues } = await loadProgram(file, new Map([[file, text]]));
      const found = issues.map(({ message, range }) => `${range?.line}: ${message}`);
      assert.equal(found.length, 1);
      assert.match(found[0], /^3: a parameter of shape \[3\] needs an initialiser/);
    } finally {
      setSiteSource(undefined);
    }
  });
});
