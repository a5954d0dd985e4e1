import type { DebugProtocol } from "@vscode/debugprotocol";
import type { BoundBreakpoint, DebugRequest } from "../debug/requests";
import { spanToClient } from "./client";
import { type Naming, sourceToClient } from "./sources";

/**
 * Breakpoints by the ids that the client knows them by. A restart starts another runtime, which binds them again and counts
 * its own ids from the beginning.
 */
export interface Breakpoints {
  readonly groups: Map<string, Group>;
  /** Replaces a group; its breakpoints get new ids. */
  set(key: string, group: Omit<Group, "ids">, count: number): Group;
  /** Of what the runtime answered. */
  bind(group: Group, bound: readonly BoundBreakpoint[]): readonly ShownBreakpoint[];
  /** A runtime's breakpoint with the client's id. */
  ofRuntime(breakpoint: BoundBreakpoint): ShownBreakpoint | undefined;
  idOf(runtimeId: number): number | undefined;
  /** The runtime is another. */
  forget(): void;
}

/** All breakpoints that one request sets. */
interface Group {
  readonly request: SettingRequest;
  readonly file: string | null;
  readonly ids: readonly number[];
}

export type SettingRequest = Extract<
  DebugRequest,
  { readonly kind: "setBreakpoints" | "setFunctionBreakpoints" | "setDataBreakpoints" | "setExceptionFilters" }
>;

export interface ShownBreakpoint extends BoundBreakpoint {
  readonly file: string | null;
}

export function createBreakpoints(): Breakpoints {
  const groups = new Map<string, Group>();
  /** By the runtime's id. */
  const known = new Map<number, { readonly id: number; readonly file: string | null }>();
  let count = 0;
  return {
    groups,
    set(key, group, size) {
      const ids = new Set(groups.get(key)?.ids);
      for (const [runtimeId, { id }] of known) if (ids.has(id)) known.delete(runtimeId);
      const made = { ...group, ids: Array.from({ length: size }, () => ++count) };
      groups.set(key, made);
      return made;
    },
    bind({ ids, file }, bound) {
      return ids.map((id, index) => {
        const runtime = bound.at(index);
        if (runtime === undefined) return { id, file, verified: false };
        known.set(runtime.id, { id, file });
        return { ...runtime, id, file };
      });
    },
    ofRuntime(breakpoint) {
      const mine = known.get(breakpoint.id);
      return mine && { ...breakpoint, ...mine };
    },
    idOf: (runtimeId) => known.get(runtimeId)?.id,
    forget: () => known.clear(),
  };
}

export function showBreakpoint(naming: Naming, breakpoint: ShownBreakpoint): DebugProtocol.Breakpoint {
  const { id, verified, message, file } = breakpoint;
  return {
    id,
    verified,
    ...(message !== undefined && { message }),
    ...(file !== null && { source: sourceToClient(naming, file) }),
    ...spanToClient(naming.client, breakpoint),
  };
}
