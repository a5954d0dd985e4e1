// A training loop by hand: `minimize` differentiates the loss and lets the optimiser change the parameters, once a call.
// Look at: the slope comes near 2 and the intercept near 1. First breakpoint: the line of `const loss`.
import { add, item, minimize, mse, mul, sgd, tensor, variable } from "backstep";

const x = tensor([-1, -0.5, 0, 0.5, 1]);
const y = tensor([-1.02, 0.01, 0.98, 2.03, 2.99]);

const slope = variable(0);
const intercept = variable(0);
const optimizer = sgd({ learningRate: 0.3 });

for (let step = 1; step <= 40; step++) {
  const prediction = add(mul(slope, x), intercept);
  const loss = mse(prediction, y);
  const before = await minimize(loss, optimizer);
  if (step % 10 === 0) console.log(`step ${step}: loss ${before.toFixed(6)}`);
}

console.log(`slope ${(await item(slope)).toFixed(3)}, intercept ${(await item(intercept)).toFixed(3)}`);
