/** The models of the shelf that are offered as templates, in this order: what each is called. */
const TITLES: Readonly<Record<string, string>> = {
  "linear-regression": "Linear regression",
  "logistic-regression": "Logistic regression",
  xor: "XOR with a hidden layer",
  moons: "Two moons",
  spirals: "Spirals",
  iris: "Iris flowers",
  digits: "Handwritten digits",
  lenet5: "LeNet-5, convolutions on digits",
  "digits-best": "Digits with augmentation and dropout",
  autoencoder: "Autoencoder",
  lstm: "LSTM, a sine wave goes on",
  gru: "GRU",
  transformer: "Transformer",
  perceptron: "Perceptron",
  "mini-batches": "Mini-batches by hand",
  "hand-written-loop": "A training loop by hand",
  "custom-gradient": "A backward pass of your own",
  cosine: "Chain rule by hand: a cosine",
  "shared-input": "Chain rule by hand: a shared input",
};

export interface Template {
  /** `xor`. */
  readonly name: string;
  readonly title: string;
  /** What its text says first of itself. */
  readonly about: string;
  readonly text: string;
}

/** Templates in the order in which they are offered; files that have no title here come last, under their name. */
export function templatesOf(files: readonly { readonly name: string; readonly text: string }[]): Template[] {
  const order = Object.keys(TITLES);
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return files
    .map(({ name, text }) => ({ name, title: TITLES[name] ?? name, about: aboutOf(text), text }))
    .sort((a, b) => place(a.name) - place(b.name) || (a.name < b.name ? -1 : 1));
}

/** The text of a new file: where the template names itself as a file of the shelf, it gets its new name. */
export function newText({ name, text }: Template, fileName: string): string {
  return text.replaceAll(`examples/${name}.nn.ts`, fileName);
}

/** `digits.nn.ts`, or `digits-2.nn.ts` where that is taken. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const candidate = `${name}${number === 1 ? "" : `-${number}`}.nn.ts`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** Why a file may not be called so; undefined where it may. */
export function nameProblem(name: string, taken: ReadonlySet<string>): string | undefined {
  if (name.trim() === "") return "A name, such as digits.nn.ts";
  if (/[\\/:*?"<>|]/.test(name) || /^\./.test(name))
    return 'A name without any of \\ / : * ? " < > |, and no dot at its beginning';
  const file = withEnding(name);
  return taken.has(file) ? `${file} exists already` : undefined;
}

/** Model files are known by the end of their name. */
export function withEnding(name: string): string {
  return `${name.trim().replace(/(\.nn)?(\.ts)?$/, "")}.nn.ts`;
}

function aboutOf(text: string): string {
  const [, line = ""] = /^\/\/\s*(.*)$/m.exec(text) ?? [];
  return line;
}
