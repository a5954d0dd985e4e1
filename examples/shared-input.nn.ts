// y = exp(xz) + xz/log(x) + sin(log x)/(xz) at x = 2, z = 3: shared intermediates, so several adjoints are sums.
// Look at: `backstep trace examples/shared-input.nn.ts`: dy/da and dy/db have three and two contributions.
// First breakpoint: the line of `const a`.
import { add, div, exp, log, mul, sin, variable } from "backstep";

const x = variable(2);
const z = variable(3);
const a = mul(x, z);
const b = log(x);
const c = sin(b);
const d = exp(a);
const e = div(a, b);
const f = div(c, a);
const y = add(add(d, e), f);

export default y;
