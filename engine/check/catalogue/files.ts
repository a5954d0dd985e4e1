import { type Entry, flowers, pair } from "./entry";

/** Files that cannot be read or run. */
export const files = {
  syntax: {
    title: "Not TypeScript",
    summary: "The file cannot be parsed, or uses a form of TypeScript that a model file cannot have, such as `enum`.",
    why: "Nothing can be said of a file that cannot be read: the last good result stays until it can.",
    ...pair(
      (line) => `import { tensor } from "backstep";\n\n${line}`,
      "const x = tensor([1, 2;",
      "const x = tensor([1, 2]);",
    ),
    see: ["program"],
  },
  import: {
    title: "An import leads nowhere",
    summary: "A file or package that is imported does not exist, cannot be read, or imports the file that imports it.",
    why: "The model is built by running the file, so all that it imports must be there. Paths are relative to the file and begin with `./` or `../`.",
    wrong: 'import { Block } from "./blocks-that-are-not-there";\n\nnew Block();',
    right: 'import { Linear } from "backstep";\n\nnew Linear(4, 3);',
    see: ["export"],
  },
  export: {
    title: "No such export",
    summary: "The imported file exists, but exports nothing under this name.",
    why: "What is imported would be `undefined`. Most often it is a slip of the pen; the message names what is similar.",
    wrong: 'import { cros } from "backstep";\n\ncros();',
    right: 'import { cos, scalar } from "backstep";\n\ncos(scalar(1));',
    see: ["import"],
  },
  program: {
    title: "The program threw",
    summary: "Code of the file, of `forward` or of the loss threw an error, or an option or argument is impossible.",
    why: "A model file is checked by running it with a symbolic batch N. What throws then throws in training, too.",
    ...pair(
      (rate) =>
        flowers(
          "Dropout, Linear, ReLU, Sequential",
          `new Sequential(new Linear(4, 8), new ReLU(), new Dropout(${rate}), new Linear(8, 3))`,
        ),
      "20",
      "0.2",
    ),
  },
  data: {
    title: "The data cannot be read",
    summary: "The data set of the training does not exist or is not what its options say.",
    why: "Shapes follow from the data. Built-in sets tell them without being read; files are opened where only they can tell.",
    wrong: `import { Linear, adam, csv, mse, training } from "backstep";

export default training({
  model: new Linear(2, 1),
  data: csv("not-there.csv", { target: "y" }),
  loss: mse,
  optimizer: adam({ learningRate: 0.01 }),
});`,
    right: `import { Linear, adam, fromArrays, mse, training } from "backstep";

export default training({
  model: new Linear(2, 1),
  data: fromArrays({ inputs: [[0, 1], [1, 0], [1, 1]], targets: [[1], [1], [2]] }),
  loss: mse,
  optimizer: adam({ learningRate: 0.01 }),
});`,
  },
  "no-training": {
    title: "Nothing to train",
    summary: "The default export is neither a training nor a tensor nor something for other files to use.",
    why: "What a model file exports by default says what to do with it: `training({ … })` is trained, a tensor is traced.",
    ...pair(
      (value) => `import { Linear, adam, crossEntropy, iris, training } from "backstep";

const options = {
  model: new Linear(4, 3),
  data: iris(),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01 }),
};

export default ${value};`,
      "options",
      "training(options)",
    ),
  },
} satisfies Record<string, Entry>;
