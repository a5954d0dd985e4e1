/**
 * jax-js on its WebAssembly device: `node jax.mjs OPTIONS`. Steps are compiled by `jit` and each is waited for, as its manual
 * asks.
 */
import { oneHot, serve, sizeOf, summary } from "./serve.mjs";
import { offerWorkers } from "./workers.mjs";

const { threads } = JSON.parse(process.argv[2]);
if (threads > 1) offerWorkers(threads);
const {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy: np,
  tree,
  valueAndGrad,
} = await import("@jax-js/jax");
const devices = await init("wasm");
if (!devices.includes("wasm")) throw new Error("jax-js has no WebAssembly device here");
defaultDevice("wasm");

serve((workload, arrays) => {
  const { task } = workload;
  return task.kind === "training" ? loadTraining(workload, arrays) : loadOperation(workload, arrays);
});

function array(values, shape) {
  // Its own copy: the library takes the memory over.
  return np.array(values.slice()).reshape(shape);
}

function loadTraining({ task, arrays: specs }, arrays) {
  const forward = models[task.model];
  let parameters = {};
  const data = {};
  for (const { name, role, shape, classes } of specs) {
    const values = arrays.get(name);
    if (role !== "parameter") {
      data[role] = classes ? array(oneHot(values, classes), [...shape, classes]) : array(values, shape);
    } else parameters[name] = array(values, shape);
  }
  const cost = (theta, x, y) => {
    const output = forward(theta, x);
    if (task.loss === "meanSquaredError") return np.mean(np.square(output.sub(y)));
    return np.mean(np.sum(nn.logSoftmax(output, -1).mul(y), -1)).mul(-1);
  };
  const optimizer = optimizers[task.optimizer.name](task.optimizer.learningRate);
  let state = optimizer.state(parameters);
  const update = jit((theta, state, x, y) => {
    const [loss, gradients] = valueAndGrad(cost)(tree.ref(theta), x, y);
    return [loss, ...optimizer.update(theta, gradients, state)];
  });
  const iterate = async () => {
    const [loss, next, nextState] = update(parameters, state, data.input.ref, data.target.ref);
    [parameters, state] = [next, nextState];
    await blockUntilReady([loss, parameters, state]);
    return (await loss.data())[0];
  };
  return {
    step: iterate,
    check: async () => [await iterate(), await iterate(), await iterate()],
    dispose: () => tree.dispose([parameters, state, data]),
    info: `wasm, ${threads > 1 ? `${threads} threads` : "1 thread"}`,
  };
}

/** Weights are outputs × inputs, as in PyTorch: products with them are quicker here than with inputs × outputs. */
const product = (x, weight) => np.matmul(x, np.transpose(weight));
const dense = (theta, name, x) => product(x, theta[`${name}.weight`]).add(theta[`${name}.bias`]);

/** Functions use up their arguments; weights that are used more than once are taken by `.ref`. */
const models = {
  mlp: (t, x) => dense(t, "output", nn.relu(dense(t, "hidden", x))),
  xor: (t, x) => nn.sigmoid(dense(t, "output", np.tanh(dense(t, "hidden", x)))),
  lenet: (t, x) => {
    const convolved = (name, input, padding) => {
      const bias = t[`${name}.bias`];
      const sides = [
        [padding, padding],
        [padding, padding],
      ];
      const made = lax.convGeneralDilated(input, t[`${name}.weight`], [1, 1], sides);
      return maxPool(nn.relu(made.add(bias.reshape([1, bias.shape[0], 1, 1]))));
    };
    const c2 = convolved("conv2", convolved("conv1", x, 2), 0);
    const f1 = nn.relu(dense(t, "fc1", c2.reshape([c2.shape[0], sizeOf(c2.shape.slice(1))])));
    return dense(t, "output", nn.relu(dense(t, "fc2", f1)));
  },
  // Unrolled, as there is no scan. A product for each time is quicker than one for all times.
  lstm: (t, x) => {
    const [n, steps, features] = x.shape;
    const size = t["lstm.weight_hh_l0"].shape[1];
    const [fromInput, fromState] = [t["lstm.weight_ih_l0"], t["lstm.weight_hh_l0"]];
    const bias = t["lstm.bias_ih_l0"].add(t["lstm.bias_hh_l0"]);
    let h = np.zeros([n, size]);
    let c = np.zeros([n, size]);
    np.split(x, steps, 1).forEach((time, i) => {
      const taken = (value) => (i === steps - 1 ? value : value.ref);
      const gates = product(time.reshape([n, features]), taken(fromInput))
        .add(product(h, taken(fromState)))
        .add(taken(bias));
      const [input, forget, cell, output] = np.split(gates, 4, 1);
      c = nn
        .sigmoid(forget)
        .mul(c)
        .add(nn.sigmoid(input).mul(np.tanh(cell)));
      h = nn.sigmoid(output).mul(np.tanh(taken(c)));
    });
    return dense(t, "output", h);
  },
  transformer: (t, x) => {
    const [n, length, size] = x.shape;
    const heads = 4;
    const depth = Object.keys(t).filter((name) => name.endsWith("in_proj_weight")).length;
    let h = x.reshape([n * length, size]);
    for (let i = 0; i < depth; i++) {
      const at = `layers.${i}`;
      // The weight in parts, a product with each: several times quicker than one product whose result is parted.
      const weights = np.split(t[`${at}.self_attn.in_proj_weight`], 3, 0);
      const biases = np.split(t[`${at}.self_attn.in_proj_bias`], 3, 0);
      const [q, k, v] = weights.map((weight, part) =>
        np.transpose(
          product(h.ref, weight)
            .add(biases[part])
            .reshape([n, length, heads, size / heads]),
          [0, 2, 1, 3],
        ),
      );
      const scores = np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(1 / Math.sqrt(size / heads));
      const attended = np.transpose(np.matmul(nn.softmax(scores, -1), v), [0, 2, 1, 3]).reshape([n * length, size]);
      h = normalized(t, `${at}.norm1`, h.add(dense(t, `${at}.self_attn.out_proj`, attended)));
      const fed = dense(t, `${at}.linear2`, nn.relu(dense(t, `${at}.linear1`, h.ref)));
      h = normalized(t, `${at}.norm2`, h.add(fed));
    }
    return dense(t, "output", np.mean(h.reshape([n, length, size]), 1));
  },
};

