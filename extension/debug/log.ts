import { LogLevel, debug, type Disposable, type LogOutputChannel } from "vscode";
import { DEBUG_TYPE } from "./configuration";

/** Characters of one message that are logged: a page of a tensor's values says nothing more at its end. */
const MOST = 4000;

/** Writes what editor and adapter say to each other into the log, for whoever sets its level to Trace. */
export function logSessions(log: LogOutputChannel): Disposable {
  return debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
    createDebugAdapterTracker({ id, name }) {
      const who = `debug ${id.slice(0, 8)}`;
      const trace = (arrow: string, message: unknown): void => {
        if (log.logLevel === LogLevel.Trace) log.trace(`${who} ${arrow} ${textOf(message)}`);
      };
      return {
        onWillStartSession: () => log.debug(`${who}: "${name}" begins`),
        onWillReceiveMessage: (message: unknown) => trace("→", message),
        onDidSendMessage: (message: unknown) => trace("←", message),
        onWillStopSession: () => log.debug(`${who}: "${name}" is ending`),
        onError: (error) => log.error(`${who}: ${error.stack ?? error.message}`),
        onExit: (code, signal) => log.debug(`${who}: ended (${code ?? signal ?? "no code"})`),
      };
    },
  });
}

function textOf(message: unknown): string {
  const text = JSON.stringify(message) ?? String(message);
  return text.length <= MOST ? text : `${text.slice(0, MOST)}… (${text.length} characters)`;
}
