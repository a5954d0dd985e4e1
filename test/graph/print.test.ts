import assert from "node:assert/strict";
import { gradientsOf } from "../../engine/autodiff/gradients";
import { symbol } from "../../engine/graph/dim";
import { printGraph } from "../../engine/graph/print";
import { type Site, setSiteSource } from "../../engine/graph/site";
import { nameTensor } from "../../engine/graph/tensor";
import { Trace, withScope, withTrace } from "../../engine/graph/trace";
import { softmax, tensor } from "../../engine/ops";
import { leaf, traced } from "../support/graph";

const lines = (...text: string[]): string => text.join("\n");

describe("printGraph", () => {
  it("numbers nodes from 0 and shows operation, attributes, dtype, shape, name and scope", () => {
    const { result } = traced(() => {
      const x = leaf([symbol("N"), 4], "float32", "pixels");
      const w = leaf([4, 3], "float32");
      nameTensor(w, "output.weight");
      const z = withScope({ kind: "module", name: "output", type: "Linear" }, () => x.matmul(w));
      return softmax(z).sum(-1);
    });
    assert.equal(
      printGraph([result]),
      lines(
        "%0 = input() : float32[N, 4]  # pixels",
        "%1 = input() : float32[4, 3]  # output.weight",
        "%2 = matmul(%0, %1) : float32[N, 3]  # output(Linear)",
        "%3 = maximumOf(%2) {axes=[1]} : float32[N]  # softmax",
        "%4 = reshape(%3) {target=[N, 1]} : float32[N, 1]  # softmax",
        "%5 = subtract(%2, %4) : float32[N, 3]  # softmax",
        "%6 = exp(%5) : float32[N, 3]  # softmax",
        "%7 = sum(%6) {axes=[1]} : float32[N]  # softmax",
        "%8 = reshape(%7) {target=[N, 1]} : float32[N, 1]  # softmax",
        "%9 = divide(%6, %8) : float32[N, 3]  # softmax",
        "%10 = withGradient(%9, %2) {name=softmax} : float32[N, 3]  # softmax",
        "%11 = sum(%10) {axes=[1]} : float32[N]",
        "return %11",
      ),
    );
  });

  it("does not depend on what was built before", () => {
    const build = (): string => printGraph([traced(() => tensor([1, 2]).mul(3).sum()).result]);
    const first = build();
    traced(() => tensor([1]).exp());
    assert.equal(build(), first);
    assert.equal(
      first,
      lines(
        "%0 = constant() {data=[1, 2]} : float32[2]",
        "%1 = constant() {data=[3]} : float32[]",
        "%2 = multiply(%0, %1) : float32[2]",
        "%3 = sum(%2) {axes=[0]} : float32[]",
        "return %3",
      ),
    );
  });

  it("prints a backward pass as ordinary nodes", () => {
    const { result } = traced(() => {
      const x = leaf([], "float32", "x");
      return gradientsOf(x.mul(x).sin(), [x]);
    });
    assert.equal(
      printGraph(result),
      lines(
        "%0 = input() : float32[]  # x",
        "%1 = multiply(%0, %0) : float32[]",
        "%2 = constant() {data=[1]} : float32[]",
        "%3 = cos(%1) : float32[]",
        "%4 = multiply(%2, %3) : float32[]",
        "%5 = multiply(%4, %0) : float32[]",
        "%6 = multiply(%4, %0) : float32[]",
        "%7 = add(%5, %6) : float32[]",
        "return %7",
      ),
    );
  });

  it("says unknown for a shape that an issue hides, and shortens long data", () => {
    const { result } = traced(() => tensor([1, 2, 3, 4, 5, 6]).permute([0, 1]));
    assert.equal(
      printGraph([result]),
      lines(
        "%0 = constant() {data=[1, 2, 3, 4, … 6]} : float32[6]",
        "%1 = permute(%0) {order=[0, 1]} : float32 unknown",
        "return %1",
      ),
    );
  });
});

describe("sites", () => {
  it("are absent without a source", () => {
    const { result } = traced(() => tensor([1]).exp());
    assert.equal(result.site, undefined);
    assert.equal(result.name, undefined);
  });

  it("come from the source at each call; a gradient has the site and the scope of its node", () => {
    const siteOn = (line: number): Site => {
      return { file: "m.nn.ts", line, column: 1, endLine: line, endColumn: 5, variable: `v${line}` };
    };
    let running = siteOn(1);
    const before = setSiteSource(() => running);
    try {
      const trace = new Trace();
      withTrace(trace, () => {
        const x = leaf([], "float32");
        running = siteOn(2);
        const y = x.exp();
        assert.deepEqual([x.site?.line, y.site?.line, y.name], [1, 2, "v2"]);
        running = siteOn(3);
        const [g] = gradientsOf(y, [x]);
        assert.deepEqual([g.phase, g.of, g.via, g.site, g.name], ["backward", x, y, x.site, undefined]);
        assert.equal(trace.phase, "forward");
        assert.equal(trace.backward, undefined);
      });
    } finally {
      setSiteSource(before);
    }
  });
});
