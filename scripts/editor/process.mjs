import { spawn } from "node:child_process";

/** A process with all it starts: `stop` ends the whole group, and so does the end of this process. */
export function startGroup(program, args, options) {
  const child = spawn(program, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
      return true;
    } catch {
      return false; // all of them are gone
    }
  };
  const kill = () => signal("SIGKILL");
  process.once("exit", kill);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, by) => resolve(code ?? by));
  });
  return {
    child,
    ended,
    output: () => output,
    async stop() {
      signal("SIGTERM");
      const hurry = setTimeout(kill, 5000);
      await ended;
      clearTimeout(hurry);
      kill();
      process.removeListener("exit", kill);
    },
  };
}
