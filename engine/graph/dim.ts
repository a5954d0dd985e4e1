/**
 * Sizes of axes: plain numbers, or polynomials over symbols such as the batch `N`.
 *
 * The arithmetic is what reshape, flatten, concat and convolution need: sums, products, exact and
 * floored quotients. A {@link SymbolicDim} is canonical, so two equal sizes have equal keys.
 * Symbols stand for integers >= 1.
 *
 * User code sees a size as a `number`. Should it calculate with a symbolic one (`x.shape[0] * 4`),
 * JavaScript asks for a primitive: the polynomial evaluated at a large prime, from which
 * {@link decodeDim} reads the polynomial back (its balanced digits to that base).
 */
export type Dim = number | SymbolicDim;

/** What a product of symbols is multiplied with; the key joins sorted atoms by `*`, `""` is the constant term. */
type Terms = ReadonlyMap<string, Term>;

interface Term {
  readonly coefficient: number;
  /** Symbols or floored quotients, sorted, repeated for powers. */
  readonly atoms: readonly Atom[];
}

type Atom =
  | { readonly kind: "symbol"; readonly key: string }
  | { readonly kind: "floor"; readonly key: string; readonly numerator: SymbolicDim; readonly denominator: number };

/**
 * The stand-in for a symbol in plain JavaScript arithmetic: a prime far from all powers of two, so large that few sizes come near a
 * multiple of it, and so small that 37 times its square is still exact.
 */
const BASE = 15_485_863;
/** A number that is no more than this away from a multiple of {@link BASE} was calculated from a symbol; others are sizes as they are. */
const FURTHEST = 500_000;
const LOOP_LIMIT = 5_000;

export class SymbolicDim {
  /** Canonical text, e.g. `28*N+3`; equal sizes have equal keys. */
  readonly key: string;
  private reads = 0;

  /** @internal use {@link symbol} and the arithmetic functions of this file. */
  constructor(readonly terms: Terms) {
    this.key = printTerms(terms);
  }

  toString(): string {
    return this.key;
  }

  toJSON(): string {
    return this.key;
  }

  [Symbol.toPrimitive](hint: string): number | string {
    if (hint === "string") return this.key;
    if (++this.reads > LOOP_LIMIT) {
      throw new Error(
        `a loop runs over the size ${this.key}, which is not known while the graph is built; ` +
          `write the loop's work as tensor operations over that axis`,
      );
    }
    return evaluateDim(this, () => BASE);
  }
}

/** The symbol `name`, for example the batch size `N`. */
export function symbol(name: string): SymbolicDim {
  return new SymbolicDim(new Map([[name, { coefficient: 1, atoms: [{ kind: "symbol", key: name }] }]]));
}

let unknownCount = 0;

/** A size nobody can know yet. It agrees with every other size, so that one mistake makes one issue. */
export function unknownDim(): SymbolicDim {
  return symbol(`?${++unknownCount}`);
}

export function isUnknownDim(dim: Dim): boolean {
  return typeof dim !== "number" && dim.key.includes("?");
}

export function isSymbolic(dim: Dim): dim is SymbolicDim {
  return typeof dim !== "number";
}

/** Turns what user code gives as a size (a number, a symbolic size, or arithmetic on one) into a size. */
export function decodeDim(value: Dim): Dim {
  // What a list lacks is undefined: x.shape[2] of a matrix.
  if ((value as unknown) === undefined || value === null) {
    throw new Error(
      `a size is ${String(value)}: is it an axis of a shape that has fewer? A shape [N, 8] has shape[0] and shape[1]`,
    );
  }
  if (typeof value !== "number" || !Number.isSafeInteger(value) || Math.abs(value) < BASE / 2) return value;
  const remainder = Math.abs(value % BASE);
  if (Math.min(remainder, BASE - remainder) > FURTHEST) return value;
  let rest = value;
  let power: Dim = 1;
  let result: Dim = 0;
  const n = symbol("N");
  while (rest !== 0) {
    let digit = rest % BASE;
    if (digit > BASE / 2) digit -= BASE;
    if (digit < -BASE / 2) digit += BASE;
    result = addDims(result, multiplyDims(digit, power));
    rest = (rest - digit) / BASE;
    power = multiplyDims(power, n);
  }
  return result;
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const sum = new Map<string, Term>(termsOf(a));
  for (const [key, term] of termsOf(b)) {
    sum.set(key, { coefficient: (sum.get(key)?.coefficient ?? 0) + term.coefficient, atoms: term.atoms });
  }
  return fromTerms(sum);
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1));
}

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const product = new Map<string, Term>();
  for (const left of termsOf(a).values()) {
    for (const right of termsOf(b).values()) {
      const atoms = [...left.atoms, ...right.atoms].sort((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0));
      const key = keyOf(atoms);
      const coefficient = (product.get(key)?.coefficient ?? 0) + left.coefficient * right.coefficient;
      product.set(key, { coefficient, atoms });
    }
  }
  return fromTerms(product);
}

