/**
 * Augmentation: examples changed at random, in training only. The random numbers belong to (seed, epoch, index), so a
 * replay or a resumed training sees the same images.
 */
import { streamOf } from "../kernel/random";
import { type Dataset, elementsOf, type ExampleTransform, type Fields, type FieldSpec, transformed } from "./dataset";
import { Draws } from "./draws";
import { DataError, requireNumber, requireWhole } from "./error";
import { blur, gaussianWeights, type Geometry, identity, type ImageSize, addChange, warp } from "./image";

/** One random change. Consecutive geometric ones are joined to a single bilinear resampling. */
export type Augmentation =
  | { readonly kind: "geometry"; readonly name: string; change(geometry: Geometry, draws: Draws): void }
  | { readonly kind: "displacement"; readonly name: string; readonly alpha: number; readonly sigma: number }
  | { readonly kind: "values"; readonly name: string; change(values: Float32Array, draws: Draws): void };

export interface AugmentOptions {
  /** `[height, width]` or `[channels, height, width]` of flat images; default: the field's shape, or a square. */
  readonly size?: readonly number[];
  /** Which input field is changed; default 0. */
  readonly field?: number;
  /** Value of what lies outside of the image; default 0. */
  readonly fill?: number;
  /** Another number gives other changes with the same training seed; default 0. */
  readonly seed?: number;
}

/**
 * Changes one input field of every example by all `changes` in their order, where `training` is true only: validation and
 * looking at data see the originals.
 * @throws DataError when geometric changes meet a field that is no image.
 */
export function augment(data: Dataset, changes: readonly Augmentation[], options: AugmentOptions = {}): Dataset {
  return transformed(data, {
    name: `augment(${data.name})`,
    fields(before) {
      augmentation("augment", changes, options, before);
      return before;
    },
    prepare: (_source, fields) => augmentation("augment", changes, options, fields),
  });
}

/** Moves by up to `pixels` to each side (or `{ x, y }`), uniform. */
export function randomShift(pixels: number | { readonly x: number; readonly y: number }): Augmentation {
  const { x, y } = typeof pixels === "number" ? { x: pixels, y: pixels } : pixels;
  requireNumber("randomShift", "x", x, 0);
  requireNumber("randomShift", "y", y, 0);
  return {
    kind: "geometry",
    name: "randomShift",
    change(geometry, draws) {
      const [dx, dy] = [draws.symmetric(x), draws.symmetric(y)];
      addChange(geometry, 1, 0, 0, 1, -dx, -dy);
    },
  };
}

/** Turns about the centre by up to `degrees` either way, uniform. */
export function randomRotation(degrees: number): Augmentation {
  const limit = (requireNumber("randomRotation", "degrees", degrees, 0, 180) * Math.PI) / 180;
  return {
    kind: "geometry",
    name: "randomRotation",
    change(geometry, draws) {
      const angle = draws.symmetric(limit);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      addChange(geometry, cos, sin, -sin, cos, 0, 0);
    },
  };
}

/** Enlarges about the centre by a factor between `smallest` and `largest` (1 keeps), uniform. */
export function randomScale(smallest: number, largest: number): Augmentation {
  requireNumber("randomScale", "smallest", smallest, 1e-3);
  requireNumber("randomScale", "largest", largest, smallest);
  return {
    kind: "geometry",
    name: "randomScale",
    change(geometry, draws) {
      const inverse = 1 / (smallest + (largest - smallest) * draws.uniform());
      addChange(geometry, inverse, 0, 0, inverse, 0, 0);
    },
  };
}

/** Slants to the side by up to `degrees` either way, uniform. */
export function randomShear(degrees: number): Augmentation {
  const limit = (requireNumber("randomShear", "degrees", degrees, 0, 80) * Math.PI) / 180;
  return {
    kind: "geometry",
    name: "randomShear",
    change(geometry, draws) {
      addChange(geometry, 1, Math.tan(draws.symmetric(limit)), 0, 1, 0, 0);
    },
  };
}

/** Mirrors left and right with the given probability. Not for digits or text. */
export function horizontalFlip(probability = 0.5): Augmentation {
  requireNumber("horizontalFlip", "probability", probability, 0, 1);
  return {
    kind: "geometry",
    name: "horizontalFlip",
    change(geometry, draws) {
      if (draws.uniform() < probability) addChange(geometry, -1, 0, 0, 1, 0, 0);
    },
  };
}

/**
 * Elastic distortion: every pixel moves by α times a field of uniform numbers in [−1, 1) that a Gaussian of σ pixels has
 * smoothed (Simard, Steinkraus, Platt, "Best practices for convolutional neural networks", ICDAR 2003: α 34, σ 4).
 */
export function elastic(options: { readonly alpha?: number; readonly sigma?: number } = {}): Augmentation {
  const alpha = requireNumber("elastic", "alpha", options.alpha ?? 34, 0);
  const sigma = requireNumber("elastic", "sigma", options.sigma ?? 4, 0.1, 100);
  return { kind: "displacement", name: "elastic", alpha, sigma };
}

