/** What a flow may not do behind the user's back: errors in a console, requests to other machines, files here and there. */
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { BrowserContext, ConsoleMessage } from "playwright-core";

/** Errors of VS Code itself, each with the reason why it is none of ours. */
const noise: readonly { readonly text: RegExp; readonly reason: string }[] = [
  {
    text: /^(?!.*backstep).*\/workbench\/workbench\.js\)$/is,
    reason: "the workbench speaks of itself: what it says of this extension, of its files or its panel names them",
  },
  {
    text: /404 \(Not Found\) \(\S+\/(_static\/|static\/node_modules\/vsda\/|update\/check|manifest\.json)/,
    reason: "files of the wrapper around the server, which is not used, and of products of Microsoft",
  },
  {
    text: /A bad HTTP response code \(404\) was received when fetching the script|\[Service Worker\] registration/,
    reason: "the workbench's own worker belongs to that wrapper too",
  },
  { text: /^console: Backstep: /, reason: "VS Code writes every error that it tells the user there too" },
  { text: /Long running operations during shutdown/, reason: "parts of VS Code when a window is loaded anew" },
  { text: /vscode\.typescript-language-features/, reason: "VS Code when a workspace becomes trusted" },
  { text: /native-watchdog/, reason: "a native module of the server that is not built for the tests" },
];

/** Collects errors of the workbench, its workers and the webviews from now on. */
export function watchConsole(context: BrowserContext): string[] {
  const errors: string[] = [];
  const hear = (text: string): void => {
    if (!noise.some((each) => each.text.test(text))) errors.push(text.slice(0, 500));
  };
  context.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error") hear(`console: ${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => hear(`uncaught: ${error.error().stack ?? error.error().message}`));
  return errors;
}

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])$/;

/** Collects the requests of all pages and webviews that leave this machine. */
export function watchRequests(context: BrowserContext): string[] {
  const strangers: string[] = [];
  const local = (url: string): boolean => {
    const { protocol, hostname } = new URL(url);
    return ["data:", "blob:"].includes(protocol) || loopback.test(hostname);
  };
  const check = async (url: string, byWorker: () => Promise<boolean>): Promise<void> => {
    if (local(url)) return;
    // Files of an extension have addresses that no server answers: the webview's service worker does.
    if (!(await byWorker().catch(() => false))) strangers.push(url);
  };
  context.on("requestfinished", (request) => {
    void check(request.url(), async () => (await request.response())?.fromServiceWorker() === true);
  });
  context.on("requestfailed", (request) => {
    void check(request.url(), async () => false);
  });
  context.on("page", (page) => {
    page.on("websocket", (socket) => void check(socket.url(), async () => false));
  });
  return strangers;
}

/** Collects connections to other machines of the processes whose home is `home`, looking twice a second. */
export function watchSockets(home: string): { readonly found: Set<string>; stop(): void } {
  const found = new Set<string>();
  const look = (): void => {
    const sockets = strangeSockets();
    if (sockets.size === 0) return;
    for (const pid of processesOf(home)) {
      for (const inode of socketsOf(pid)) {
        const remote = sockets.get(inode);
        if (remote !== undefined) found.add(remote);
      }
    }
  };
  const timer = setInterval(look, 500);
  return { found, stop: () => clearInterval(timer) };
}

/** Connections to elsewhere in /proc/net, by inode. */
function strangeSockets(): Map<string, string> {
  const sockets = new Map<string, string>();
  for (const table of ["tcp", "tcp6", "udp", "udp6"]) {
    const path = `/proc/net/${table}`;
    if (!existsSync(path)) continue;
    for (const line of readFileSync(path, "utf8").split("\n").slice(1)) {
      const [, , remote, , , , , , , inode] = line.trim().split(/\s+/);
      if (remote === undefined || /^0+:/.test(remote)) continue;
      const isLoopback = /^[0-9A-F]{6}7F:/.test(remote) || /^(0{16}FFFF0000[0-9A-F]{6}7F|0{24}01000000):/.test(remote);
      if (!isLoopback) sockets.set(inode, `${table} ${remote}`);
    }
  }
  return sockets;
}

function processesOf(home: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`HOME=${home}`);
    } catch {
      return false; // gone by now
    }
  });
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
        return inode === undefined ? [] : [inode];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Every file in a folder with its size and time. */
export function listFiles(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : []) {
    const entry = statSync(join(folder, name), { throwIfNoEntry: false });
    if (entry?.isFile()) files.set(name.split(sep).join("/"), `${entry.size} ${entry.mtimeMs}`);
  }
  return files;
}

/** Files that are new or have changed. */
export function changedFiles(before: ReadonlyMap<string, string>, folder: string): string[] {
  return [...listFiles(folder)].filter(([name, state]) => before.get(name) !== state).map(([name]) => name);
}

/** Files with the extension's name in their path that lie elsewhere than where VS Code lets an extension write. */
export function strayFiles(data: string): string[] {
  const allowed = [
    /^data\/User\/(workspaceStorage\/[^/]+|globalStorage)\/backstep\.backstep\//,
    /^extensions\/backstep\.backstep-[^/]+\//,
    /^data\/logs\/.*\/backstep\.backstep\//,
  ];
  const all = [...listFiles(data).keys()].map((name) => relative(".", name));
  return all.filter((name) => /backstep/i.test(name) && !allowed.some((pattern) => pattern.test(name)));
}
