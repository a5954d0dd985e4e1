/** `npm start`: installs and builds what is missing, then trains the digits example. Further arguments go to `train`. */
import { fail, root } from "./ensure.mjs";
import { runCli } from "./cli.mjs";

const example = "examples/digits.nn.ts";

const invitation = `
Open it in VS Code and train there: npm run vscode
Check it after a change:            npm run backstep -- check ${example}
Train it again:                     npm run backstep -- train ${example}
`;

process.once("exit", (code) => {
  if (code === 0 && process.stdout.isTTY) process.stdout.write(invitation);
});

try {
  await runCli(["train", example, ...process.argv.slice(2)], root);
} catch (error) {
  fail(error);
}
