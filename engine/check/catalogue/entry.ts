/** What is known of one kind of issue: the texts of its help page. */
export interface Entry {
  /** A few words. */
  readonly title: string;
  /** What the code means. */
  readonly summary: string;
  /** Why it matters. */
  readonly why: string;
  /** A whole model file that reports the code, as short as can be. */
  readonly wrong: string;
  /** The same file, mended. */
  readonly right: string;
  /** Other codes that are near to this one. */
  readonly see?: readonly string[];
}

/** Two files that differ in one piece: `program` with `wrong` and with `right` in it. */
export function pair(
  program: (piece: string) => string,
  wrong: string,
  right: string,
): { readonly wrong: string; readonly right: string } {
  return { wrong: program(wrong), right: program(right) };
}

/** A training of `model`, an expression, on flowers: 4 features, 3 classes. */
export function flowers(names: string, model: string, more = ""): string {
  const imports = ["adam", "crossEntropy", "iris", "training", ...names.split(", ")].filter((name) => name !== "");
  return `import { ${imports.join(", ")} } from "backstep";

export default training({
  model: ${model},
  data: iris(),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01 }),${more === "" ? "" : `\n  ${more},`}
});`;
}

/** A module of one's own, trained on flowers. */
export function flowersBy(names: string, fields: string, forward: string): string {
  const imports = ["Module", "adam", "crossEntropy", "iris", "training", ...names.split(", "), "type Tensor"];
  return `import { ${imports.filter((name) => name !== "").join(", ")} } from "backstep";

class Model extends Module {
${indented(fields, 2)}

  forward(x: Tensor) {
${indented(forward, 4)}
  }
}

export default training({
  model: new Model(),
  data: iris(),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01 }),
});`;
}

function indented(text: string, by: number): string {
  return text
    .split("\n")
    .map((line) => " ".repeat(by) + line)
    .join("\n");
}
