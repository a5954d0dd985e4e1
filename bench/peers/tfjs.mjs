/** TensorFlow.js: `node tfjs.mjs cpu|wasm`. Images are N×H×W×C and weights inputs × outputs, as it likes them best. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { oneHot, permuted, serve, summary, transposed } from "./serve.mjs";

const backend = process.argv[2];
if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend} here`);
await tf.ready();

serve((workload, arrays) => {
  const { task } = workload;
  if (task.model === "lenet" && backend === "wasm")
    return { unsupported: "its wasm backend has no Conv2DBackpropFilter" };
  tf.disposeVariables();
  return task.kind === "training" ? loadTraining(workload, arrays) : loadOperation(workload, arrays);
});

function loadTraining({ task, arrays: specs }, arrays) {
  const theta = {};
  let x;
  let y;
  for (const { name, role, shape, classes } of specs) {
    const values = arrays.get(name);
    if (role === "parameter") theta[name] = tf.variable(parameter(name, values, shape));
    else if (role === "input") x = shape.length === 4 ? channelsLast(values, shape) : tf.tensor(values, shape);
    else y = classes ? tf.tensor(oneHot(values, classes), [...shape, classes]) : tf.tensor(values, shape);
  }
  const forward = models[task.model];
  const cost = () => {
    const output = forward(theta, x);
    if (task.loss === "meanSquaredError") return output.sub(y).square().mean();
    return tf.losses.softmaxCrossEntropy(y, output);
  };
  const { name, learningRate } = task.optimizer;
  const optimizer = {
    sgd: () => tf.train.sgd(learningRate),
    momentum: () => tf.train.momentum(learningRate, 0.9),
    adam: () => tf.train.adam(learningRate, 0.9, 0.999, 1e-8),
  }[name]();
  const variables = Object.values(theta);
  const iterate = () => {
    const loss = optimizer.minimize(cost, true, variables);
    const [value] = loss.dataSync();
    loss.dispose();
    return value;
  };
  return {
    step: () => {
      iterate();
    },
    check: async () => [iterate(), iterate(), iterate()],
    dispose: () => {
      optimizer.dispose();
      tf.dispose([theta, x, y]);
    },
    info: backend,
  };
}

/** Weights as the models below use them, from PyTorch's layout. */
function parameter(name, values, shape) {
  if (shape.length === 4)
    return tf.tensor(
      permuted(values, shape, [2, 3, 1, 0]),
      [2, 3, 1, 0].map((axis) => shape[axis]),
    );
  if (shape.length !== 2) return tf.tensor(values, shape);
  if (name === "fc1.weight") {
    // It follows images that are flattened with their channels last.
    const side = Math.sqrt(shape[1] / 16);
    return tf.tensor(permuted(values, [shape[0], 16, side, side], [2, 3, 1, 0]), [shape[1], shape[0]]);
  }
  return tf.tensor(transposed(values, shape), [shape[1], shape[0]]);
}

function channelsLast(values, [n, c, h, w]) {
  return tf.tensor(permuted(values, [n, c, h, w], [0, 2, 3, 1]), [n, h, w, c]);
}

const dense = (t, name, x) => tf.add(tf.matMul(x, t[`${name}.weight`]), t[`${name}.bias`]);

