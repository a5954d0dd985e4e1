/**
 * A contestant's side of the conversation: one JSON object a line on standard input and output. `pytorch.py` speaks the same.
 *
 *   {do: "load", workload, file}    → {info} or {unsupported: reason}
 *   {do: "check"}                   → {numbers, ms}: what must agree between contestants, and milliseconds it took
 *   {do: "run", steps, samples}     → {ms: milliseconds per step of each sample, cpu: milliseconds of processor time, wall}
 *   {do: "figures"}                 → {figures}
 *
 * A failure is {failed: message}; what a library prints goes to standard error.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** @param load (workload, arrays by name) → {step, check, figures?, info?, dispose?}, or {unsupported: reason} */
export function serve(load) {
  for (const name of ["log", "info", "warn", "debug"]) console[name] = (...words) => console.error(...words);
  let loaded;
  const answers = {
    load: async ({ workload, file }) => {
      loaded?.dispose?.();
      loaded = await load(workload, readArrays(workload, file));
      const { unsupported, info } = loaded;
      return { unsupported, info };
    },
    check: async () => {
      const began = performance.now();
      const numbers = await loaded.check();
      return { numbers: Array.from(numbers), ms: performance.now() - began };
    },
    run: async ({ steps, samples }) => {
      const ms = [];
      const cpu = process.cpuUsage();
      const began = performance.now();
      while (ms.length < samples) {
        const start = performance.now();
        for (let i = 0; i < steps; i++) {
          const running = loaded.step();
          if (running) await running;
        }
        ms.push((performance.now() - start) / steps);
      }
      const wall = performance.now() - began;
      const { user, system } = process.cpuUsage(cpu);
      return { ms, cpu: (user + system) / 1000, wall };
    },
    figures: async () => ({ figures: await loaded.figures?.() }),
  };
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  const lines = createInterface({ input: process.stdin });
  let queue = Promise.resolve();
  lines.on("line", (line) => {
    const request = JSON.parse(line);
    queue = queue
      .then(() => answers[request.do](request))
      .then(say, (error) => say({ failed: String(error?.message ?? error) }));
  });
  lines.on("close", () => queue.then(() => process.exit(0)));
}

/** The workload's arrays lie one after the other in the file, four bytes an element. */
function readArrays({ arrays }, file) {
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  let at = 0;
  return new Map(
    arrays.map(({ name, shape, classes }) => {
      const size = sizeOf(shape);
      const values = classes === undefined ? new Float32Array(buffer, at, size) : new Int32Array(buffer, at, size);
      at += 4 * size;
      return [name, values];
    }),
  );
}

export function sizeOf(shape) {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** The mean of the absolute values, and some elements from all over the array: as `summary` of ../cpu/engine.ts. */
export function summary(values) {
  let total = 0;
  for (const value of values) total += Math.abs(value);
  const samples = Array.from({ length: 16 }, (_, i) => values[Math.floor((i * values.length) / 16)]);
  return [total / values.length, ...samples];
}

/** Class numbers as rows of 0 and 1, which is what libraries without class targets take. */
export function oneHot(labels, classes) {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => (rows[i * classes + label] = 1));
  return rows;
}

/** [rows, columns] → [columns, rows]. */
export function transposed(values, [rows, columns]) {
  const result = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j];
  return result;
}

/** Axes in another order, row-major before and after. */
export function permuted(values, shape, order) {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const newShape = order.map((axis) => shape[axis]);
  const result = new values.constructor(values.length);
  const index = newShape.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    result[i] = values[order.reduce((offset, axis, at) => offset + index[at] * strides[axis], 0)];
    for (let axis = index.length - 1; axis >= 0 && ++index[axis] === newShape[axis]; axis--) index[axis] = 0;
  }
  return result;
}
