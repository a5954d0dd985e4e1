/** The models of the workloads as users of Backstep write them. */
import {
  Conv2d,
  LSTM,
  Linear,
  Module,
  type Optimizer,
  Sequential,
  type Tensor,
  type Training,
  TransformerEncoderLayer,
  adam,
  crossEntropy,
  custom,
  maxPool2d,
  mean,
  momentum,
  mse,
  relu,
  sgd,
  sigmoid,
  tanh,
  training,
} from "backstep";
import type { OptimizerSpec, Training as TrainingTask, Workload } from "./workloads";

class Mlp extends Module {
  hidden = new Linear(784, 128);
  output = new Linear(128, 10);

  forward(x: Tensor): Tensor {
    return this.output(relu(this.hidden(x)));
  }
}

class LeNet5 extends Module {
  conv1 = new Conv2d(1, 6, 5, { padding: "same" });
  conv2 = new Conv2d(6, 16, 5);
  fc1 = new Linear(16 * 5 * 5, 120);
  fc2 = new Linear(120, 84);
  output = new Linear(84, 10);

  forward(x: Tensor): Tensor {
    const c1 = maxPool2d(relu(this.conv1(x)), 2);
    const c2 = maxPool2d(relu(this.conv2(c1)), 2);
    const f1 = relu(this.fc1(c2.flatten()));
    const f2 = relu(this.fc2(f1));
    return this.output(f2);
  }
}

class Encoder extends Module {
  layers: Sequential;
  output = new Linear(128, 10);

  constructor(depth: number) {
    super();
    const layer = (): TransformerEncoderLayer => new TransformerEncoderLayer(128, 4, { feedforward: 512, dropout: 0 });
    this.layers = new Sequential(...Array.from({ length: depth }, layer));
  }

  forward(x: Tensor): Tensor {
    return this.output(mean(this.layers(x), 1));
  }
}

class Recurrent extends Module {
  lstm = new LSTM(64, 128);
  output = new Linear(128, 10);

  forward(x: Tensor): Tensor {
    const { output } = this.lstm(x);
    return this.output(output.slice(null, -1));
  }
}

class Xor extends Module {
  hidden = new Linear(2, 8);
  output = new Linear(8, 1);

  forward(x: Tensor): Tensor {
    const h = tanh(this.hidden(x));
    return sigmoid(this.output(h));
  }
}

/** The training that a workload describes, with data that only promise shapes: the batch is handed in. */
export function trainingOf({ arrays }: Workload, task: TrainingTask): Training {
  const field = (role: "input" | "target") => {
    const { shape, classes } = arrays.find((spec) => spec.role === role) as (typeof arrays)[number];
    return classes === undefined
      ? ({ shape: shape.slice(1), dtype: "float32" } as const)
      : ({ shape: shape.slice(1), dtype: "int32", classes } as const);
  };
  const data = custom({
    length: task.batch,
    inputs: field("input"),
    targets: field("target"),
    get: () => {
      throw new Error("the batch is given as a whole");
    },
  });
  const depth = arrays.filter(({ name }) => name.endsWith("in_proj_weight")).length;
  return training({
    model: modelOf(task.model, depth),
    data,
    loss: task.loss === "crossEntropy" ? crossEntropy : mse,
    optimizer: optimizerOf(task.optimizer),
    batchSize: task.batch,
    validation: false,
  });
}

function modelOf(model: TrainingTask["model"], depth: number): Module & { forward(x: Tensor): Tensor } {
  switch (model) {
    case "mlp":
      return new Mlp();
    case "lenet":
      return new LeNet5();
    case "transformer":
      return new Encoder(depth);
    case "lstm":
      return new Recurrent();
    case "xor":
      return new Xor();
    default:
      return model satisfies never;
  }
}

function optimizerOf({ name, learningRate }: OptimizerSpec): Optimizer {
  switch (name) {
    case "sgd":
      return sgd({ learningRate });
    case "momentum":
      return momentum({ learningRate, beta: 0.9 });
    case "adam":
      return adam({ learningRate });
    default:
      return name satisfies never;
  }
}
