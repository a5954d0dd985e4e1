import { parentPort } from "node:worker_threads";
import type { HostMessage, HostRequest, LoaderReply, LoaderRequest } from "./messages";

/** The two ends of a message pipe as the host sees them: a thread's port or a child process's. */
export interface Channel {
  post(message: HostMessage | LoaderReply, transfer?: readonly ArrayBuffer[]): void;
  listen(listener: (request: HostRequest | LoaderRequest) => void): void;
  /** Whether waiting for a message keeps the host alive. */
  hold(held: boolean): void;
  /** When all that was posted has left. */
  flushed(): Promise<unknown>;
}

export function openChannel(): Channel {
  const port = parentPort;
  if (port) {
    return {
      post: (message, transfer = []) => port.postMessage(message, [...transfer]),
      listen: (listener) => port.on("message", listener),
      hold: (held) => (held ? port.ref() : port.unref()),
      flushed: () => Promise.resolve(),
    };
  }
  let sent: Promise<unknown> = Promise.resolve();
  return {
    post: (message) => {
      const left = new Promise((resolve) => process.send?.(message, undefined, undefined, resolve));
      sent = Promise.all([sent, left]);
    },
    listen: (listener) => process.on("message", listener),
    hold: (held) => (held ? process.channel?.ref() : process.channel?.unref()),
    flushed: () => sent,
  };
}
