// Mini-batch training by hand on the two moons: epochs, batches, a validation part and dropout that is off while validating.
// Look at: `evaluating` builds the model as in validation. First breakpoint: the line of `const loss`.
import {
  Dropout,
  Linear,
  Module,
  adam,
  batchTensor,
  batches,
  crossEntropy,
  evaluating,
  load,
  minimize,
  moons,
  relu,
  splitData,
  value,
  type Tensor,
} from "backstep";

class Net extends Module {
  hidden = new Linear(2, 32);
  dropout = new Dropout(0.1);
  output = new Linear(32, 2);

  forward(x: Tensor) {
    return this.output(this.dropout(relu(this.hidden(x))));
  }
}

const parts = splitData(moons({ count: 400, noise: 0.1 }), { validation: 0.25 });
const train = await load(parts.train);
const validation = await load(parts.validation);
const model = new Net();
const optimizer = adam({ learningRate: 0.02 });

for (let epoch = 0; epoch < 20; epoch++) {
  let total = 0;
  for (const batch of batches(train, { batchSize: 50, epoch })) {
    const loss = crossEntropy(model(batchTensor(batch.inputs[0])), batchTensor(batch.targets[0]));
    total += batch.size * (await minimize(loss, optimizer));
  }
  if (epoch % 5 === 4) console.log(`epoch ${epoch + 1}: loss ${(total / train.length).toFixed(4)}`);
}

const [all] = batches(validation, { batchSize: "all", training: false });
const labels = batchTensor(all.targets[0]);
const right = evaluating(() => model(batchTensor(all.inputs[0])).argmax(1).eq(labels).cast("float32").mean());
console.log(`validation accuracy ${(100 * Number(await value(right))).toFixed(1)} %`);
