/** Stands in for node-pty, a module in C++: the tests open no terminal. */
function unavailable() {
  throw new Error("this server has no terminals: node-pty was not compiled");
}

exports.spawn = unavailable;
exports.fork = unavailable;
exports.createTerminal = unavailable;
exports.open = unavailable;
exports.native = null;
