// J = cos(sin(x²) + 3x²), a program without layers: `backstep trace examples/cosine.nn.ts` prints every intermediate and
// every adjoint with its line. Look at: t is used twice, so dJ/dt is a sum of two contributions.
// First breakpoint: the line of `const u1`.
import { add, cos, mul, pow, sin, variable } from "backstep";

const x = variable(2);
const t = pow(x, 2);
const u1 = sin(t);
const u2 = mul(3, t);
const u = add(u1, u2);
const J = cos(u);

export default J;
