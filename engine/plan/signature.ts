import { type Plan, printPlan } from "./plan";

/** Eight hexadecimal digits that plans have in common that do the same with the same memory: FNV-1a of what they print. */
export function signatureOf(plan: Plan): string {
  let hash = 0x811c9dc5;
  for (const text of [printPlan(plan), String(plan.commitFrom), plan.places.join()]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