/** The exact quotient, or `undefined` when `b` does not divide `a` for every value of the symbols. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === "number" && typeof b === "number") return b !== 0 && a % b === 0 ? a / b : undefined;
  if (dimsEqual(b, 0)) return undefined;
  // Long division of polynomials: each round takes the leading term away.
  const divisor = sortedTerms(termsOf(b))[0];
  let quotient: Dim = 0;
  let rest = a;
  for (let round = 0; round < MAX_TERMS; round++) {
    if (dimsEqual(rest, 0)) return quotient;
    const term = divideTerm(sortedTerms(termsOf(rest))[0], divisor);
    if (term === undefined) return undefined;
    quotient = addDims(quotient, term);
    rest = subtractDims(rest, multiplyDims(term, b));
  }
  return undefined;
}

/** Sizes have a handful of terms; more than this in a quotient means that none comes out. */
const MAX_TERMS = 64;

function divideTerm(a: Term, b: Term): Dim | undefined {
  const atoms = [...a.atoms];
  for (const atom of b.atoms) {
    const at = atoms.findIndex((candidate) => candidate.key === atom.key);
    if (at < 0) return undefined;
    atoms.splice(at, 1);
  }
  if (a.coefficient % b.coefficient !== 0) return undefined;
  return fromTerms(new Map([[keyOf(atoms), { coefficient: a.coefficient / b.coefficient, atoms }]]));
}

/** ⌊a / b⌋ for a positive number `b`; what divides leaves the brackets: ⌊(2N + 5)/2⌋ = N + 2. */
export function floorDivideDim(a: Dim, b: number): Dim {
  if (typeof a === "number") return Math.floor(a / b);
  const whole = new Map<string, Term>();
  const rest = new Map<string, Term>();
  for (const [key, { coefficient, atoms }] of a.terms) {
    const quotient = Math.floor(coefficient / b);
    whole.set(key, { coefficient: quotient, atoms });
    rest.set(key, { coefficient: coefficient - quotient * b, atoms });
  }
  const numerator = fromTerms(rest);
  if (typeof numerator === "number") return fromTerms(whole);
  const key = `floor(${numerator.terms.size > 1 ? `(${numerator.key})` : numerator.key}/${b})`;
  const atom: Atom = { kind: "floor", key, numerator, denominator: b };
  return addDims(fromTerms(whole), fromTerms(new Map([[key, { coefficient: 1, atoms: [atom] }]])));
}

export function productOfDims(dims: readonly Dim[]): Dim {
  return dims.reduce(multiplyDims, 1);
}

/** Surely equal, for every value of the symbols. */
export function dimsEqual(a: Dim, b: Dim): boolean {
  return typeof a === "number" || typeof b === "number" ? a === b : a.key === b.key;
}

/** Equal, or not known to differ (one side is an unknown size). */
export function dimsAgree(a: Dim, b: Dim): boolean {
  return dimsEqual(a, b) || isUnknownDim(a) || isUnknownDim(b);
}

/** The number that the size has when each symbol has the given value. */
export function evaluateDim(dim: Dim, valueOf: (symbol: string) => number): number {
  if (typeof dim === "number") return dim;
  let sum = 0;
  for (const { coefficient, atoms } of dim.terms.values()) {
    let product = coefficient;
    for (const atom of atoms) {
      product *=
        atom.kind === "symbol"
          ? valueOf(atom.key)
          : Math.floor(evaluateDim(atom.numerator, valueOf) / atom.denominator);
    }
    sum += product;
  }
  return sum;
}

function termsOf(dim: Dim): Terms {
  return typeof dim === "number" ? new Map([["", { coefficient: dim, atoms: [] }]]) : dim.terms;
}

function fromTerms(terms: Map<string, Term>): Dim {
  for (const [key, term] of terms) if (term.coefficient === 0) terms.delete(key);
  if (terms.size === 0) return 0;
  const constant = terms.get("");
  if (terms.size === 1 && constant) return constant.coefficient;
  return new SymbolicDim(terms);
}

function keyOf(atoms: readonly Atom[]): string {
  return atoms.map((atom) => atom.key).join("*");
}

/** Highest power first, the constant last, as one writes polynomials. */
function sortedTerms(terms: Terms): Term[] {
  return [...terms.entries()]
    .sort(([a, x], [b, y]) => y.atoms.length - x.atoms.length || (a < b ? -1 : a > b ? 1 : 0))
    .map(([, term]) => term);
}

/** `2*N*N+28*N-3`. */
function printTerms(terms: Terms): string {
  let text = "";
  for (const { coefficient, atoms } of sortedTerms(terms)) {
    const key = keyOf(atoms);
    const magnitude = Math.abs(coefficient);
    const body = key === "" ? String(magnitude) : magnitude === 1 ? key : `${magnitude}*${key}`;
    text += coefficient < 0 ? `-${body}` : text === "" ? body : `+${body}`;
  }
  return text;
}
