import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface ServerOptions {
  /** From `installCodeServer()`. */
  readonly entry: string;
  /** Where user data, extensions and the log go; nothing outside it is written. */
  readonly home: string;
  /** The packed extension to install before the start. */
  readonly vsix: string;
  /** A free one if not given. */
  readonly port?: number;
}

export interface VscodeServer {
  /** Without a folder; see `workspaceUrl`. */
  readonly url: string;
  readonly pid: number;
  readonly home: string;
  stop(): Promise<void>;
}

const startSeconds = 60;
const stopSeconds = 5;

/** What would move, ask or advertise while a test looks at the page, or reach out to the network, is off. */
export const quietSettings: Readonly<Record<string, unknown>> = {
  "chat.disableAIFeatures": true,
  "explorer.compactFolders": false,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

export function writeUserSettings(home: string, settings: Readonly<Record<string, unknown>>): void {
  const folder = join(home, "user-data", "User");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "settings.json"), `${JSON.stringify(settings, null, 2)}\n`);
}

export function workspaceUrl(server: Pick<VscodeServer, "url">, folder: string): string {
  return `${server.url}/?folder=${encodeURIComponent(folder).replaceAll("%2F", "/")}`;
}

export async function findFreePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No free port was found.");
  return address.port;
}

/**
 * The server's own environment: nothing of a VS Code in whose terminal we may be running (with those variables it
 * would hand over to that one), and its configuration and caches inside `home`.
 */
function serverEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|CODE_SERVER_|npm_)|^(PORT|PASSWORD)$/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    EXTENSIONS_GALLERY: "{}", // no marketplace, so no request to one
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_CACHE_HOME: join(home, "cache"),
  };
}

function commonArguments({ entry, home }: ServerOptions): string[] {
  return [entry, "--user-data-dir", join(home, "user-data"), "--extensions-dir", join(home, "extensions")];
}

function installExtension(options: ServerOptions): void {
  const args = [...commonArguments(options), "--install-extension", options.vsix, "--force"];
  const result = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: serverEnvironment(options.home),
  });
  if (result.status === 0 && result.stdout.includes("successfully installed")) return;
  throw new Error(`${options.vsix} could not be installed:\n${result.stdout}${result.stderr}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`)).ok;
  } catch {
    return false;
  }
}

async function waitUntilUp(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const deadline = Date.now() + startSeconds * 1000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`The VS Code server ended at its start; see ${logFile}.`);
    if (await answers(url)) return;
    await delay(100);
  }
  throw new Error(`The VS Code server did not answer within ${startSeconds} s; see ${logFile}.`);
}

/** Signals the server and everything it started; it is the leader of its own process group. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill(name);
    else process.kill(-child.pid, name);
  } catch {
    // It has ended already.
  }
}

/** Installs the extension and starts the server on 127.0.0.1. It ends with `stop()`, at the latest with this process. */
export async function startVscodeServer(options: ServerOptions): Promise<VscodeServer> {
  const { home } = options;
  mkdirSync(home, { recursive: true });
  installExtension(options);
  const port = options.port ?? (await findFreePort());
  const logFile = join(home, "server.log");
  const log = createWriteStream(logFile);
  const args = [
    ...commonArguments(options),
    ...["--bind-addr", `127.0.0.1:${port}`, "--auth", "none"],
    // Without --disable-workspace-trust: `quietSettings` switch it off, and a test can switch it on.
    ...["--disable-telemetry", "--disable-update-check"],
    // A page that is gone for longer will not come back: free its extension host.
    ...["--reconnection-grace-time", "30"],
  ];
  const child = spawn(process.execPath, args, {
    env: serverEnvironment(home),
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const killAtExit = () => signal(child, "SIGKILL");
  process.once("exit", killAtExit);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    signal(child, "SIGTERM");
    await Promise.race([ended, delay(stopSeconds * 1000, undefined, { ref: false })]);
    signal(child, "SIGKILL"); // whoever is left of the group
    process.off("exit", killAtExit);
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await waitUntilUp(child, url, logFile);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, home, pid: child.pid ?? 0, stop };
}