const models = {
  mlp: (t, x) => dense(t, "output", tf.relu(dense(t, "hidden", x))),
  xor: (t, x) => tf.sigmoid(dense(t, "output", tf.tanh(dense(t, "hidden", x)))),
  lenet: (t, x) => {
    const layer = (name, input, padding) =>
      tf.maxPool(tf.relu(tf.add(tf.conv2d(input, t[`${name}.weight`], 1, padding), t[`${name}.bias`])), 2, 2, "valid");
    const c2 = layer("conv2", layer("conv1", x, "same"), "valid");
    const f1 = tf.relu(dense(t, "fc1", c2.reshape([c2.shape[0], -1])));
    return dense(t, "output", tf.relu(dense(t, "fc2", f1)));
  },
  lstm: (t, x) => {
    const [n, steps, features] = x.shape;
    const size = t["lstm.weight_hh_l0"].shape[0];
    const bias = tf.add(t["lstm.bias_ih_l0"], t["lstm.bias_hh_l0"]);
    const fromInput = tf.add(tf.matMul(x.reshape([n * steps, features]), t["lstm.weight_ih_l0"]), bias);
    let h = tf.zeros([n, size]);
    let c = tf.zeros([n, size]);
    for (const time of tf.unstack(fromInput.reshape([n, steps, 4 * size]), 1)) {
      const gates = tf.add(time, tf.matMul(h, t["lstm.weight_hh_l0"]));
      const [input, forget, cell, output] = tf.split(gates, 4, 1);
      c = tf.add(tf.mul(tf.sigmoid(forget), c), tf.mul(tf.sigmoid(input), tf.tanh(cell)));
      h = tf.mul(tf.sigmoid(output), tf.tanh(c));
    }
    return dense(t, "output", h);
  },
  transformer: (t, x) => {
    const [n, length, size] = x.shape;
    const heads = 4;
    const depth = Object.keys(t).filter((name) => name.endsWith("in_proj_weight")).length;
    let h = x.reshape([n * length, size]);
    for (let i = 0; i < depth; i++) {
      const at = `layers.${i}`;
      const projected = tf.add(tf.matMul(h, t[`${at}.self_attn.in_proj_weight`]), t[`${at}.self_attn.in_proj_bias`]);
      const [q, k, v] = tf
        .split(projected, 3, 1)
        .map((part) => part.reshape([n, length, heads, size / heads]).transpose([0, 2, 1, 3]));
      const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(size / heads));
      const attended = tf
        .matMul(tf.softmax(scores), v)
        .transpose([0, 2, 1, 3])
        .reshape([n * length, size]);
      h = normalized(t, `${at}.norm1`, tf.add(h, dense(t, `${at}.self_attn.out_proj`, attended)));
      h = normalized(t, `${at}.norm2`, tf.add(h, dense(t, `${at}.linear2`, tf.relu(dense(t, `${at}.linear1`, h)))));
    }
    return dense(t, "output", h.reshape([n, length, size]).mean(1));
  },
};

function normalized(t, name, x) {
  const { mean, variance } = tf.moments(x, -1, true);
  const standard = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(standard, t[`${name}.weight`]), t[`${name}.bias`]);
}

function loadOperation({ task, arrays: specs }, arrays) {
  const isImage = task.op.startsWith("conv2d");
  const inputs = specs.map(({ name, shape }, i) => {
    const values = arrays.get(name);
    if (!isImage) return tf.tensor(values, shape);
    return i === 0 ? channelsLast(values, shape) : parameter(name, values, shape);
  });
  const make = operations[task.op];
  const compute = () => tf.tidy(() => make(inputs, task));
  return {
    step: () => {
      compute().dispose();
    },
    check: async () => {
      const result = compute();
      const values = result.dataSync();
      const { shape } = result;
      result.dispose();
      if (!isImage) return summary(values);
      return summary(permuted(values, shape, [0, 3, 1, 2]));
    },
    dispose: () => tf.dispose(inputs),
    info: backend,
  };
}

const operations = {
  matmul: ([a, b], { transposeA, transposeB }) => tf.matMul(a, b, transposeA, transposeB),
  add: ([a, b]) => tf.add(a, b),
  multiply: ([a, b]) => tf.mul(a, b),
  exp: ([a]) => tf.exp(a),
  tanh: ([a]) => tf.tanh(a),
  sigmoid: ([a]) => tf.sigmoid(a),
  relu: ([a]) => tf.relu(a),
  sqrt: ([a]) => tf.sqrt(a),
  log: ([a]) => tf.log(a),
  sum: ([a], { axes }) => tf.sum(a, axes),
  mean: ([a], { axes }) => tf.mean(a, axes),
  max: ([a], { axes }) => tf.max(a, axes),
  softmax: ([a]) => tf.softmax(a),
  conv2d: ([x, w], { stride, padding }) => tf.conv2d(x, w, stride, sides(padding), "NHWC", 1, "floor"),
  conv2dInputGradient: ([dy, w], { stride, padding }) => {
    const [n, h, wide] = dy.shape;
    const [kh, kw, channels] = w.shape;
    const before = (size, kernel) => (size - 1) * stride - 2 * padding + kernel;
    return tf.conv2dTranspose(dy, w, [n, before(h, kh), before(wide, kw), channels], stride, sides(padding));
  },
  chain: ([h, w], { repeat }) => {
    for (let i = 0; i < repeat; i++) h = tf.tanh(tf.matMul(h, w));
    return h;
  },
};

function sides(padding) {
  return [
    [0, 0],
    [padding, padding],
    [padding, padding],
    [0, 0],
  ];
}
