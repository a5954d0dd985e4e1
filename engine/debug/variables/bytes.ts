import type { NdArray } from "../../graph/array";
import type { Tensor } from "../../graph/tensor";
import { sizeOf } from "../../graph/shape";
import type { Scene } from "../episode";
import { memoryOf } from "./items";

/** Tensors as bytes, little-endian: float32 and int32 in 4 bytes, bool in 1. */

/** The node whose bytes a memory reference stands for. @throws for one of another iteration */
export function nodeOfMemory({ episode }: Scene, memory: string): Tensor {
  const { graph } = episode;
  const node =
    graph.nodes.find((other) => memoryOf(other) === memory) ??
    [...graph.parameters.values()].find((other) => memoryOf(other) === memory);
  if (!node) throw new Error(`there is no tensor with the memory reference ${memory}; it was of an earlier stop`);
  return node;
}

export function bytesPerElement(dtype: NdArray["dtype"]): number {
  return dtype === "bool" ? 1 : 4;
}

/** The part of the bytes that there is: fewer than `count` at the end, none beyond it. */
export function readBytes(array: NdArray, offset: number, count: number): Uint8Array {
  const bytes = bytesOf(array);
  const within = (at: number): number => Math.min(Math.max(0, at), bytes.length);
  return bytes.slice(within(offset), within(offset + count));
}

/** The array with other bytes from `offset` on. Elements of which no byte changes keep their value to the last bit. */
export function writeBytes(
  array: NdArray,
  offset: number,
  bytes: Uint8Array,
): { readonly value: NdArray; readonly written: number } {
  const all = bytesOf(array);
  if (offset < 0 || offset > all.length)
    throw new Error(`the tensor has ${all.length} bytes; there is none at ${offset}`);
  const written = Math.min(bytes.length, all.length - offset);
  all.set(bytes.subarray(0, written), offset);
  const view = new DataView(all.buffer);
  const width = bytesPerElement(array.dtype);
  const data = array.data.slice();
  const end = Math.min(sizeOf(array.shape), Math.ceil((offset + written) / width));
  for (let i = Math.floor(offset / width); i < end; i++) {
    if (array.dtype === "bool") data[i] = Number(view.getUint8(i) !== 0);
    else data[i] = array.dtype === "int32" ? view.getInt32(i * width, true) : view.getFloat32(i * width, true);
  }
  return { value: { ...array, data }, written };
}

function bytesOf({ data, dtype }: NdArray): Uint8Array<ArrayBuffer> {
  const width = bytesPerElement(dtype);
  const view = new DataView(new ArrayBuffer(data.length * width));
  data.forEach((x, i) => {
    if (dtype === "bool") view.setUint8(i, Number(x !== 0));
    else if (dtype === "int32") view.setInt32(i * width, x, true);
    else view.setFloat32(i * width, x, true);
  });
  return new Uint8Array(view.buffer);
}
