// A function with a backward pass of its own, checked against central differences.
// Look at: the report says for each tensor how far both are apart, and where. First breakpoint: the line of `backward`.
import { checkGradients, customFunction, exp, mul, sigmoid, log, add, variable } from "backstep";

// softplus(x) = log(1 + eˣ), with its known derivative σ(x) instead of the chain through exp and log.
const softplus = customFunction({
  name: "softplus",
  forward: (x) => log(add(1, exp(x))),
  backward: (g, [x]) => mul(g, sigmoid(x)),
});

const x = variable([-2, -0.5, 0, 1, 3]);
const cost = mul(softplus(x), [1, 2, 3, 4, 5]).sum();

for (const { name, error, passed, worst } of checkGradients(cost)) {
  console.log(
    `${name}: ${passed ? "passed" : "FAILED"}, largest error ${error.toExponential(1)} at [${worst.index.join(", ")}]`,
  );
}

export default cost;
