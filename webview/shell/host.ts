import { Channel, type Handlers } from "../../src/protocol/channel";
import { decodeFromWebview, encodeForWebview } from "../../src/protocol/webviewWire";

/** What VS Code gives a page. It may be asked for once only, so this file is the one that asks. */
interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const vscode = acquireVsCodeApi();

/** `PageCalls` is what the extension may ask of this page, `HostCalls` what the page may ask of the extension. */
export function connect<PageCalls, HostCalls>(handlers: Handlers<PageCalls>): Channel<PageCalls, HostCalls> {
  return new Channel<PageCalls, HostCalls>(
    {
      post: (message) => vscode.postMessage(encodeForWebview(message)),
      onMessage: (listener) =>
        window.addEventListener("message", (event) => listener(decodeFromWebview(event.data))),
    },
    handlers,
  );
}

/**
 * Where the user was when the page was last alive: tab, filters, expansion, selection, zoom. Never domain data,
 * which may have changed by then. VS Code keeps one value a page; each part of the page has its own key in it.
 */
const kept: Record<string, unknown> = { ...asObject(vscode.getState()) };

/** What was kept under a key. It was written by some version of this page, so read it tolerantly. */
export function loadState<T extends object>(key: string): Partial<T> {
  return asObject(Object.hasOwn(kept, key) ? kept[key] : undefined) as Partial<T>;
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

/**
 * The extension's own part: what it needs to make the panel again after a window reload comes with the page, or
 * later as a message `{ host }`, because only a page can keep something for its panel.
 */
const hostKey = "host";

function keepForHost(state: unknown): void {
  kept[hostKey] = state;
  vscode.setState(kept);
}

const panelState: unknown = JSON.parse(document.body.dataset.hostState ?? "null");
if (panelState !== null) keepForHost(panelState);
window.addEventListener("message", ({ data }) => {
  if (typeof data === "object" && data !== null && hostKey in data) keepForHost(data[hostKey]);
});

const saveIntervalMs = 30;
let timer: ReturnType<typeof setTimeout> | undefined;
let isSaved = true;

/**
 * Keeps plain data under a key. At once, because a page that is being hidden may no longer be able to; but with a
 * pause in between: scrolling asks for it often, and each save is a message.
 */
export function saveState<T extends object>(key: string, state: T): void {
  kept[key] = state;
  isSaved = false;
  if (timer === undefined) flushAndPause();
}

function flushAndPause(): void {
  flushState();
  timer = setTimeout(() => {
    timer = undefined;
    if (!isSaved) flushAndPause();
  }, saveIntervalMs);
}

function flushState(): void {
  if (isSaved) return;
  isSaved = true;
  vscode.setState(kept);
}

// A page is destroyed when its tab is hidden; what was not saved by then is lost.
window.addEventListener("pagehide", flushState);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") flushState();
});
