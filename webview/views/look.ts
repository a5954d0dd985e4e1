/** Asking a run for what no tick carries: only while the panel is in sight, and no more often than answers are of use. */
import { useEffect, useRef, useState } from "preact/hooks";
import { look as ask } from "../host";
import type { Look, LookResult, RunHistory } from "../protocol";

/** Milliseconds between two questions for the same thing: epochs may last less. */
const PAUSE = 1000;

export interface Looked<K extends LookResult["kind"]> {
  /** The last answer that shows something; kept while a newer one is on its way. */
  readonly result: Extract<LookResult, { kind: K }> | null;
  /** Why there is nothing, or nothing newer. */
  readonly reason: string | null;
}

/**
 * The answer to a question, asked anew whenever `version` changes. Nothing is asked while the panel is hidden, nor by a
 * component that is not mounted; what changed meanwhile is asked for once when it comes back.
 */
export function useLook<K extends LookResult["kind"]>(
  run: string,
  what: Look | null,
  kind: K,
  version: number | string,
): Looked<K> {
  const key = what && `${run} ${JSON.stringify(what)}`;
  const [state, setState] = useState<Looked<K> & { readonly key: string | null }>({ key, result: null, reason: null });
  const asked = useRef<Asked>({ key: "", version: "", at: -PAUSE, busy: false });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!what || key === null) return;
    const last = asked.current;
    if (last.busy || (last.key === key && last.version === version)) return;
    const wake = (): void => setTurn((before) => before + 1);
    const later = (): void => document.addEventListener("visibilitychange", wake, { once: true });
    const wait = last.key === key ? last.at + PAUSE - performance.now() : 0;
    const timer = setTimeout(
      () => {
        if (document.hidden) return later();
        asked.current = { key, version, at: performance.now(), busy: true };
        void ask(run, what).then((answer) => {
          asked.current = { ...asked.current, at: performance.now(), busy: false };
          setState((before) => after(before, key, kind, answer));
          setTurn((now) => now + 1);
        });
      },
      Math.max(0, wait),
    );
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    };
    // `what` is a record made anew at each rendering: its key stands for it.
  }, [key, version, turn]);
  if (state.key === key) return state;
  // Another layer or example of this run: the one before stays until the answer comes, so that nothing flickers.
  return { result: state.key?.startsWith(`${run} `) ? state.result : null, reason: null };
}

interface Asked {
  readonly key: string;
  readonly version: number | string;
  /** When it was asked, or answered. */
  readonly at: number;
  readonly busy: boolean;
}

function after<K extends LookResult["kind"]>(
  before: Looked<K> & { readonly key: string | null },
  key: string,
  kind: K,
  answer: LookResult,
): Looked<K> & { readonly key: string | null } {
  if (answer.kind === kind) return { key, result: answer as Extract<LookResult, { kind: K }>, reason: null };
  const reason = answer.kind === "nothing" ? answer.reason : `internal: asked for ${kind}, got ${answer.kind}`;
  return { key, result: before.key === key ? before.result : null, reason };
}

/** Changes when an epoch ends, and when the run begins or ends: when it is worth looking again. */
export function epochVersion(history: RunHistory | null): string {
  return `${history?.start?.startIteration ?? "-"} ${history?.epochs.at(-1)?.epoch ?? 0} ${history?.end?.iterations ?? "-"}`;
}
