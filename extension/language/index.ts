import { Disposable } from "vscode";
import type { Services } from "../services";
import { registerCompletion } from "./completion";
import { registerFixes } from "./fixes";
import { registerHelp } from "./help";
import { registerHints } from "./hints";
import { registerHovers } from "./hovers";
import { registerIssueFixes } from "./issue-fixes";
import { registerLenses } from "./lenses";
import { registerOutline } from "./outline";
import type { HelpPages, Reports } from "./reports";

/** All that the editor shows of reports, besides their diagnostics. */
export function registerLanguage(services: Services, reports: Reports, helpPages: HelpPages): Disposable {
  return Disposable.from(
    registerHints(services, reports),
    registerHovers(services, reports),
    registerCompletion(reports),
    registerIssueFixes(services, reports),
    registerFixes(),
    registerHelp(helpPages),
    registerLenses(services, reports),
    registerOutline(services, reports),
  );
}
