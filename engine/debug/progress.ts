import type { DebugEvent } from "./requests";

/** What is told of while the program is on its way to where it stops next, if that takes long. */
export interface Progress {
  /** Goes on from a standstill: from now on it counts. */
  begin(): void;
  tell(what: Way): void;
  /** It stands, or nobody waits for it any more. */
  end(): void;
}

export interface Way {
  readonly title: string;
  readonly message: string;
  /** null where nobody knows how far it is. */
  readonly fraction: number | null;
}

/** A way that takes longer is told of, and again so often. */
const PATIENCE_MS = 500;
const RHYTHM_MS = 100;

/** @param now milliseconds */
export function createProgress(emit: (event: DebugEvent) => void, now: () => number): Progress {
  let id = 0;
  let since = now();
  let told = -Infinity;
  let shown: string | undefined;
  const end = (): void => {
    if (shown !== undefined) emit({ kind: "progress", id, title: shown, message: "", fraction: 1, done: true });
    shown = undefined;
  };
  return {
    begin() {
      end();
      since = now();
    },
    tell({ title, message, fraction }) {
      if (now() - since < PATIENCE_MS || (shown !== undefined && now() - told < RHYTHM_MS)) return;
      if (shown !== undefined && shown !== title) end();
      if (shown === undefined) id++;
      shown = title;
      told = now();
      emit({ kind: "progress", id, title, message, fraction, done: false });
    },
    end,
  };
}
