/** Asking the debugged program for a tensor, at every stop and whenever something else is wanted of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "./host";
import { readPicture } from "./picture";
import type { Looked, SessionView, TensorPicture, TensorQuestion } from "./protocol";

export interface Asked {
  /** The last picture of this expression and subject; it stays while a newer one is on its way, or cannot be had. */
  readonly picture: TensorPicture | null;
  /** The stop that the picture is of. */
  readonly stop: number;
  /** Why there is no picture, or no newer one. */
  readonly reason: string | null;
  /** A question is on its way. */
  readonly waiting: boolean;
  /** The subject of the picture or the reason. */
  readonly about: string;
}

const nothing: Asked = { picture: null, stop: -1, reason: null, waiting: false, about: "" };

/**
 * `subject` names what a picture is of: with another one nothing of the last answer stays, unless a new one comes. `fallback` is asked
 * where the question has no answer: the tensor may have another shape than at the last stop.
 */
export function useAsked(
  question: TensorQuestion | null,
  subject: string,
  session: SessionView,
  fallback?: { readonly question: TensorQuestion; readonly onTaken: () => void },
): Asked {
  const key = question && JSON.stringify(question);
  const [state, setState] = useState<Asked>({ ...nothing, about: subject });
  const [turn, setTurn] = useState(0);
  const current = useRef(0);
  const askable = session.state === "stopped" || session.state === "ended";
  useEffect(() => {
    if (!question || !askable) return;
    if (document.hidden) {
      const wake = (): void => setTurn((before) => before + 1);
      document.addEventListener("visibilitychange", wake, { once: true });
      return () => document.removeEventListener("visibilitychange", wake);
    }
    const mine = ++current.current;
    setState((before) => ({ ...before, waiting: true }));
    void answered(question, fallback).then(({ picture, reason }) => {
      // An older question whose answer came late.
      if (mine !== current.current) return;
      setState((before) => ({
        about: subject,
        picture: picture ?? (before.about === subject ? before.picture : null),
        stop: picture || before.about !== subject ? session.stop : before.stop,
        reason,
        waiting: false,
      }));
    });
    // `question` is a record made anew at each rendering: its key stands for it.
  }, [key, subject, session.stop, askable, turn]);
  return question ? state : nothing;
}

async function answered(
  question: TensorQuestion,
  fallback?: { readonly question: TensorQuestion; readonly onTaken: () => void },
): Promise<{ readonly picture: TensorPicture | null; readonly reason: string | null }> {
  const first = await ask(question);
  if (first.ok || !fallback || JSON.stringify(fallback.question) === JSON.stringify(question)) return read(first);
  const second = await ask(fallback.question);
  if (second.ok) fallback.onTaken();
  return read(second.ok ? second : first);
}

function read(answer: Looked): { readonly picture: TensorPicture | null; readonly reason: string | null } {
  if (!answer.ok) return { picture: null, reason: answer.message };
  const picture = readPicture(answer.body);
  return {
    picture,
    reason: picture ? null : "internal: the debugger answered in a form that the tensor view does not know.",
  };
}
