import type { EventEmitter, ExtensionContext, LogOutputChannel, Uri } from "vscode";
import type { LiveChecker } from "../engine/api/host";
import type { Programs } from "./debug/programs";
import type { Hosts } from "./host/hosts";
import type { Checker } from "./language/checker";
import type { Edits } from "./language/edits";
import type { PanelController } from "./panel/panel";
import type { Runs } from "./run/runs";

/** The parts of the extension that know each other, made once by main. */
export interface Services {
  readonly context: ExtensionContext;
  readonly log: LogOutputChannel;
  readonly hosts: Hosts;
  readonly live: LiveChecker;
  readonly runs: Runs;
  readonly checker: Checker;
  readonly programs: Programs;
  readonly edits: Edits;
  readonly panel: PanelController;
  /** Model files came or went. */
  readonly modelsChanged: EventEmitter<void>;
  /** A file that ships with the extension. */
  readonly asset: (...path: string[]) => Uri;
}
