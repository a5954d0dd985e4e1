/** Every intermediate and every adjoint of free scalar programs, against derivatives written out by hand. */
import assert from "node:assert/strict";
import type { Tensor } from "../../engine/graph/tensor";
import { Trace, withTrace } from "../../engine/graph/trace";
import { variable } from "../../engine/nn";
import { add, cos, div, exp, log, mul, pow, sin } from "../../engine/ops";
import { type NodeRecord, recordProgram } from "../../engine/train/records";

interface Program {
  readonly name: string;
  /** Builds the program from its variables; every named node comes back. */
  readonly build: (variables: readonly Tensor[]) => Readonly<Record<string, Tensor>>;
  readonly at: readonly (readonly number[])[];
  /** Value and adjoint of each named node, the result `J` and the variables `x0`, `x1` included. */
  readonly truth: (x: readonly number[]) => Readonly<Record<string, readonly [value: number, adjoint: number]>>;
}

const programs: readonly Program[] = [
  {
    name: "J = cos(sin(x²) + 3x²)",
    build: ([x]) => {
      const t = pow(x, 2);
      const u1 = sin(t);
      const u2 = mul(3, t);
      const u = add(u1, u2);
      return { t, u1, u2, u, J: cos(u) };
    },
    at: [[2], [0], [-1.3], [0.01]],
    truth: ([x]) => {
      const t = x * x;
      const u = Math.sin(t) + 3 * t;
      const du = -Math.sin(u);
      const dt = du * Math.cos(t) + du * 3;
      return {
        t: [t, dt],
        u1: [Math.sin(t), du],
        u2: [3 * t, du],
        u: [u, du],
        J: [Math.cos(u), 1],
        x0: [x, dt * 2 * x],
      };
    },
  },
  {
    name: "J = exp(xz) + xz/log(x) + sin(log x)/(xz)",
    build: ([x, z]) => {
      const a = mul(x, z);
      const b = log(x);
      const c = exp(a);
      const d = div(a, b);
      const e = sin(b);
      const f = div(e, a);
      return { a, b, c, d, e, f, J: add(add(c, d), f) };
    },
    at: [
      [2, 3],
      [0.5, -1.2],
    ],
    truth: ([x, z]) => {
      const a = x * z;
      const b = Math.log(x);
      const e = Math.sin(b);
      const da = Math.exp(a) + 1 / b - e / (a * a);
      const de = 1 / a;
      const db = -a / (b * b) + de * Math.cos(b);
      return {
        a: [a, da],
        b: [b, db],
        c: [Math.exp(a), 1],
        d: [a / b, 1],
        e: [e, de],
        f: [e / a, 1],
        J: [Math.exp(a) + a / b + e / a, 1],
        x0: [x, da * z + db / x],
        x1: [z, da * x],
      };
    },
  },
  {
    name: "J = ((x+x)·x)³, every input shared",
    build: ([x]) => {
      const s = add(x, x);
      const p = mul(s, x);
      const q = mul(p, p);
      return { s, p, q, J: mul(q, p) };
    },
    at: [[1.5], [-0.4]],
    truth: ([x]) => {
      const p = 2 * x * x;
      return { s: [2 * x, 3 * p * p * x], p: [p, 3 * p * p], q: [p * p, p], J: [p ** 3, 1], x0: [x, 48 * x ** 5] };
    },
  },
];

describe("the records of a free program", () => {
  for (const { name, build, at, truth } of programs) {
    for (const point of at) {
      it(`${name} at ${point.join(", ")}`, () => {
        withTrace(new Trace(true), () => {
          const variables = point.map((value, i) => variable(value, `x${i}`));
          const nodes = build(variables);
          const named = { ...nodes, ...Object.fromEntries(variables.map((node, i) => [`x${i}`, node])) };
          const records = recordProgram(nodes.J, variables, { seed: 0, maxElements: 100 });
          const expected = truth(point);
          assert.deepEqual(Object.keys(expected).sort(), Object.keys(named).sort());
          for (const [key, [value, adjoint]] of Object.entries(expected)) {
            const { id } = named[key as keyof typeof named];
            close(records.find((record) => record.id === id)?.value, value, `${key}`);
            const last = records.filter(({ of, phase }) => of === id && phase === "backward").at(-1) as NodeRecord;
            close(last.value, adjoint, `dJ/d${key}`);
            assert.equal(last.role, key === "J" ? "seed" : "adjoint");
          }
        });
      });
    }
  }

  it("shows each contribution as upstream × local derivative, and the sum so far", () => {
    withTrace(new Trace(true), () => {
      const x = variable(2, "x");
      const t = pow(x, 2);
      const J = add(add(sin(t), mul(3, t)), cos(t));
      const records = recordProgram(J, [x], { seed: 0, maxElements: 100 });
      const of = (role: NodeRecord["role"]): number[] =>
        records.filter((record) => record.of === t.id && record.role === role).map(({ value }) => Number(value));
      // Three uses of t: ∂sin = cos t, ∂(3t) = 3, ∂cos = −sin t, all with upstream 1.
      const slopes = [Math.cos(4), 3, -Math.sin(4)];
      assert.deepEqual(of("local").sort(), slopes.sort());
      assert.deepEqual(of("contribution").sort(), slopes.sort());
      assert.equal(of("sum").length, 1);
      close(of("adjoint")[0], slopes[0] + slopes[1] + slopes[2], "dJ/dt");
    });
  });
});

function close(actual: unknown, expected: number, what: string): void {
  const difference = Math.abs(Number(actual) - expected);
  assert.ok(difference <= 1e-12 * Math.max(1, Math.abs(expected)), `${what}: ${String(actual)} instead of ${expected}`);
}
