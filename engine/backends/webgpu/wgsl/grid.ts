import type { GpuTarget } from "../code";

/** Invocations of a workgroup that have nothing to do with each other. */
export const GROUP = 256;

/** So many workgroups, in as many dimensions as it takes; text reads their number as `group`, see {@link entry}. */
export function groupsOf(count: number, { workgroups }: GpuTarget): readonly [number, number, number] {
  if (count <= workgroups) return [Math.max(1, count), 1, 1];
  const y = Math.ceil(count / workgroups);
  return [Math.ceil(count / y), y, 1];
}

/**
 * The entry point of a pass: `group` is the workgroup's number (of `count`; what is beyond does nothing) and `local` the invocation's
 * in it. Control flow is the same for all invocations of a workgroup.
 */
export function entry(count: number, size: number, body: string): string {
  return `@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) place: vec3<u32>, @builtin(num_workgroups) extent: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let group = place.x + place.y * extent.x;
  if (group >= ${count}u) { return; }
${body}
}`;
}

/** The same for a number of things of which each has an invocation: `at` is its number. */
export function entryForEach(count: number, body: string): string {
  return entry(
    Math.ceil(count / GROUP),
    GROUP,
    `  let at = group * ${GROUP}u + local;
  if (at >= ${count}u) { return; }
${body}`,
  );
}
