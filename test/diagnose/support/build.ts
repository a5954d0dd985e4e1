import {
  AveragePool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Embedding,
  GRU,
  LSTM,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  RNN,
  TransformerEncoderLayer,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  freeze,
  hinge,
  huber,
  initializers,
  mae,
  mse,
  nll,
  type Initializer,
} from "../../../engine/nn";
import {
  add,
  eq,
  elu,
  gelu,
  leakyRelu,
  logSoftmax,
  mul,
  remainder,
  relu,
  sigmoid,
  silu,
  softmax,
  softplus,
  stopGradient,
  tanh,
  where,
  type Tensor,
} from "../../../engine/index";
import {
  type Optimizer,
  type Schedule,
  adagrad,
  adam,
  adamW,
  momentum,
  nesterov,
  rmsprop,
  sgd,
} from "../../../engine/optim";
import { training, type Training } from "../../../engine/train/training";
import { datasets } from "./data";
import type { InitSpec, LayerSpec, Scheme, Spec } from "./spec";

/** A spec as a training of the engine. */
export async function build(spec: Spec, seed: number): Promise<Training> {
  const { train, validation } = await datasets(spec);
  const model = new SpecModel(spec.model.layers, spec.init ?? {});
  for (const name of spec.frozen ?? []) freeze((model as unknown as Record<string, Module>)[name]);
  const perEpoch = Math.ceil((train.length as number) / spec.batchSize);
  return training({
    model,
    data: train,
    validation: spec.no_validation ? false : validation,
    loss: lossOf(spec),
    optimizer: looped(optimizerOf(spec.optimizer), spec.loop ?? {}),
    schedule: scheduleOf(spec),
    clip: spec.clipping && { [spec.clipping.type]: spec.clipping.max },
    batchSize: spec.batchSize,
    epochs: Math.ceil(spec.iterations / perEpoch),
    maxSteps: spec.iterations,
    shuffle: spec.loop?.shuffle ?? true,
    seed,
  });
}

class SpecModel extends Module {
  readonly #calls: ((x: Tensor) => Tensor)[];

  constructor(layers: readonly LayerSpec[], init: InitSpec) {
    super();
    this.#calls = layers.map((layer) => {
      const { module, call } = makeLayer(layer, init);
      if (module) Object.defineProperty(this, layer.name, { value: module, enumerable: true });
      return call;
    });
  }

  forward(x: Tensor): Tensor {
    return this.#calls.reduce((value, call) => call(value), x);
  }
}

class Residual extends Module {
  readonly branch: SpecModel;
  constructor(
    layers: readonly LayerSpec[],
    init: InitSpec,
    readonly factor: number,
  ) {
    super();
    this.branch = new SpecModel(layers, init);
  }
  forward(x: Tensor): Tensor {
    return x.add(mul(this.branch(x), this.factor));
  }
}

const FUNCTIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  relu,
  tanh,
  sigmoid,
  gelu,
  silu,
  softplus,
  leakyrelu: (x) => leakyRelu(x),
  elu: (x) => elu(x),
  selu: (x) => mul(where(x.gt(0), x, mul(elu(x), 1.6732632423543772)), 1.0507009873554805),
  logsoftmax: (x) => logSoftmax(x),
  flatten: (x) => x.flatten(),
  detach: stopGradient,
  identity: (x) => x,
  seq_mean: (x) => x.mean(1),
};

interface Made {
  readonly module?: Module;
  readonly call: (x: Tensor) => Tensor;
}

function makeLayer(layer: LayerSpec, shared: InitSpec): Made {
  const { in: inputs = 0, out = 0, kernel = 1, hidden = 0, features = 0 } = layer;
  const init: InitSpec = layer.init ?? shared;
  const plain = FUNCTIONS[layer.type];
  if (plain) return { call: plain };
  const options = { initializer: initializer(init.weight), biasInitializer: initializer(init.bias) };
  switch (layer.type) {
    case "linear":
      return called(new Linear(inputs, out, { ...options, bias: layer.bias ?? true }));
    case "conv2d":
      return called(
        new Conv2d(inputs, out, kernel, { ...options, padding: layer.padding ?? 0, stride: layer.stride ?? 1 }),
      );
    case "maxpool":
      return called(new MaxPool2d(kernel));
    case "avgpool":
      return called(new AveragePool2d(kernel));
    case "dropout":
      return called(new Dropout(layer.p ?? 0.5));
    case "layernorm":
      return called(new LayerNorm([features]));
    case "batchnorm":
      return called(new BatchNorm1d(features));
    case "batchnorm2d":
      return called(new BatchNorm2d(features));
    case "embedding":
      return called(new Embedding(layer.num ?? 1, layer.dim ?? 1));
    case "softmax":
      return { call: (x) => softmax(x, layer.axis ?? -1) };
    case "transformer": {
      const module = new TransformerEncoderLayer(features, 4, { feedforward: hidden, dropout: layer.p ?? 0 });
      return { module, call: (x) => module(x) };
    }
    case "residual":
      return called(new Residual(layer.layers ?? [], shared, layer.scale ?? 1));
    case "rnn":
    case "gru":
    case "lstm": {
      const kinds = { rnn: RNN, gru: GRU, lstm: LSTM };
      const module = new kinds[layer.type](inputs, hidden);
      return { module, call: (x) => lastTime(module(x).output) };
    }
    default:
      throw new Error(`no layer ${layer.type}`);
  }
}

function lastTime(output: Tensor): Tensor {
  return output.slice(null, -1);
}

function called(module: Module & ((x: Tensor) => Tensor)): Made {
  return { module, call: module };
}

