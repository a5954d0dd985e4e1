/** `npm run --silent backstep -- check model.nn.ts`: installs and builds what is missing, then is the command line. */
import { fail, userDirectory } from "./ensure.mjs";
import { runCli } from "./cli.mjs";

try {
  await runCli(process.argv.slice(2), userDirectory());
} catch (error) {
  fail(error);
}