/** Adds normal noise of the given standard deviation to every value; for any field, images or not. */
export function noise(deviation: number): Augmentation {
  requireNumber("noise", "deviation", deviation, 0);
  return {
    kind: "values",
    name: "noise",
    change(values, draws) {
      for (let at = 0; at < values.length; at++) values[at] += deviation * draws.normal();
    },
  };
}

/**
 * The changes as a function of one example.
 * @param source name for messages
 * @throws DataError where the field does not fit.
 */
export function augmentation(
  source: string,
  changes: readonly Augmentation[],
  options: AugmentOptions,
  fields: Fields,
): ExampleTransform {
  const at = requireWhole(source, "field", options.field ?? 0, 0);
  const seed = requireWhole(source, "seed", options.seed ?? 0, 0);
  const fill = requireNumber(source, "fill", options.fill ?? 0);
  const spec = fields.inputs.at(at);
  if (spec === undefined || spec.dtype !== "float32") {
    const problem = spec === undefined ? `there is no input field ${at}` : `input field ${at} is ${spec.dtype}`;
    throw new DataError(source, undefined, problem, "Name an input field of dtype float32");
  }
  const first = changes.find((change) => change.kind !== "values");
  const size = first === undefined ? null : imageSize(source, first.name, spec, options.size);
  const stages = stagesOf(changes, size, fill);
  const stream = streamOf("data.augment") ^ seed;
  const draws = new Draws();
  return (example, index, context) => {
    if (!context.training) return example;
    draws.restart(context.seed, stream, index, context.epoch);
    let values: Float32Array = Float32Array.from(example.inputs[at]);
    for (const stage of stages) values = stage(values, draws);
    return { inputs: example.inputs.map((input, i) => (i === at ? values : input)), targets: example.targets };
  };
}

/** Takes an array it may change, gives an array that the caller owns. */
type Stage = (values: Float32Array, draws: Draws) => Float32Array;

/** Joins each run of geometric changes to one stage; a second displacement begins another. */
function stagesOf(changes: readonly Augmentation[], size: ImageSize | null, fill: number): Stage[] {
  const stages: Stage[] = [];
  let run: Exclude<Augmentation, { kind: "values" }>[] = [];
  const finish = (): void => {
    if (run.length > 0 && size !== null) stages.push(resampling(run, size, fill));
    run = [];
  };
  for (const change of changes) {
    if (change.kind === "values") {
      finish();
      stages.push((values, draws) => {
        change.change(values, draws);
        return values;
      });
    } else {
      if (change.kind === "displacement" && run.some(({ kind }) => kind === "displacement")) finish();
      run.push(change);
    }
  }
  finish();
  return stages;
}

function resampling(run: readonly Exclude<Augmentation, { kind: "values" }>[], size: ImageSize, fill: number): Stage {
  const plane = size.height * size.width;
  const displacement = run.find((change) => change.kind === "displacement");
  const [dx, dy, scratch] = displacement
    ? [new Float32Array(plane), new Float32Array(plane), new Float32Array(plane)]
    : [null, null, new Float32Array(0)];
  const weights = displacement ? gaussianWeights(displacement.sigma) : new Float64Array(0);
  return (values, draws) => {
    const geometry = identity(dx, dy);
    // The displacement is added to where the joined change looks, wherever it stood in the list: the field is random and
    // has no direction, so this draws from the same distribution for small changes, and one resampling blurs less.
    if (displacement && dx !== null && dy !== null) {
      for (let pixel = 0; pixel < plane; pixel++) draws.pair(dx, dy, pixel);
      for (const field of [dx, dy]) {
        blur(field, scratch, size.height, size.width, weights);
        for (let pixel = 0; pixel < plane; pixel++) field[pixel] *= displacement.alpha;
      }
    }
    for (const step of run) if (step.kind === "geometry") step.change(geometry, draws);
    const out = new Float32Array(values.length);
    warp(out, values, size, geometry, fill);
    return out;
  };
}

function imageSize(source: string, change: string, spec: FieldSpec, given: readonly number[] | undefined): ImageSize {
  const elements = elementsOf(spec);
  const side = Math.sqrt(elements);
  const own =
    spec.shape.length === 2 || spec.shape.length === 3 ? spec.shape : Number.isInteger(side) ? [side, side] : [];
  const size = given ?? own;
  const [channels, height, width] = size.length === 2 ? [1, ...size] : size;
  if ((size.length === 2 || size.length === 3) && channels * height * width === elements && elements > 0) {
    return { channels, height, width };
  }
  throw new DataError(
    source,
    undefined,
    given === undefined
      ? `${change} needs an image, but the field has shape [${spec.shape.join(", ")}]`
      : `size [${given.join(", ")}] is no image of ${elements} values`,
    "Give size: [height, width] or [channels, height, width] with as many values as the field has",
  );
}
