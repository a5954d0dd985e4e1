import { startHost, type Host, type HostMessage, type Task } from "../../engine/api/host";
import type { Settings } from "../settings";

/** Starts engine hosts and knows those that live, so that none outlives the window. */
export interface Hosts {
  start(task: Task, settings: Settings, heard: Heard): Host;
  /** Asks trainings to save and end, ends the rest, and waits for both. */
  closeAll(): Promise<void>;
}

export interface Heard {
  readonly onMessage: (message: HostMessage) => void;
  /** Text that user code printed. */
  readonly onOutput?: (text: string) => void;
}

/**
 * @param script the host's program
 * @param storage folder for what the engine found out about the machine
 */
export function createHosts(script: URL, storage: string): Hosts {
  const living = new Map<Host, Task["kind"]>();
  return {
    start(task, { host: kind, memoryLimit }, { onMessage, onOutput }) {
      const host = startHost({
        // A driver of the graphics card may bring its process down.
        kind: task.kind === "devices" || (task.kind === "train" && task.device === "webgpu") ? "process" : kind,
        script,
        task: { ...task, storage },
        memoryLimit,
        timeSetting: "the setting backstep.engine.timeLimit",
        onMessage,
        ...(onOutput ? { onOutput } : {}),
      });
      living.set(host, task.kind);
      void host.ended.finally(() => living.delete(host));
      return host;
    },
    async closeAll() {
      const hosts = [...living];
      for (const [host, kind] of hosts) {
        if (kind === "train") host.close();
        else host.kill();
      }
      await Promise.all(hosts.map(([host]) => host.ended));
    },
  };
}
