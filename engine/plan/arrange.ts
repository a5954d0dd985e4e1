/** Memory of so many bytes that is needed from the instruction `first` to the instruction `last`, both included. */
export interface Stay {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

export interface Arrangement {
  /** By stay, in bytes. */
  readonly offsets: readonly number[];
  /** Where the last one ends. */
  readonly bytes: number;
}

/** Bytes that are needed at once where most are: no arrangement takes less. */
export function mostAlive(stays: readonly Stay[]): number {
  const changes = new Map<number, number>();
  const change = (at: number, bytes: number): void => void changes.set(at, (changes.get(at) ?? 0) + bytes);
  for (const { first, last, bytes } of stays) {
    change(first, bytes);
    change(last + 1, -bytes);
  }
  let [alive, most] = [0, 0];
  for (const [, bytes] of [...changes].toSorted(([a], [b]) => a - b)) {
    alive += bytes;
    most = Math.max(most, alive);
  }
  return most;
}

/**
 * Arranges stays in one memory so that those that overlap in time do not overlap in memory: one after the other, each into the
 * smallest gap that is large enough among those it meets. By size first, which comes closest to the least in most graphs
 * (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020); then in other orders while that
 * is more than the least.
 * @param least bytes, see {@link mostAlive}
 */
export function arrange(stays: readonly Stay[], least: number): Arrangement {
  let best: Arrangement | undefined;
  const attempt = (order: readonly number[], gap: Gap): boolean => {
    const made = inOrder(stays, order, gap);
    if (!best || made.bytes < best.bytes) best = made;
    return best.bytes <= least * GOOD_ENOUGH;
  };
  const numbers = stays.map((_, at) => at);
  const orders = (stays.length > MANY ? ORDERS.slice(0, 2) : ORDERS).map((order) =>
    numbers.toSorted((a, b) => order(stays[a], stays[b]) || a - b),
  );
  for (const gap of GAPS) for (const order of orders) if (attempt(order, gap)) break;
  // What came to stand highest is given its place earlier.
  for (const order of stays.length > MANY ? [] : orders) {
    let next = order;
    for (let round = 0; round < ROUNDS && best && best.bytes > least * GOOD_ENOUGH; round++) {
      const { offsets, bytes } = inOrder(stays, next, "smallest");
      const highest = next.findLast((at) => offsets[at] + stays[at].bytes === bytes);
      if (highest === undefined) break;
      next = [highest, ...next.filter((at) => at !== highest)];
      if (attempt(next, "smallest")) break;
    }
  }
  return best ?? { offsets: [], bytes: 0 };
}

const ROUNDS = 12;
/** What is gained beyond is not worth the search. */
const GOOD_ENOUGH = 1.01;
/** Each order takes time with the square of the stays. */
const MANY = 3000;

type Order = (a: Stay, b: Stay) => number;

const duration = ({ first, last }: Stay): number => last - first + 1;

const ORDERS: readonly Order[] = [
  (a, b) => b.bytes - a.bytes || a.first - b.first,
  (a, b) => duration(b) * b.bytes - duration(a) * a.bytes || a.first - b.first,
  (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
  (a, b) => a.first - b.first || b.bytes - a.bytes,
  (a, b) => b.last - a.last || b.bytes - a.bytes,
];

type Gap = "smallest" | "lowest";

const GAPS: readonly Gap[] = ["smallest", "lowest"];

function inOrder(stays: readonly Stay[], order: readonly number[], choice: Gap): Arrangement {
  const offsets = new Array<number>(stays.length).fill(0);
  /** Those that have a place, in order of their offsets. */
  const placed: number[] = [];
  let total = 0;
  for (const at of order) {
    const { first, last, bytes } = stays[at];
    let [offset, room] = [-1, Infinity];
    let end = 0;
    for (const other of placed) {
      const met = stays[other];
      if (met.last < first || met.first > last) continue;
      const free = offsets[other] - end;
      if (free >= bytes && free < room) {
        [offset, room] = [end, free];
        if (choice === "lowest") break;
      }
      end = Math.max(end, offsets[other] + met.bytes);
    }
    if (offset < 0) offset = end;
    offsets[at] = offset;
    total = Math.max(total, offset + bytes);
    placed.splice(insertionPoint(placed, offsets, offset), 0, at);
  }
  return { offsets, bytes: total };
}

/** By halving: after all that stand at the offset or before it. */
function insertionPoint(placed: readonly number[], offsets: readonly number[], offset: number): number {
  let [from, to] = [0, placed.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (offsets[placed[middle]] <= offset) from = middle + 1;
    else to = middle;
  }
  return from;
}
