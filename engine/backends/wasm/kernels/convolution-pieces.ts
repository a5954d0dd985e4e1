import type { FunctionWriter, Local } from "../assembler/function";

/** digit = rest % base; rest = ⌊rest / base⌋. */
export function takeDigit(f: FunctionWriter, rest: Local, base: number, digit: Local): void {
  if (base === 1) {
    f.i32(0).set(digit);
    return;
  }
  f.get(rest).i32(base).op("i32.rem_u").set(digit);
  f.get(rest).i32(base).op("i32.div_u").set(rest);
}

/** Which of `count` things belong to one of `parts`: from ≤ thing < to. */
export function takeShare(
  f: FunctionWriter,
  part: Local,
  count: number,
  parts: number,
  [from, to]: readonly [from: Local, to: Local],
): void {
  f.get(part).i32(count).op("i32.mul").i32(parts).op("i32.div_u").set(from);
  f.get(part).i32(1).op("i32.add").i32(count).op("i32.mul").i32(parts).op("i32.div_u").set(to);
}

/** Images in a buffer, one after the other, each of groups one after the other. */
export interface Images {
  readonly images: number;
  readonly bytes: number;
  readonly groups: number;
}

/** Sets addresses of a group in an image and those after it; past the last image stands the last one again. */
export function findImages(
  f: FunctionWriter,
  base: Local,
  { images, bytes, groups }: Images,
  [image, group]: readonly [image: Local, group: Local],
  found: readonly Local[],
): void {
  const here = f.local("i32");
  found.forEach((address, i) => {
    f.get(image).i32(i).op("i32.add").set(here);
    if (i > 0)
      f.i32(images - 1)
        .get(here)
        .get(here)
        .i32(images)
        .op("i32.ge_s", "select")
        .set(here);
    f.get(base).get(here).i32(bytes).op("i32.mul", "i32.add");
    f.get(group)
      .i32(bytes / groups)
      .op("i32.mul", "i32.add")
      .set(address);
  });
  f.release(here);
}
