// The perceptron by hand in plain operations, in the batch form: every point with y·(x·θ) ≤ 0 is an error and adds y·x to
// Δ, θ ← θ + Δ/n. The labels are those of the AND gate. Look at: with θ = 0 every point counts as an error.
// First breakpoint: the line of `const wrong`.
import { le, matmul, mul, perceptronLoss, sgd, minimize, tensor, value, variable } from "backstep";

// The first column is the unit that is always 1, so θ₀ is the threshold.
const x = tensor([
  [1, 0, 0],
  [1, 0, 1],
  [1, 1, 0],
  [1, 1, 1],
]);
const y = tensor([-1, -1, -1, 1]);
const theta = variable([0, 0, 0]);

// Descending this loss is the algorithm: its gradient is −Δ/n.
const optimizer = sgd({ learningRate: 1 });
let errors = 4;
for (let round = 1; errors > 0 && round <= 50; round++) {
  const score = matmul(x, theta);
  const wrong = le(mul(y, score), 0).cast("float32").sum();
  errors = Number(await value(wrong));
  console.log(`round ${round}: ${errors} errors, theta ${JSON.stringify(await value(theta))}`);
  if (errors > 0) await minimize(perceptronLoss(score, y), optimizer);
}
