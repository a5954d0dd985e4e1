/** Questions that are answered by messages: each carries a number, and the answer carries it back. */
export interface Tickets<T> {
  take(): { readonly ticket: number; readonly answer: Promise<T> };
  /** An answer to a number that was never given out, or was answered before, is dropped. */
  give(ticket: number, answer: T): void;
  /** Questions without an answer yet. */
  readonly open: number;
}

export function createTickets<T>(): Tickets<T> {
  const waiting = new Map<number, (answer: T) => void>();
  let last = 0;
  return {
    take() {
      const ticket = ++last;
      return { ticket, answer: new Promise<T>((resolve) => waiting.set(ticket, resolve)) };
    },
    give(ticket, answer) {
      waiting.get(ticket)?.(answer);
      waiting.delete(ticket);
    },
    get open() {
      return waiting.size;
    },
  };
}