function initializer(scheme: Scheme | "zeros" | undefined): Initializer | undefined {
  if (scheme === undefined) return undefined;
  if (scheme === "zeros") return initializers.zeros;
  const fanIn = (shape: readonly number[]): number => initializers.fans(shape).fanIn;
  switch (scheme.scheme) {
    case "fan_in_uniform":
      return undefined;
    case "zeros":
      return initializers.zeros;
    case "constant":
      return initializers.constant(scheme.value ?? 0);
    case "normal":
      return initializers.normal(scheme.mean ?? 0, scheme.std ?? 1);
    case "uniform":
      return initializers.uniform(-(scheme.bound ?? 1), scheme.bound ?? 1);
    case "kaiming_normal": {
      const gain = scheme.gain ?? Math.SQRT2;
      return {
        name: "kaiming",
        fill: (shape, random) =>
          random.normal(shape.reduce((a, b) => a * b, 1)).map((z) => (gain / Math.sqrt(fanIn(shape))) * z),
      };
    }
    case "xavier_uniform":
      return initializers.xavierUniform(scheme.gain ?? 1);
    case "orthogonal":
      return initializers.orthogonal(scheme.gain ?? 1);
    default:
      throw new Error(`no initialisation ${scheme.scheme}`);
  }
}

function lossOf({ loss }: Spec): (output: Tensor, target: Tensor) => Tensor {
  switch (loss.type) {
    case "cross_entropy":
      return (output, target) => crossEntropy(output, target, { labelSmoothing: loss.smoothing ?? 0 });
    case "bce_logits":
      return binaryCrossEntropyWithLogits;
    case "bce":
      return binaryCrossEntropy;
    case "mse":
      return mse;
    case "mae":
      return mae;
    case "huber":
      return huber;
    case "hinge":
      return hinge;
    case "nll":
      return nll;
    default:
      throw new Error(`no loss ${loss.type}`);
  }
}

function optimizerOf({
  type,
  lr,
  momentum: mu = 0,
  weight_decay: decay = 0,
  eps,
  groups: given = [],
}: Spec["optimizer"]): Optimizer {
  const groups = given.map(({ match, lr: learningRate }) => ({ match, learningRate }));
  const common = { learningRate: lr, weightDecay: decay, groups };
  switch (type) {
    case "sgd":
      return mu > 0 ? momentum({ ...common, beta: mu }) : sgd(common);
    case "nesterov":
      return nesterov({ ...common, beta: mu });
    case "adam":
      return adam({ ...common, ...(eps === undefined ? {} : { epsilon: eps }) });
    case "adamw":
      return adamW({ ...common, ...(eps === undefined ? {} : { epsilon: eps }) });
    case "rmsprop":
      return rmsprop({ ...common, beta: 0.99 });
    case "adagrad":
      return adagrad(common);
    default:
      throw new Error(`no optimiser ${type}`);
  }
}

/** Tricks and mistakes of hand-written loops, as an optimiser around the given one. */
function looped(inner: Optimizer, { zero_grad, skip_step, accumulate }: NonNullable<Spec["loop"]>): Optimizer {
  if (skip_step) {
    return { ...inner, update: (context) => ({ ...inner.update(context), parameter: mul(context.parameter, 1) }) };
  }
  if (zero_grad === "never") {
    return {
      ...inner,
      state: [...inner.state, { name: "sum", fill: 0 }],
      update: (context) => {
        const sum = add(context.state[inner.state.length], context.gradient);
        const next = inner.update({ ...context, gradient: sum, state: context.state.slice(0, inner.state.length) });
        return { parameter: next.parameter, state: [...next.state, sum] };
      },
    };
  }
  if (accumulate !== undefined) {
    return {
      ...inner,
      state: [...inner.state, { name: "sum", fill: 0 }],
      update: (context) => {
        const own = context.state.slice(0, inner.state.length);
        const sum = add(context.state[inner.state.length], context.gradient);
        const now = eq(remainder(context.step, accumulate), 0);
        const next = inner.update({ ...context, gradient: mul(sum, 1 / accumulate), state: own });
        return {
          parameter: where(now, next.parameter, context.parameter),
          state: [...next.state.map((value, i) => where(now, value, own[i])), where(now, 0, sum)],
        };
      },
    };
  }
  return inner;
}

function scheduleOf({ schedule, iterations }: Spec): Schedule | undefined {
  if (!schedule || schedule.type === "constant") return undefined;
  const option = (name: string, fallback: number): number => (schedule[name] as number | undefined) ?? fallback;
  const factor = (t: number): number => {
    switch (schedule.type) {
      case "step":
        return option("gamma", 0.1) ** Math.floor(t / option("every", 1));
      case "exponential":
        return option("gamma", 0.99) ** t;
      case "triangular": {
        const period = option("period", 1);
        const phase = (t % period) / period;
        const [low, high] = [option("min_factor", 0), option("max_factor", 1)];
        return low + (high - low) * (1 - Math.abs(2 * phase - 1));
      }
      case "warmup":
        return Math.min(1, (t + 1) / option("steps", 1));
      case "cosine": {
        const least = option("min_factor", 0);
        return least + ((1 - least) * (1 + Math.cos((Math.PI * t) / iterations))) / 2;
      }
      case "warmup_cosine": {
        const warm = option("steps", 1);
        return t < warm ? (t + 1) / warm : (1 + Math.cos((Math.PI * (t - warm)) / (iterations - warm))) / 2;
      }
      default:
        throw new Error(`no schedule ${schedule.type}`);
    }
  };
  return { name: schedule.type, rate: ({ base, iteration }) => base * factor(iteration) };
}