function normalized(t, name, x) {
  return nn.standardize(x, -1, { epsilon: 1e-5 }).mul(t[`${name}.weight`]).add(t[`${name}.bias`]);
}

function maxPool(x) {
  const [n, c, h, w] = x.shape;
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
}

const each = (trees, of) =>
  Object.fromEntries(Object.keys(trees[0]).map((key) => [key, of(...trees.map((t) => t[key]))]));

const optimizers = {
  sgd: (rate) => ({
    state: () => ({}),
    update: (theta, gradients, state) => [each([theta, gradients], (p, g) => p.sub(g.mul(rate))), state],
  }),
  momentum: (rate) => ({
    state: (theta) => each([theta], (p) => np.zeros(p.shape)),
    update: (theta, gradients, velocity) => {
      const next = each([velocity, gradients], (v, g) => v.mul(0.9).add(g));
      return [each([theta, next], (p, v) => p.sub(v.ref.mul(rate))), next];
    },
  }),
  adam: (rate) => ({
    state: (theta) => ({
      step: np.zeros([]),
      m: each([theta], (p) => np.zeros(p.shape)),
      v: each([theta], (p) => np.zeros(p.shape)),
    }),
    update: (theta, gradients, { step, m, v }) => {
      const count = step.add(1);
      const unbiased = (beta) =>
        np
          .exp(count.ref.mul(Math.log(beta)))
          .mul(-1)
          .add(1);
      const [c1, c2] = [unbiased(0.9), unbiased(0.999)];
      const nextM = each([m, gradients], (average, g) => average.mul(0.9).add(g.ref.mul(0.1)));
      const nextV = each([v, gradients], (average, g) => average.mul(0.999).add(np.square(g).mul(0.001)));
      const next = each([theta, nextM, nextV], (p, a, b) =>
        p.sub(
          a.ref
            .div(c1.ref)
            .mul(rate)
            .div(np.sqrt(b.ref.div(c2.ref)).add(1e-8)),
        ),
      );
      tree.dispose([c1, c2]);
      return [next, { step: count, m: nextM, v: nextV }];
    },
  }),
};

function loadOperation({ task, arrays: specs }, arrays) {
  const make = operations[task.op];
  if (!make) return { unsupported: `${task.op} is not compared here` };
  const inputs = specs.map(({ name, shape }) => array(arrays.get(name), shape));
  const run = jit((...given) => make(given, task));
  const compute = () => blockUntilReady(run(...inputs.map((input) => input.ref)));
  return {
    step: async () => {
      (await compute()).dispose();
    },
    check: async () => summary(await (await compute()).data()),
    dispose: () => tree.dispose(inputs),
    info: `wasm, ${threads > 1 ? `${threads} threads` : "1 thread"}`,
  };
}

const operations = {
  matmul: ([a, b]) => np.matmul(a, b),
  add: ([a, b]) => a.add(b),
  exp: ([a]) => np.exp(a),
  sum: ([a], { axes }) => np.sum(a, axes),
  softmax: ([a]) => nn.softmax(a, -1),
  chain: ([h, w], { repeat }) => {
    for (let i = 0; i < repeat; i++) h = np.tanh(np.matmul(h, i === repeat - 1 ? w : w.ref));
    return h;
  },
};
