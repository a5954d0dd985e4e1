/** `npm start`: installs and builds what is missing, then trains the digits example. Further arguments go to `train`. */
import { fail, root } from "./ensure.mjs";
import { runCli } from "./cli.mjs";

const example = "examples/digits.nn.ts";

const invitation = `
The same example in VS Code:
  1. code .
  2. open ${example}
  3. run "Backstep: Train Model" from the command palette
`;

process.once("exit", (code) => {
  if (code === 0 && process.stdout.isTTY) process.stdout.write(invitation);
});

try {
  await runCli(["train", example, ...process.argv.slice(2)], root);
} catch (error) {
  fail(error);
}
