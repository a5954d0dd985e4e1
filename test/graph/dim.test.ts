import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Dim,
  SymbolicDim,
  addDims,
  decodeDim,
  dimsAgree,
  dimsEqual,
  divideDims,
  evaluateDim,
  floorDivideDim,
  isUnknownDim,
  multiplyDims,
  productOfDims,
  subtractDims,
  symbol,
  unknownDim,
} from "../../engine/graph/dim";

const N = symbol("N");
const M = symbol("M");

/** Sizes built by random arithmetic on numbers, N and M. */
const dims: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: -9, max: 9 }),
    fc.constant(N),
    fc.constant(M),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => addDims(a, b)),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => subtractDims(a, b)),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => multiplyDims(a, b)),
    fc.tuple(tie("dim"), fc.integer({ min: 1, max: 6 })).map(([a, b]) => floorDivideDim(a, b)),
  ),
})).dim;
const sizes = fc.record({ N: fc.integer({ min: 1, max: 40 }), M: fc.integer({ min: 1, max: 40 }) });

const at = (values: { N: number; M: number }) => (name: string) => values[name as "N" | "M"];

describe("arithmetic on sizes", () => {
  it("commutes with giving the symbols values", () => {
    fc.assert(
      fc.property(dims, dims, fc.integer({ min: 1, max: 7 }), sizes, (a, b, c, values) => {
        const value = (dim: Dim): number => evaluateDim(dim, at(values));
        assert.equal(value(addDims(a, b)), value(a) + value(b));
        assert.equal(value(subtractDims(a, b)), value(a) - value(b));
        // −0 and 0 are one size.
        assert.equal(value(multiplyDims(a, b)) + 0, value(a) * value(b) + 0);
        assert.equal(value(floorDivideDim(a, c)), Math.floor(value(a) / c));
      }),
    );
  });

  it("has one text for one polynomial, whichever way it was built", () => {
    fc.assert(
      fc.property(dims, dims, dims, (a, b, c) => {
        assert.ok(dimsEqual(addDims(a, b), addDims(b, a)));
        assert.ok(dimsEqual(multiplyDims(a, b), multiplyDims(b, a)));
        assert.ok(dimsEqual(multiplyDims(a, addDims(b, c)), addDims(multiplyDims(a, b), multiplyDims(a, c))));
        assert.ok(dimsEqual(subtractDims(addDims(a, b), b), a));
      }),
    );
  });

  it("divides what was multiplied, exactly", () => {
    fc.assert(
      fc.property(dims, dims, (a, b) => {
        fc.pre(!dimsEqual(b, 0));
        const quotient = divideDims(multiplyDims(a, b), b);
        assert.ok(
          quotient !== undefined && dimsEqual(quotient, a),
          `${String(quotient)} for (${String(a)})·(${String(b)})`,
        );
      }),
    );
  });

  it("gives no quotient with a remainder", () => {
    fc.assert(
      fc.property(dims, dims, sizes, (a, b, values) => {
        const quotient = divideDims(a, b);
        fc.pre(quotient !== undefined);
        const value = (dim: Dim): number => evaluateDim(dim, at(values));
        assert.equal(value(quotient) * value(b) + 0, value(a) + 0);
      }),
    );
    assert.equal(divideDims(addDims(N, 1), 2), undefined);
    assert.equal(divideDims(N, M), undefined);
    assert.equal(divideDims(5, 0), undefined);
  });

  const texts: [Dim, string][] = [
    [N, "N"],
    [multiplyDims(28, N), "28*N"],
    [addDims(multiplyDims(N, 28), 3), "28*N+3"],
    [subtractDims(1, N), "-N+1"],
    [productOfDims([N, N, 2]), "2*N*N"],
    [addDims(multiplyDims(M, N), N), "M*N+N"],
    [floorDivideDim(addDims(N, 1), 2), "floor((N+1)/2)"],
    [addDims(floorDivideDim(subtractDims(multiplyDims(N, 7), 2), 2), 1), "3*N+floor(N/2)"],
    [floorDivideDim(addDims(multiplyDims(4, N), 5), 2), "2*N+2"],
    [subtractDims(N, N), "0"],
  ];
  for (const [dim, text] of texts) it(`writes ${text}`, () => assert.equal(String(dim), text));

  it("knows unknown sizes: they agree with all others but equal none", () => {
    const [a, b] = [unknownDim(), unknownDim()];
    assert.ok(isUnknownDim(addDims(multiplyDims(a, 3), N)) && !isUnknownDim(N));
    assert.ok(dimsAgree(a, 5) && dimsAgree(N, a) && dimsAgree(a, b));
    assert.ok(!dimsEqual(a, b) && !dimsEqual(a, 5) && dimsEqual(a, a));
    assert.ok(!dimsAgree(N, 5) && !dimsAgree(N, M));
  });
});

describe("arithmetic on the batch in user code", () => {
  // What `x.shape[0]` gives is typed as a number, and is the symbolic size.
  const n = N as unknown as number;
  const written: [text: string, value: number, expected: string][] = [
    ["n * 28 * 28", n * 28 * 28, "784*N"],
    ["n + 3", n + 3, "N+3"],
    ["n - 1", n - 1, "N-1"],
    ["2 - n", 2 - n, "-N+2"],
    ["-n", -n, "-N"],
    ["n * n", n * n, "N*N"],
    ["n * n * 7 - n * 2 + 5", n * n * 7 - n * 2 + 5, "7*N*N-2*N+5"],
    ["(n + 1) * 400_000", (n + 1) * 400_000, "400000*N+400000"],
    ["(n - 1) * (n + 1)", (n - 1) * (n + 1), "N*N-1"],
    ["n", n, "N"],
    ["64", 64, "64"],
    ["-1", -1, "-1"],
    ["500_000", 500_000, "500000"],
    // Sizes of images, sounds and whole data sets are sizes.
    ["3 * 512 * 512", 3 * 512 * 512, "786432"],
    ["1024 * 1024 * 4", 1024 * 1024 * 4, "4194304"],
    ["2 ** 24", 2 ** 24, "16777216"],
    ["3 * 4096 * 4096", 3 * 4096 * 4096, "50331648"],
    ["n * 3 * 512 * 512", n * 3 * 512 * 512, "786432*N"],
  ];
  for (const [text, value, expected] of written) {
    it(`reads ${text} back as ${expected}`, () => assert.equal(String(decodeDim(value)), expected));
  }

  it("reads any small polynomial back", () => {
    const coefficient = fc.integer({ min: -4000, max: 4000 });
    fc.assert(
      fc.property(coefficient, coefficient, fc.integer({ min: 1, max: 30 }), (a, b, c) => {
        const expected = addDims(addDims(multiplyDims(multiplyDims(N, N), c), multiplyDims(N, b)), a);
        assert.ok(dimsEqual(decodeDim(n * n * c + n * b + a), expected));
      }),
    );
  });

  it("shows the symbol in text, and stops a loop over it with advice", () => {
    const fresh = symbol("N") as unknown as number;
    assert.equal(`${fresh}`, "N");
    assert.equal(JSON.stringify([fresh]), '["N"]');
    assert.throws(() => {
      for (let i = 0; i < fresh; i++);
    }, /a loop runs over the size N, which is not known while the graph is built; write .* as tensor operations/);
  });

  it("is an object of its own class all along", () => assert.ok(decodeDim(n * 2) instanceof SymbolicDim));
});
