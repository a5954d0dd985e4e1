/**
 * Stands in for @vscode/spdlog, a module in C++: appends to the log file at once, so that what an extension writes into
 * its log channel is in the editor's output view. Exports are assigned one by one: the server imports them by name.
 */
const { appendFileSync, mkdirSync, writeFileSync } = require("node:fs");
const { dirname } = require("node:path");

const names = ["trace", "debug", "info", "warning", "error", "critical"];

class Logger {
  constructor(_type, _name, file) {
    this.file = file;
    this.level = names.indexOf("info");
    this.plain = false;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "", { flag: "a" });
  }
  getLevel() {
    return this.level;
  }
  setLevel(level) {
    this.level = level;
  }
  setPattern() {}
  clearFormatters() {
    this.plain = true;
  }
  flush() {}
  drop() {}
  write(level, message) {
    if (level < this.level) return;
    const time = new Date().toISOString().replace("T", " ").replace("Z", "");
    try {
      appendFileSync(this.file, this.plain ? message : `${time} [${names[level]}] ${message}\n`);
    } catch {
      // The folder goes away before the last message does when a test ends.
    }
  }
}
for (const [level, name] of ["trace", "debug", "info", "warn", "error", "critical"].entries()) {
  Logger.prototype[name] = function (message) {
    this.write(level, message);
  };
}

const create = async (name, file) => new Logger("rotating", name, file);

exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
