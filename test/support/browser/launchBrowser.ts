import { type Browser, type BrowserServer, chromium, type LaunchOptions } from "playwright-core";
import { findChromium } from "./findChromium";

/**
 * Chromium asks its maker's servers for updates, experiments and search suggestions as soon as it runs. Tests
 * must neither depend on that nor wait for it. The sandbox needs rights that containers and root do not have.
 */
const launchArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  // Whatever else is asked for outside this machine fails at once, also where there is a network.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

async function launchOptions(): Promise<LaunchOptions> {
  const { executablePath, env } = await findChromium();
  return { executablePath, env, args: launchArguments, headless: true };
}

/** A headless Chromium; whoever asks for it closes it. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch(await launchOptions());
}

/** The same for several processes: Vitest runs each test file in its own. */
export async function launchBrowserServer(): Promise<BrowserServer> {
  return chromium.launchServer({ ...(await launchOptions()), host: "127.0.0.1" });
}

/** The browser of `launchBrowserServer`. Closing it closes this connection and its pages only. */
export function connectToBrowser(endpoint: string): Promise<Browser> {
  return chromium.connect(endpoint);
}
