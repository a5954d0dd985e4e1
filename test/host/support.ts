import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Host,
  type HostEnd,
  type HostMessage,
  type HostOptions,
  type Task,
  startHost,
} from "../../engine/api/host";

export const KINDS = ["thread", "process"] as const;

/** A host that has been started on a model file of this text, and all that it said. */
export interface Started {
  readonly host: Host;
  readonly folder: string;
  readonly messages: HostMessage[];
  readonly output: string[];
  /** The first message of a kind, from now on or before. @throws when the host ends without it */
  first<K extends HostMessage["kind"]>(kind: K): Promise<Extract<HostMessage, { kind: K }>>;
  end(): Promise<HostEnd>;
}

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

export function start(
  text: string,
  task: (file: string, folder: string) => Task,
  options: Partial<HostOptions> = {},
): Started {
  const folder = mkdtempSync(join(tmpdir(), "backstep-"));
  folders.push(folder);
  const file = join(folder, "model.nn.ts");
  writeFileSync(file, text);
  const messages: HostMessage[] = [];
  const output: string[] = [];
  const waiting: (() => void)[] = [];
  const wakeAll = (): void => {
    for (const wake of waiting.splice(0)) wake();
  };
  const host = startHost({
    kind: "thread",
    script: pathToFileURL(join(process.cwd(), "out", "cli", "worker.mjs")),
    task: task(file, folder),
    onMessage: (message) => {
      messages.push(message);
      wakeAll();
    },
    onOutput: (printed) => output.push(printed),
    ...options,
  });
  let ended: HostEnd | undefined;
  void host.ended.then((end) => {
    ended = end;
    wakeAll();
  });
  return {
    host,
    folder,
    messages,
    output,
    async first(kind) {
      for (;;) {
        const found = messages.find((message) => message.kind === kind);
        if (found) return found as never;
        if (ended) throw new Error(`the host ended without "${kind}": ${JSON.stringify(ended)}`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    end: () => host.ended,
  };
}

/** A small classifier that trains for as long as a test needs. */
export const moons = (options = "", model = ""): string => `
import { Linear, Module, adam, crossEntropy, moons, relu, training, type Tensor } from "backstep";

class Moons extends Module {
  hidden = new Linear(2, 16);
  output = new Linear(16, 2);

  forward(x: Tensor) {
    ${model}
    return this.output(relu(this.hidden(x)));
  }
}

export default training({
  model: new Moons(),
  data: moons({ count: 200 }),
  loss: crossEntropy,
  optimizer: adam({ learningRate: 0.01 }),
  epochs: 20,
  ${options}
});
`;
