/** A process of its own around @vscode/test-electron's `runTests`, whose options it takes as JSON: it can be killed. */
import { runTests } from "@vscode/test-electron";

try {
  await runTests(JSON.parse(process.argv[2]));
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
