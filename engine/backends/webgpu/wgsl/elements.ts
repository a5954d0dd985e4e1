import type { ElementType } from "../../../kernel/kernel";
import type { Place } from "../code";

/** How a value stands in WGSL. */
export type Kind = "float" | "int" | "bool";

export const KIND_OF: Readonly<Record<ElementType, Kind>> = { float32: "float", int32: "int", bool: "bool" };

/** Elements that are computed together. */
export type Width = 1 | 4;

export function typeName(kind: Kind, width: Width): string {
  const name = { float: "f32", int: "i32", bool: "bool" }[kind];
  return width === 1 ? name : `vec4<${name}>`;
}

/** Text of the element at `index` (u32 or i32 text), of a pass that reads word by word. */
export function loadElement({ memory, start }: Place, type: ElementType, index: string): string {
  const at = `${start} + u32(${index})`;
  if (type === "bool") return `byteOf(${memory}[${start} + (u32(${index}) >> 2u)], u32(${index}))`;
  return `bitcast<${typeName(KIND_OF[type], 1)}>(${memory}[${at}])`;
}

/** Text of four elements from `index` on, a multiple of four, of a pass that reads vectors. */
export function loadVector({ memory, start }: Place, type: ElementType, index: string): string {
  if (type === "bool") {
    const word = `(u32(${index}) >> 2u)`;
    return `bytesOf(${memory}[${start} + (${word} >> 2u)][${word} & 3u])`;
  }
  return `bitcast<${typeName(KIND_OF[type], 4)}>(${memory}[${start} + (u32(${index}) >> 2u)])`;
}

/** Text of the element at `index`, of a pass that reads vectors. */
export function loadLane({ memory, start }: Place, type: ElementType, index: string): string {
  const word = type === "bool" ? `(u32(${index}) >> 2u)` : `u32(${index})`;
  const text = `${memory}[${start} + (${word} >> 2u)][${word} & 3u]`;
  return type === "bool" ? `byteOf(${text}, u32(${index}))` : `bitcast<${typeName(KIND_OF[type], 1)}>(${text})`;
}

/** A statement that stores a value of the type's kind; bools are stored four at a time, see {@link storeBools}. */
export function storeElement({ memory, start }: Place, index: string, value: string): string {
  return `${memory}[${start} + u32(${index})] = bitcast<u32>(${value});`;
}

/** Four elements from `index` on, a multiple of four. */
export function storeVector({ memory, start }: Place, index: string, value: string): string {
  return `${memory}[${start} + (u32(${index}) >> 2u)] = bitcast<vec4<u32>>(${value});`;
}

/** Four bools (vec4<bool>) from `index` on, a multiple of four, of a pass that writes word by word. */
export function storeBools({ memory, start }: Place, index: string, values: string): string {
  return `${memory}[${start} + (u32(${index}) >> 2u)] = wordOf(${values});`;
}

/** Functions that the texts above call. */
export const ELEMENT_FUNCTIONS = `
fn byteOf(word: u32, index: u32) -> bool { return ((word >> (8u * (index & 3u))) & 0xffu) != 0u; }
fn bytesOf(word: u32) -> vec4<bool> { return (vec4<u32>(word, word >> 8u, word >> 16u, word >> 24u) & vec4<u32>(0xffu)) != vec4<u32>(0u); }
fn whole1(x: f32) -> i32 { return select(i32(x), 0i, (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u); }
fn whole4(x: vec4<f32>) -> vec4<i32> { return select(vec4<i32>(x), vec4<i32>(0i), (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u)); }
fn wordOf(values: vec4<bool>) -> u32 { return dot(select(vec4<u32>(0u), vec4<u32>(1u, 0x100u, 0x10000u, 0x1000000u), values), vec4<u32>(1u)); }
`;
