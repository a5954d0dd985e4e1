import type { PoolGeometry, PoolKernel } from "../../../kernel/kernel";
import type { FunctionWriter, Local } from "../assembler/function";
import type { Addresses, KernelCode, TypedKernel } from "../code";
import { averageBody, averageGradientBody } from "./pool-average";
import { maximumBody, positionsBody } from "./pool-maximum";
import { halvingBody, isHalving } from "./pool-halving";
import { roomyPlane } from "./planes";

/** What the code for one plane may use. */
export interface PlaneCode {
  readonly f: FunctionWriter;
  readonly geometry: PoolGeometry;
  /** Addresses of the plane in each input and in the output. */
  readonly inputs: readonly Local[];
  readonly output: Local;
  /** The thread's own memory: {@link PlaneBody.scratch} bytes. */
  readonly scratch: Local;
}

/** Code for the planes of a piece. */
export interface PlaneBody {
  readonly scratch: number;
  /** Once before the first plane. */
  before?(code: PlaneCode): void;
  plane(code: PlaneCode): void;
}

/** Elements that a piece of work should have at least. */
const PIECE = 8192;
const MAXIMUM_PIECES = 256;

export function poolCode({ kernel, inputs, outputs }: TypedKernel<PoolKernel>): KernelCode | undefined {
  if ([...inputs, ...outputs].some((type) => type !== "float32")) return undefined;
  const { which, geometry } = kernel;
  const { planes, input, output, window } = geometry;
  const [inputSize, outputSize] = [input[0] * input[1], output[0] * output[1]];
  const [from, to] = SIZES[which].map((size) => (size === "input" ? inputSize : outputSize));
  if (planes * to === 0) return { phases: [] };
  const body = bodyOf(kernel);
  const pieces = Math.max(1, Math.min(planes, MAXIMUM_PIECES, Math.floor((planes * inputSize) / PIECE)));
  return {
    phases: [
      {
        pieces,
        work: planes * (inputSize + (outputSize * window[0] * window[1]) / 2),
        scratch: body.scratch,
        key: `pool ${which} ${JSON.stringify(geometry)}`,
        write(f, at) {
          eachPlane(f, at, { planes, pieces, body, geometry, steps: [from * 4, inputSize * 4, to * 4], which });
        },
      },
    ],
  };
}

/** What the first input and the output are as large as. The second input is of the size that the first does not name. */
const SIZES: Readonly<Record<PoolKernel["which"], readonly ["input" | "output", "input" | "output"]>> = {
  maximum: ["input", "output"],
  maximumGradient: ["input", "input"],
  maximumPick: ["input", "output"],
  average: ["input", "output"],
  averageGradient: ["output", "input"],
};

function bodyOf({ which, geometry }: PoolKernel): PlaneBody {
  const room = roomyPlane(geometry);
  switch (which) {
    case "maximum":
      return maximumBody(geometry, room);
    case "maximumGradient":
      return isHalving(geometry) ? halvingBody("maximum") : positionsBody(geometry, room, "gradient");
    case "maximumPick":
      return positionsBody(geometry, room, "pick");
    case "average":
      return averageBody(geometry, room);
    case "averageGradient":
      return isHalving(geometry) ? halvingBody("average") : averageGradientBody(geometry, room);
    default:
      return which satisfies never;
  }
}

interface PlaneLoop {
  readonly which: PoolKernel["which"];
  readonly geometry: PoolGeometry;
  readonly planes: number;
  readonly pieces: number;
  readonly body: PlaneBody;
  /** Bytes from plane to plane. */
  readonly steps: readonly [first: number, second: number, output: number];
}

function eachPlane(
  f: FunctionWriter,
  at: Addresses,
  { which, geometry, planes, pieces, body, steps }: PlaneLoop,
): void {
  const [plane, end] = [f.local("i32"), f.local("i32")];
  const bound = (piece: Local): FunctionWriter => f.get(piece).i32(planes).op("i32.mul").i32(pieces).op("i32.div_u");
  bound(at.from).set(plane);
  bound(at.to).set(end);
  const second = which === "maximumGradient" ? geometry.output[0] * geometry.output[1] * 4 : steps[1];
  const addresses = [...at.inputs, ...at.outputs];
  const perPlane = at.inputs.map((_, i) => (i === 0 ? steps[0] : second)).concat(steps[2]);
  const pointers = addresses.map((address, i) => {
    const pointer = f.local("i32");
    f.get(address).get(plane).i32(perPlane[i]).op("i32.mul", "i32.add").set(pointer);
    return pointer;
  });
  const code: PlaneCode = {
    f,
    geometry,
    inputs: pointers.slice(0, -1),
    output: pointers[pointers.length - 1],
    scratch: at.scratch,
  };
  body.before?.(code);
  f.block((out) => {
    f.loop((again) => {
      f.get(plane).get(end).op("i32.ge_s").leaveIf(out);
      body.plane(code);
      pointers.forEach((pointer, i) => f.advance(pointer, perPlane[i]));
      f.advance(plane, 1).leave(again);
    });
  });
}
