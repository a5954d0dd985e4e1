/** What the flows of one process share: what the runner asked for, its report, and one browser. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";

/** What the runner (scripts/editor/flows.mjs) asks for. */
export interface Request {
  /** Bundled test files. */
  readonly bundles: readonly string[];
  readonly grep?: string;
  /** Takes one event a line as the tests go, so that a process that dies says how far it came. */
  readonly report: string;
  /** The limit of one test. */
  readonly timeoutMs: number;
  /** The packed extension. */
  readonly extension: string;
  /** Where pictures go. */
  readonly screenshots: string;
  /** For all that the editors write. */
  readonly scratch: string;
  /** The repository. */
  readonly root: string;
}

/** The server as scripts/editor/server.mjs starts it. */
export interface Server {
  readonly origin: string;
  url(folder: string, payload?: Readonly<Record<string, string>>): string;
  output(): string;
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly leg: "current" | "floor";
  readonly data: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly extensions?: readonly string[];
  readonly trust?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

export const request = JSON.parse(process.env.BACKSTEP_FLOWS ?? "{}") as Request;

export function report(event: object): void {
  appendFileSync(request.report, `${JSON.stringify(event)}\n`);
}

/** A line for whoever reads the output of the tests. */
export function note(text: string): void {
  report({ event: "note", text });
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const { startServer: start } = (await script("server.mjs")) as {
    readonly startServer: (given: ServerOptions) => Promise<Server>;
  };
  return start(options);
}

let launched: Promise<Browser> | undefined;

export function sharedBrowser(): Promise<Browser> {
  launched ??= script("browser.mjs").then((module) =>
    (module as { launchBrowser(): Promise<Browser> }).launchBrowser(),
  );
  return launched;
}

export async function closeBrowser(): Promise<void> {
  await (await launched)?.close();
}

/** The scripts find the repository by their own place, so they are not bundled. */
function script(name: string): Promise<unknown> {
  return import(pathToFileURL(join(request.root, "scripts", "editor", name)).href) as Promise<unknown>;
}
