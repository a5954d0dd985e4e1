/** Trainings whose memory is looked at: the examples, and larger ones with an optimiser that keeps two numbers for each parameter. */
import {
  BatchNorm2d,
  Conv2d,
  LSTM,
  Linear,
  Module,
  Sequential,
  type Tensor,
  Training,
  TransformerEncoderLayer,
  adam,
  crossEntropy,
  custom,
  mean,
  momentum,
  relu,
  sgd,
  training,
} from "backstep";

export interface Subject {
  readonly name: string;
  readonly training: Training;
  readonly batch: number;
}

/** What the default exports of example files make of it: those that are trainings, by the files' names. */
export function subjectsOf(exported: Readonly<Record<string, unknown>>): Subject[] {
  return Object.entries(exported).flatMap(([name, each]) => {
    if (!(each instanceof Training)) return [];
    const { batchSize, data } = each;
    // Data of unknown length are read first; any size shows how the memory is used.
    return [{ name, training: each, batch: batchSize === "all" ? (data.length ?? 64) : batchSize }];
  });
}

export function largerSubjects(): Subject[] {
  const images = { shape: [3, 32, 32], dtype: "float32" } as const;
  const sequence = (length: number, size: number) => ({ shape: [length, size], dtype: "float32" }) as const;
  const flat = { shape: [784], dtype: "float32" } as const;
  const made = (name: string, batch: number, model: AnyModel, inputs: Field, optimizer = adam()): Subject => ({
    name,
    batch,
    training: training({
      model,
      data: custom({
        length: batch,
        inputs,
        targets: { shape: [], dtype: "int32", classes: 10 },
        get: () => {
          throw new Error("nothing is read of these data");
        },
      }),
      loss: crossEntropy,
      optimizer,
      batchSize: batch,
      validation: false,
    }),
  });
  return [
    made("MLP 784-128-10, batch 64, SGD", 64, new Mlp(128), flat, sgd({ learningRate: 0.1 })),
    made("MLP 784-128-10, batch 64, momentum", 64, new Mlp(128), flat, momentum({ learningRate: 0.1 })),
    made("MLP 784-128-10, batch 64, Adam", 64, new Mlp(128), flat),
    made("MLP 784-1024-10, batch 16, Adam", 16, new Mlp(1024), flat),
    made("transformer, d 128, 4 layers, 64 × 16, Adam", 16, new Encoder(4), sequence(64, 128)),
    made("LSTM 64-128, 32 steps, batch 32, Adam", 32, new Recurrent(), sequence(32, 64)),
    made("residual CNN, 32 × 32, batch 32, Adam", 32, new ResidualNet(), images),
  ];
}

type AnyModel = Module & { forward(x: Tensor): Tensor };
interface Field {
  readonly shape: readonly number[];
  readonly dtype: "float32";
}

class Mlp extends Module {
  hidden: Linear;
  output: Linear;

  constructor(width: number) {
    super();
    this.hidden = new Linear(784, width);
    this.output = new Linear(width, 10);
  }

  forward(x: Tensor): Tensor {
    return this.output(relu(this.hidden(x)));
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

class Block extends Module {
  conv1: Conv2d;
  norm1: BatchNorm2d;
  conv2: Conv2d;
  norm2: BatchNorm2d;

  constructor(channels: number) {
    super();
    this.conv1 = new Conv2d(channels, channels, 3, { padding: "same" });
    this.norm1 = new BatchNorm2d(channels);
    this.conv2 = new Conv2d(channels, channels, 3, { padding: "same" });
    this.norm2 = new BatchNorm2d(channels);
  }

  forward(x: Tensor): Tensor {
    const h = relu(this.norm1(this.conv1(x)));
    return relu(this.norm2(this.conv2(h)).add(x));
  }
}

class ResidualNet extends Module {
  stem = new Conv2d(3, 16, 3, { padding: "same" });
  blocks1 = new Sequential(new Block(16), new Block(16));
  down = new Conv2d(16, 32, 3, { stride: 2, padding: 1 });
  blocks2 = new Sequential(new Block(32), new Block(32));
  output = new Linear(32, 10);

  forward(x: Tensor): Tensor {
    const h1 = this.blocks1(relu(this.stem(x)));
    const h2 = this.blocks2(relu(this.down(h1)));
    return this.output(mean(h2, [2, 3]));
  }
}
